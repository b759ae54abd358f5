//! Structures of bytes, such as headers: of any length, and with a tail that may be missing.
//!
//! The generator makes a type for each structure of a description, whose fields are constants. [`Bytes`] reads and
//! writes them in a slice.
//!
//! ```
//! # use datasheet_runtime::field::{Bits, Flag, Layout};
//! # use datasheet_runtime::structure::{Bytes, Structure, Tail};
//! # #[derive(Clone, Copy)]
//! # pub enum Header {}
//! # impl Header {
//! #     pub const URGENT: Flag<Header, 0> = unsafe { Flag::new("URGENT") };
//! #     pub const LENGTH: Bits<Header, 8, 16> = unsafe { Bits::new("LENGTH") };
//! #     pub const STAMP: Tail<Bits<Header, 24, 32>> = Tail::new(unsafe { Bits::new("STAMP") });
//! # }
//! # unsafe impl Layout for Header {
//! #     const NAME: &'static str = "Header";
//! #     const WRITABLE: [u64; 2] = [0xFF_FFFF_FFFF_FF01, 0];
//! # }
//! # impl Structure for Header {
//! #     const LEAST: usize = 3;
//! #     const BIG_ENDIAN: bool = true;
//! # }
//! let mut packet = [0; 64];
//! let mut header = Bytes::<Header, _>::new(&mut packet[..3]).ok_or("too short")?;
//! header.set(Header::LENGTH, 60)?;
//! assert_eq!((header.get(Header::LENGTH), header.get(Header::URGENT)), (60, false));
//! assert_eq!(header.get_tail(Header::STAMP), None);
//! assert_eq!(packet[..3], [0, 0, 60]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::marker::PhantomData;

use crate::field::{Field, Layout, SetField, ValueError};

/// A structure of bytes.
pub trait Structure: Layout {
    /// The number of bytes that are never missing.
    const LEAST: usize;
    /// `true` if the most significant byte of a field is the first one.
    const BIG_ENDIAN: bool;
}

/// A field in the tail of a structure, which may be missing.
#[derive(Debug, Clone, Copy)]
pub struct Tail<F>(F);

impl<F> Tail<F> {
    /// Makes a field of the tail, for generated code.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(field: F) -> Self {
        Self(field)
    }
}

/// The bytes `B` of the structure `S`.
///
/// It has the fields of the tail that end inside the bytes.
#[derive(Debug, Clone, Copy)]
pub struct Bytes<S, B> {
    bytes: B,
    structure: PhantomData<fn() -> S>,
}

impl<S: Structure, B: AsRef<[u8]>> Bytes<S, B> {
    /// Takes bytes that begin with the structure, or returns `None` if there are fewer than [`Structure::LEAST`].
    #[must_use]
    pub fn new(bytes: B) -> Option<Self> {
        (bytes.as_ref().len() >= S::LEAST).then_some(Self { bytes, structure: PhantomData })
    }

    /// Returns the value of a field.
    #[must_use]
    #[inline]
    pub fn get<F: Field<S>>(&self, field: F) -> F::Read {
        // A generated field is inside the bytes that are never missing.
        field.decode(self.raw::<F>().unwrap_or(0))
    }

    /// Returns the value of a field of the tail, or `None` if the structure ends before the field does.
    #[must_use]
    #[inline]
    pub fn get_tail<F: Field<S>>(&self, field: Tail<F>) -> Option<F::Read> {
        Some(field.0.decode(self.raw::<F>()?))
    }

    fn raw<F: Field<S>>(&self) -> Option<u64> {
        let number = number::<S>(self.bytes.as_ref().get(place::<S, F>())?);
        Some(number >> (F::LSB % 8) & mask::<S, F>())
    }
}

impl<S: Structure, B: AsRef<[u8]> + AsMut<[u8]>> Bytes<S, B> {
    /// Sets a field, and leaves the others as they are.
    ///
    /// # Errors
    ///
    /// [`ValueError`] if the description does not allow the value. The bytes are unchanged then.
    #[inline]
    pub fn set<T, F: SetField<S, T>>(&mut self, field: F, value: T) -> Result<(), ValueError> {
        self.write::<F>(field.encode(value)?);
        Ok(())
    }

    /// Sets a field of the tail. Returns `None` and changes nothing if the structure ends before the field does.
    ///
    /// # Errors
    ///
    /// [`ValueError`] if the description does not allow the value. The bytes are unchanged then.
    #[inline]
    pub fn set_tail<T, F: SetField<S, T>>(&mut self, field: Tail<F>, value: T) -> Option<Result<(), ValueError>> {
        let value = field.0.encode(value);
        if self.bytes.as_ref().len() < place::<S, F>().end {
            return None;
        }
        Some(value.map(|value| self.write::<F>(value)))
    }

    fn write<F: Field<S>>(&mut self, value: u64) {
        let (shift, mask) = (F::LSB % 8, mask::<S, F>());
        let Some(bytes) = self.bytes.as_mut().get_mut(place::<S, F>()) else { return };
        let number = number::<S>(bytes) & !(mask << shift) | (value & mask) << shift;
        let last = bytes.len().saturating_sub(1);
        for (at, byte) in bytes.iter_mut().enumerate() {
            let significance = if S::BIG_ENDIAN { last - at } else { at };
            // The low byte of the number, moved down.
            *byte = (number >> (significance * 8)) as u8;
        }
    }
}

/// Returns the bytes that a field has bits in.
const fn place<S, F: Field<S>>() -> core::ops::Range<usize> {
    (F::LSB / 8) as usize..(F::LSB + F::WIDTH).div_ceil(8) as usize
}

/// Returns as many ones as a field has bits.
const fn mask<S, F: Field<S>>() -> u64 {
    u64::MAX >> (64 - F::WIDTH)
}

/// Returns at most eight bytes as a number.
fn number<S: Structure>(bytes: &[u8]) -> u64 {
    let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    if S::BIG_ENDIAN { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
}
