//! The rules of a register as masks and lists.
//!
//! [`lower`](crate::lower) makes these decisions for a whole description. A check compares them for one register.

use std::collections::HashSet;

use crate::description::{self, Access, Bits, Description, Name, Named, Range, Reserved};

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
    /// The bits that a write sets unless it names their fields, because a zero would clear them.
    pub neutral_ones: u64,
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
    /// `true` if an extension has marked it, in a register without a mark or in a descriptor, so that no safe code sets
    /// it.
    pub guarded: bool,
    /// `true` if it is in the tail of a structure, which may be missing.
    pub tail: bool,
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

/// Lowers a register.
pub(crate) fn register<'a>(description: &'a Description, described: &'a description::Register) -> Register<'a> {
    let must = &described.required_values;
    let field = |(name, field): (&'a Name, &'a description::Field)| Field {
        name,
        described: field,
        access: described.access_of(field),
        prescribed: must.get(name).map(|value| value.value),
        guarded: false,
        tail: false,
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
        neutral_ones: mask(&fields, |field| field.is_settable() && field.access == Access::WriteZeroClears)
            & !prescribed_bits,
        reserved: reserved(described, all & !in_fields),
        fields,
    }
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

pub(crate) fn sorted<'a>(
    fields: &'a Named<description::Field>,
    lower: impl Fn((&'a Name, &'a description::Field)) -> Field<'a>,
) -> Vec<Field<'a>> {
    let mut fields: Vec<_> = fields.iter().map(lower).collect();
    fields.sort_by_key(|field| field.bits().lsb);
    fields
}

pub(crate) fn kind(field: &description::Field, may_be_address: bool) -> FieldKind {
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
pub(crate) fn low(mask: u128) -> u64 {
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

/// Returns the effect of a write.
pub(crate) fn write(described: &description::Register) -> Write {
    let is = |kinds: &[Access]| described.accesses().any(|access| kinds.contains(&access.value));
    // A write of zeros names the fields that it clears, as a write that stores does.
    let stores =
        is(&[Access::ReadWrite, Access::WriteOnly, Access::SelfClearing, Access::ReadSets, Access::WriteZeroClears]);
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
pub(crate) fn write_in<'a>(description: &'a Description, named: &'a [Name]) -> WriteIn<'a> {
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
