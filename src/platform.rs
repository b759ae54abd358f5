//! The driver's environment: a bus to the registers, DMA memory, and a clock.

use alloc::boxed::Box;
use core::any::Any;
use core::fmt;
use core::time::Duration;

use datasheet_runtime::bus;

use crate::clock::Clock;
use crate::dma::{Dma, DmaError, Domain, Mapping, Memory};
use crate::mmio::{Bus, Offset};
use crate::registers::RegisterSpace;

/// One device and its surroundings: a PCI function under Linux, a port of the model, or a platform of your own.
///
/// Do not implement this trait: every type that is a [`Bus`], a [`Dma`] and a [`Clock`] is a platform.
pub trait Platform: Bus + Dma + Clock + Any + Send + Sync {}

impl<T: Bus + Dma + Clock + Any + Send + Sync> Platform for T {}

/// A platform that a program chooses at run time.
///
/// Every register access is a call through a table. The data path makes one or two such calls per batch, not one per
/// packet. A program for one platform uses that platform's type.
///
/// ```
/// use ixgbe::device::{Config, Device};
/// use ixgbe::platform::AnyPlatform;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let platform = match std::env::args().nth(1) {
/// #   #[cfg(feature = "linux")]
///     Some(address) => AnyPlatform::new(ixgbe::linux::Sysfs::open(address.parse()?)?),
/// #   #[cfg(not(feature = "linux"))]
/// #   Some(_) => return Ok(()),
///     None => AnyPlatform::new(ixgbe_sim::Port::new(Default::default()).claim()?),
/// };
/// let nic = Device::new(platform).reset(&Config::new())?;
/// # Ok(())
/// # }
/// ```
pub struct AnyPlatform(Box<dyn Platform>);

impl AnyPlatform {
    /// Takes `platform`, whatever its type.
    pub fn new(platform: impl Platform) -> Self {
        Self(Box::new(platform))
    }

    /// Returns the platform if it is a `P`: for what only that type offers.
    #[must_use]
    pub fn downcast_ref<P: Platform>(&self) -> Option<&P> {
        let platform: &dyn Any = &*self.0;
        platform.downcast_ref()
    }
}

impl fmt::Debug for AnyPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyPlatform")
    }
}

// SAFETY: honest: every access goes to the one platform inside. Exclusive: this owns that platform.
unsafe impl bus::Bus<RegisterSpace> for AnyPlatform {
    fn read(&self, offset: Offset) -> u32 {
        self.0.read(offset)
    }

    unsafe fn write(&self, offset: Offset, value: u32) {
        // SAFETY: the caller keeps this function's contract, which is the platform's.
        unsafe { self.0.write(offset, value) }
    }
}

// SAFETY: the platform inside gives the memory, its addresses and its domain.
unsafe impl Dma for AnyPlatform {
    fn domain(&self) -> Domain {
        self.0.domain()
    }

    fn page_size(&self) -> usize {
        self.0.page_size()
    }

    fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        self.0.allocate(len)
    }

    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        self.0.map(memory)
    }

    fn read_config(&self, offset: u16) -> Option<u16> {
        self.0.read_config(offset)
    }
}

// SAFETY: both calls go to the clock of the platform inside.
unsafe impl Clock for AnyPlatform {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn wait(&self, time: Duration) {
        self.0.wait(time);
    }
}
