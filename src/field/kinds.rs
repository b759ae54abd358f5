//! The kinds of fields.

use core::marker::PhantomData;

use tock_registers::RegisterLongName;
use tock_registers::fields::Field as TockField;

use super::access::{Access, ReadWrite, Settable};
use super::{Enumeration, Field, Holds, Layout, SetField, Value, ValueError, ValueOf, mask};
use crate::descriptors::Descriptor;
use crate::dma::DmaAddr;
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
