//! What the examples run on: ports of the model, or PCI functions through VFIO or sysfs.

use std::time::Duration;

use ixgbe::clock::Clock;
use ixgbe::dma::{Dma, DmaError, Domain, Mapping, Memory};
use ixgbe::linux::{Sysfs, Vfio};
use ixgbe::mmio::Offset;
use ixgbe::registers::RegisterSpace;
use ixgbe::runtime::bus::Bus;
use ixgbe_sim::PortPlatform;

/// Any platform. A program for one platform uses that one, and needs none of this.
#[derive(Debug)]
pub enum Platform {
    Model(PortPlatform),
    Vfio(Vfio),
    Sysfs(Sysfs),
}

macro_rules! each {
    ($platform:expr, $it:ident => $result:expr) => {
        match $platform {
            Platform::Model($it) => $result,
            Platform::Vfio($it) => $result,
            Platform::Sysfs($it) => $result,
        }
    };
}

// SAFETY: a platform stays the one that it is, is owned, and every call goes to it.
unsafe impl Bus<RegisterSpace> for Platform {
    #[inline]
    fn read(&self, offset: Offset) -> u32 {
        each!(self, platform => platform.read(offset))
    }

    #[inline]
    unsafe fn write(&self, offset: Offset, value: u32) {
        // SAFETY: as the caller says.
        each!(self, platform => unsafe { platform.write(offset, value) });
    }
}

// SAFETY: as for `Bus`.
unsafe impl Dma for Platform {
    fn domain(&self) -> Domain {
        each!(self, platform => platform.domain())
    }

    fn page_size(&self) -> usize {
        each!(self, platform => platform.page_size())
    }

    fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        each!(self, platform => platform.allocate(len))
    }

    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        each!(self, platform => platform.map(memory))
    }
}

// SAFETY: as for `Bus`.
unsafe impl Clock for Platform {
    fn now(&self) -> Duration {
        each!(self, platform => platform.now())
    }

    fn wait(&self, time: Duration) {
        each!(self, platform => platform.wait(time));
    }
}
