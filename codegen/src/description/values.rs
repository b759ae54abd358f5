//! Types of values with a syntax of their own, such as bits and reset values.

use std::ops::{Deref, DerefMut};

use crate::diagnostic::Diagnostics;
use crate::source::Spanned;
use crate::yaml::decode::{Decode, wrong};
use crate::yaml::tree::{Kind, Node};

/// A range of consecutive bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits {
    /// The lowest bit.
    pub lsb: u32,
    /// The number of bits, at least one.
    pub width: u32,
}

impl Bits {
    /// The expected text, for a message.
    pub(crate) const WANTED: &str = "bits, such as \"7\" or \"4:0\" (the highest first)";

    /// Reads bits from a text.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let number = |text: &str| text.parse::<u16>().ok().map(u32::from);
        let (msb, lsb) = match text.split_once(':') {
            Some((msb, lsb)) => (number(msb)?, number(lsb)?),
            None => (number(text)?, number(text)?),
        };
        Some(Self { lsb, width: msb.checked_sub(lsb)? + 1 })
    }

    /// Returns the highest bit.
    #[must_use]
    pub fn msb(self) -> u32 {
        self.lsb + self.width - 1
    }

    /// Returns the bits as a mask of 128 bits. Higher bits are cut off.
    #[must_use]
    pub fn mask(self) -> u128 {
        if self.lsb >= u128::BITS { 0 } else { ones(self.width) << self.lsb }
    }

    /// Returns the greatest value that they can hold, or the greatest of 64 bits.
    #[must_use]
    pub fn max(self) -> u64 {
        u64::try_from(ones(self.width)).unwrap_or(u64::MAX)
    }

    /// Returns the text of the bits in a description.
    #[must_use]
    pub fn text(self) -> String {
        if self.width == 1 { self.lsb.to_string() } else { format!("{}:{}", self.msb(), self.lsb) }
    }

    /// Returns "bit" or "bits" and the text, for a message.
    #[must_use]
    pub(crate) fn title(self) -> String {
        let plural = if self.width == 1 { "bit" } else { "bits" };
        format!("{plural} {}", self.text())
    }
}

/// Returns a mask of the lowest `count` bits, or of all 128.
pub(crate) fn ones(count: u32) -> u128 {
    1u128.checked_shl(count).map_or(u128::MAX, |bit| bit - 1)
}

impl Decode for Bits {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let bits = match &node.kind {
            Kind::Scalar { text, .. } => Bits::read(text),
            _ => None,
        };
        bits.or_else(|| wrong(node, Self::WANTED, diagnostics))
    }
}

/// A value after a reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// A known value.
    Known(u64),
    /// No source gives it, or it depends on something outside the chip.
    Unknown,
}

impl Reset {
    /// The expected text, for a message.
    pub(crate) const WANTED: &str = "a number or `unknown`";

    /// Returns the value, if it is known.
    #[must_use]
    pub fn known(self) -> Option<u64> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown => None,
        }
    }
}

impl Decode for Reset {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        match &node.kind {
            Kind::Scalar { text, .. } if text == "unknown" => Some(Self::Unknown),
            Kind::Scalar { text, quoted: false } if text.starts_with(|c: char| c.is_ascii_digit() || c == '+') => {
                u64::decode(node, diagnostics).map(Self::Known)
            }
            _ => wrong(node, Self::WANTED, diagnostics),
        }
    }
}

/// Elements at equal distances, with all defaults applied.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// The index of the first element.
    pub first: u32,
    /// The number of elements.
    pub count: u32,
    /// The offset of the first element.
    pub base: Spanned<u64>,
    /// The distance between neighbours in bytes.
    pub stride: u64,
}

impl Range {
    /// Returns the offset of the last element.
    #[must_use]
    pub fn last(self) -> u64 {
        let steps = u64::from(self.count.saturating_sub(1));
        self.base.value.saturating_add(steps.saturating_mul(self.stride))
    }

    /// Returns the offsets of the elements, in the order of their indices.
    pub fn offsets(self) -> impl Iterator<Item = u64> {
        let (base, stride) = (self.base.value, self.stride);
        (0..u64::from(self.count)).map(move |element| base.saturating_add(element.saturating_mul(stride)))
    }
}

/// The entries of a long list, without those that could not be read.
///
/// An error in one entry must not hide the errors in the others.
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
    /// Returns `true` if all entries could be read, so that an entry not found is missing in the file.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}

impl<T: Clone> Items<T> {
    /// Adds the entries of another list.
    pub(crate) fn append(&mut self, others: &Self) {
        self.items.extend(others.iter().cloned());
        self.complete &= others.complete;
    }
}

impl<T> DerefMut for Items<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.items
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
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Kind::Sequence(nodes) = &node.kind else {
            return wrong(node, "a list", diagnostics);
        };
        let items: Vec<_> = nodes.iter().filter_map(|node| T::decode(node, diagnostics)).collect();
        Some(Self { complete: items.len() == nodes.len(), items })
    }
}
