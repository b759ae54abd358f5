//! Register spaces, the widths of registers, and offsets that are always inside their space.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;

use crate::info::RegisterInfo;

/// A region of registers that one bus accesses: a BAR, a block of a system on chip, a range of I/O ports.
///
/// The generator makes one type for each block of a description, `RegisterSpace`.
pub trait Space: Copy + 'static {
    /// Size in bytes. Every register of the space ends below it.
    const SIZE: u32;
    /// The registers of the space, as data.
    const REGISTERS: &'static [RegisterInfo];
    /// The byte order of the registers in memory.
    type ByteOrder: ByteOrder;
    /// Number of values that the registers hold: one for each element of an array, behind a window for each index.
    const ELEMENTS: usize = crate::info::elements(Self::REGISTERS);
    /// Width of the widest register in bytes: the space begins at a multiple of it.
    const ALIGNMENT: u32 = crate::info::alignment(Self::REGISTERS);
}

/// The byte order of registers in memory.
pub trait ByteOrder: 'static {
    /// Returns the value as it stands in memory and, given that, the value.
    fn order<W: Width>(value: W) -> W;
}

/// The least significant byte is at the lowest address, as PCI has it.
#[derive(Debug, Clone, Copy)]
pub enum LittleEndian {}

/// The most significant byte is at the lowest address.
#[derive(Debug, Clone, Copy)]
pub enum BigEndian {}

impl ByteOrder for LittleEndian {
    #[inline(always)]
    fn order<W: Width>(value: W) -> W {
        value.little_endian()
    }
}

impl ByteOrder for BigEndian {
    #[inline(always)]
    fn order<W: Width>(value: W) -> W {
        value.big_endian()
    }
}

mod sealed {
    pub trait Sealed {}
}

/// An integer that a register can be: `u8`, `u16`, `u32` or `u64`.
pub trait Width: sealed::Sealed + Copy + Eq + fmt::Debug + fmt::LowerHex + Into<u64> + 'static {
    /// Size in bytes.
    const BYTES: u32;
    /// Returns the low bits of `value`.
    fn truncate(value: u64) -> Self;
    /// Converts between a value and its representation in little-endian memory, in either direction.
    #[must_use]
    fn little_endian(self) -> Self;
    /// Converts between a value and its representation in big-endian memory, in either direction.
    #[must_use]
    fn big_endian(self) -> Self;
}

macro_rules! widths {
    ($($integer:ty)*) => {$(
        impl sealed::Sealed for $integer {}
        impl Width for $integer {
            const BYTES: u32 = size_of::<$integer>() as u32;

            #[inline(always)]
            fn truncate(value: u64) -> Self {
                value as $integer
            }

            #[inline(always)]
            fn little_endian(self) -> Self {
                self.to_le()
            }

            #[inline(always)]
            fn big_endian(self) -> Self {
                self.to_be()
            }
        }
    )*};
}

widths!(u8 u16 u32 u64);

/// The offset of a register of width `W` in the space `S`, in bytes from the start of the space.
///
/// An offset is a multiple of the width, and the register ends inside the space, which has registers of that width or
/// of a greater one. So no access checks it again.
pub struct Offset<S, W = u32> {
    bytes: u32,
    kind: PhantomData<fn() -> (S, W)>,
}

impl<S: Space, W: Width> Offset<S, W> {
    /// Returns the offset `bytes`, or `None` if no register of this width can be there.
    #[must_use]
    pub const fn new(bytes: u32) -> Option<Self> {
        match bytes.checked_add(W::BYTES) {
            Some(end) if end <= S::SIZE && bytes.is_multiple_of(W::BYTES) && W::BYTES <= S::ALIGNMENT => {
                Some(Self::inside(bytes))
            }
            _ => None,
        }
    }

    /// Makes the constants of generated code: an offset outside the space does not compile.
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub const fn constant(bytes: u32) -> Self {
        match Self::new(bytes) {
            Some(offset) => offset,
            None => panic!("no register can be at this offset: it is misaligned, or ends outside of the space"),
        }
    }

    /// Returns the offset `bytes`, which the caller has checked.
    #[inline(always)]
    pub(crate) const fn inside(bytes: u32) -> Self {
        Self { bytes, kind: PhantomData }
    }
}

impl<S, W> Offset<S, W> {
    /// Returns the offset in bytes from the start of the space.
    #[must_use]
    #[inline(always)]
    pub const fn bytes(self) -> u32 {
        self.bytes
    }
}

impl<S, W> Clone for Offset<S, W> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, W> Copy for Offset<S, W> {}

impl<S, W> PartialEq for Offset<S, W> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<S, W> Eq for Offset<S, W> {}

impl<S, W> Hash for Offset<S, W> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl<S, W> fmt::Debug for Offset<S, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#07x}", self.bytes)
    }
}
