//! The schema of descriptions: one struct per mapping, one field per key.
//!
//! `README.md` explains the same keys to the authors of descriptions. [`keywords`] has the keywords that a value can
//! be, [`values`] the other kinds of values, and [`extension`] the schema of extensions.

pub mod extension;
pub mod keywords;
pub mod lints;
pub mod marks;
pub mod values;

use indexmap::IndexMap;

use crate::source::Spanned;
use crate::yaml::decode::mapping;

pub use keywords::{Access, ByteOrder, DoubtLabel, Format, Order, Reserved};
pub use lints::Lint;
pub use marks::Mark;
pub(crate) use values::ones;
pub use values::{Bits, Items, Range, Reset};

/// A name and its span.
pub type Name = Spanned<String>;

/// Entries by name, in the order of the file.
pub type Named<T> = IndexMap<Name, T>;

/// The lints that are allowed, by name, each with the reason.
pub type Allow = Named<String>;

mapping! {
    /// A whole file.
    pub struct Description("a description") {
        /// The chip's name.
        pub chip: Name,
        /// A title of the chip.
        pub title: String,
        /// The document that the description was transcribed from.
        pub datasheet: Datasheet,
        /// The lints that are allowed in the whole file, each with the reason.
        pub allow: Allow = default,
        /// The groups of registers, with a heading for each.
        pub groups: Named<String> = default,
        /// The register blocks after the first one, each with its own address space.
        pub blocks: Named<Block> = default,
        /// The size of a register block in bytes. No register lies beyond it.
        pub size: Option<Spanned<u64>> = default,
        /// The widths in bits that registers may have; all supported ones if left out.
        pub widths: Option<Vec<Spanned<u32>>> = default,
        /// The order of the bytes of each register in memory.
        pub byte_order: ByteOrder = default,
        /// Addresses of the first block at which neither the description nor an extension may have a register.
        pub forbidden: Items<Forbidden> = default,
        /// The indices of array registers.
        pub indices: Named<Index> = default,
        /// The permissions to write.
        pub permissions: Named<Permission> = default,
        /// The permissions that allow a write (one is enough), for registers without their own `write_in`.
        pub write_in: Vec<Name> = default,
        /// The registers.
        pub registers: Items<Register> = default,
        /// Registers that share an address for a reason that `when` cannot express.
        pub overlaps: Vec<(Name, Name)> = default,
        /// Pairs of registers that hold one value.
        pub pairs: Items<Pair> = default,
        /// The windows.
        pub windows: Items<Window> = default,
        /// The formats of the DMA descriptors.
        pub descriptors: Items<DescriptorFormat> = default,
    }
}

mapping! {
    /// The document that a description was transcribed from.
    pub struct Datasheet("a datasheet") {
        /// Its number.
        pub document: String,
        /// Its revision.
        pub revision: String,
    }
}

mapping! {
    /// A register block with its own address space.
    pub struct Block("a block") {
        /// Its title.
        pub title: String,
    }
}

mapping! {
    /// An address that no register may be described at.
    pub struct Forbidden("a forbidden address") {
        /// The name of what is there.
        pub name: Name,
        /// The first address.
        pub offset: Spanned<u64>,
        /// The length in bytes.
        pub length: Spanned<u64>,
        /// The effect of a write there.
        pub reason: String,
        /// The source of this fact.
        pub source: String,
    }
}

mapping! {
    /// An index of array registers.
    pub struct Index("an index") {
        /// The number of elements.
        pub count: Spanned<u32>,
        /// A description of one element.
        pub doc: String,
    }
}

mapping! {
    /// A permission: evidence of a state, which a write needs.
    pub struct Permission("a permission") {
        /// The object that has the state, such as a device or a queue.
        pub kind: String,
        /// The condition under which the permission holds.
        pub doc: String,
        /// The permissions that the permission includes.
        pub implies: Vec<Name> = default,
    }
}

mapping! {
    /// A register, or an array of equal registers.
    pub struct Register("a register") {
        /// The datasheet's short name.
        pub name: Name,
        /// The datasheet's long name.
        pub title: String,
        /// The datasheet's section.
        pub section: String,
        /// The datasheet's page.
        pub page: Option<u32> = default,
        /// The group that it belongs to.
        pub group: Name,
        /// The block that it belongs to, if not to the first.
        pub block: Option<Name> = default,
        /// The values of fields of other registers, as `REGISTER.FIELD`, that select it at its address.
        pub when: Named<Spanned<u64>> = default,
        /// Its offset, unless it is an array.
        pub offset: Option<Spanned<u64>> = default,
        /// Its elements, if it is an array.
        pub array: Option<Array> = default,
        /// Its further addresses.
        pub aliases: Vec<Alias> = default,
        /// Its width in bits.
        pub width: Option<Spanned<u32>> = default,
        /// Its kind of access.
        pub access: Spanned<Access>,
        /// Its value after a reset.
        pub reset: Spanned<Reset>,
        /// The bits whose value after a reset is known.
        pub reset_known: Option<Spanned<u64>> = default,
        /// The value that software writes to bits without a field.
        pub reserved: Reserved = default,
        /// The bits without a field that have another rule.
        pub reserved_bits: Vec<ReservedBits> = default,
        /// The permissions that allow a write (one is enough).
        pub write_in: Option<Vec<Name>> = default,
        /// `true` if a wrong value lets the chip access memory that was not given to it.
        pub memory_safety: bool = default,
        /// `true` if a write changes the state or the ownership of the chip that the driver tracks.
        pub device_state: bool = default,
        /// `true` if a wrong write can destroy hardware.
        pub hardware_damage: bool = default,
        /// `true` if a write notifies the chip of new work.
        pub doorbell: bool = default,
        /// The field values that every write must have.
        pub required_values: Named<Spanned<u64>> = default,
        /// The register whose fields it has, besides its own.
        pub fields_of: Option<Name> = default,
        /// The fields.
        pub fields: Named<Field> = default,
        /// The fields that overlap for a reason that `when` cannot express.
        pub overlaps: Vec<(Name, Name)> = default,
        /// Differences between the chip and the datasheet.
        pub errata: Vec<Erratum> = default,
        /// Doubts about the datasheet.
        pub doubts: Vec<Doubt> = default,
        /// Further documentation.
        pub doc: Option<String> = default,
        /// Its names in other drivers.
        pub other_names: Vec<Name> = default,
        /// The lints that are allowed in the register, each with the reason.
        pub allow: Allow = default,
    }
}

mapping! {
    /// The elements of an array register.
    pub struct Array("an array") {
        /// The name of its index; a plain number if left out.
        pub index: Option<Name> = default,
        /// The ranges of its elements.
        pub ranges: Vec<ArrayRange> = default,
    }
}

mapping! {
    /// Elements at equal distances.
    pub struct ArrayRange("a range of an array") {
        /// The index of the first element.
        pub first: Option<Spanned<u32>> = default,
        /// The number of elements.
        pub count: Spanned<u32>,
        /// The offset of the first element.
        pub base: Spanned<u64>,
        /// The distance between neighbours in bytes.
        pub stride: Spanned<u64>,
    }
}

mapping! {
    /// A further address of a register, or of elements of an array.
    pub struct Alias("an alias") {
        /// The offset of the first element.
        pub base: Spanned<u64>,
        /// The index of the first element.
        pub first: u32 = default,
        /// The number of elements.
        pub count: Option<Spanned<u32>> = default,
        /// The distance between neighbours in bytes.
        pub stride: Option<Spanned<u64>> = default,
    }
}

mapping! {
    /// The rule for some bits without a field.
    pub struct ReservedBits("an entry of `reserved_bits`") {
        /// The bits.
        pub bits: Spanned<Bits>,
        /// The value that software writes to them.
        pub policy: Reserved,
        /// The reason.
        pub why: String,
    }
}

mapping! {
    /// A field of a register or of a descriptor.
    pub struct Field("a field") {
        /// The datasheet's spelling, if it is not a Rust name.
        pub name: Option<String> = default,
        /// Its bits.
        pub bits: Spanned<Bits>,
        /// Its kind of access, if its register has another one.
        pub access: Option<Spanned<Access>> = default,
        /// Its purpose.
        pub doc: Option<String> = default,
        /// The meaning of one unit of its value.
        pub unit: Option<String> = default,
        /// The least and the greatest value that software may write.
        pub range: Option<Spanned<(u64, u64)>> = default,
        /// The named values.
        pub values: Named<Spanned<u64>> = default,
        /// The values of other fields under which the bits have this meaning.
        pub when: Named<Spanned<u64>> = default,
        /// The value that it always has.
        pub fixed: Option<Spanned<u64>> = default,
        /// `true` if a wrong value lets the chip access memory that was not given to it.
        pub memory_safety: Option<Spanned<bool>> = default,
        /// Differences between the chip and the datasheet.
        pub errata: Vec<Erratum> = default,
        /// Doubts about the datasheet.
        pub doubts: Vec<Doubt> = default,
        /// Its names in other drivers.
        pub other_names: Vec<Name> = default,
        /// The lints that are allowed at the field, each with the reason.
        pub allow: Allow = default,
    }
}

mapping! {
    /// A difference between the chip and the datasheet.
    pub struct Erratum("an erratum") {
        /// The name of the erratum in its source.
        pub id: String,
        /// The behaviour of the chip.
        pub text: String,
    }
}

mapping! {
    /// A doubt about the datasheet.
    pub struct Doubt("a doubt") {
        /// The kind of doubt.
        pub label: DoubtLabel,
        /// The doubtful statement.
        pub text: String,
    }
}

mapping! {
    /// Two registers that hold one value.
    pub struct Pair("a pair") {
        /// The name of the value.
        pub name: Name,
        /// The register with the low bits.
        pub low: Name,
        /// The register with the high bits.
        pub high: Name,
        /// The order in which they must be accessed.
        pub order: Order,
        /// A description of the value.
        pub doc: Option<String> = default,
    }
}

mapping! {
    /// A window: registers that stand for the element whose index is in another register.
    pub struct Window("a window") {
        /// The name of the window.
        pub name: Name,
        /// The field of the index register with the index, as `REGISTER.FIELD`.
        pub select: Name,
        /// The name of its index, unless it has a `count`.
        pub index: Option<Name> = default,
        /// The number of its indices, which are plain numbers.
        pub count: Option<Spanned<u32>> = default,
        /// The registers behind it.
        pub registers: Vec<Name>,
        /// The commands of the index register, if it has any.
        pub commands: Option<Commands> = default,
        /// A description of what is behind it.
        pub doc: Option<String> = default,
    }
}

mapping! {
    /// The commands of an index register: each transfers one element to or from the register behind the window.
    pub struct Commands("the commands of a window") {
        /// The fields of the index register that give the command to read, with their values.
        pub read: Named<Spanned<u64>> = default,
        /// The fields that give the command to write, with their values.
        pub write: Named<Spanned<u64>> = default,
        /// The fields that show that the command was carried out, with their values then.
        pub done: Named<Spanned<u64>>,
    }
}

mapping! {
    /// One format of a DMA descriptor.
    pub struct DescriptorFormat("a descriptor") {
        /// The name of the descriptor.
        pub name: Name,
        /// Its format: `read`, `write_back` or `memory`.
        pub format: Format,
        /// Its title.
        pub title: String,
        /// The datasheet's section.
        pub section: String,
        /// The datasheet's page.
        pub page: Option<u32> = default,
        /// Its width. In a structure: the width of the part that is never missing.
        pub bits: Spanned<u32>,
        /// In a structure: the width of the part behind it, which may be missing from any byte on.
        pub tail: Option<Spanned<u32>> = default,
        /// In a structure: the order of the bytes of a field.
        pub byte_order: Option<Spanned<ByteOrder>> = default,
        /// The flag with which the chip returns it to software.
        pub done: Option<Name> = default,
        /// The flag of the last descriptor of a chain.
        pub last: Option<Name> = default,
        /// The flag that requests a status write-back.
        pub report: Option<Name> = default,
        /// The bits without a field.
        pub reserved: Vec<Spanned<Bits>> = default,
        /// The fields.
        pub fields: Named<Field> = default,
        /// The fields that overlap for a reason that `when` cannot express.
        pub overlaps: Vec<(Name, Name)> = default,
        /// Differences between the chip and the datasheet.
        pub errata: Vec<Erratum> = default,
        /// Doubts about the datasheet.
        pub doubts: Vec<Doubt> = default,
        /// Further documentation.
        pub doc: Option<String> = default,
        /// The lints that are allowed in the descriptor, each with the reason.
        pub allow: Allow = default,
    }
}

impl Description {
    /// Returns the window that alone reaches a register: because the register is behind it, or has its index.
    #[must_use]
    pub fn window_of(&self, register: &str) -> Option<&Window> {
        self.windows.iter().find(|window| {
            window.selector() == register || window.registers.iter().any(|behind| behind.as_str() == register)
        })
    }
}

impl Window {
    /// Returns the name of the index register.
    #[must_use]
    pub fn selector(&self) -> &str {
        self.select.split_once('.').map_or("", |(register, _)| register)
    }

    /// Returns what a register of the window is to it, for a text.
    #[must_use]
    pub fn role(&self, register: &str) -> String {
        let Self { name, select, .. } = self;
        if self.selector() == register {
            format!("the index register of window {}", name.value)
        } else {
            format!("behind window {}, where {} selects the element", name.value, select.value)
        }
    }

    /// Returns the name of the field with the index.
    #[must_use]
    pub fn field(&self) -> &str {
        self.select.split_once('.').map_or("", |(_, field)| field)
    }
}

impl DescriptorFormat {
    /// Returns its width in bits, with its tail.
    #[must_use]
    pub fn whole(&self) -> u32 {
        self.bits.value.saturating_add(self.tail.map_or(0, |tail| tail.value))
    }

    /// Returns `true` if the most significant byte of a field is the first one.
    #[must_use]
    pub fn is_big_endian(&self) -> bool {
        self.byte_order.is_some_and(|order| order.value == ByteOrder::Big)
    }
}

impl Register {
    /// Returns its width in bits.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.width.map_or(32, |width| width.value)
    }

    /// Returns the kind of access of one of its fields.
    #[must_use]
    pub fn access_of(&self, field: &Field) -> Access {
        field.access.unwrap_or(self.access).value
    }

    /// Returns the ranges of its elements: one range of one element if it is not an array.
    #[must_use]
    pub fn ranges(&self) -> Vec<Range> {
        match (&self.array, self.offset) {
            (Some(array), _) => {
                let mut next = 0;
                let mut ranges = Vec::with_capacity(array.ranges.len());
                for range in &array.ranges {
                    let first = range.first.map_or(next, |first| first.value);
                    next = first.saturating_add(range.count.value);
                    ranges.push(Range {
                        first,
                        count: range.count.value,
                        base: range.base,
                        stride: range.stride.value,
                    });
                }
                ranges
            }
            (None, Some(base)) => vec![Range { first: 0, count: 1, base, stride: 0 }],
            (None, None) => Vec::new(),
        }
    }

    /// Returns the ranges of its aliases.
    pub fn alias_ranges(&self) -> impl Iterator<Item = Range> {
        self.aliases.iter().map(|alias| Range {
            first: alias.first,
            count: alias.count.map_or(1, |count| count.value),
            base: alias.base,
            stride: alias.stride.map_or(0, |stride| stride.value),
        })
    }

    /// Returns the ranges of its elements and aliases, and the offset behind the last byte of each.
    pub fn ends(&self) -> impl Iterator<Item = (Range, u64)> {
        let bytes = u64::from(self.bits() / 8).max(1);
        let ranges = self.ranges().into_iter().chain(self.alias_ranges());
        ranges.map(move |range| (range, range.last().saturating_add(bytes)))
    }

    /// Returns the kinds of access of its fields, or its own if it has no fields.
    pub fn accesses(&self) -> impl Iterator<Item = Spanned<Access>> {
        let own = self.fields.is_empty().then_some(self.access);
        self.fields.values().map(|field| field.access.unwrap_or(self.access)).chain(own)
    }

    /// Returns `true` if one of its fields has named values.
    #[must_use]
    pub fn has_values(&self) -> bool {
        self.fields.values().any(|field| !field.values.is_empty())
    }

    /// Returns the number of its elements.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.ranges().iter().map(|range| u64::from(range.count)).sum()
    }
}
