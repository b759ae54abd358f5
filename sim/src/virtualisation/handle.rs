//! The handle of a virtual function, and the platform for its driver.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ixgbe::clock::Clock;
use ixgbe::dma::{Dma, DmaError, Domain, Mapping, Memory};
use ixgbe::registers::virtual_function::RegisterSpace;
use ixgbe::runtime::bus::Bus;
use ixgbe::runtime::space::Offset;

use crate::port::{AlreadyClaimed, Port};

/// One virtual function of a port. Clones are handles to the same function.
///
/// [`Port::host`] makes them. All functions of a port share its time and its memory: in the model, a function can access
/// what is mapped for another one.
///
/// Violations of rules about rings name the port's registers: queue n of function f is queue f times the number of queues
/// of a function, and n.
#[derive(Debug, Clone)]
pub struct VirtualFunction {
    port: Port,
    index: usize,
    claimed: Arc<AtomicBool>,
}

impl VirtualFunction {
    pub(crate) fn new(port: Port, index: usize) -> Self {
        Self { port, index, claimed: Arc::default() }
    }

    /// Returns the port, which advances the model.
    #[must_use]
    pub fn port(&self) -> &Port {
        &self.port
    }

    /// Takes the function's platform, to drive it with. Dropping the platform returns it to the function.
    ///
    /// # Errors
    ///
    /// Fails with [`AlreadyClaimed`] while another platform of this function lives.
    pub fn claim(&self) -> Result<VirtualPlatform, AlreadyClaimed> {
        match self.claimed.swap(true, Ordering::AcqRel) {
            false => Ok(VirtualPlatform { function: self.clone() }),
            true => Err(AlreadyClaimed),
        }
    }

    /// Reads a register as a guest does, with the read's side effects.
    pub fn read32(&self, offset: Offset<RegisterSpace>) -> u32 {
        self.port.chip().virtual_read(self.index, offset.bytes())
    }

    /// Writes a register as a guest does.
    ///
    /// # Safety
    ///
    /// As for [`Port::write32`].
    pub unsafe fn write32(&self, offset: Offset<RegisterSpace>, value: u32) {
        let mut chip = self.port.chip();
        chip.virtual_write(self.index, offset.bytes(), value);
        // A doorbell starts DMA at once, without a switch to the runner's thread.
        if chip.common.clock.is_real_time() && matches!(offset.bytes(), 0x1000..0x2200) && offset.bytes() % 0x40 == 0x18
        {
            chip.step();
        }
    }

    /// Sets `sink` as the receiver of the function's interrupt vectors, 0 to 2. `sink` is called with the port locked,
    /// and must not call the port.
    pub fn on_interrupt(&self, sink: impl FnMut(u16) + Send + 'static) {
        self.port.chip().connect_virtual(self.index, Box::new(sink));
    }

    /// Enables or disables bus mastering of the function, as PCI's Command.BME does. It starts enabled.
    pub fn set_bus_master(&self, on: bool) {
        self.port.chip().set_virtual_bus_master(self.index, on);
    }

    /// Resets the function through PCI's device control register (a function level reset).
    pub fn reset_function(&self) {
        let mut chip = self.port.chip();
        chip.pass(0);
        chip.reset_virtual(self.index);
    }
}

/// A virtual function's platform, its [`Bus`], [`Dma`] and [`Clock`] in one, to be owned by a driver.
/// [`VirtualFunction::claim`] creates it.
#[derive(Debug)]
pub struct VirtualPlatform {
    function: VirtualFunction,
}

impl VirtualPlatform {
    /// Returns the function.
    #[must_use]
    pub fn function(&self) -> &VirtualFunction {
        &self.function
    }
}

impl Drop for VirtualPlatform {
    fn drop(&mut self) {
        self.function.claimed.store(false, Ordering::Release);
    }
}

// SAFETY: reads return the model's state. A queue that reads as disabled accesses no memory once its delay is over.
// Access is exclusive: `claim` creates one platform at a time, and the function's handles write only through an
// `unsafe fn`.
unsafe impl Bus<RegisterSpace> for VirtualPlatform {
    fn read(&self, offset: Offset<RegisterSpace>) -> u32 {
        self.function.read32(offset)
    }

    unsafe fn write(&self, offset: Offset<RegisterSpace>, value: u32) {
        // SAFETY: the caller guarantees what `write32` requires.
        unsafe { self.function.write32(offset, value) }
    }
}

// SAFETY: all calls go to the port, whose memory its functions share.
unsafe impl Dma for VirtualPlatform {
    fn domain(&self) -> Domain {
        self.function.port.domain()
    }

    fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        self.function.port.allocate(len)
    }

    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        self.function.port.map(memory)
    }

    fn read_config(&self, offset: u16) -> Option<u16> {
        match offset {
            // Vendor and device. The rest of a virtual function's space is its host's to make up.
            0x00 | 0x02 => Some([0x8086, 0x10ED][usize::from(offset / 2)]),
            _ => None,
        }
    }
}

// SAFETY: all delays of the model follow this clock.
unsafe impl Clock for VirtualPlatform {
    fn now(&self) -> Duration {
        self.function.port.now()
    }

    fn wait(&self, time: Duration) {
        self.function.port.wait(time);
    }
}
