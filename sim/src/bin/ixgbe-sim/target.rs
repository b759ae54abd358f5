//! What a PCI function stands for: a port, or a virtual function of one.

use std::any::Any;
use std::ptr::NonNull;
use std::sync::Arc;

use ixgbe::dma::Dma;
use ixgbe::mmio::Offset;
use ixgbe::runtime::space;
use ixgbe_sim::{Port, VirtualFunction};

/// A port, or a virtual function of one.
pub(crate) enum Target {
    Port(Port),
    Virtual(VirtualFunction),
}

impl Target {
    /// Returns the port.
    fn port(&self) -> &Port {
        match self {
            Self::Port(port) => port,
            Self::Virtual(function) => function.port(),
        }
    }

    pub(crate) fn is_virtual(&self) -> bool {
        matches!(self, Self::Virtual(_))
    }

    /// Reads a register. Returns `None` beyond the registers, which are smaller than a port's BAR 0.
    pub(crate) fn read32(&self, offset: u64) -> Option<u32> {
        let offset = u32::try_from(offset).ok()?;
        match self {
            Self::Port(port) => Some(port.read32(Offset::new(offset)?)),
            Self::Virtual(function) => Some(function.read32(space::Offset::new(offset)?)),
        }
    }

    /// Writes a register.
    pub(crate) fn write32(&self, offset: u64, value: u32) {
        let Ok(offset) = u32::try_from(offset) else { return };
        match self {
            Self::Port(port) => {
                if let Some(offset) = Offset::new(offset) {
                    // SAFETY: the port accesses only the memory that the client shares for it, none of this process's
                    // own.
                    unsafe { port.write32(offset, value) };
                }
            }
            Self::Virtual(function) => {
                if let Some(offset) = space::Offset::new(offset) {
                    // SAFETY: as for a port.
                    unsafe { function.write32(offset, value) };
                }
            }
        }
    }

    pub(crate) fn set_bus_master(&self, on: bool) {
        match self {
            Self::Port(port) => port.set_bus_master(on),
            Self::Virtual(function) => function.set_bus_master(on),
        }
    }

    pub(crate) fn reset_function(&self) {
        match self {
            Self::Port(port) => port.reset_function(),
            Self::Virtual(function) => function.reset_function(),
        }
    }

    pub(crate) fn on_interrupt(&self, sink: impl FnMut(u16) + Send + 'static) {
        match self {
            Self::Port(port) => port.on_interrupt(sink),
            Self::Virtual(function) => function.on_interrupt(sink),
        }
    }

    /// Returns a word of the PCI configuration space, if the model has it.
    pub(crate) fn read_config(&self, offset: u16) -> Option<u16> {
        match self {
            Self::Port(port) => port.read_config(offset),
            Self::Virtual(_) => None,
        }
    }

    /// Lets the device access memory, as [`Port::map_at`] does.
    ///
    /// # Safety
    ///
    /// As for [`Port::map_at`].
    pub(crate) unsafe fn map_at(&self, start: u64, len: u64, host: NonNull<u8>, alive: Arc<dyn Any + Send + Sync>) {
        // SAFETY: the caller's promise.
        unsafe { self.port().map_at(start, len, host, alive) }
    }

    pub(crate) fn unmap_at(&self, start: u64, len: u64) {
        self.port().unmap_at(start, len);
    }
}
