//! Third stage: the rules of a description as masks and lists.
//!
//! All decisions are made here. The emitters only print the result.

use std::collections::HashSet;

use crate::check::{Checked, Extended};
use crate::description::extension::{Addition, Extension};
use crate::description::{self, Access, Bits, Description, DescriptorFormat, Format, Name, Named, Range, Reserved};
use crate::source::Spanned;

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

/// A lowered register.
#[derive(Debug)]
pub struct Register<'a> {
    /// Its source.
    pub described: &'a description::Register,
    /// The window that alone reaches it: because it is behind the window, or has its index.
    pub window: Option<&'a description::Window>,
    /// Its elements.
    pub ranges: Vec<Range>,
    /// Its aliases.
    pub aliases: Vec<Range>,
    /// Its fields, from the lowest.
    pub fields: Vec<Field<'a>>,
    /// The effect of a read.
    pub read: Read,
    /// The effect of a write.
    pub write: Write,
    /// `true` if any raw number may be written to it.
    pub bare_write: bool,
    /// Its permissions, if it has its own rule.
    pub write_in: Option<WriteIn<'a>>,
    /// The value after a reset, if some of it is known.
    pub reset: Option<u64>,
    /// The bits of it that are known.
    pub reset_known: u64,
    /// The bits of the fields that software may set.
    pub writable: u64,
    /// The bits that a modification keeps, unless it gives them.
    pub keep: u64,
    /// The bits without a field that must be preserved.
    pub preserve: u64,
    /// The bits that must be written as zero.
    pub must_be_zero: u64,
    /// The bits that must be written as one.
    pub must_be_one: u64,
    /// The runs of bits without a field, from the lowest: each run has one rule.
    pub reserved: Vec<ReservedRun<'a>>,
}

/// A run of bits without a field that have one rule.
#[derive(Debug, Clone, Copy)]
pub struct ReservedRun<'a> {
    /// The bits.
    pub bits: Bits,
    /// The value that software writes to them.
    pub policy: Reserved,
    /// The reason, if other bits without a field have another rule.
    pub why: Option<&'a str>,
}

impl Register<'_> {
    /// Returns the value after a reset, if all of it is known.
    #[must_use]
    pub fn whole_reset(&self) -> Option<u64> {
        self.reset.filter(|_| u128::from(self.reset_known) == description::ones(self.described.bits()))
    }
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

/// A lowered field.
#[derive(Debug)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a Name,
    /// Its source.
    pub described: &'a description::Field,
    /// Its kind of access.
    pub access: Access,
    /// The value that every write must give it.
    pub prescribed: Option<u64>,
    /// `true` if an extension has marked it in a register without a mark, so that no safe code sets it.
    pub guarded: bool,
    /// The kind of its values.
    pub kind: FieldKind,
}

impl Field<'_> {
    /// Returns its bits.
    #[must_use]
    pub fn bits(&self) -> Bits {
        self.described.bits.value
    }

    /// Returns `true` if software can set it.
    #[must_use]
    pub fn is_settable(&self) -> bool {
        self.prescribed.is_none() && !matches!(self.access, Access::ReadOnly | Access::ReadClears)
    }

    /// Returns `true` if a modification writes back the value that was read.
    fn is_kept(&self) -> bool {
        let kept = matches!(self.access, Access::ReadWrite | Access::ReadOnly | Access::ReadSets);
        kept && self.prescribed.is_none()
    }
}

/// The kind of the values of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// True or false.
    Flag,
    /// A number, with an optional range.
    Number(Option<(u64, u64)>),
    /// Named values.
    Enumerated,
    /// The address of memory that the chip may access.
    Address,
}

/// The effect of a read of a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// It returns no meaningful value.
    Nothing,
    /// It has no side effects.
    Pure,
    /// It changes the register.
    SideEffects,
}

/// The effect of a write of a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// No effect.
    Nothing,
    /// The register stores the value.
    Stores,
    /// Written ones set bits.
    SetsOnes,
    /// Written ones clear bits.
    ClearsOnes,
}

/// The permissions to write a register.
#[derive(Debug, Clone)]
pub struct WriteIn<'a> {
    /// The permissions that the description names.
    pub named: Vec<&'a str>,
    /// Those permissions, and all that imply one of them.
    pub effective: Vec<&'a str>,
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

pub(crate) fn register<'a>(description: &'a Description, described: &'a description::Register) -> Register<'a> {
    let must = &described.required_values;
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

    // Bits without a field have the policy of the register, unless an entry in `reserved_bits` has another.
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

    // If alternatives share bits, the one that must not be written back wins.
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
        window: description.window_of(&described.name),
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
            // A marked register needs its own rule, because only the driver may write it.
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

/// Returns the runs of the bits in `mask`.
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
        // Software does not write the format that the chip writes.
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

/// Returns the low half, which holds all bits of a checked register.
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
        // In a mixed register, the value contains a bit of either kind for each position.
        (true, ..) | (false, true, true) => Write::Stores,
    }
}

/// Returns the permissions in `named`, and all that imply one of them, even indirectly.
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
