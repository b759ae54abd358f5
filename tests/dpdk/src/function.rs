//! A PCI function of the model: a port, or the virtual function of one whose physical function is the model's own.

use ixgbe::mmio::Offset;
use ixgbe::runtime::space;
use ixgbe_sim::{Port, VirtualFunction};

/// A PCI function of the model.
#[derive(Debug, Clone)]
pub(crate) enum Function {
    Physical(Port),
    Virtual(VirtualFunction),
}

impl Function {
    /// Returns the port, whose memory the function accesses.
    #[cfg(not(test))]
    pub(crate) fn port(&self) -> &Port {
        match self {
            Self::Physical(port) => port,
            Self::Virtual(function) => function.port(),
        }
    }

    /// Returns the vendor and the device, as DPDK must have found them: Intel, and an 82599 with an SFP+ cage, or a
    /// virtual function.
    #[cfg(not(test))]
    pub(crate) fn id(&self) -> (u16, u16) {
        match self {
            Self::Physical(_) => (0x8086, 0x10FB),
            Self::Virtual(_) => (0x8086, 0x10ED),
        }
    }

    /// Returns the bytes of BAR 0, as the configuration space tells (datasheet 9.3.6.1).
    pub(crate) fn bar_size(&self) -> usize {
        match self {
            Self::Physical(_) => 512 << 10,
            Self::Virtual(_) => 16 << 10,
        }
    }

    /// Reads a register. Beyond the registers nothing answers.
    pub(crate) fn read32(&self, offset: u32) -> u32 {
        match self {
            Self::Physical(port) => Offset::new(offset).map_or(0, |offset| port.read32(offset)),
            Self::Virtual(function) => space::Offset::new(offset).map_or(0, |offset| function.read32(offset)),
        }
    }

    /// Writes a register.
    ///
    /// # Safety
    ///
    /// What the port may access was mapped for it, and is for DMA alone.
    pub(crate) unsafe fn write32(&self, offset: u32, value: u32) {
        match self {
            Self::Physical(port) => {
                if let Some(offset) = Offset::new(offset) {
                    // SAFETY: the caller's promise.
                    unsafe { port.write32(offset, value) };
                }
            }
            Self::Virtual(function) => {
                if let Some(offset) = space::Offset::new(offset) {
                    // SAFETY: the caller's promise.
                    unsafe { function.write32(offset, value) };
                }
            }
        }
    }

    /// Sets the receiver of the function's interrupt vectors.
    #[cfg(not(test))]
    pub(crate) fn on_interrupt(&self, sink: impl FnMut(u16) + Send + 'static) {
        match self {
            Self::Physical(port) => port.on_interrupt(sink),
            Self::Virtual(function) => function.on_interrupt(sink),
        }
    }
}
