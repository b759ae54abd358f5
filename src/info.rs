//! The datasheet as data: what dumps, models, exports and tests are driven by.

use core::fmt;

use crate::mmio::{Offset, Range};

/// One register, or an array of like registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegisterInfo {
    /// The datasheet's name.
    pub name: &'static str,
    /// What the name stands for.
    pub title: &'static str,
    /// The datasheet's section.
    pub section: &'static str,
    /// The datasheet's page; 0 where none is recorded.
    pub page: u32,
    /// The group that the datasheet's chapter puts it in.
    pub group: &'static str,
    /// Width in bits.
    pub width: u32,
    /// What reading and writing do.
    pub access: AccessKind,
    /// Value after reset, if known.
    pub reset: Option<u32>,
    /// Which bits of the reset value are known.
    pub reset_known: u32,
    /// Bits that every write must leave as they read.
    pub preserve: u32,
    /// Bits that every write must give as 0: reserved ones, and values that the datasheet prescribes.
    pub must_be_zero: u32,
    /// Bits that every write must give as 1.
    pub must_be_one: u32,
    /// Where the elements are, in index order; a single register is one run of one.
    pub ranges: &'static [Range],
    /// Other places where the same elements can be reached.
    pub aliases: &'static [Range],
    /// The permissions of which one is enough to write it.
    pub write_in: &'static [&'static str],
    /// Whether a write can make the device reach other memory, or the driver trust what is not there yet.
    pub memory_safety: bool,
    /// Whether a write makes untrue what the driver knows of the device: its state, or who owns it.
    pub device_state: bool,
    /// Whether a wrong write can destroy hardware.
    pub hardware_damage: bool,
    /// Whether a write tells the device that descriptors are ready.
    pub doorbell: bool,
    /// The fields, from low to high.
    pub fields: &'static [FieldInfo],
}

/// A field of a register or descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldInfo {
    /// The datasheet's name, as an identifier.
    pub name: &'static str,
    /// Lowest bit.
    pub lsb: u32,
    /// Number of bits.
    pub width: u32,
    /// What reading and writing do.
    pub access: AccessKind,
    /// Names of values.
    pub values: &'static [(&'static str, u64)],
}

/// One format of a DMA descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescriptorInfo {
    /// The datasheet's name.
    pub name: &'static str,
    /// Which format: `read` (by the device), `write_back` (by the device) or `memory`.
    pub format: &'static str,
    /// The datasheet's section.
    pub section: &'static str,
    /// Size in bits.
    pub bits: u32,
    /// The fields, from low to high.
    pub fields: &'static [FieldInfo],
}

/// What reading and writing a register or field do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessKind {
    /// Read and written freely.
    Rw,
    /// Only read.
    Ro,
    /// Only written.
    Wo,
    /// Reading clears.
    Rc,
    /// Writing ones clears.
    W1c,
    /// Reading clears, and so does writing ones.
    RcW1c,
    /// Writing ones sets.
    W1s,
    /// Set by software, cleared by the device.
    Sc,
    /// Reading sets.
    ReadSets,
}

impl AccessKind {
    /// Whether reading changes it.
    #[must_use]
    pub const fn read_acts(self) -> bool {
        matches!(self, Self::Rc | Self::RcW1c | Self::ReadSets)
    }

    /// Whether it can be read at all.
    #[must_use]
    pub const fn is_readable(self) -> bool {
        !matches!(self, Self::Wo)
    }
}

impl RegisterInfo {
    /// Number of elements.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.ranges.iter().fold(0, |count, range| count.saturating_add(range.count))
    }

    /// Offsets of all elements in index order, in bytes.
    pub fn offsets(&self) -> impl Iterator<Item = u32> {
        self.ranges
            .iter()
            .flat_map(|range| (0..range.count).map(|n| range.base.wrapping_add(n.wrapping_mul(range.stride))))
    }

    /// The index of the element at `offset`, under its own address or another.
    #[must_use]
    pub fn index_at(&self, offset: Offset) -> Option<u32> {
        self.ranges.iter().chain(self.aliases).find_map(|range| {
            let from = offset.bytes().checked_sub(range.base)?;
            let index = if range.count == 1 { 0 } else { from.checked_div(range.stride)? };
            let exact = if range.count == 1 { from == 0 } else { from.is_multiple_of(range.stride) };
            if exact && index < range.count { range.first.checked_add(index) } else { None }
        })
    }

    /// Whether only the driver writes it, because of a mark.
    #[must_use]
    pub const fn is_the_drivers(&self) -> bool {
        self.memory_safety || self.device_state || self.hardware_damage
    }

    /// Whether reading it, or any field of it, changes it.
    #[must_use]
    pub fn read_acts(&self) -> bool {
        self.access.read_acts() || self.fields.iter().any(|field| field.access.read_acts())
    }
}

impl FieldInfo {
    /// The field's bits out of the low 64 bits of what it is in.
    #[must_use]
    pub const fn of(&self, value: u64) -> u64 {
        let mask = if self.width >= 64 { u64::MAX } else { (1 << self.width) - 1 };
        (value >> (self.lsb % 64)) & mask
    }

    /// The field's name and value, the latter by name where it has one.
    #[must_use]
    pub fn show(&self, value: u64) -> impl fmt::Display {
        let raw = self.of(value);
        ShownField { field: *self, raw }
    }
}

struct ShownField {
    field: FieldInfo,
    raw: u64,
}

impl fmt::Display for ShownField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, raw } = self;
        match field.values.iter().find(|(_, value)| value == raw) {
            Some((name, _)) => write!(f, "{}: {name}", field.name),
            None if field.width > 8 => write!(f, "{}: {raw:#x}", field.name),
            None => write!(f, "{}: {raw}", field.name),
        }
    }
}
