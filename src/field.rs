//! Fields of registers and descriptors, and the values that are written to them.
//!
//! A field is a constant of its register's or descriptor's type: [`Bits`] (a number), [`Flag`] (one
//! bit), [`Enumerated`] (named values) or [`Address`] (of memory that the device may reach).
//! [`value!`](crate::value) makes a [`Value`] of constant fields and lets the compiler check each;
//! [`Value::try_with`] takes what is known only at run time.

use core::fmt;
use core::marker::PhantomData;

use tock_registers::fields::Field as TockField;
use tock_registers::{LocalRegisterCopy, RegisterLongName};

use crate::descriptors::Descriptor;
use crate::dma::DmaAddr;
use crate::message::Message;

/// A register or a descriptor format: what has fields.
pub trait Layout: Copy + 'static {
    /// The datasheet's name.
    const NAME: &'static str;
    /// The bits of all fields that software may set, the low and the high 64.
    const WRITABLE: [u64; 2];
}

/// Access kinds of fields, as they appear in a field's type.
pub mod access {
    /// What a field allows.
    pub trait Access: Copy + 'static {}

    /// A field that software may set.
    #[diagnostic::on_unimplemented(
        message = "this field of `{R}` cannot be set: it is `{Self}`",
        label = "`{Self}` field of `{R}`",
        note = "`ReadOnly` and `ReadClears` fields are the device's; a `Fixed` one has a value that the datasheet prescribes, and every write sees to it by itself; a `Guarded` one decides over memory"
    )]
    pub trait Settable<R>: Access {}

    macro_rules! kinds {
        ($($(#[$doc:meta])* $name:ident: $($marker:ident)*;)*) => {$(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub enum $name {}
            impl Access for $name {}
            $(
                #[diagnostic::do_not_recommend]
                impl<R> $marker<R> for $name {}
            )*
        )*};
    }

    kinds! {
        /// Read and written freely.
        ReadWrite: Settable;
        /// Only read.
        ReadOnly:;
        /// Only written; reading gives nothing of meaning.
        WriteOnly: Settable;
        /// Reading clears it.
        ReadClears:;
        /// Writing a one clears it.
        WriteOneClears: Settable;
        /// Writing a one sets it, a zero does nothing.
        WriteOneSets: Settable;
        /// Set by software, cleared by the device when done.
        SelfClearing: Settable;
        /// Reading sets it.
        ReadSets: Settable;
        /// The datasheet prescribes its value; every write sees to it.
        Fixed:;
        /// An extension of the map says that it decides over memory, in a register that otherwise does not.
        Guarded:;
    }
}

use access::{Access, ReadWrite, Settable};

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

/// Why a value cannot be written to a field.
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
    /// Fields are missing in a value that must give every one.
    Incomplete {
        /// The register or descriptor.
        register: &'static str,
        /// The bits that no field was given for.
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

const fn mask(lsb: u32, width: u32) -> [u64; 2] {
    let low = (if width >= 64 { u64::MAX } else { (1 << width) - 1 }) << (lsb % 64);
    if lsb < 64 { [low, 0] } else { [0, low] }
}

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
    /// A value for no field at all.
    pub const EMPTY: Self = Self { mask: [0; 2], bits: [0; 2], layout: PhantomData };

    const fn of(lsb: u32, width: u32, raw: u64) -> Self {
        let shifted = raw << (lsb % 64);
        Self { mask: mask(lsb, width), bits: if lsb < 64 { [shifted, 0] } else { [0, shifted] }, layout: PhantomData }
    }

    /// For [`value!`](crate::value): two values for one field do not compile.
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

    /// This value and `value` for `field`.
    ///
    /// # Errors
    ///
    /// [`ValueError`] if the datasheet does not allow the value, or if the field has one already.
    #[inline]
    pub fn try_with<T, F: SetField<R, T>>(self, field: F, value: T) -> Result<Self, ValueError> {
        let set = Self::of(F::LSB, F::WIDTH, field.encode(value)?);
        if self.mask[0] & set.mask[0] != 0 || self.mask[1] & set.mask[1] != 0 {
            return Err(ValueError::SetTwice { register: R::NAME, field: field.name() });
        }
        Ok(self.replace(set))
    }

    /// This value with `field` set to `value`, whatever it was: for values that always fit.
    #[must_use]
    #[inline(always)]
    pub fn with<T, F: Holds<T> + Field<R>>(self, field: F, value: T) -> Self {
        self.replace(Self::of(F::LSB, F::WIDTH, field.bits(value)))
    }

    #[inline(always)]
    fn replace(self, set: Self) -> Self {
        Self {
            mask: [self.mask[0] | set.mask[0], self.mask[1] | set.mask[1]],
            bits: [(self.bits[0] & !set.mask[0]) | set.bits[0], (self.bits[1] & !set.mask[1]) | set.bits[1]],
            layout: PhantomData,
        }
    }

    /// The bits that this value gives, the low and the high 64.
    #[must_use]
    #[inline(always)]
    pub const fn mask(self) -> [u64; 2] {
        self.mask
    }

    /// The values of the bits in [`mask`](Self::mask); all others are 0.
    #[must_use]
    #[inline(always)]
    pub const fn bits(self) -> [u64; 2] {
        self.bits
    }

    /// The same value, if it gives every field.
    ///
    /// # Errors
    ///
    /// [`ValueError::Incomplete`] if a field is missing.
    pub const fn full(self) -> Result<Full<R>, ValueError> {
        let missing = R::WRITABLE[0] & !self.mask[0];
        if missing != 0 {
            return Err(ValueError::Incomplete { register: R::NAME, missing });
        }
        Ok(Full(self))
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

/// A [`Value`] that gives every field: what a register of unknown reset value is written with.
#[derive(Clone, Copy)]
pub struct Full<R>(pub(crate) Value<R>);

/// A constant value: every field checked by the compiler, in `cargo check` already.
///
/// ```
/// use ixgbe::{registers::SRRCTL, value};
/// let value = value!(SRRCTL { BSIZEPACKET: 2, DROP_EN: true });
/// assert_eq!(value.bits()[0], 0x1000_0002);
/// ```
///
/// ```compile_fail
/// # use ixgbe::{registers::SRRCTL, value};
/// value!(SRRCTL { BSIZEPACKET: 32 }); // the field has 5 bits, and the datasheet allows 1 to 16
/// ```
#[macro_export]
macro_rules! value {
    ($register:ty { $($field:ident: $value:expr),* $(,)? }) => {{
        #[allow(clippy::unnecessary_cast, trivial_numeric_casts)]
        const VALUE: $crate::field::Value<$register> = $crate::field::Value::<$register>::EMPTY
            $(.constant_and(stringify!($field), <$register>::$field.constant($value, ($value) as u64)))*;
        VALUE
    }};
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

/// A number of `WIDTH` bits from bit `LSB` on.
pub struct Bits<R, const LSB: u32, const WIDTH: u32, A = ReadWrite> {
    name: &'static str,
    min: u64,
    max: u64,
    kind: PhantomData<fn() -> (R, A)>,
}

/// One bit.
pub struct Flag<R, const LSB: u32, A = ReadWrite> {
    name: &'static str,
    kind: PhantomData<fn() -> (R, A)>,
}

/// `WIDTH` bits from bit `LSB` on whose values have names: those of `E`.
pub struct Enumerated<R, const LSB: u32, const WIDTH: u32, E, A = ReadWrite> {
    name: &'static str,
    register: PhantomData<fn() -> (R, A)>,
    values: PhantomData<fn() -> E>,
}

/// The 64-bit address, from bit `LSB` on, of memory that the device may reach.
pub struct Address<R, const LSB: u32> {
    name: &'static str,
    kind: PhantomData<fn() -> R>,
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

impl<R, const LSB: u32, const WIDTH: u32, A> Clone for Bits<R, LSB, WIDTH, A> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R, const LSB: u32, const WIDTH: u32, A> Copy for Bits<R, LSB, WIDTH, A> {}
impl<R, const LSB: u32, A> Clone for Flag<R, LSB, A> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R, const LSB: u32, A> Copy for Flag<R, LSB, A> {}
impl<R, const LSB: u32, const WIDTH: u32, E, A> Clone for Enumerated<R, LSB, WIDTH, E, A> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R, const LSB: u32, const WIDTH: u32, E, A> Copy for Enumerated<R, LSB, WIDTH, E, A> {}
impl<R, const LSB: u32> Clone for Address<R, LSB> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R, const LSB: u32> Copy for Address<R, LSB> {}

impl<R: Layout, const LSB: u32, const WIDTH: u32, A: Access> Bits<R, LSB, WIDTH, A> {
    /// The field `name`, any value of which is allowed.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self::ranged(name, 0, mask(0, WIDTH)[0])
    }

    /// The field `name`, whose values the datasheet limits to `min` to `max`.
    #[must_use]
    pub const fn ranged(name: &'static str, min: u64, max: u64) -> Self {
        Self { name, min, max, kind: PhantomData }
    }

    /// For [`value!`](crate::value): what does not fit does not compile.
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub const fn constant(self, _typed: u64, raw: u64) -> Value<R>
    where
        A: Settable<R>,
    {
        if raw < self.min || raw > self.max {
            let message = Message::new(R::NAME).text(".").text(self.name).text(" cannot be ").number(raw);
            panic!("{}", message.text(": it takes ").number(self.min).text(" to ").number(self.max).as_str());
        }
        Value::of(LSB, WIDTH, raw)
    }
}

impl<R: Layout, const LSB: u32, A: Access> Flag<R, LSB, A> {
    /// The flag `name`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, kind: PhantomData }
    }

    /// For [`value!`](crate::value).
    #[doc(hidden)]
    #[must_use]
    pub const fn constant(self, _typed: bool, raw: u64) -> Value<R>
    where
        A: Settable<R>,
    {
        Value::of(LSB, 1, raw)
    }
}

impl<R: Layout, const LSB: u32, const WIDTH: u32, E: Copy, A: Access> Enumerated<R, LSB, WIDTH, E, A> {
    /// The field `name`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, register: PhantomData, values: PhantomData }
    }

    /// The same field, whose value is read as one of `V`: those that an extension of the map adds.
    #[must_use]
    pub const fn values<V: ValueOf<E>>(self) -> Enumerated<R, LSB, WIDTH, V, A> {
        Enumerated { name: self.name, register: PhantomData, values: PhantomData }
    }

    /// For [`value!`](crate::value): a value of another enumeration does not compile.
    #[doc(hidden)]
    #[must_use]
    pub const fn constant<V: ValueOf<E>>(self, _typed: V, raw: u64) -> Value<R>
    where
        A: Settable<R>,
    {
        Value::of(LSB, WIDTH, raw & mask(0, WIDTH)[0])
    }
}

impl<R: Layout, const LSB: u32> Address<R, LSB> {
    /// The address field `name`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, kind: PhantomData }
    }
}

impl<R: Layout, const LSB: u32, const WIDTH: u32, A: Access> Field<R> for Bits<R, LSB, WIDTH, A> {
    type Read = u64;
    const LSB: u32 = LSB;
    const WIDTH: u32 = WIDTH;

    fn name(self) -> &'static str {
        self.name
    }

    #[inline(always)]
    fn decode(self, raw: u64) -> u64 {
        raw
    }
}

impl<R: Layout, const LSB: u32, A: Access> Field<R> for Flag<R, LSB, A> {
    type Read = bool;
    const LSB: u32 = LSB;
    const WIDTH: u32 = 1;

    fn name(self) -> &'static str {
        self.name
    }

    #[inline(always)]
    fn decode(self, raw: u64) -> bool {
        raw != 0
    }
}

impl<R: Layout, const LSB: u32, const WIDTH: u32, E: Enumeration, A: Access> Field<R>
    for Enumerated<R, LSB, WIDTH, E, A>
{
    type Read = Option<E>;
    const LSB: u32 = LSB;
    const WIDTH: u32 = WIDTH;

    fn name(self) -> &'static str {
        self.name
    }

    #[inline(always)]
    fn decode(self, raw: u64) -> Option<E> {
        E::from_bits(raw)
    }
}

impl<R: Layout, const LSB: u32> Field<R> for Address<R, LSB> {
    type Read = u64;
    const LSB: u32 = LSB;
    const WIDTH: u32 = 64;

    fn name(self) -> &'static str {
        self.name
    }

    #[inline(always)]
    fn decode(self, raw: u64) -> u64 {
        raw
    }
}

impl<R: Layout, const LSB: u32, const WIDTH: u32, A: Settable<R>> SetField<R, u64> for Bits<R, LSB, WIDTH, A> {
    #[inline]
    fn encode(self, value: u64) -> Result<u64, ValueError> {
        if value < self.min || value > self.max {
            let Self { name, min, max, .. } = self;
            return Err(ValueError::OutOfRange { register: R::NAME, field: name, min, max, value });
        }
        Ok(value)
    }
}

impl<R: Layout, const LSB: u32, A: Settable<R>> SetField<R, bool> for Flag<R, LSB, A> {
    #[inline]
    fn encode(self, value: bool) -> Result<u64, ValueError> {
        Ok(u64::from(value))
    }
}

impl<R: Layout, const LSB: u32, const WIDTH: u32, E: Enumeration, V: ValueOf<E>, A: Settable<R>> SetField<R, V>
    for Enumerated<R, LSB, WIDTH, E, A>
{
    #[inline]
    fn encode(self, value: V) -> Result<u64, ValueError> {
        let (value, max) = (value.to_bits(), mask(0, WIDTH)[0]);
        if value > max {
            return Err(ValueError::OutOfRange { register: R::NAME, field: self.name, min: 0, max, value });
        }
        Ok(value)
    }
}

impl<R: Layout, const LSB: u32, A: Settable<R>> Holds<bool> for Flag<R, LSB, A> {
    #[inline(always)]
    fn bits(self, value: bool) -> u64 {
        u64::from(value)
    }
}

impl<R: Layout, const LSB: u32, const WIDTH: u32, E: Enumeration, A: Settable<R>> Holds<E>
    for Enumerated<R, LSB, WIDTH, E, A>
{
    #[inline(always)]
    fn bits(self, value: E) -> u64 {
        value.to_bits()
    }
}

impl<R: Layout, const LSB: u32> Holds<DmaAddr> for Address<R, LSB> {
    #[inline(always)]
    fn bits(self, value: DmaAddr) -> u64 {
        value.get()
    }
}

macro_rules! holds {
    ($type:ty: $($width:literal)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<R: Descriptor, const LSB: u32, A: Settable<R>> Holds<$type> for Bits<R, LSB, $width, A> {
            #[inline(always)]
            fn bits(self, value: $type) -> u64 {
                u64::from(value)
            }
        }
    )*};
}

// A number fits every field at least as wide. The widths are those that descriptors have;
// registers' fields may have a narrower range than their width, and take `try_with`.
holds!(u8: 8 10 16 18 32 64);
holds!(u16: 16 18 32 64);
holds!(u32: 32 64);
holds!(u64: 64);

impl<R: Layout + RegisterLongName, const LSB: u32, const WIDTH: u32, A: Access> From<Bits<R, LSB, WIDTH, A>>
    for TockField<u32, R>
{
    fn from(_: Bits<R, LSB, WIDTH, A>) -> Self {
        Self::new(mask(0, WIDTH)[0] as u32, LSB as usize)
    }
}

impl<R: Layout + RegisterLongName, const LSB: u32, A: Access> From<Flag<R, LSB, A>> for TockField<u32, R> {
    fn from(_: Flag<R, LSB, A>) -> Self {
        Self::new(1, LSB as usize)
    }
}

impl<R: Layout + RegisterLongName, const LSB: u32, const WIDTH: u32, E, A: Access> From<Enumerated<R, LSB, WIDTH, E, A>>
    for TockField<u32, R>
{
    fn from(_: Enumerated<R, LSB, WIDTH, E, A>) -> Self {
        Self::new(mask(0, WIDTH)[0] as u32, LSB as usize)
    }
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
