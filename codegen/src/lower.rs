//! Third stage: the rules of a description as masks and lists.
//!
//! All decisions are made here. The emitters only print the result.

use std::collections::{HashMap, HashSet};

use crate::check::{Checked, Extended};
use crate::description::extension::Extension;
use crate::description::{self, Access, Bits, Description, DescriptorFormat, Format, Name, Named, Pair};
use crate::extend::AddedValues;
use crate::rules::{self, kind, low, register, sorted, write_in};
use crate::rust_name;
use crate::source::Spanned;

pub use crate::rules::{Field, FieldKind, Read, Register, ReservedRun, Write, WriteIn};

/// A lowered description.
#[derive(Debug)]
pub struct Map<'a> {
    /// Its source.
    pub description: &'a Description,
    /// The permissions for registers without their own `write_in`.
    pub write_in: WriteIn<'a>,
    /// The registers, in the order of the file.
    pub registers: Vec<Register<'a>>,
    /// The windows, in the order of the file.
    pub windows: Vec<Window<'a>>,
    /// The descriptor formats, in the order of the file.
    pub descriptors: Vec<Descriptor<'a>>,
}

/// The lowered additions of an extension.
#[derive(Debug)]
pub struct Additions<'a> {
    /// Its source.
    pub extension: &'a Extension,
    /// The whole description, with only the added registers and descriptor formats.
    pub map: Map<'a>,
    /// The registers with additions.
    pub extended: Vec<ExtendedRegister<'a>>,
    /// The descriptor formats with additions.
    pub extended_descriptors: Vec<ExtendedDescriptor<'a>>,
    /// The added pairs, each with its low and its high register.
    pub pairs: Vec<(&'a Pair, [&'a description::Register; 2])>,
    /// What the added permissions allow besides writes of the added registers.
    pub permits: Vec<Permits<'a>>,
}

/// Registers of the description that an added permission allows to write, because it implies another permission.
#[derive(Debug)]
pub struct Permits<'a> {
    /// The permission.
    pub permission: &'a Name,
    /// The registers with their own rule.
    pub registers: Vec<&'a Name>,
    /// `true` if it allows writes of the registers without their own rule.
    pub any_register: bool,
}

/// A register with additions of an extension.
#[derive(Debug)]
pub struct ExtendedRegister<'a> {
    /// The register, with the additions.
    pub register: Register<'a>,
    /// Its added fields, from the lowest.
    pub fields: Vec<Field<'a>>,
    /// Its fields that get further values, with only the added values.
    pub values: Vec<Field<'a>>,
}

/// A descriptor format with additions of an extension.
#[derive(Debug)]
pub struct ExtendedDescriptor<'a> {
    /// The format, with the additions.
    pub descriptor: Descriptor<'a>,
    /// Its added fields, from the lowest.
    pub fields: Vec<Field<'a>>,
    /// Its fields that get further values, with only the added values.
    pub values: Vec<Field<'a>>,
}

/// A lowered window.
#[derive(Debug)]
pub struct Window<'a> {
    /// Its source.
    pub described: &'a description::Window,
    /// The index register.
    pub selector: &'a description::Register,
    /// The bits of the index.
    pub bits: Bits,
    /// The number of indices.
    pub count: u32,
    /// The commands of the index register.
    pub commands: Option<Commands>,
}

/// Lowered commands of an index register.
#[derive(Debug, Clone, Copy)]
pub struct Commands {
    /// The bits that give a command.
    pub mask: u64,
    /// Their value to read, if that is possible.
    pub read: Option<u64>,
    /// Their value to write, if that is possible.
    pub write: Option<u64>,
    /// The bits that show that a command was carried out.
    pub done_mask: u64,
    /// Their value then.
    pub done: u64,
}

/// A lowered descriptor format.
#[derive(Debug)]
pub struct Descriptor<'a> {
    /// Its source.
    pub described: &'a DescriptorFormat,
    /// Its fields, from the lowest.
    pub fields: Vec<Field<'a>>,
    /// The bits of the fields that software may set.
    pub writable: u128,
    /// The bits that are one in every descriptor of the format.
    pub fixed: u128,
    /// The bit with which the chip returns it to software.
    pub done: Option<u32>,
}

/// Lowers a description.
pub fn lower(checked: &Checked) -> Map<'_> {
    let description: &Description = checked;
    Map {
        description,
        write_in: write_in(description, &description.write_in),
        registers: description.registers.iter().map(|described| register(description, described)).collect(),
        windows: windows(description),
        descriptors: description.descriptors.iter().map(descriptor).collect(),
    }
}

impl<'a> Map<'a> {
    /// Takes the registers of a block out of the map; without a name, of the first block.
    #[must_use]
    pub fn take_block(&mut self, name: Option<&str>) -> Map<'a> {
        let of = |register: &Register<'_>| register.described.block.as_ref().map(|block| block.as_str()) == name;
        let (registers, others) = std::mem::take(&mut self.registers).into_iter().partition(of);
        self.registers = others;
        let of = |window: &Window<'_>| window.selector.block.as_ref().map(|block| block.as_str()) == name;
        let (windows, others) = std::mem::take(&mut self.windows).into_iter().partition(of);
        self.windows = others;
        Map {
            description: self.description,
            write_in: self.write_in.clone(),
            registers,
            windows,
            descriptors: Vec::new(),
        }
    }
}

/// Lowers the additions of an extension.
pub fn lower_extension(extended: &Extended) -> Additions<'_> {
    let (description, extension): (&Description, _) = (&extended.whole, &extended.extension);
    let added: HashSet<_> = extension.registers.iter().map(|register| &register.name).collect();
    let (new, described): (Vec<_>, Vec<_>) =
        description.registers.iter().partition(|register| added.contains(&register.name));
    let added: HashSet<_> =
        extension.descriptors.iter().map(|format| (&format.name, format.format.keyword())).collect();
    let is_new = |format: &&DescriptorFormat| added.contains(&(&format.name, format.format.keyword()));
    let registers: HashMap<_, _> = description.registers.iter().map(|register| (&register.name, register)).collect();
    let pairs = extension
        .pairs
        .iter()
        .filter_map(|pair| Some((pair, [registers.get(&pair.low).copied()?, registers.get(&pair.high).copied()?])));
    Additions {
        extension,
        extended: described.iter().filter_map(|described| extended_register(extended, described)).collect(),
        extended_descriptors: description
            .descriptors
            .iter()
            .filter_map(|described| extended_descriptor(extended, described))
            .collect(),
        pairs: pairs.collect(),
        permits: permits(description, extension, &described),
        map: Map {
            description,
            write_in: write_in(description, &description.write_in),
            registers: new.into_iter().map(|described| register(description, described)).collect(),
            windows: Vec::new(),
            descriptors: description.descriptors.iter().filter(is_new).map(descriptor).collect(),
        },
    }
}

/// Lowers a register with additions, if it has any.
fn extended_register<'a>(extended: &'a Extended, described: &'a description::Register) -> Option<ExtendedRegister<'a>> {
    let addition = extended.extension.additions.get(&described.name)?;
    let [register, again] = [(); 2].map(|()| register(&extended.whole, described));
    let guarded = addition.is_marked();
    let fields = again.fields.into_iter().filter(|field| addition.fields.contains_key(field.name));
    Some(ExtendedRegister {
        register,
        fields: fields.map(|field| Field { guarded, ..field }).collect(),
        values: values(&extended.values.registers, &described.name, |field| described.access_of(field)),
    })
}

/// Lowers a descriptor format with additions, if it has any.
fn extended_descriptor<'a>(extended: &'a Extended, described: &'a DescriptorFormat) -> Option<ExtendedDescriptor<'a>> {
    let name = rust_name::descriptor(&described.name, described.format);
    let addition = extended.extension.descriptor_additions.get(name.as_str())?;
    let fields = descriptor(described).fields.into_iter().filter(|field| addition.fields.contains_key(field.name));
    Some(ExtendedDescriptor {
        descriptor: descriptor(described),
        fields: fields.map(guarded).collect(),
        values: values(&extended.values.descriptors, &name, |field| descriptor_access(described, field)),
    })
}

/// Reserves an added field of a descriptor for the driver, if it is marked. The other fields that belong to an address
/// are known to the driver alone.
fn guarded(field: Field<'_>) -> Field<'_> {
    Field { guarded: field.described.is_marked(), kind: kind(field.described, false), ..field }
}

/// Returns the fields of `owner` that get further values, with only these values.
fn values<'a>(added: &'a [AddedValues], owner: &str, access: impl Fn(&description::Field) -> Access) -> Vec<Field<'a>> {
    let added = added.iter().filter(|added| added.owner.as_str() == owner);
    let fields = added.map(|added| Field {
        name: &added.name,
        described: &added.field,
        access: access(&added.field),
        prescribed: None,
        guarded: false,
        tail: false,
        kind: FieldKind::Enumerated,
    });
    fields.collect()
}

/// Returns the registers of the description that each added permission allows to write.
fn permits<'a>(
    description: &'a Description,
    extension: &'a Extension,
    described: &[&'a description::Register],
) -> Vec<Permits<'a>> {
    // A check has refused permissions for marked registers. Those of other blocks have traits at places that the
    // extended crate chooses.
    let rules = described.iter().filter(|described| described.block.is_none() && !described.is_marked());
    let rules = rules.filter(|described| rules::write(described) != Write::Nothing);
    let rules: Vec<_> = rules
        .filter_map(|described| Some((&described.name, write_in(description, described.write_in.as_ref()?))))
        .collect();
    let any = write_in(description, &description.write_in);
    let permits = extension.permissions.keys().map(|permission| {
        let allows = |rule: &WriteIn<'_>| rule.effective.contains(&permission.as_str());
        Permits {
            permission,
            registers: rules.iter().filter(|(_, rule)| allows(rule)).map(|(name, _)| *name).collect(),
            any_register: allows(&any),
        }
    });
    permits.filter(|permits| permits.any_register || !permits.registers.is_empty()).collect()
}

fn windows(description: &Description) -> Vec<Window<'_>> {
    let windows = description.windows.iter().filter_map(|described| {
        let selector = description.registers.iter().find(|register| register.name.as_str() == described.selector())?;
        let named = described.index.as_ref().and_then(|index| description.indices.get(index));
        Some(Window {
            described,
            selector,
            bits: selector.fields.get(described.field())?.bits.value,
            count: named.map(|index| index.count).or(described.count)?.value,
            commands: described.commands.as_ref().map(|described| commands(selector, described)),
        })
    });
    windows.collect()
}

fn commands(selector: &description::Register, described: &description::Commands) -> Commands {
    let bits = |values: &Named<Spanned<u64>>| {
        let fields = values.iter().filter_map(|(name, value)| Some((selector.fields.get(name)?.bits, value.value)));
        fields.fold((0, 0), |(mask, ones), (bits, value)| {
            (mask | low(bits.mask()), ones | low(u128::from(value) << bits.lsb))
        })
    };
    let ([read, write], (done_mask, done)) = ([&described.read, &described.write].map(bits), bits(&described.done));
    let given = |(mask, ones): (u64, u64)| (mask != 0).then_some(ones);
    Commands { mask: read.0 | write.0, read: given(read), write: given(write), done_mask, done }
}

fn descriptor(described: &DescriptorFormat) -> Descriptor<'_> {
    let written_by_chip = described.format == Format::WriteBack;
    let fields = sorted(&described.fields, |(name, field)| Field {
        name,
        described: field,
        access: descriptor_access(described, field),
        // Software does not write the format that the chip writes.
        prescribed: field.fixed.filter(|_| !written_by_chip).map(|fixed| fixed.value),
        guarded: false,
        tail: described.format == Format::Structure && field.bits.lsb >= described.bits.value,
        kind: kind(field, !written_by_chip),
    });
    let settable = fields.iter().filter(|field| field.is_settable());
    Descriptor {
        described,
        writable: settable.fold(0, |bits, field| bits | field.bits().mask()),
        fixed: fields
            .iter()
            .filter_map(|field| Some(u128::from(field.prescribed?) << field.bits().lsb))
            .fold(0, |a, b| a | b),
        done: described.done.as_ref().and_then(|done| described.fields.get(done)).map(|field| field.bits.lsb),
        fields,
    }
}

fn descriptor_access(described: &DescriptorFormat, field: &description::Field) -> Access {
    match field.access {
        Some(access) => access.value,
        None if described.format == Format::WriteBack => Access::ReadOnly,
        None => Access::ReadWrite,
    }
}
