//! The registers of the 16550, generated from `uart.yaml`.

use core::marker::PhantomData;

/// The registers on bus `B`, with what permission `P` allows.
#[derive(Debug)]
pub struct Registers<'a, B, P> {
    bus: &'a B,
    permission: PhantomData<fn() -> P>,
}

impl<B, P> Clone for Registers<'_, B, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B, P> Copy for Registers<'_, B, P> {}

impl<'a, B, P> Registers<'a, B, P> {
    /// The registers on `bus` with permission `P`: the caller knows that it holds.
    pub(crate) const fn with_permission(bus: &'a B) -> Self {
        Self { bus, permission: PhantomData }
    }
}

include!(concat!(env!("OUT_DIR"), "/registers.rs"));
