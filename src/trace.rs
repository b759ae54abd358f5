//! A platform that reports each register access, with the datasheet's names.
//!
//! Wrap a platform in [`Traced`] to log the accesses of a driver:
//!
//! ```text
//! write RXCTRL = 0x00000001 (RXEN: 1)
//! read  RXDCTL[0] = 0x02000000 (ENABLE: 1, VME: 0)
//! ```

use crate::dma::{Dma, DmaError, Domain, Mapping, Memory};
use crate::registers::RegisterSpace;

pub use datasheet_runtime::trace::Traced;

/// One access to a register of the 82599.
pub type RegisterAccess = datasheet_runtime::trace::RegisterAccess<RegisterSpace>;

// SAFETY: all calls go to the platform behind this one, which has the same memory, addresses and domain.
unsafe impl<H: Dma, F> Dma for Traced<H, F> {
    fn domain(&self) -> Domain {
        self.bus().domain()
    }

    fn page_size(&self) -> usize {
        self.bus().page_size()
    }

    fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        self.bus().allocate(len)
    }

    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        self.bus().map(memory)
    }

    fn read_config(&self, offset: u16) -> Option<u16> {
        self.bus().read_config(offset)
    }
}
