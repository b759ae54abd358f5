//! Indices of register arrays, and where the elements are.

use core::fmt;
use core::marker::PhantomData;

use crate::message::Message;
use crate::space::{Offset, Space, Width};

/// The index space of an array of registers: the numbers below `COUNT`, under a name.
pub trait IndexSpace: Copy + 'static {
    /// Number of elements.
    const COUNT: u32;
    /// The name of the index, for messages.
    const NAME: &'static str;
}

/// The index space of arrays without a named one: the numbers below `COUNT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Below<const COUNT: u32> {}

impl<const COUNT: u32> IndexSpace for Below<COUNT> {
    const COUNT: u32 = COUNT;
    const NAME: &'static str = "element";
}

/// An index of the space `K`, always within its range.
///
/// [`index!`](crate::index) makes constant ones and lets the compiler check them; [`Index::new`] makes the others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index<K> {
    index: u16,
    space: PhantomData<fn() -> K>,
}

/// An index that its array does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexOutOfRange {
    /// The name of the index space.
    pub name: &'static str,
    /// The index given.
    pub index: usize,
    /// The number of elements.
    pub count: u32,
}

impl fmt::Display for IndexOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, index, count } = self;
        match count.checked_sub(1) {
            Some(last) => write!(f, "there is no {name} {index}: they are numbered 0 to {last}"),
            None => write!(f, "there is no {name} {index}: there are none"),
        }
    }
}

impl core::error::Error for IndexOutOfRange {}

impl<K: IndexSpace> Index<K> {
    /// Returns the index `index`.
    ///
    /// # Errors
    ///
    /// [`IndexOutOfRange`] if there are not that many elements.
    pub const fn new(index: usize) -> Result<Self, IndexOutOfRange> {
        if index < K::COUNT as usize && index <= u16::MAX as usize {
            Ok(Self { index: index as u16, space: PhantomData })
        } else {
            Err(IndexOutOfRange { name: K::NAME, index, count: K::COUNT })
        }
    }

    /// Returns all indices in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..K::COUNT as usize).filter_map(|index| Self::new(index).ok())
    }

    /// Returns the index as a number.
    #[must_use]
    #[inline(always)]
    pub const fn get(self) -> usize {
        self.index as usize
    }

    /// Makes the index of [`index!`](crate::index): one out of range does not compile.
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub const fn constant(index: usize) -> Self {
        match Self::new(index) {
            Ok(index) => index,
            Err(error) => {
                let message = Message::new("there is no ").text(error.name).text(" ").number(index as u64);
                let message = match error.count.checked_sub(1) {
                    Some(last) => message.text(": they are numbered 0 to ").number(last as u64),
                    None => message.text(": there are none"),
                };
                panic!("{}", message.as_str())
            }
        }
    }
}

impl<K: IndexSpace> fmt::Debug for Index<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", K::NAME, self.index)
    }
}

impl<K: IndexSpace> fmt::Display for Index<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Makes a constant index, checked by the compiler.
///
/// ```
/// use datasheet_runtime::array::{Below, Index};
/// use datasheet_runtime::index;
/// let third = index!(Index<Below<8>>, 2);
/// assert_eq!(third.get(), 2);
/// ```
///
/// ```compile_fail
/// # use datasheet_runtime::array::{Below, Index};
/// # use datasheet_runtime::index;
/// index!(Index<Below<8>>, 8); // they are numbered 0 to 7
/// ```
#[macro_export]
macro_rules! index {
    ($space:ty, $index:expr) => {{
        // An item, and of this name, for the same reasons as in `value!`.
        const __DATASHEET_INDEX: $space = <$space>::constant($index);
        __DATASHEET_INDEX
    }};
}

/// A run of equally spaced registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Index of the first element.
    pub first: u32,
    /// Number of elements.
    pub count: u32,
    /// Offset of the first element in bytes.
    pub base: u32,
    /// Distance between elements in bytes.
    pub stride: u32,
}

/// The offsets of the elements of an array of registers of width `W` in space `S`: `N` ranges of equal strides.
#[derive(Debug)]
pub struct Array<K, S, W, const N: usize> {
    ranges: [Range; N],
    index: PhantomData<K>,
    place: PhantomData<(S, W)>,
}

impl<K: IndexSpace, S: Space, W: Width, const N: usize> Array<K, S, W, N> {
    /// Makes the constants of generated code: ranges that leave a gap in the index, or the space, do not compile.
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub const fn constant(ranges: [Range; N]) -> Self {
        let (mut at, mut next) = (0, 0);
        while at < N {
            let Range { first, count, base, stride } = ranges[at];
            assert!(first == next && count > 0 && stride.is_multiple_of(W::BYTES));
            // The first is inside, and so is the last: then all between them are.
            let last = base as u64 + (count as u64 - 1) * stride as u64;
            assert!(last <= u32::MAX as u64);
            let (_, _) = (Offset::<S, W>::constant(base), Offset::<S, W>::constant(last as u32));
            next = match first.checked_add(count) {
                Some(next) => next,
                None => panic!("an array has more elements than an index can number"),
            };
            at += 1;
        }
        assert!(next == K::COUNT);
        Self { ranges, index: PhantomData, place: PhantomData }
    }

    /// Returns the offset of element `index`.
    #[must_use]
    #[inline(always)]
    pub const fn offset(&self, index: Index<K>) -> Offset<S, W> {
        let index = index.index as u32;
        // Looking for the range first and then into it would read a table in memory for each access. In this form the
        // ranges become constants of the code. `constant` checked that every index ends up within the space.
        let (mut offset, mut at) = (0, 0);
        while at < N {
            let Range { first, base, stride, .. } = self.ranges[at];
            if index >= first {
                offset = base + (index - first) * stride;
            }
            at += 1;
        }
        Offset::inside(offset)
    }
}
