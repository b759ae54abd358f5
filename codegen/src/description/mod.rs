//! What a description says, in the words of the file: one struct a mapping, one field a key.
//!
//! This is the schema. `README.md` explains the same words to those who write a description. The single words that can
//! stand for a value are in [`words`], what else a value can be in [`values`], and what one crate adds to the
//! description of another in [`extension`].

pub mod extension;
pub mod keywords;
pub mod marks;
pub mod values;

use indexmap::IndexMap;

use crate::parse::decode::mapping;
use crate::source::Spanned;

pub use keywords::{Access, DoubtLabel, Format, Order, Reserved};
pub use marks::Mark;
pub(crate) use values::ones;
pub use values::{Bits, Items, Range, Reset};

/// A word and where it stands.
pub type Name = Spanned<String>;

/// Entries by name, in the order of the file.
pub type Named<T> = IndexMap<Name, T>;

mapping! {
    /// A whole file.
    pub struct Description("a description") {
        /// The chip's name.
        pub chip: Name,
        /// What the chip is.
        pub title: String,
        /// The document that the description was transcribed from.
        pub datasheet: Datasheet,
        /// What registers are sorted into, with a heading for each.
        pub groups: Named<String> = default,
        /// The blocks of registers beside the first, each with addresses of its own.
        pub blocks: Named<Block> = default,
        /// How many bytes a block of registers takes: none of it is beyond.
        pub size: Option<Spanned<u64>> = default,
        /// The widths in bits that registers may have, if not all that there are.
        pub widths: Option<Vec<Spanned<u32>>> = default,
        /// Addresses of the first block at which no register may be, described here or in an extension.
        pub forbidden: Items<Forbidden> = default,
        /// What array registers are indexed by.
        pub indices: Named<Index> = default,
        /// The facts that make a write legal.
        pub permissions: Named<Permission> = default,
        /// The permissions of which one is enough where a register does not say.
        pub write_in: Vec<Name> = default,
        /// The registers.
        pub registers: Items<Register> = default,
        /// Registers that share an address for a reason that `when` cannot say.
        pub overlaps: Vec<(Name, Name)> = default,
        /// Registers of which two hold one value.
        pub pairs: Items<Pair> = default,
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
    /// A block of registers with addresses of its own.
    pub struct Block("a block") {
        /// What it is.
        pub title: String,
    }
}

mapping! {
    /// An address that no register may be described at.
    pub struct Forbidden("a forbidden address") {
        /// What is there.
        pub name: Name,
        /// Where it begins.
        pub offset: Spanned<u64>,
        /// How many bytes it takes.
        pub length: Spanned<u64>,
        /// What a write there does.
        pub reason: String,
        /// Who says so.
        pub source: String,
    }
}

mapping! {
    /// What array registers are indexed by.
    pub struct Index("an index") {
        /// How many there are.
        pub count: Spanned<u32>,
        /// What one is.
        pub doc: String,
    }
}

mapping! {
    /// A fact that makes a write legal.
    pub struct Permission("a permission") {
        /// What it is a fact about.
        pub kind: String,
        /// When it holds.
        pub doc: String,
        /// What holds whenever it does.
        pub implies: Vec<Name> = default,
    }
}

mapping! {
    /// A register, or an array of registers that are alike.
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
        /// The values of fields of other registers, as `REGISTER.FIELD`, under which it is at its address.
        pub when: Named<Spanned<u64>> = default,
        /// Where it is, unless it is an array.
        pub offset: Option<Spanned<u64>> = default,
        /// Where its elements are, if it is an array.
        pub array: Option<Array> = default,
        /// Where else it can be reached.
        pub aliases: Vec<Alias> = default,
        /// Its width in bits.
        pub width: Option<Spanned<u32>> = default,
        /// How it answers to reads and writes.
        pub access: Spanned<Access>,
        /// What it holds after a reset.
        pub reset: Spanned<Reset>,
        /// The bits whose value after a reset is known.
        pub reset_known: Option<Spanned<u64>> = default,
        /// What software does with the bits of no field.
        pub reserved: Reserved = default,
        /// The bits of no field for which that is something else.
        pub reserved_bits: Vec<ReservedBits> = default,
        /// The permissions of which one is enough to write it.
        pub write_in: Option<Vec<Name>> = default,
        /// Whether a wrong value lets the chip reach memory that it was not given.
        pub memory_safety: bool = default,
        /// Whether a write makes untrue what the driver knows of the chip: its state, or who owns it.
        pub device_state: bool = default,
        /// Whether a wrong write can destroy hardware.
        pub hardware_damage: bool = default,
        /// Whether a write hands work to the chip.
        pub doorbell: bool = default,
        /// The values that software must write into fields.
        pub software_must: Named<Spanned<u64>> = default,
        /// The fields.
        pub fields: Named<Field> = default,
        /// The fields that overlap for a reason that `when` cannot say.
        pub overlaps: Vec<(Name, Name)> = default,
        /// Where the chip does otherwise than the datasheet says.
        pub errata: Vec<Erratum> = default,
        /// Where the datasheet is not to be trusted.
        pub doubts: Vec<Doubt> = default,
        /// What else there is to know.
        pub doc: Option<String> = default,
        /// Its names in other drivers.
        pub header_names: Vec<Name> = default,
    }
}

mapping! {
    /// The elements of an array register.
    pub struct Array("an array") {
        /// The name of what it is indexed by; without it, a plain number.
        pub index: Option<Name> = default,
        /// Where the elements are.
        pub ranges: Vec<ArrayRange> = default,
    }
}

mapping! {
    /// Elements at equal distances.
    pub struct ArrayRange("a range of an array") {
        /// The index of the first.
        pub first: Option<Spanned<u32>> = default,
        /// How many there are.
        pub count: Spanned<u32>,
        /// Where the first is.
        pub base: Spanned<u64>,
        /// The distance from one to the next.
        pub stride: Spanned<u64>,
    }
}

mapping! {
    /// Where else a register, or elements of an array, can be reached.
    pub struct Alias("an alias") {
        /// Where the first is.
        pub base: Spanned<u64>,
        /// The index of the first.
        pub first: u32 = default,
        /// How many there are.
        pub count: Option<Spanned<u32>> = default,
        /// The distance from one to the next.
        pub stride: Option<Spanned<u64>> = default,
    }
}

mapping! {
    /// What software does with some bits of no field.
    pub struct ReservedBits("an entry of `reserved_bits`") {
        /// The bits.
        pub bits: Spanned<Bits>,
        /// What software does with them.
        pub policy: Reserved,
        /// Why.
        pub why: String,
    }
}

mapping! {
    /// A field of a register or of a descriptor.
    pub struct Field("a field") {
        /// The datasheet's spelling, where it is no word of Rust.
        pub name: Option<String> = default,
        /// Its bits.
        pub bits: Spanned<Bits>,
        /// How it answers to reads and writes, where it does otherwise than its register.
        pub access: Option<Spanned<Access>> = default,
        /// What it is for.
        pub doc: Option<String> = default,
        /// What a value of one means.
        pub unit: Option<String> = default,
        /// The least and the greatest value that software may write.
        pub range: Option<Spanned<(u64, u64)>> = default,
        /// The values that have names.
        pub values: Named<Spanned<u64>> = default,
        /// The values of other fields under which the bits mean this.
        pub when: Named<Spanned<u64>> = default,
        /// The value that it always has.
        pub fixed: Option<Spanned<u64>> = default,
        /// Whether a wrong value lets the chip reach memory that it was not given.
        pub memory_safety: Option<Spanned<bool>> = default,
        /// Where the chip does otherwise than the datasheet says.
        pub errata: Vec<Erratum> = default,
        /// Where the datasheet is not to be trusted.
        pub doubts: Vec<Doubt> = default,
        /// Its names in other drivers.
        pub header_names: Vec<Name> = default,
    }
}

mapping! {
    /// Where the chip does otherwise than the datasheet says.
    pub struct Erratum("an erratum") {
        /// Where it is told.
        pub id: String,
        /// What the chip does.
        pub text: String,
    }
}

mapping! {
    /// Where the datasheet is not to be trusted.
    pub struct Doubt("a doubt") {
        /// Which kind of doubt it is.
        pub label: DoubtLabel,
        /// What is doubtful.
        pub text: String,
    }
}

mapping! {
    /// Two registers that hold one value.
    pub struct Pair("a pair") {
        /// What the value is called.
        pub name: Name,
        /// The register with the low bits.
        pub low: Name,
        /// The register with the high bits.
        pub high: Name,
        /// The order in which they must be accessed.
        pub order: Order,
        /// What the value is.
        pub doc: Option<String> = default,
    }
}

mapping! {
    /// One format of a DMA descriptor.
    pub struct DescriptorFormat("a descriptor") {
        /// What the descriptor is called.
        pub name: Name,
        /// Who writes it.
        pub format: Format,
        /// What it is.
        pub title: String,
        /// The datasheet's section.
        pub section: String,
        /// The datasheet's page.
        pub page: Option<u32> = default,
        /// Its width.
        pub bits: Spanned<u32>,
        /// The flag by which the chip hands it back.
        pub done: Option<Name> = default,
        /// The flag of the last descriptor of a chain.
        pub last: Option<Name> = default,
        /// The flag that asks the chip to hand it back.
        pub report: Option<Name> = default,
        /// The bits of no field.
        pub reserved: Vec<Spanned<Bits>> = default,
        /// The fields.
        pub fields: Named<Field> = default,
        /// The fields that overlap for a reason that `when` cannot say.
        pub overlaps: Vec<(Name, Name)> = default,
        /// Where the chip does otherwise than the datasheet says.
        pub errata: Vec<Erratum> = default,
        /// Where the datasheet is not to be trusted.
        pub doubts: Vec<Doubt> = default,
        /// What else there is to know.
        pub doc: Option<String> = default,
    }
}

impl Register {
    /// Its width in bits.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.width.map_or(32, |width| width.value)
    }

    /// How one of its fields answers to reads and writes.
    #[must_use]
    pub fn access_of(&self, field: &Field) -> Access {
        field.access.unwrap_or(self.access).value
    }

    /// Where its elements are: one range of one element where it is no array.
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

    /// Where else its elements are.
    pub fn alias_ranges(&self) -> impl Iterator<Item = Range> {
        self.aliases.iter().map(|alias| Range {
            first: alias.first,
            count: alias.count.map_or(1, |count| count.value),
            base: alias.base,
            stride: alias.stride.map_or(0, |stride| stride.value),
        })
    }

    /// The kinds of access that there are in it: of its fields, or its own if it has none.
    pub fn accesses(&self) -> impl Iterator<Item = Spanned<Access>> {
        let own = self.fields.is_empty().then_some(self.access);
        self.fields.values().map(|field| field.access.unwrap_or(self.access)).chain(own)
    }

    /// Whether values of its fields have names.
    #[must_use]
    pub fn has_values(&self) -> bool {
        self.fields.values().any(|field| !field.values.is_empty())
    }

    /// How many elements it has.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.ranges().iter().map(|range| u64::from(range.count)).sum()
    }
}
