//! What a description says, in the words of the file: one struct a mapping, one field a key.
//!
//! This is the schema. `README.md` explains the same words to those who write a description.

use std::ops::Deref;

use indexmap::IndexMap;

use crate::diagnostic::Mistakes;
use crate::parse::decode::{Decode, mapping, words, wrong};
use crate::parse::tree::{Kind, Node};
use crate::source::Spanned;

/// A word and where it stands.
pub type Word = Spanned<String>;

/// Entries by name, in the order of the file.
pub type Named<T> = IndexMap<Word, T>;

mapping! {
    /// A whole file.
    pub struct Description("a description") {
        /// The chip's name.
        pub chip: String,
        /// What the chip is.
        pub title: String,
        /// The document that the description was transcribed from.
        pub datasheet: Datasheet,
        /// What registers are sorted into, with a heading for each.
        pub groups: Named<String> = default,
        /// What array registers are indexed by.
        pub indices: Named<Index> = default,
        /// The facts that make a write legal.
        pub permissions: Named<Permission> = default,
        /// The permissions of which one is enough where a register does not say.
        pub write_in: Vec<Word> = default,
        /// The registers.
        pub registers: Items<Register> = default,
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
        pub implies: Vec<Word> = default,
    }
}

mapping! {
    /// A register, or an array of registers that are alike.
    pub struct Register("a register") {
        /// The datasheet's short name.
        pub name: Word,
        /// The datasheet's long name.
        pub title: String,
        /// The datasheet's section.
        pub section: String,
        /// The datasheet's page.
        pub page: Option<u32> = default,
        /// The group that it belongs to.
        pub group: Word,
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
        pub write_in: Option<Vec<Word>> = default,
        /// Whether a wrong value lets the chip reach memory that it was not given.
        pub memory_safety: bool = default,
        /// Whether a write hands work to the chip.
        pub doorbell: bool = default,
        /// The values that software must write into fields.
        pub software_must: Named<Spanned<u64>> = default,
        /// The fields.
        pub fields: Named<Field> = default,
        /// The fields that overlap for a reason that `when` cannot say.
        pub overlaps: Vec<(Word, Word)> = default,
        /// Where the chip does otherwise than the datasheet says.
        pub errata: Vec<Erratum> = default,
        /// Where the datasheet is not to be trusted.
        pub doubts: Vec<Doubt> = default,
        /// What else there is to know.
        pub doc: Option<String> = default,
        /// Its names in other drivers.
        pub header_names: Vec<Word> = default,
    }
}

mapping! {
    /// The elements of an array register.
    pub struct Array("an array") {
        /// The name of what it is indexed by; without it, a plain number.
        pub index: Option<Word> = default,
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
        pub header_names: Vec<Word> = default,
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
        pub name: Word,
        /// The register with the low bits.
        pub low: Word,
        /// The register with the high bits.
        pub high: Word,
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
        pub name: Word,
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
        pub done: Option<Word> = default,
        /// The flag of the last descriptor of a chain.
        pub last: Option<Word> = default,
        /// The flag that asks the chip to hand it back.
        pub report: Option<Word> = default,
        /// The bits of no field.
        pub reserved: Vec<Spanned<Bits>> = default,
        /// The fields.
        pub fields: Named<Field> = default,
        /// The fields that overlap for a reason that `when` cannot say.
        pub overlaps: Vec<(Word, Word)> = default,
        /// Where the chip does otherwise than the datasheet says.
        pub errata: Vec<Erratum> = default,
        /// Where the datasheet is not to be trusted.
        pub doubts: Vec<Doubt> = default,
        /// What else there is to know.
        pub doc: Option<String> = default,
    }
}

words! {
    /// How a register or a field answers to reads and writes.
    pub enum Access("a kind of access") {
        /// Reads give what was written.
        ReadWrite = "rw",
        /// Writes do nothing.
        ReadOnly = "ro",
        /// Reads mean nothing.
        WriteOnly = "wo",
        /// A read clears it.
        ReadClears = "rc",
        /// Writing a one clears the bit.
        WriteOneClears = "w1c",
        /// A read clears it, and so does writing a one.
        ReadOrWriteOneClears = "rc_w1c",
        /// Writing a one sets the bit, writing a zero does nothing.
        WriteOneSets = "w1s",
        /// The chip clears it when it has done what was asked.
        SelfClearing = "sc",
        /// A read sets it.
        ReadSets = "read_sets",
    }
}

words! {
    /// What software does with bits of no field.
    #[derive(Default)]
    pub enum Reserved("a rule for reserved bits") {
        /// Writes back what it read.
        #[default]
        Preserve = "preserve",
        /// Writes zeros.
        Zero = "zero",
        /// Writes ones.
        One = "one",
    }
}

words! {
    /// The order in which the registers of a pair must be accessed.
    pub enum Order("an order of access") {
        /// The low one first.
        LowFirst = "low_first",
        /// The high one first.
        HighFirst = "high_first",
        /// It does not matter.
        Either = "either",
    }
}

words! {
    /// Who writes a descriptor in a format.
    pub enum Format("a descriptor's format") {
        /// Software, for the chip to read.
        Read = "read",
        /// The chip, over what it read.
        WriteBack = "write_back",
        /// Either: it is a structure in memory.
        Memory = "memory",
    }
}

words! {
    /// A kind of doubt about the datasheet.
    pub enum DoubtLabel("a label of a doubt") {
        /// It says two things.
        Contradiction = "contradiction",
        /// It says what is not so.
        Incorrect = "incorrect",
        /// It does not say.
        Missing = "missing",
        /// It says what has no use.
        Pointless = "pointless",
        /// It is misspelt.
        Typo = "typo",
    }
}

/// Bits that stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits {
    /// The lowest.
    pub lsb: u32,
    /// How many there are, at least one.
    pub width: u32,
}

impl Bits {
    /// What a text is expected to be that they are read from.
    pub(crate) const WANTED: &str = "bits, such as \"7\" or \"4:0\" (the highest first)";

    /// The bits that a text names.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let number = |text: &str| text.parse::<u16>().ok().map(u32::from);
        let (msb, lsb) = match text.split_once(':') {
            Some((msb, lsb)) => (number(msb)?, number(lsb)?),
            None => (number(text)?, number(text)?),
        };
        Some(Self { lsb, width: msb.checked_sub(lsb)? + 1 })
    }

    /// The highest.
    #[must_use]
    pub fn msb(self) -> u32 {
        self.lsb + self.width - 1
    }

    /// The bits as a mask of 128 bits; those beyond are cut off.
    #[must_use]
    pub fn mask(self) -> u128 {
        if self.lsb >= u128::BITS { 0 } else { ones(self.width) << self.lsb }
    }

    /// The greatest value that they can hold, or the greatest of 64 bits.
    #[must_use]
    pub fn max(self) -> u64 {
        u64::try_from(ones(self.width)).unwrap_or(u64::MAX)
    }

    /// The text of the bits in a description.
    #[must_use]
    pub fn text(self) -> String {
        if self.width == 1 { self.lsb.to_string() } else { format!("{}:{}", self.msb(), self.lsb) }
    }
}

/// The lowest `count` bits, or all 128.
pub(crate) fn ones(count: u32) -> u128 {
    1u128.checked_shl(count).map_or(u128::MAX, |bit| bit - 1)
}

impl Decode for Bits {
    fn decode(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let bits = match &node.kind {
            Kind::Scalar { text, .. } => Bits::read(text),
            _ => None,
        };
        bits.or_else(|| wrong(node, Self::WANTED, mistakes))
    }
}

/// A value after a reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// It is this.
    Known(u64),
    /// Nobody says, or it depends on something outside the chip.
    Unknown,
}

impl Reset {
    /// What is expected in its place.
    pub(crate) const WANTED: &str = "a number or `unknown`";

    /// The value, if it is known.
    #[must_use]
    pub fn known(self) -> Option<u64> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown => None,
        }
    }
}

impl Decode for Reset {
    fn decode(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.kind {
            Kind::Scalar { text, .. } if text == "unknown" => Some(Self::Unknown),
            Kind::Scalar { text, quoted: false } if text.starts_with(|c: char| c.is_ascii_digit() || c == '+') => {
                u64::decode(node, mistakes).map(Self::Known)
            }
            _ => wrong(node, Self::WANTED, mistakes),
        }
    }
}

/// The entries of a long list, without those that could not be read.
///
/// A mistake in one entry must not hide the mistakes in all others.
#[derive(Debug, Clone)]
pub struct Items<T> {
    items: Vec<T>,
    complete: bool,
}

impl<T> From<Vec<T>> for Items<T> {
    fn from(items: Vec<T>) -> Self {
        Self { items, complete: true }
    }
}

impl<T> Default for Items<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T> Items<T> {
    /// Whether all entries could be read: then what is not there was not written.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}

impl<T> Deref for Items<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<'a, T> IntoIterator for &'a Items<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

impl<T: Decode> Decode for Items<T> {
    fn decode(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let Kind::Sequence(nodes) = &node.kind else {
            return wrong(node, "a list", mistakes);
        };
        let items: Vec<_> = nodes.iter().filter_map(|node| T::decode(node, mistakes)).collect();
        Some(Self { complete: items.len() == nodes.len(), items })
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
    pub fn accesses(&self) -> impl Iterator<Item = Access> {
        let own = self.fields.is_empty().then_some(self.access.value);
        self.fields.values().map(|field| self.access_of(field)).chain(own)
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

/// Elements at equal distances, every default filled in.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// The index of the first.
    pub first: u32,
    /// How many there are.
    pub count: u32,
    /// Where the first is.
    pub base: Spanned<u64>,
    /// The distance from one to the next.
    pub stride: u64,
}

impl Range {
    /// The places of the elements, in the order of their indices.
    pub fn offsets(self) -> impl Iterator<Item = u64> {
        let (base, stride) = (self.base.value, self.stride);
        (0..u64::from(self.count)).map(move |element| base.saturating_add(element.saturating_mul(stride)))
    }
}
