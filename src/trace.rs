//! A bus that tells what goes over it, in the datasheet's words.
//!
//! Put a [`Traced`] around a platform to see what a driver does, step by step:
//!
//! ```text
//! write RXCTRL = 0x00000001 (RXEN: 1)
//! read  RXDCTL[0] = 0x02000000 (ENABLE: 1, VME: 0)
//! ```

use core::fmt;
use core::time::Duration;

use crate::clock::Clock;
use crate::dma::{Dma, DmaError, Domain, Mapping, Memory};
use crate::info::RegisterInfo;
use crate::mmio::{Bus, Offset};
use crate::registers::REGISTERS;

/// One access of a register.
///
/// Its `Display` names the register and its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Whether it was written.
    pub write: bool,
    /// Where.
    pub offset: Offset,
    /// What was read or written.
    pub value: u32,
}

impl Access {
    /// The register, and the element's index if it is an array.
    #[must_use]
    pub fn register(&self) -> Option<(&'static RegisterInfo, u32)> {
        REGISTERS.iter().find_map(|info| Some((info, info.index_at(self.offset)?)))
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.write { "write " } else { "read  " })?;
        let Some((info, index)) = self.register() else {
            return write!(f, "{:?} = {:#010x}", self.offset, self.value);
        };
        write!(f, "{}", info.name)?;
        if info.count() > 1 {
            write!(f, "[{index}]")?;
        }
        write!(f, " = {:#010x}", self.value)?;
        let mut separator = " (";
        for field in info.fields {
            write!(f, "{separator}{}", field.show(u64::from(self.value)))?;
            separator = ", ";
        }
        f.write_str(if info.fields.is_empty() { "" } else { ")" })
    }
}

/// A platform whose register accesses are told to `log`.
#[derive(Debug)]
pub struct Traced<H, F> {
    platform: H,
    log: F,
}

impl<H, F: Fn(Access)> Traced<H, F> {
    /// Tells `log` of each access that goes to `platform`: after it, with what was read.
    pub const fn new(platform: H, log: F) -> Self {
        Self { platform, log }
    }
}

// SAFETY: honest: every access goes to the platform's bus, and its value comes back unchanged. Exclusive: it owns that bus.
unsafe impl<H: Bus, F: Fn(Access)> Bus for Traced<H, F> {
    fn read32(&self, offset: Offset) -> u32 {
        let value = self.platform.read32(offset);
        (self.log)(Access { write: false, offset, value });
        value
    }

    unsafe fn write32(&self, offset: Offset, value: u32) {
        // SAFETY: the caller keeps this function's contract, which is the one of the bus that the write goes on to.
        unsafe { self.platform.write32(offset, value) };
        (self.log)(Access { write: true, offset, value });
    }
}

// SAFETY: everything is handed on to the platform.
unsafe impl<H: Dma, F> Dma for Traced<H, F> {
    fn domain(&self) -> Domain {
        self.platform.domain()
    }

    fn page_size(&self) -> usize {
        self.platform.page_size()
    }

    fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        self.platform.allocate(len)
    }

    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        self.platform.map(memory)
    }
}

// SAFETY: both calls go to the platform's clock.
unsafe impl<H: Clock, F> Clock for Traced<H, F> {
    fn now(&self) -> Duration {
        self.platform.now()
    }

    fn wait(&self, time: Duration) {
        self.platform.wait(time);
    }
}
