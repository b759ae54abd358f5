//! What the parts of the chip share. A part owns the rest of its state, and is handed this for an access or an event.

use std::sync::Arc;

use crate::chip::clock::Clock;
use crate::counters::Counters;
use crate::fault::Faults;
use crate::iommu::Iommu;
use crate::pause::Pause;
use crate::registers::RegisterFile;
use crate::registers::offsets::{CTRL, CTRL_MASTER_DISABLE};
use crate::time::TimeSync;
use crate::violation::{Log, Rule};
use crate::virtualisation::Functions;

/// The registers, the clock, the time of IEEE 1588, flow control, the record of violations, the injected faults, the counts of frames, and memory.
pub(crate) struct Common {
    pub(crate) registers: RegisterFile,
    pub(crate) clock: Clock,
    pub(crate) time: TimeSync,
    pub(crate) pause: Pause,
    pub(crate) log: Log,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    /// The virtual functions, if the model's own physical function has the port.
    pub(crate) functions: Functions,
    /// PCI's Command.BME: `true` if the function may send requests of its own.
    pub(crate) bus_master: bool,
    /// The memory that the device can access.
    pub(crate) iommu: Arc<Iommu>,
}

impl Common {
    pub(crate) fn new(iommu: Arc<Iommu>) -> Self {
        Self {
            registers: RegisterFile::new(),
            clock: Clock::default(),
            time: TimeSync::default(),
            pause: Pause::default(),
            log: Log::default(),
            faults: Faults::default(),
            counters: Counters::default(),
            functions: Functions::default(),
            bus_master: true,
            iommu,
        }
    }

    /// Returns `true` if the device may access memory by DMA.
    pub(crate) fn is_master(&self) -> bool {
        self.bus_master && self.registers.get(CTRL) & CTRL_MASTER_DISABLE == 0
    }

    /// Records a violation of `rule` at the register at `offset`.
    pub(crate) fn violation(&mut self, rule: Rule, offset: u32, detail: impl FnOnce() -> String) {
        let (name, section) = match self.registers.find(offset) {
            Some(place) => (place.info().name, place.info().section),
            None => ("unknown register", "8.2"),
        };
        self.log.record(rule, name, section, detail);
    }
}
