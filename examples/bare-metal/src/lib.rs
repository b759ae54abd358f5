//! A platform for `ixgbe` without an operating system, for authors of kernels, hypervisors and firmware. Copy it, and
//! change what your system has already. `docs/porting.md` explains each part.
//!
//! | part | what it is | what your system may have instead |
//! |---|---|---|
//! | [`BareMetal`] | the platform of one device | |
//! | [`ConfigSpace`] | PCI: where the registers are, and bus mastering | its own enumeration of PCI |
//! | [`Arena`] | bounded memory for all devices | an allocator of contiguous pages |
//! | [`Physical`], [`Translated`] | DMA without an IOMMU, and through one | its own tables, behind [`Tables`] |
//! | [`Counter`] | time | its timer |
//!
//! The program brings a global allocator of its own: the driver allocates when a device is set up, and never per packet.
#![no_std]

extern crate alloc;

mod address_space;
mod arena;
mod clock;
mod config_space;
mod pages;
mod reflector;

use alloc::sync::Arc;
use core::time::Duration;

use ixgbe::clock::Clock;
use ixgbe::dma::{Dma, DmaError, Domain, Mapping, Memory};
use ixgbe::mmio::Offset;
use ixgbe::registers::RegisterSpace;
use ixgbe::runtime::bus::Bus;

pub use address_space::{AddressSpace, Physical, Tables, Translated};
pub use arena::Arena;
pub use clock::Counter;
pub use config_space::ConfigSpace;
pub use reflector::{Hardware, open, reflect, run, start};

/// One 82599 and its surroundings: registers behind `B`, a clock, and memory that the device sees through `A`.
///
/// On hardware, `B` is [`Mmio`](ixgbe::mmio::Mmio): the registers, mapped uncached as memory of a device.
pub struct BareMetal<B, C, A> {
    /// The registers.
    pub bus: B,
    /// The time.
    pub clock: C,
    /// The memory of all devices.
    pub arena: Arc<Arena>,
    /// The addresses by which this device accesses memory, and all others that share its tables.
    pub addresses: Arc<A>,
    /// The configuration space of the function, if there is access to it.
    pub config: Option<ConfigSpace>,
}

// SAFETY: honest: every access goes to the one bus inside. Exclusive: this owns that bus.
unsafe impl<B: Bus<RegisterSpace>, C, A> Bus<RegisterSpace> for BareMetal<B, C, A> {
    #[inline(always)]
    fn read(&self, offset: Offset) -> u32 {
        self.bus.read(offset)
    }

    #[inline(always)]
    unsafe fn write(&self, offset: Offset, value: u32) {
        // SAFETY: the caller keeps this function's contract, which is the bus's.
        unsafe { self.bus.write(offset, value) }
    }
}

// SAFETY: clause by clause.
// - Allocation: the arena gives each page to one user, zeroed, at a multiple of 4 KiB.
// - Mapping: the address space has the device access the physical memory until the mapping is dropped. The mapping holds
//   the pages, so they are not freed before. Nothing moves them.
// - Address width: `within` refuses what is above the highest address.
// - Coherence: the caller of `Arena::new` promised it.
// - Domains: the address space's own, whose contract this is; it does not change.
// - Pages: the arena is contiguous in physical memory, and so is a mapping for the device: the size is the default.
unsafe impl<B, C, A: AddressSpace> Dma for BareMetal<B, C, A> {
    fn domain(&self) -> Domain {
        self.addresses.domain()
    }

    fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        self.arena.allocate(len)
    }

    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        let (physical, held) = self.arena.hold(memory)?;
        let (address, unmap) = self.addresses.map(physical, memory.len(), held)?;
        // SAFETY: until `unmap` is dropped, devices of the domain access the memory at this address, and its pages are
        // held. It is one piece. If the address is too high, the mapping is dropped before anybody sees it.
        let mapping = unsafe { Mapping::new(memory, self.domain(), usize::BITS - 1, &[address], unmap) }?;
        mapping.within(self.addresses.highest())
    }

    fn read_config(&self, offset: u16) -> Option<u16> {
        self.config.as_ref()?.word(offset)
    }
}

// SAFETY: both calls go to the clock inside.
unsafe impl<B, C: Clock, A> Clock for BareMetal<B, C, A> {
    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn wait(&self, time: Duration) {
        self.clock.wait(time);
    }
}
