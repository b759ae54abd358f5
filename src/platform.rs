//! The driver's environment: a bus to the registers, DMA memory, and a clock.

use crate::clock::Clock;
use crate::dma::Dma;
use crate::mmio::Bus;

/// One device and its surroundings: a PCI function under Linux, a port of the model, or yours.
///
/// Do not implement this trait: every type that is a [`Bus`], a [`Dma`] and a [`Clock`] is a platform.
pub trait Platform: Bus + Dma + Clock + Send + Sync + 'static {}

impl<T: Bus + Dma + Clock + Send + Sync + 'static> Platform for T {}
