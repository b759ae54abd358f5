//! A platform that reports each register access, with the datasheet's names, and files of such accesses.
//!
//! Wrap a platform in [`Traced`] to log the accesses of a driver:
//!
//! ```text
//! write RXCTRL = 0x00000001 (RXEN: 1)
//! read  RXDCTL[0] = 0x02000000 (ENABLE: 1, VME: 0)
//! ```
//!
//! A [`Recorder`] writes them to a file. [`Trace`] describes its format, and parses it. `ixgbe-sim replay FILE` plays
//! the file on the model, and lists where the model answers otherwise.
//!
//! ```
//! use ixgbe::device::{Config, Device};
//! use ixgbe::trace::{Recorder, Trace};
//! # use std::sync::{Arc, Mutex};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let platform = ixgbe_sim::Port::new(Default::default()).claim()?;
//! # let file = Arc::new(Mutex::new(String::new()));
//! # let written = Arc::clone(&file);
//! let recorder = Recorder::new(move |line| {
//!     // In a program: writeln!(file, "{line}").
//! #   *written.lock().unwrap() += &format!("{line}\n");
//! });
//! let nic = Device::new(recorder.record(platform)).reset(&Config::new())?;
//! recorder.finish();
//!
//! let trace: Trace = file.lock().unwrap().parse()?;
//! assert!(trace.accesses() > 100);
//! # Ok(())
//! # }
//! ```

mod file;
mod recorder;

use crate::dma::{Dma, DmaError, Domain, Mapping, Memory};
use crate::registers::RegisterSpace;

pub use datasheet_runtime::trace::Traced;
pub use file::{Entry, Line, MAX_ACCESSES, ParseError, Problem, Trace};
pub use recorder::Recorder;

/// One access to a register of the 82599.
pub type RegisterAccess = datasheet_runtime::trace::RegisterAccess<RegisterSpace>;

// SAFETY: all calls go to the platform behind this one, which has the same memory, addresses and domain.
unsafe impl<H: Dma, F, T> Dma for Traced<H, F, T> {
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
