//! Third stage: what the rules of a description come to, as masks and lists.
//!
//! Nothing is decided after this: what the emitters print stands here.

use std::collections::HashSet;

use crate::check::{Checked, Extended};
use crate::description::extension::{Addition, Extension};
use crate::description::{self, Access, Bits, Description, DescriptorFormat, Format, Name, Named, Range, Reserved};

/// A whole description, worked out.
#[derive(Debug)]
pub struct Map<'a> {
    /// What it was worked out from.
    pub description: &'a Description,
    /// Who may write the registers that do not say.
    pub write_in: WriteIn<'a>,
    /// The registers, in the order of the file.
    pub registers: Vec<Register<'a>>,
    /// The descriptor formats, in the order of the file.
    pub descriptors: Vec<Descriptor<'a>>,
}

/// What an extension adds to a description, worked out.
#[derive(Debug)]
pub struct Additions<'a> {
    /// What it was worked out from.
    pub extension: &'a Extension,
    /// The whole description, with the added registers alone.
    pub map: Map<'a>,
    /// The registers that something is added to.
    pub extended: Vec<ExtendedRegister<'a>>,
}

/// A register that an extension adds something to.
#[derive(Debug)]
pub struct ExtendedRegister<'a> {
    /// The register, with what is added.
    pub register: Register<'a>,
    /// Its added fields, from the lowest.
    pub fields: Vec<Field<'a>>,
    /// Those of its fields that get further values, with the added values alone.
    pub values: Vec<Field<'a>>,
}

/// A register, worked out.
#[derive(Debug)]
pub struct Register<'a> {
    /// What it was worked out from.
    pub described: &'a description::Register,
    /// Where its elements are.
    pub ranges: Vec<Range>,
    /// Where else.
    pub aliases: Vec<Range>,
    /// Its fields, from the lowest.
    pub fields: Vec<Field<'a>>,
    /// What reading it does.
    pub read: Read,
    /// What writing it does.
    pub write: Write,
    /// Whether any bare number may be written to it.
    pub bare_write: bool,
    /// Who may write it, unless that is as for all that do not say.
    pub write_in: Option<WriteIn<'a>>,
    /// The value after a reset, as far as it is known.
    pub reset: Option<u64>,
    /// The bits of it that are known.
    pub reset_known: u64,
    /// The bits of the fields that software may set.
    pub writable: u64,
    /// The bits that a write takes from the old value, unless it gives them.
    pub keep: u64,
    /// The bits of no field that must stay as they are.
    pub preserve: u64,
    /// The bits that must be written as zero.
    pub must_be_zero: u64,
    /// The bits that must be written as one.
    pub must_be_one: u64,
    /// The bits of no field, from the lowest: each run has one rule.
    pub reserved: Vec<ReservedRun<'a>>,
}

/// Bits of no field that stand together and have one rule.
#[derive(Debug, Clone, Copy)]
pub struct ReservedRun<'a> {
    /// The bits.
    pub bits: Bits,
    /// What software does with them.
    pub policy: Reserved,
    /// Why that is other than for all bits of no field.
    pub why: Option<&'a str>,
}

impl Register<'_> {
    /// The value after a reset, if all of it is known.
    #[must_use]
    pub fn whole_reset(&self) -> Option<u64> {
        self.reset.filter(|_| u128::from(self.reset_known) == description::ones(self.described.bits()))
    }
}

/// A descriptor format, worked out.
#[derive(Debug)]
pub struct Descriptor<'a> {
    /// What it was worked out from.
    pub described: &'a DescriptorFormat,
    /// Its fields, from the lowest.
    pub fields: Vec<Field<'a>>,
    /// The bits of the fields that software may set.
    pub writable: u128,
    /// The bits that are one in every descriptor of the format.
    pub fixed: u128,
    /// The bit by which the chip hands it back.
    pub done: Option<u32>,
}

/// A field, worked out.
#[derive(Debug)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a Name,
    /// What it was worked out from.
    pub described: &'a description::Field,
    /// How it answers to reads and writes.
    pub access: Access,
    /// The value that it must always be written with.
    pub prescribed: Option<u64>,
    /// Whether an extension has marked it, in a register that is not marked itself, so that no safe code sets it.
    pub guarded: bool,
    /// What its values are.
    pub kind: FieldKind,
}

impl Field<'_> {
    /// Its bits.
    #[must_use]
    pub fn bits(&self) -> Bits {
        self.described.bits.value
    }

    /// Whether software gives it a value.
    #[must_use]
    pub fn is_settable(&self) -> bool {
        self.prescribed.is_none() && !matches!(self.access, Access::ReadOnly | Access::ReadClears)
    }

    /// Whether a write gives it back the value that it had.
    fn is_kept(&self) -> bool {
        let kept = matches!(self.access, Access::ReadWrite | Access::ReadOnly | Access::ReadSets);
        kept && self.prescribed.is_none()
    }
}

/// What the values of a field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Yes or no.
    Flag,
    /// A number, perhaps within limits.
    Number(Option<(u64, u64)>),
    /// Some that have names.
    Enumerated,
    /// Where memory is that the chip may reach.
    Address,
}

/// What reading a register does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// It gives nothing of meaning.
    Nothing,
    /// It changes nothing.
    Pure,
    /// It changes the register.
    SideEffects,
}

/// What writing a register does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// Nothing.
    Nothing,
    /// The register takes the value.
    Stores,
    /// Written ones set bits.
    SetsOnes,
    /// Written ones clear bits.
    ClearsOnes,
}

/// Who may write a register.
#[derive(Debug, Clone)]
pub struct WriteIn<'a> {
    /// The permissions that the description names.
    pub named: Vec<&'a str>,
    /// Those, and all that imply one of them.
    pub effective: Vec<&'a str>,
}

/// Works a description out.
pub fn lower(checked: &Checked) -> Map<'_> {
    let description: &Description = checked;
    Map {
        description,
        write_in: write_in(description, &description.write_in),
        registers: description.registers.iter().map(|described| register(description, described)).collect(),
        descriptors: description.descriptors.iter().map(descriptor).collect(),
    }
}

impl<'a> Map<'a> {
    /// Takes out the registers of a block; without a name, those of the first block.
    #[must_use]
    pub fn take_block(&mut self, name: Option<&str>) -> Map<'a> {
        let of = |register: &Register<'_>| register.described.block.as_ref().map(|block| block.as_str()) == name;
        let (registers, others) = std::mem::take(&mut self.registers).into_iter().partition(of);
        self.registers = others;
        Map { description: self.description, write_in: self.write_in.clone(), registers, descriptors: Vec::new() }
    }
}

/// Works out what an extension adds.
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
            descriptors: Vec::new(),
        },
    }
}

pub(crate) fn register<'a>(description: &'a Description, described: &'a description::Register) -> Register<'a> {
    let must = &described.software_must;
    let field = |(name, field): (&'a Name, &'a description::Field)| Field {
        name,
        described: field,
        access: described.access_of(field),
        prescribed: must.get(name).map(|value| value.value),
        guarded: false,
        kind: kind(field, false),
    };
    let fields = sorted(&described.fields, field);
    let all = low(description::ones(described.bits()));
    let in_fields = mask(&fields, |_| true);

    // The bits of no field: each has the register's policy, unless an entry of its own says otherwise.
    let policy = |policy: Reserved| {
        let own = |wanted: bool| {
            let entries = described.reserved_bits.iter().filter(|entry| (entry.policy == policy) == wanted);
            entries.fold(0, |bits, entry| bits | low(entry.bits.mask()))
        };
        let general = if described.reserved == policy { all & !in_fields } else { 0 };
        (general & !own(false)) | own(true)
    };
    let preserve = policy(Reserved::Preserve);

    let prescribed = fields.iter().filter_map(|field| {
        let bits = field.bits();
        field.prescribed.map(|value| (low(bits.mask()), low(u128::from(value) << bits.lsb)))
    });
    let (prescribed_bits, prescribed_ones) =
        prescribed.fold((0, 0), |(bits, ones), (field, value)| (bits | field, ones | value));

    // Where alternatives share bits, one that must not be written back wins.
    let keep = (mask(&fields, |field| field.is_kept()) & !mask(&fields, |field| !field.is_kept())) | preserve;
    let (read, write) = (read(described), write(described));
    let reset = described.reset.known();
    let reset_known = reset.map_or(0, |_| described.reset_known.map_or(all, |known| known.value));
    let bare = fields.iter().all(|field| {
        let stores = matches!(field.access, Access::ReadWrite | Access::WriteOnly);
        stores && field.prescribed.is_none() && field.described.range.is_none()
    });
    let must_be_one = policy(Reserved::One) | prescribed_ones;
    Register {
        described,
        ranges: described.ranges(),
        aliases: described.alias_ranges().collect(),
        read,
        write,
        bare_write: bare
            && write == Write::Stores
            && reset == Some(0)
            && reset_known == all
            && preserve == 0
            && must_be_one == 0
            && !described.is_marked(),
        write_in: described.write_in.as_ref().map(|named| write_in(description, named)).or_else(|| {
            // It needs a rule of its own: only the driver may write it.
            described.is_marked().then(|| write_in(description, &description.write_in))
        }),
        reset,
        reset_known,
        writable: mask(&fields, |field| field.is_settable()),
        keep,
        preserve,
        must_be_zero: policy(Reserved::Zero) | (prescribed_bits & !prescribed_ones),
        must_be_one,
        reserved: reserved(described, all & !in_fields),
        fields,
    }
}

/// The runs of the bits that `mask` has.
fn reserved(described: &description::Register, mask: u64) -> Vec<ReservedRun<'_>> {
    let mut runs: Vec<ReservedRun<'_>> = Vec::new();
    for lsb in (0..u64::BITS).filter(|bit| mask >> bit & 1 == 1) {
        let bits = Bits { lsb, width: 1 };
        let own = described.reserved_bits.iter().find(|entry| entry.bits.mask() & bits.mask() != 0);
        let (policy, why) = own.map_or((described.reserved, None), |own| (own.policy, Some(own.why.as_str())));
        match runs.last_mut() {
            Some(last) if last.bits.msb() + 1 == lsb && (last.policy, last.why) == (policy, why) => {
                last.bits.width += 1;
            }
            _ => runs.push(ReservedRun { bits, policy, why }),
        }
    }
    runs
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
        // What the chip writes is not for software to see to.
        prescribed: field.fixed.filter(|_| !written_by_chip).map(|fixed| fixed.value),
        guarded: false,
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

fn sorted<'a>(
    fields: &'a Named<description::Field>,
    lower: impl Fn((&'a Name, &'a description::Field)) -> Field<'a>,
) -> Vec<Field<'a>> {
    let mut fields: Vec<_> = fields.iter().map(lower).collect();
    fields.sort_by_key(|field| field.bits().lsb);
    fields
}

fn kind(field: &description::Field, may_be_address: bool) -> FieldKind {
    let bits = field.bits.value;
    if !field.values.is_empty() {
        FieldKind::Enumerated
    } else if may_be_address && field.is_marked() && bits.width == 64 && field.fixed.is_none() && field.access.is_none()
    {
        FieldKind::Address
    } else if bits.width == 1 {
        FieldKind::Flag
    } else {
        FieldKind::Number(field.range.map(|range| range.value))
    }
}

fn mask(fields: &[Field<'_>], which: impl Fn(&Field<'_>) -> bool) -> u64 {
    fields.iter().filter(|field| which(field)).fold(0, |bits, field| bits | low(field.bits().mask()))
}

/// The low half. Registers have no other: that was checked.
fn low(mask: u128) -> u64 {
    (mask & u128::from(u64::MAX)) as u64
}

fn read(described: &description::Register) -> Read {
    let acts = |access| matches!(access, Access::ReadClears | Access::ReadOrWriteOneClears | Access::ReadSets);
    if acts(described.access.value) || described.accesses().any(|access| acts(access.value)) {
        Read::SideEffects
    } else if described.access.value == Access::WriteOnly {
        Read::Nothing
    } else {
        Read::Pure
    }
}

fn write(described: &description::Register) -> Write {
    let is = |kinds: &[Access]| described.accesses().any(|access| kinds.contains(&access.value));
    let stores = is(&[Access::ReadWrite, Access::WriteOnly, Access::SelfClearing, Access::ReadSets]);
    let clears = is(&[Access::WriteOneClears, Access::ReadOrWriteOneClears]);
    let sets = is(&[Access::WriteOneSets]);
    match (stores, clears, sets) {
        (false, false, false) => Write::Nothing,
        (false, true, false) => Write::ClearsOnes,
        (false, false, true) => Write::SetsOnes,
        // Where both are mixed, a value says for each bit which it is.
        (true, ..) | (false, true, true) => Write::Stores,
    }
}

/// The permissions that are `named`, then all that imply one of them, however indirectly.
fn write_in<'a>(description: &'a Description, named: &'a [Name]) -> WriteIn<'a> {
    let named: Vec<_> = named.iter().map(|word| word.as_str()).collect();
    let mut effective = Vec::new();
    let mut seen = HashSet::new();
    effective.extend(named.iter().copied().filter(|name| seen.insert(*name)));
    let mut next = 0;
    while let Some(implied) = effective.get(next).copied() {
        for (name, permission) in &description.permissions {
            if permission.implies.iter().any(|word| word.as_str() == implied) && seen.insert(name) {
                effective.push(name);
            }
        }
        next += 1;
    }
    WriteIn { named, effective }
}
