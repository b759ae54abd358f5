//! Fields of registers and descriptors, and the values that are written to them.
//!
//! A field is a constant of its register's or descriptor's type: [`Bits`] (a number), [`Flag`] (one
//! bit), [`Enumerated`] (named values) or [`Address`] (of memory that the device accesses).
//! [`value!`](crate::value) makes a [`Value`] of constant fields and lets the compiler check each;
//! [`Value::try_with`] takes what is known only at run time.

pub mod access;
mod kinds;
mod value;

pub use kinds::{Address, Bits, Enumerated, Flag};
pub use value::{FullValue, Value, ValueError};

/// A register or a descriptor format: a type that has fields.
///
/// # Safety
///
/// [`WRITABLE`](Self::WRITABLE) must have only bits that software may set, as the description says that the type is
/// generated from.
pub unsafe trait Layout: Copy + 'static {
    /// The datasheet's name.
    const NAME: &'static str;
    /// The bits of all fields that software may set, as a low and a high word of 64 bits.
    const WRITABLE: [u64; 2];
}

/// A field of the register or descriptor `R`.
///
/// # Safety
///
/// The `WIDTH` bits from bit `LSB` on must be a field of `R`, within one word of 64 bits: `WIDTH` is 1 to 64, and `LSB`
/// is below the register's width, or below 128 in a descriptor. In a structure they are within eight bytes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a field of `{R}`",
    label = "belongs to another register or descriptor",
    note = "the fields of `{R}` are constants of the type `{R}`"
)]
pub unsafe trait Field<R>: Copy {
    /// The type that the field is read as.
    type Read;
    /// Lowest bit of the field.
    const LSB: u32;
    /// Number of bits.
    const WIDTH: u32;
    /// Returns the datasheet's name.
    fn name(self) -> &'static str;
    /// Returns the value that the bits `raw` stand for.
    fn decode(self, raw: u64) -> Self::Read;
}

/// A field that can be set to a `T` known at run time.
///
/// # Safety
///
/// Any code may set the field: [`BITS`](Self::BITS) must be its bits and no others, and [`encode`](Self::encode) must
/// give only values that the datasheet allows.
pub unsafe trait SetField<R, T>: Field<R> {
    /// The bits of the field that software may set, as a low and a high word of 64 bits.
    const BITS: [u64; 2];
    /// Returns the field's bits for `value`.
    ///
    /// # Errors
    ///
    /// [`ValueError`] if the datasheet does not allow the value.
    fn encode(self, value: T) -> Result<u64, ValueError>;
}

/// A field that every value of type `T` fits in.
///
/// # Safety
///
/// Any code may set the field: [`BITS`](Self::BITS) must be its bits and no others, and [`bits`](Self::bits) must give
/// only values that the datasheet allows.
#[diagnostic::on_unimplemented(
    message = "not every value of this type fits in field `{Self}`",
    label = "the value may be too large",
    note = "use `try_with`, which checks the value",
    note = "an address is a `DmaAddr`"
)]
pub unsafe trait AlwaysFits<T>: Copy {
    /// The bits of the field that software may set, as a low and a high word of 64 bits.
    const BITS: [u64; 2];
    /// Returns the field's bits for `value`.
    fn bits(self, value: T) -> u64;
}

/// A named value of the fields whose values are `E`: one of those, or one that an extension of the map adds.
///
/// # Safety
///
/// The datasheet must allow all values of the type in the fields that have the values `E`, and their bits must fit
/// there.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a value of this field",
    label = "expected a variant of `{E}`",
    note = "a field's values are in the module of its register"
)]
pub unsafe trait ValueOf<E>: Enumeration {}

// SAFETY: these are the field's own values.
unsafe impl<E: Enumeration> ValueOf<E> for E {}

/// The named values of a field.
///
/// # Safety
///
/// The type must be an enum without fields and with `#[repr(u32)]` or `#[repr(u64)]`, whose numbers are the values of
/// the field, and [`to_bits`](Self::to_bits) must give that number.
pub unsafe trait Enumeration: Copy + 'static {
    /// Returns the value with these bits, or `None` if the datasheet gives it no name.
    fn from_bits(raw: u64) -> Option<Self>;
    /// Returns the bits of this value.
    fn to_bits(self) -> u64;
}

pub(crate) const fn mask(lsb: u32, width: u32) -> [u64; 2] {
    let low = (if width >= 64 { u64::MAX } else { (1 << width) - 1 }) << (lsb % 64);
    if lsb < 64 { [low, 0] } else { [0, low] }
}

/// Returns the bits that fields of kind `A` may set, among the `width` bits that begin at bit `lsb`.
const fn settable<R, A: access::Settable<R>>(lsb: u32, width: u32) -> [u64; 2] {
    let [low, high] = mask(lsb, width);
    [low & A::MAY_SET[0], high & A::MAY_SET[1]]
}
