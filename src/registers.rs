//! The registers of the 82599, generated from `registers.yaml`.
//!
//! [`Registers`] has a method for each. What a register is (its fields, its reset value, when it may
//! be written) stands with its type, under the datasheet's name; [`REGISTERS`] is the same as data.

/// The registers of a device on bus `B`, with what permission `P` allows.
///
/// It is got from a device in some state, and `P` is that state: so the compiler knows which
/// registers may be written. A [`Driver`] permission is not to be had outside the driver.
///
/// ```compile_fail
/// use ixgbe::registers::{Registers, permission::Running};
/// fn forge<B: ixgbe::mmio::Bus>(bus: &B) -> Registers<'_, B, Running> {
///     Registers::with_permission(bus) // private
/// }
/// ```
pub struct Registers<'a, B, P> {
    bus: &'a B,
    permission: core::marker::PhantomData<fn() -> P>,
}

impl<B, P> Clone for Registers<'_, B, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B, P> Copy for Registers<'_, B, P> {}

impl<B, P> core::fmt::Debug for Registers<'_, B, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Registers<{}>", core::any::type_name::<P>())
    }
}

impl<'a, B, P> Registers<'a, B, P> {
    /// The registers on `bus` with permission `P`: the caller knows that it holds.
    pub(crate) const fn with_permission(bus: &'a B) -> Self {
        Self { bus, permission: core::marker::PhantomData }
    }
}

include!(concat!(env!("OUT_DIR"), "/registers.rs"));
