//! Values for fields, and the errors of values.

use core::fmt;
use core::marker::PhantomData;

use super::{AlwaysFits, Field, Layout, SetField};
use crate::message::Message;

/// The reason why a value cannot be written to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueError {
    /// The value is outside what the field can hold or the datasheet allows.
    OutOfRange {
        /// The register or descriptor.
        register: &'static str,
        /// Its field.
        field: &'static str,
        /// The least value allowed.
        min: u64,
        /// The greatest value allowed.
        max: u64,
        /// The value given.
        value: u64,
    },
    /// The field was given a value before.
    SetTwice {
        /// The register or descriptor.
        register: &'static str,
        /// Its field.
        field: &'static str,
    },
    /// Fields are missing in a value that must name every field.
    Incomplete {
        /// The register or descriptor.
        register: &'static str,
        /// The bits of the missing fields.
        missing: u64,
    },
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::OutOfRange { register, field, min, max, value } => {
                write!(f, "{register}.{field} cannot be {value}: it takes {min} to {max}")
            }
            Self::SetTwice { register, field } => write!(f, "{register}.{field} is given two values"),
            Self::Incomplete { register, missing } => write!(
                f,
                "{register} has no known reset value, so every field must be given: bits {missing:#x} are missing"
            ),
        }
    }
}

impl core::error::Error for ValueError {}

/// Values for some fields of `R`; the others stay as they are, or take their reset value.
pub struct Value<R> {
    mask: [u64; 2],
    bits: [u64; 2],
    layout: PhantomData<fn() -> R>,
}

impl<R> Clone for Value<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Value<R> {}

impl<R: Layout> Value<R> {
    /// The value that names no field.
    pub const EMPTY: Self = Self { mask: [0; 2], bits: [0; 2], layout: PhantomData };

    /// Returns the value that names the bits `mask`, with the contents of `raw` shifted to bit `lsb`.
    #[inline(always)]
    pub(crate) const fn of(mask: [u64; 2], lsb: u32, raw: u64) -> Self {
        let shifted = raw << (lsb % 64);
        let bits = if lsb < 64 { [shifted & mask[0], 0] } else { [0, shifted & mask[1]] };
        Self { mask, bits, layout: PhantomData }
    }

    /// Returns a value that names every field that software may set, with the field's contents in `bits`.
    #[inline(always)]
    pub(crate) const fn whole(bits: u64) -> Self {
        Self { mask: R::WRITABLE, bits: [bits & R::WRITABLE[0], 0], layout: PhantomData }
    }

    /// Joins two values for [`value!`](crate::value): two values for one field do not compile.
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub const fn constant_and(self, field: &str, other: Self) -> Self {
        if self.mask[0] & other.mask[0] != 0 || self.mask[1] & other.mask[1] != 0 {
            panic!("{}", Message::new(R::NAME).text(".").text(field).text(" is given two values").as_str());
        }
        Self {
            mask: [self.mask[0] | other.mask[0], self.mask[1] | other.mask[1]],
            bits: [self.bits[0] | other.bits[0], self.bits[1] | other.bits[1]],
            layout: PhantomData,
        }
    }

    /// Returns this value with `field` set to `value` as well.
    ///
    /// # Errors
    ///
    /// [`ValueError`] if the datasheet does not allow the value, or if the field has one already.
    #[inline]
    pub fn try_with<T, F: SetField<R, T>>(self, field: F, value: T) -> Result<Self, ValueError> {
        let set = Self::of(F::BITS, F::LSB, field.encode(value)?);
        if self.mask[0] & set.mask[0] != 0 || self.mask[1] & set.mask[1] != 0 {
            return Err(ValueError::SetTwice { register: R::NAME, field: field.name() });
        }
        Ok(self.replace(set))
    }

    /// Returns this value with `field` set to `value`, whatever it was before: for values that always fit.
    #[must_use]
    #[inline(always)]
    pub fn with<T, F: AlwaysFits<T> + Field<R>>(self, field: F, value: T) -> Self {
        self.replace(Self::of(F::BITS, F::LSB, field.bits(value)))
    }

    #[inline(always)]
    fn replace(self, set: Self) -> Self {
        Self {
            mask: [self.mask[0] | set.mask[0], self.mask[1] | set.mask[1]],
            bits: [(self.bits[0] & !set.mask[0]) | set.bits[0], (self.bits[1] & !set.mask[1]) | set.bits[1]],
            layout: PhantomData,
        }
    }

    /// Returns the bits of the fields that this value names, as a low and a high word of 64 bits.
    #[must_use]
    #[inline(always)]
    pub const fn mask(self) -> [u64; 2] {
        self.mask
    }

    /// Returns the values of the bits in [`mask`](Self::mask); all others are 0.
    #[must_use]
    #[inline(always)]
    pub const fn bits(self) -> [u64; 2] {
        self.bits
    }

    /// Returns the value as a [`FullValue`], which names every field.
    ///
    /// # Errors
    ///
    /// [`ValueError::Incomplete`] if a field is missing.
    pub const fn full(self) -> Result<FullValue<R>, ValueError> {
        let missing = R::WRITABLE[0] & !self.mask[0];
        if missing != 0 {
            return Err(ValueError::Incomplete { register: R::NAME, missing });
        }
        Ok(FullValue(self))
    }
}

impl<R: Layout> fmt::Debug for Value<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:#x}/{:#x}", R::NAME, self.bits[0], self.mask[0])?;
        if self.mask[1] != 0 {
            write!(f, ", {:#x}/{:#x}", self.bits[1], self.mask[1])?;
        }
        f.write_str(")")
    }
}

/// A [`Value`] that names every field, as a write of a register with an unknown reset value needs.
#[derive(Debug, Clone, Copy)]
pub struct FullValue<R: Layout>(pub(crate) Value<R>);

/// Makes a constant value. The compiler checks each field, even in `cargo check`.
///
/// ```
/// use datasheet_runtime::value;
/// use uart_16550::registers::{MCR, SCR};
/// let value = value!(MCR { DTR: true, RTS: true });
/// assert_eq!(value.bits()[0], 0b11);
/// ```
///
/// ```compile_fail
/// # use datasheet_runtime::value;
/// # use uart_16550::registers::SCR;
/// value!(SCR { SCRATCH: 256 }); // the field has 8 bits
/// ```
#[macro_export]
macro_rules! value {
    ($register:ty { $($field:ident: $value:expr),* $(,)? }) => {{
        // An item, because `cargo check` evaluates items, and skips inline `const { .. }` blocks. The caller's expressions
        // see the item's name, so it must be one that no caller uses.
        const __DATASHEET_VALUE: $crate::field::Value<$register> = $crate::field::Value::<$register>::EMPTY
            $(.constant_and(::core::stringify!($field), <$register>::$field.constant($value)))*;
        __DATASHEET_VALUE
    }};
}
