//! The register map as data: dumps, models, fake devices and tests are driven by it.

use core::fmt;

use crate::array::Range;
use crate::field::mask;

/// One register, or an array of like registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegisterInfo {
    /// The datasheet's name.
    pub name: &'static str,
    /// The datasheet's long name.
    pub title: &'static str,
    /// The datasheet's section.
    pub section: &'static str,
    /// The datasheet's page; 0 where none is recorded.
    pub page: u32,
    /// The group that the datasheet's chapter puts it in.
    pub group: &'static str,
    /// Width in bits.
    pub width: u32,
    /// The kind of access of bits without a field, and of fields without their own.
    pub access: AccessKind,
    /// Value after reset, if known.
    pub reset: Option<u64>,
    /// The bits of the reset value that are known.
    pub reset_known: u64,
    /// Bits that every write must leave as they read.
    pub preserve: u64,
    /// Bits that every write must contain as 0: reserved ones, and values that the datasheet prescribes.
    pub must_be_zero: u64,
    /// Bits that every write must contain as 1.
    pub must_be_one: u64,
    /// The ranges of the elements, in index order; a single register is one range of one element.
    pub ranges: &'static [Range],
    /// Other ranges at which the same elements can be reached.
    pub aliases: &'static [Range],
    /// The permissions that allow a write; one of them is enough.
    pub write_in: &'static [&'static str],
    /// `true` if a write can make the device access other memory, or the driver read data before the device wrote it.
    pub memory_safety: bool,
    /// `true` if a write changes the device's state or ownership, which the driver tracks.
    pub device_state: bool,
    /// `true` if a wrong write can destroy hardware.
    pub hardware_damage: bool,
    /// `true` if a write notifies the device of work in memory.
    pub doorbell: bool,
    /// Values of other registers' fields under which the register is at its address: register, field, value.
    pub when: &'static [(&'static str, &'static str, u64)],
    /// The window that it is behind, if any: then each element is there once for each index.
    pub window: Option<&'static WindowInfo>,
    /// The fields, from low to high.
    pub fields: &'static [FieldInfo],
}

/// A window: registers that stand for the element whose index is in another register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowInfo {
    /// The name of the window.
    pub name: &'static str,
    /// The name of the index register.
    pub selector: &'static str,
    /// The name of its field with the index.
    pub field: &'static str,
    /// Lowest bit of that field.
    pub lsb: u32,
    /// Number of bits of that field.
    pub width: u32,
    /// Number of indices.
    pub count: u32,
    /// The commands of the index register, if it has any.
    pub commands: Option<CommandInfo>,
}

impl WindowInfo {
    /// Returns the index in `value` of the index register.
    pub(crate) const fn index(&self, value: u64) -> u32 {
        let index = (value >> self.lsb) & mask(0, self.width)[0];
        if index > u32::MAX as u64 { u32::MAX } else { index as u32 }
    }
}

/// The commands of an index register, which transfer an element to or from the register behind the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandInfo {
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

/// A field of a register or descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldInfo {
    /// The datasheet's name, as an identifier.
    pub name: &'static str,
    /// Lowest bit.
    pub lsb: u32,
    /// Number of bits.
    pub width: u32,
    /// The kind of access.
    pub access: AccessKind,
    /// Names of values.
    pub values: &'static [(&'static str, u64)],
}

/// One format of a DMA descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescriptorInfo {
    /// The datasheet's name.
    pub name: &'static str,
    /// The format: `read` (by the device), `write_back` (by the device) or `memory`.
    pub format: &'static str,
    /// The datasheet's section.
    pub section: &'static str,
    /// Size in bits.
    pub bits: u32,
    /// The fields, from low to high.
    pub fields: &'static [FieldInfo],
}

/// The kind of access of a register or field: the effects of reading and of writing it.
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
    /// Writing zeros clears.
    W0c,
    /// Writing ones sets.
    W1s,
    /// Set by software, cleared by the device.
    Sc,
    /// Reading sets.
    ReadSets,
}

impl AccessKind {
    /// Returns `true` if reading has a side effect.
    #[must_use]
    pub const fn has_read_side_effects(self) -> bool {
        matches!(self, Self::Rc | Self::RcW1c | Self::ReadSets)
    }

    /// Returns `true` if a write changes it.
    #[must_use]
    pub const fn is_writable(self) -> bool {
        !matches!(self, Self::Ro | Self::Rc)
    }

    /// Returns `true` if it can be read.
    #[must_use]
    pub const fn is_readable(self) -> bool {
        !matches!(self, Self::Wo)
    }
}

/// Returns the number of values that all `registers` hold.
pub(crate) const fn elements(registers: &[RegisterInfo]) -> usize {
    let (mut at, mut elements) = (0, 0);
    while at < registers.len() {
        elements += registers[at].values();
        at += 1;
    }
    elements
}

/// Returns the width of the widest of the `registers`, in bytes.
pub(crate) const fn alignment(registers: &[RegisterInfo]) -> u32 {
    let (mut at, mut widest) = (0, 1);
    while at < registers.len() {
        if registers[at].width / 8 > widest {
            widest = registers[at].width / 8;
        }
        at += 1;
    }
    widest
}

impl RegisterInfo {
    /// Returns the number of elements.
    #[must_use]
    pub const fn count(&self) -> u32 {
        let (mut at, mut count) = (0, 0_u32);
        while at < self.ranges.len() {
            count = count.saturating_add(self.ranges[at].count);
            at += 1;
        }
        count
    }

    /// Returns the number of values that it holds: one for each element, behind a window for each index. A register whose
    /// window has commands holds one more, for the transfer.
    pub(crate) const fn values(&self) -> usize {
        let elements = self.count() as usize;
        match self.window {
            None => elements,
            Some(WindowInfo { count, commands: None, .. }) => elements * *count as usize,
            Some(WindowInfo { count, commands: Some(_), .. }) => elements * (*count as usize + 1),
        }
    }

    /// Returns the offsets of all elements in index order, in bytes.
    pub fn offsets(&self) -> impl Iterator<Item = u32> {
        self.ranges
            .iter()
            .flat_map(|range| (0..range.count).map(|n| range.base.wrapping_add(n.wrapping_mul(range.stride))))
    }

    /// Returns the index of the element that is at `offset` bytes, or has an alias there.
    #[must_use]
    pub fn index_at(&self, offset: u32) -> Option<u32> {
        self.ranges.iter().chain(self.aliases).find_map(|range| {
            let from = offset.checked_sub(range.base)?;
            let index = if range.count == 1 { 0 } else { from.checked_div(range.stride)? };
            let exact = if range.count == 1 { from == 0 } else { from.is_multiple_of(range.stride) };
            if exact && index < range.count { range.first.checked_add(index) } else { None }
        })
    }

    /// Returns `true` if a write changes any bit of it.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.access.is_writable() || self.fields.iter().any(|field| field.access.is_writable())
    }

    /// Returns the bits whose kind of access `is` accepts: a field's own kind, and the register's for bits without a
    /// field.
    #[must_use]
    pub fn bits_with_access(&self, is: impl Fn(AccessKind) -> bool) -> u64 {
        let add = |bits, field: &FieldInfo| bits | mask(field.lsb, field.width)[0];
        let covered = self.fields.iter().fold(0, add);
        let fields = self.fields.iter().filter(|field| is(field.access)).fold(0, add);
        if is(self.access) { fields | (mask(0, self.width)[0] & !covered) } else { fields }
    }

    /// Returns `true` if a mark reserves the register for the driver, so that no other safe code can write it.
    #[must_use]
    pub const fn is_the_drivers(&self) -> bool {
        self.memory_safety || self.device_state || self.hardware_damage
    }

    /// Returns `true` if reading it has a side effect on any of its bits.
    #[must_use]
    pub fn has_read_side_effects(&self) -> bool {
        let acts = |field: &FieldInfo| field.access.has_read_side_effects();
        self.access.has_read_side_effects() || self.fields.iter().any(acts)
    }
}

impl RegisterInfo {
    /// Shows `value` and the fields that it has: `0x00000001 (RXEN: 1)`.
    #[must_use]
    pub fn show(&self, value: u64) -> impl fmt::Display + fmt::Debug {
        ShownRegister { width: self.width, fields: self.fields, value }
    }
}

struct ShownRegister {
    width: u32,
    fields: &'static [FieldInfo],
    value: u64,
}

impl fmt::Display for ShownRegister {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { width, fields, value } = self;
        write!(f, "{value:#0digits$x}", digits = 2 + *width as usize / 4)?;
        let mut separator = " (";
        for field in *fields {
            write!(f, "{separator}{}", field.show(*value))?;
            separator = ", ";
        }
        f.write_str(if fields.is_empty() { "" } else { ")" })
    }
}

impl fmt::Debug for ShownRegister {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FieldInfo {
    /// Returns the field's bits out of the word of 64 bits that it is in.
    #[must_use]
    pub const fn of(&self, value: u64) -> u64 {
        let mask = if self.width >= 64 { u64::MAX } else { (1 << self.width) - 1 };
        (value >> (self.lsb % 64)) & mask
    }

    /// Shows the field's name and value, the value by its name if it has one.
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
