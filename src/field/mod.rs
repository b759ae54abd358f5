//! Fields of registers and descriptors, and the values that are written to them.
//!
//! A field is a constant of its register's or descriptor's type: [`Bits`] (a number), [`Flag`] (one
//! bit), [`Enumerated`] (named values) or [`Address`] (of memory that the device may reach).
//! [`value!`](crate::value) makes a [`Value`] of constant fields and lets the compiler check each;
//! [`Value::try_with`] takes what is known only at run time.

pub mod access;
mod kinds;
mod value;

use tock_registers::{LocalRegisterCopy, RegisterLongName};

pub use kinds::{Address, Bits, Enumerated, Flag};
pub use value::{Full, Value, ValueError};

/// A register or a descriptor format: what has fields.
pub trait Layout: Copy + 'static {
    /// The datasheet's name.
    const NAME: &'static str;
    /// The bits of all fields that software may set, the low and the high 64.
    const WRITABLE: [u64; 2];
}

/// A field of the register or descriptor `R`.
#[diagnostic::on_unimplemented(message = "`{Self}` is not a field of `{R}`", label = "this is no field of `{R}`")]
pub trait Field<R>: Copy {
    /// What reading the field gives.
    type Read;
    /// Lowest bit of the field.
    const LSB: u32;
    /// Number of bits.
    const WIDTH: u32;
    /// The datasheet's name.
    fn name(self) -> &'static str;
    /// The field's meaning, from its bits.
    fn decode(self, raw: u64) -> Self::Read;
}

/// A field that can be set to a `T` known at run time.
pub trait SetField<R, T>: Field<R> {
    /// The field's bits for `value`.
    ///
    /// # Errors
    ///
    /// [`ValueError`] if the datasheet does not allow the value.
    fn encode(self, value: T) -> Result<u64, ValueError>;
}

/// A field that every `T` fits in.
#[diagnostic::on_unimplemented(
    message = "field `{Self}` does not hold every value of this type",
    label = "the value may be more than fits here",
    note = "`try_with` checks the value, and says what does not fit; an address is a `DmaAddr`"
)]
pub trait Holds<T>: Copy {
    /// The field's bits for `value`.
    fn bits(self, value: T) -> u64;
}

/// A named value of the fields that have the values `E`: one of those, or one that an extension of the map adds.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value of this field",
    label = "the field's values are `{E}`",
    note = "a field's values are named in the module of its register"
)]
pub trait ValueOf<E>: Enumeration {}

impl<E: Enumeration> ValueOf<E> for E {}

/// The named values of a field.
pub trait Enumeration: Copy + 'static {
    /// The value of those bits, or `None` if the datasheet gives them no name.
    fn from_bits(raw: u64) -> Option<Self>;
    /// The bits of this value.
    fn to_bits(self) -> u64;
}

/// Reads typed fields out of what was read from a register.
pub trait Fields<R> {
    /// The value of `field`.
    fn field<F: Field<R>>(&self, field: F) -> F::Read;
}

impl<R: RegisterLongName> Fields<R> for LocalRegisterCopy<u32, R> {
    #[inline(always)]
    fn field<F: Field<R>>(&self, field: F) -> F::Read {
        field.decode((u64::from(self.get()) >> F::LSB) & mask(0, F::WIDTH)[0])
    }
}

const fn mask(lsb: u32, width: u32) -> [u64; 2] {
    let low = (if width >= 64 { u64::MAX } else { (1 << width) - 1 }) << (lsb % 64);
    if lsb < 64 { [low, 0] } else { [0, low] }
}
