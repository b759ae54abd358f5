//! The environment of a virtual function's driver.

use core::any::Any;

use datasheet_runtime::bus;

use crate::clock::Clock;
use crate::dma::Dma;
use crate::registers::virtual_function::RegisterSpace;

/// A bus to the registers of a virtual function: [`runtime::bus::Bus`](bus::Bus) for its register space.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the bus of a virtual function",
    label = "not a `vf::Bus`",
    note = "implement `ixgbe::runtime::bus::Bus<ixgbe::registers::virtual_function::RegisterSpace>`"
)]
pub trait Bus: bus::Bus<RegisterSpace> {}

impl<B: bus::Bus<RegisterSpace>> Bus for B {}

/// One virtual function and its surroundings.
///
/// Do not implement this trait: every type that is a [`Bus`], a [`Dma`] and a [`Clock`] is a platform.
pub trait Platform: Bus + Dma + Clock + Any + Send + Sync {}

impl<T: Bus + Dma + Clock + Any + Send + Sync> Platform for T {}
