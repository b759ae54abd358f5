//! The kinds of fields.

use core::marker::PhantomData;

use super::access::{ReadWrite, Settable};
use super::{AlwaysFits, Enumeration, Field, Layout, SetField, Value, ValueError, ValueOf, mask, settable};
use crate::address::DmaAddr;
use crate::descriptor::DescriptorFormat;
use crate::message::Message;

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

/// A field of `WIDTH` bits from bit `LSB` on, whose values are named by `E`.
pub struct Enumerated<R, const LSB: u32, const WIDTH: u32, E, A = ReadWrite> {
    name: &'static str,
    register: PhantomData<fn() -> (R, A)>,
    values: PhantomData<fn() -> E>,
}

/// The 64-bit address, from bit `LSB` on, of memory that the device may access.
pub struct Address<R, const LSB: u32> {
    name: &'static str,
    kind: PhantomData<fn() -> R>,
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

impl<R: Layout, const LSB: u32, const WIDTH: u32, A> Bits<R, LSB, WIDTH, A> {
    /// Makes the field `name`, which takes any value that fits, for generated code.
    ///
    /// # Safety
    ///
    /// The description that `R` is generated from must have this field, with these bits and of this kind.
    #[doc(hidden)]
    #[must_use]
    pub const unsafe fn new(name: &'static str) -> Self {
        Self { name, min: 0, max: mask(0, WIDTH)[0], kind: PhantomData }
    }

    /// Makes the field `name`, whose values the datasheet limits to `min` to `max`, for generated code.
    ///
    /// # Safety
    ///
    /// The description that `R` is generated from must have this field, with these bits and of this kind.
    #[doc(hidden)]
    #[must_use]
    pub const unsafe fn ranged(name: &'static str, min: u64, max: u64) -> Self {
        Self { name, min, max, kind: PhantomData }
    }

    /// Makes the value of [`value!`](crate::value): one that does not fit does not compile.
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub const fn constant(self, value: u64) -> Value<R>
    where
        A: Settable<R>,
    {
        if value < self.min || value > self.max {
            let message = Message::new(R::NAME).text(".").text(self.name).text(" cannot be ").number(value);
            panic!("{}", message.text(": it takes ").number(self.min).text(" to ").number(self.max).as_str());
        }
        Value::of(settable::<R, A>(LSB, WIDTH), LSB, value)
    }
}

impl<R: Layout, const LSB: u32, A> Flag<R, LSB, A> {
    /// Makes the flag `name`, for generated code.
    ///
    /// # Safety
    ///
    /// The description that `R` is generated from must have this field, with these bits and of this kind.
    #[doc(hidden)]
    #[must_use]
    pub const unsafe fn new(name: &'static str) -> Self {
        Self { name, kind: PhantomData }
    }

    /// Makes the value of [`value!`](crate::value).
    #[doc(hidden)]
    #[must_use]
    pub const fn constant(self, value: bool) -> Value<R>
    where
        A: Settable<R>,
    {
        Value::of(settable::<R, A>(LSB, 1), LSB, value as u64)
    }
}

impl<R: Layout, const LSB: u32, const WIDTH: u32, E: Copy, A> Enumerated<R, LSB, WIDTH, E, A> {
    /// Makes the field `name`, for generated code.
    ///
    /// # Safety
    ///
    /// The description that `R` is generated from must have this field, with these bits and of this kind. The variants
    /// of `E` must be the field's named values.
    #[doc(hidden)]
    #[must_use]
    pub const unsafe fn new(name: &'static str) -> Self {
        Self { name, register: PhantomData, values: PhantomData }
    }

    /// Returns the same field, read as one of the values `V` that an extension of the map adds.
    #[must_use]
    pub const fn values<V: ValueOf<E>>(self) -> Enumerated<R, LSB, WIDTH, V, A> {
        Enumerated { name: self.name, register: PhantomData, values: PhantomData }
    }

    /// Makes the value of [`value!`](crate::value): one of another enumeration does not compile.
    #[doc(hidden)]
    #[must_use]
    pub const fn constant<V: ValueOf<E>>(self, value: V) -> Value<R>
    where
        A: Settable<R>,
    {
        Value::of(settable::<R, A>(LSB, WIDTH), LSB, number(value))
    }
}

/// Returns the bits of `value`, also in a constant, where no method of a trait can be called.
const fn number<E: Enumeration>(value: E) -> u64 {
    // SAFETY: an `Enumeration` is an enum without fields that is represented by its number, of this size.
    unsafe {
        match size_of::<E>() {
            4 => core::mem::transmute_copy::<E, u32>(&value) as u64,
            8 => core::mem::transmute_copy::<E, u64>(&value),
            _ => panic!("a field's values are an enum of 32 or 64 bits"),
        }
    }
}

impl<R: Layout, const LSB: u32> Address<R, LSB> {
    /// Makes the address field `name`, for generated code.
    ///
    /// # Safety
    ///
    /// The description that `R` is generated from must have this field, with these bits and of this kind.
    #[doc(hidden)]
    #[must_use]
    pub const unsafe fn new(name: &'static str) -> Self {
        Self { name, kind: PhantomData }
    }
}

// SAFETY: the field's constructor requires that the description has it.
unsafe impl<R: Layout, const LSB: u32, const WIDTH: u32, A> Field<R> for Bits<R, LSB, WIDTH, A> {
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

// SAFETY: the field's constructor requires that the description has it.
unsafe impl<R: Layout, const LSB: u32, A> Field<R> for Flag<R, LSB, A> {
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

// SAFETY: the field's constructor requires that the description has it.
unsafe impl<R: Layout, const LSB: u32, const WIDTH: u32, E: Enumeration, A> Field<R>
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

// SAFETY: the field's constructor requires that the description has it.
unsafe impl<R: Layout, const LSB: u32> Field<R> for Address<R, LSB> {
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

// SAFETY: these are the bits of the field, which any code may set, and `encode` lets only such values through.
unsafe impl<R: Layout, const LSB: u32, const WIDTH: u32, A: Settable<R>> SetField<R, u64> for Bits<R, LSB, WIDTH, A> {
    const BITS: [u64; 2] = settable::<R, A>(LSB, WIDTH);

    #[inline]
    fn encode(self, value: u64) -> Result<u64, ValueError> {
        if value < self.min || value > self.max {
            let Self { name, min, max, .. } = self;
            return Err(ValueError::OutOfRange { register: R::NAME, field: name, min, max, value });
        }
        Ok(value)
    }
}

// SAFETY: these are the bits of the field, which any code may set, and `encode` lets only such values through.
unsafe impl<R: Layout, const LSB: u32, A: Settable<R>> SetField<R, bool> for Flag<R, LSB, A> {
    const BITS: [u64; 2] = settable::<R, A>(LSB, 1);

    #[inline]
    fn encode(self, value: bool) -> Result<u64, ValueError> {
        Ok(u64::from(value))
    }
}

// SAFETY: these are the bits of the field, which any code may set, and `encode` lets only such values through.
unsafe impl<R: Layout, const LSB: u32, const WIDTH: u32, E: Enumeration, V: ValueOf<E>, A: Settable<R>> SetField<R, V>
    for Enumerated<R, LSB, WIDTH, E, A>
{
    const BITS: [u64; 2] = settable::<R, A>(LSB, WIDTH);

    #[inline]
    fn encode(self, value: V) -> Result<u64, ValueError> {
        let (value, max) = (value.to_bits(), mask(0, WIDTH)[0]);
        if value > max {
            return Err(ValueError::OutOfRange { register: R::NAME, field: self.name, min: 0, max, value });
        }
        Ok(value)
    }
}

// SAFETY: these are the bits of the field, which any code may set to each of these values.
unsafe impl<R: Layout, const LSB: u32, A: Settable<R>> AlwaysFits<bool> for Flag<R, LSB, A> {
    const BITS: [u64; 2] = settable::<R, A>(LSB, 1);

    #[inline(always)]
    fn bits(self, value: bool) -> u64 {
        u64::from(value)
    }
}

// SAFETY: these are the bits of the field, which any code may set to each of these values.
unsafe impl<R: Layout, const LSB: u32, const WIDTH: u32, E: Enumeration, A: Settable<R>> AlwaysFits<E>
    for Enumerated<R, LSB, WIDTH, E, A>
{
    const BITS: [u64; 2] = settable::<R, A>(LSB, WIDTH);

    #[inline(always)]
    fn bits(self, value: E) -> u64 {
        value.to_bits()
    }
}

// SAFETY: these are the bits of the field, and a `DmaAddr` is of memory that the device was given.
unsafe impl<R: Layout, const LSB: u32> AlwaysFits<DmaAddr> for Address<R, LSB> {
    const BITS: [u64; 2] = settable::<R, ReadWrite>(LSB, 64);

    #[inline(always)]
    fn bits(self, value: DmaAddr) -> u64 {
        value.get()
    }
}

macro_rules! always_fits {
    ($type:ty: $($width:literal)*) => {$(
        #[diagnostic::do_not_recommend]
        // SAFETY: these are the bits of the field, which any code may set, and it is as wide as the type or wider.
        unsafe impl<R: DescriptorFormat, const LSB: u32, A: Settable<R>> AlwaysFits<$type> for Bits<R, LSB, $width, A> {
            const BITS: [u64; 2] = settable::<R, A>(LSB, $width);

            #[inline(always)]
            fn bits(self, value: $type) -> u64 {
                u64::from(value)
            }
        }
    )*};
}

// A number fits every field at least as wide. The widths are those that descriptors have;
// registers' fields may have a narrower range than their width, and take `try_with`.
always_fits!(u8: 8 10 16 18 32 64);
always_fits!(u16: 16 18 32 64);
always_fits!(u32: 32 64);
always_fits!(u64: 64);
