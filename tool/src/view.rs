//! Registers of a port that somebody else may drive: only those that a read does not change, and no writes.

use std::error::Error;

use ixgbe::info::RegisterInfo;
use ixgbe::linux::ObservedRegisters;
use ixgbe::mmio::Offset;
use ixgbe::register::{Contents, Register};
use ixgbe::registers::RegisterSpace;

use crate::arguments::Target;

/// A look at the registers of one port.
pub trait View {
    /// Reads the register at `offset`, or returns `None` if a read would change it.
    fn read(&self, offset: Offset) -> Option<u32>;
}

impl View for ObservedRegisters {
    fn read(&self, offset: Offset) -> Option<u32> {
        ObservedRegisters::read(self, offset)
    }
}

#[cfg(feature = "model")]
impl View for ixgbe_sim::Port {
    fn read(&self, offset: Offset) -> Option<u32> {
        ObservedRegisters::is_observable(offset).then(|| self.read32(offset))
    }
}

/// Opens a look at the port `target`. The model's port is one that runs.
pub fn open(target: Target) -> Result<Box<dyn View>, Box<dyn Error>> {
    match target {
        Target::Function(address) => Ok(Box::new(ObservedRegisters::open(address)?)),
        #[cfg(feature = "model")]
        Target::Model => Ok(Box::new(crate::model::Running::start()?)),
    }
}

/// Returns the offset of element `index` of a register.
pub fn offset(info: &RegisterInfo, index: usize) -> Option<Offset> {
    info.offsets().nth(index).and_then(Offset::new)
}

/// Reads element `index` of the register `R`.
pub fn element<R>(view: &dyn View, index: usize) -> Option<Contents<R>>
where
    R: Register<Space = RegisterSpace, Width = u32>,
{
    view.read(offset(&R::INFO, index)?).map(Contents::new)
}

/// Reads the register `R`.
pub fn one<R>(view: &dyn View) -> Option<Contents<R>>
where
    R: Register<Space = RegisterSpace, Width = u32>,
{
    element(view, 0)
}
