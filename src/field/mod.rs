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
///
/// # Safety
///
/// [`WRITABLE`](Self::WRITABLE) must have only bits that software may set. Which these are is for the description that the
/// type is generated from to say.
pub unsafe trait Layout: Copy + 'static {
    /// The datasheet's name.
    const NAME: &'static str;
    /// The bits of all fields that software may set, the low and the high 64.
    const WRITABLE: [u64; 2];
}

/// A field of the register or descriptor `R`.
///
/// # Safety
///
/// The `WIDTH` bits from bit `LSB` on must be a field of `R`, within one word of 64 bits: `WIDTH` is 1 to 64, and `LSB` is
/// below 32 in a register and below 128 in a descriptor.
#[diagnostic::on_unimplemented(message = "`{Self}` is not a field of `{R}`", label = "this is no field of `{R}`")]
pub unsafe trait Field<R>: Copy {
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
///
/// # Safety
///
/// Any code may set the field: [`BITS`](Self::BITS) must be its bits and no others, and [`encode`](Self::encode) must give
/// only values that the datasheet allows.
pub unsafe trait SetField<R, T>: Field<R> {
    /// The field's bits, as far as software may set them, the low and the high 64.
    const BITS: [u64; 2];
    /// The field's bits for `value`.
    ///
    /// # Errors
    ///
    /// [`ValueError`] if the datasheet does not allow the value.
    fn encode(self, value: T) -> Result<u64, ValueError>;
}

/// A field that every `T` fits in.
///
/// # Safety
///
/// Any code may set the field: [`BITS`](Self::BITS) must be its bits and no others, and [`bits`](Self::bits) must give only
/// values that the datasheet allows.
#[diagnostic::on_unimplemented(
    message = "field `{Self}` does not hold every value of this type",
    label = "the value may be more than fits here",
    note = "`try_with` checks the value, and says what does not fit; an address is a `DmaAddr`"
)]
pub unsafe trait Holds<T>: Copy {
    /// The field's bits, as far as software may set them, the low and the high 64.
    const BITS: [u64; 2];
    /// The field's bits for `value`.
    fn bits(self, value: T) -> u64;
}

/// A named value of the fields that have the values `E`: one of those, or one that an extension of the map adds.
///
/// # Safety
///
/// The datasheet must allow all values of the type in the fields that have the values `E`, and their bits must fit there.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value of this field",
    label = "the field's values are `{E}`",
    note = "a field's values are named in the module of its register"
)]
pub unsafe trait ValueOf<E>: Enumeration {}

// SAFETY: these are the field's own values.
unsafe impl<E: Enumeration> ValueOf<E> for E {}

/// The named values of a field.
///
/// # Safety
///
/// The type must be an enum without fields and with `#[repr(u32)]` or `#[repr(u64)]`, whose numbers are the values of the
/// field, and [`to_bits`](Self::to_bits) must give that number.
pub unsafe trait Enumeration: Copy + 'static {
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

/// The `width` bits from bit `lsb` on, as far as fields of kind `A` may set them.
const fn settable<R, A: access::Settable<R>>(lsb: u32, width: u32) -> [u64; 2] {
    let [low, high] = mask(lsb, width);
    [low & A::MAY_SET[0], high & A::MAY_SET[1]]
}
