//! Third stage: the rules of a description as masks and lists.
//!
//! All decisions are made here. The emitters only print the result.

use std::collections::HashSet;

use crate::check::{Checked, Extended};
use crate::description::extension::{Addition, Extension};
use crate::description::{self, Access, Bits, Description, DescriptorFormat, Format, Named};
use crate::rules::{kind, low, register, sorted, write_in};
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
    /// The whole description, with only the added registers.
    pub map: Map<'a>,
    /// The registers with additions.
    pub extended: Vec<ExtendedRegister<'a>>,
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
    let new = |register: &&description::Register| added.contains(&register.name);
    let registers = description.registers.iter().filter(new).map(|described| register(description, described));
    let extends = |register: &&description::Register| extension.additions.contains_key(&register.name);
    let extended = description.registers.iter().filter(extends).map(|described| {
        let (all, fields) = (register(description, described), register(description, described).fields);
        let addition = extension.additions.get(&described.name);
        let added = |field: &Field<'_>| addition.is_some_and(|addition| addition.fields.contains_key(field.name));
        let guarded = addition.is_some_and(Addition::is_marked);
        let fields = fields.into_iter().filter(added).map(|field| Field { guarded, ..field }).collect();
        let values = extended.values.iter().filter(|added| added.register == described.name).map(|added| Field {
            name: &added.name,
            described: &added.field,
            access: described.access_of(&added.field),
            prescribed: None,
            guarded: false,
            tail: false,
            kind: FieldKind::Enumerated,
        });
        ExtendedRegister { register: all, fields, values: values.collect() }
    });
    Additions {
        extension,
        extended: extended.collect(),
        map: Map {
            description,
            write_in: write_in(description, &description.write_in),
            registers: registers.collect(),
            windows: Vec::new(),
            descriptors: Vec::new(),
        },
    }
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
        access: match field.access {
            Some(access) => access.value,
            None if written_by_chip => Access::ReadOnly,
            None => Access::ReadWrite,
        },
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
