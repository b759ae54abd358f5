//! Two registers that hold one value.

use core::fmt;
use core::marker::PhantomData;

use super::{PlainWrite, PureRead, ReadableIn, Reg, Register, SideEffectRead, WritableIn};
use crate::bus::Bus;
use crate::field::Value;
use crate::space::Width;

/// Two registers, `L` and `H`, that hold the low and the high bits of one value.
///
/// They are accessed in the order that the datasheet requires, the low one first if it requires none. The value written
/// is a number, or a [`DmaAddr`](crate::address::DmaAddr) if the device accesses memory at the address in the
/// registers.
pub struct Pair<'a, B, L: Register, H: Register, P, V = u64> {
    low: Reg<'a, B, L, P>,
    high: Reg<'a, B, H, P>,
    high_first: bool,
    value: PhantomData<V>,
}

impl<B, L: Register, H: Register, P, V> fmt::Debug for Pair<'_, B, L, H, P, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} and {:?}", self.low, self.high)
    }
}

impl<'a, B, L: Register, H: Register, P, V> Pair<'a, B, L, H, P, V> {
    /// Makes a pair, for generated accessors.
    #[doc(hidden)]
    #[must_use]
    #[inline(always)]
    pub const fn new(low: Reg<'a, B, L, P>, high: Reg<'a, B, H, P>) -> Self {
        Self { low, high, high_first: false, value: PhantomData }
    }

    /// Makes a pair, for generated accessors.
    #[doc(hidden)]
    #[must_use]
    #[inline(always)]
    pub const fn high_first(low: Reg<'a, B, L, P>, high: Reg<'a, B, H, P>) -> Self {
        Self { low, high, high_first: true, value: PhantomData }
    }

    fn in_order<T, U>(&self, low: impl FnOnce() -> T, high: impl FnOnce() -> U) -> (T, U) {
        if self.high_first {
            let high = high();
            (low(), high)
        } else {
            let low = low();
            (low, high())
        }
    }

    /// Width of the low register in bits.
    const LOW: u32 = 8 * L::Width::BYTES;

    fn join(low: L::Width, high: H::Width) -> u64 {
        let high: u64 = high.into();
        low.into() | high.checked_shl(Self::LOW).unwrap_or(0)
    }
}

impl<B: Bus<L::Space, L::Width> + Bus<H::Space, H::Width>, L: Register, H: Register, P, V> Pair<'_, B, L, H, P, V> {
    /// Reads both registers.
    #[must_use]
    pub fn read(&self) -> u64
    where
        L: PureRead,
        H: PureRead,
    {
        let (low, high) = self.in_order(|| self.low.read().get(), || self.high.read().get());
        Self::join(low, high)
    }

    /// Reads both registers, which has side effects on them.
    pub fn read_with_side_effects(&self) -> u64
    where
        L: SideEffectRead + ReadableIn<P>,
        H: SideEffectRead + ReadableIn<P>,
    {
        let low = || self.low.read_with_side_effects().get();
        let high = || self.high.read_with_side_effects().get();
        let (low, high) = self.in_order(low, high);
        Self::join(low, high)
    }

    /// Writes both registers. Bits that software may not set keep their reset value, whatever `value` has there.
    ///
    /// The datasheet's ranges of fields are not checked: a field that has one is written through its own register.
    pub fn write(&self, value: V)
    where
        V: Into<u64>,
        L: PlainWrite + WritableIn<P>,
        H: PlainWrite + WritableIn<P>,
    {
        let value = value.into();
        self.in_order(
            || self.low.store(L::RESET_VALUE, Value::whole(value)),
            || self.high.store(H::RESET_VALUE, Value::whole(value.checked_shr(Self::LOW).unwrap_or(0))),
        );
    }
}
