//! Control of a ring through the registers in its queue's block, the same for both directions (datasheet 4.6.7, 4.6.8).

use crate::chip::clock::{MICROSECOND, Time};
use crate::chip::common::Common;
use crate::registers::offsets::{CTRL, CTRL_MASTER_DISABLE, QUEUE_ENABLE};
use crate::registers::{Place, RegisterFile};
use crate::ring::{Ring, TailError};
use crate::violation::Rule;

/// Time a queue takes to be enabled or disabled.
pub(crate) const SWITCH: Time = 30 * MICROSECOND;

/// Offsets of the registers of a ring.
pub(crate) struct Block {
    pub(crate) queue: usize,
    pub(crate) base: u32,
    pub(crate) len: u32,
    pub(crate) head: u32,
    pub(crate) tail: u32,
}

impl Block {
    /// Returns the address of the ring.
    fn address(&self, registers: &RegisterFile) -> u64 {
        u64::from(registers.get(self.base + 4)) << 32 | u64::from(registers.get(self.base) & !0x7F)
    }

    /// Checks the rules of a ring when its queue is enabled.
    pub(crate) fn check(&self, common: &mut Common) {
        let base = self.address(&common.registers);
        let [len, head, tail] = [self.len, self.head, self.tail].map(|at| common.registers.get(at));
        if len == 0 || len & 0x7F != 0 || len > 0x8_0000 {
            common.violation(Rule::RingLengthInvalid, self.len, || format!("the length is {len}"));
        } else if !common.iommu.read().is_mapped(base, len as usize) {
            common.violation(Rule::RingNotMapped, self.base, || format!("{len} bytes at {base:#x} are not mapped"));
        }
        if head != tail {
            common.violation(Rule::EnableWithOldTail, self.tail, || format!("the head is {head}, the tail {tail}"));
        }
    }

    /// Enables `ring` as the registers describe it, and fetches its descriptors.
    pub(crate) fn enable(&self, ring: &mut Ring, common: &mut Common) {
        let [len, head, tail] = [self.len, self.head, self.tail].map(|at| common.registers.get(at));
        ring.enable(self.address(&common.registers), len, head, tail);
        self.fetch(ring, common);
    }

    /// Fetches the descriptors posted to `ring`, if the device may access memory.
    pub(crate) fn fetch(&self, ring: &mut Ring, common: &mut Common) {
        if !ring.works() || !common.is_master() || !common.functions.is_master(self.queue) {
            return;
        }
        let failed = ring.fetch_new(&common.iommu.read());
        if let Some(index) = failed {
            common.violation(Rule::DmaOutsideMapping, self.tail, || format!("descriptor {index} cannot be read"));
        }
    }
}

/// A write of software to a register in a queue's block.
#[derive(Clone, Copy)]
pub(crate) struct Write {
    pub(crate) queue: usize,
    /// The register's offset in the block.
    pub(crate) register: u32,
    pub(crate) place: Place,
    pub(crate) value: u32,
}

impl Write {
    /// Records a violation of `rule` at the register.
    pub(crate) fn violation(&self, rule: Rule, common: &mut Common, detail: impl FnOnce() -> String) {
        common.violation(rule, self.place.offset, detail);
    }

    /// Checks the alignment of a base. The chip ignores the low bits, so the ring would not be where the driver expects
    /// it.
    pub(crate) fn check_base(&self, common: &mut Common) {
        if self.value & 0x7F != 0 {
            self.violation(Rule::RingBaseMisaligned, common, || format!("{:#x} was written", self.value));
        }
    }

    /// Stores a ring's length without its low bits, as the chip does: the register test of Linux' driver reads them as
    /// 0.
    pub(crate) fn store_length(&self, common: &mut Common) {
        if self.value & 0x7F != 0 {
            self.violation(Rule::RingLengthInvalid, common, || format!("{:#x} was written", self.value));
        }
        self.check_reserved(common);
        let new = common.registers.after_write(self.place, self.value & !0x7F);
        common.registers.store(self.place, new);
    }

    fn check_reserved(&self, common: &mut Common) {
        let value = self.value;
        let wrong = common.registers.wrong_reserved(self.place, value);
        if wrong != 0 {
            self.violation(Rule::ReservedBit, common, || {
                format!("write of {value:#010x}: bits {wrong:#010x} are reserved")
            });
        }
    }

    /// Stores a head, which may be written only while its queue is disabled, although the table calls it read-only. The
    /// chip's behaviour for a working queue is unknown; the model follows the table.
    pub(crate) fn store_head(&self, works: bool, common: &mut Common) {
        if works {
            self.violation(Rule::HeadWritten, common, || format!("{} was written", self.value));
        } else {
            common.registers.store(self.place, self.value & 0xFFFF);
        }
    }

    /// Checks and stores a tail, and gives descriptors to the device if the queue is enabled.
    pub(crate) fn store_tail(&self, ring: Option<&mut Ring>, common: &mut Common) {
        let value = self.value;
        let advanced = ring.filter(|ring| ring.works()).map(|ring| (ring.seen_enabled, ring.advance(value)));
        match advanced {
            None if value != 0 => {
                self.violation(Rule::TailBeforeEnabled, common, || format!("{value} was written to a disabled queue"));
            }
            Some((false, _)) => {
                self.violation(Rule::TailBeforeEnabled, common, || "ENABLE was not yet read as 1".to_owned());
            }
            _ => {}
        }
        match advanced {
            Some((_, Err(TailError::OutOfRing))) => {
                // The chip's head would never meet this tail; the model does not move until a tail lies in the ring.
                self.violation(Rule::TailOutOfRing, common, || format!("{value} is beyond the ring"));
            }
            Some((_, Err(TailError::Overrun))) => {
                self.violation(Rule::TailOverrun, common, || format!("{value} overtakes the head"));
            }
            _ => {}
        }
        if advanced.is_some() && common.registers.get(CTRL) & CTRL_MASTER_DISABLE != 0 {
            let rule = Rule::DmaWhileMasterDisabled;
            self.violation(rule, common, || "CTRL.PCIE_MASTER_DISABLE is 1".to_owned());
        }
        common.registers.store(self.place, value & 0xFFFF);
    }

    /// Stores RXDCTL or TXDCTL. ENABLE reads as the queue's state, not as the written value.
    pub(crate) fn store_control(&self, enabled: bool, common: &mut Common) {
        self.check_reserved(common);
        let new = common.registers.after_write(self.place, self.value) & !QUEUE_ENABLE;
        common.registers.store(self.place, if enabled { new | QUEUE_ENABLE } else { new });
    }
}
