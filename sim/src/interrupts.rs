//! Interrupts: causes, masks, auto-clear, auto-mask, throttling, and the resulting vectors (datasheet 7.3 and 8.2.3.5).

use crate::chip::clock::{Event, Time};
use crate::chip::common::Common;
use crate::deviation::Deviation;
use crate::fault::Fault;
use crate::registers::RegisterFile;
use crate::registers::offsets::bit;
use crate::violation::Rule;
use crate::virtualisation;

const EICR: u32 = 0x00800;
const EICS: u32 = 0x00808;
const EIMS: u32 = 0x00880;
const EIMC: u32 = 0x00888;
pub(crate) const GPIE: u32 = 0x00898;
const GPIE_OCD: u32 = bit(5);
const IVAR: u32 = 0x00900;
const EIAC: u32 = 0x00810;
const EIAM: u32 = 0x00890;
const EITR: u32 = 0x00820;
/// EITR from vector 24 on.
const EITR_24: u32 = 0x12300;
const GPIE_MULTIPLE_MSIX: u32 = bit(4);
const GPIE_EIAME: u32 = bit(30);
/// The valid bit of an entry of IVAR or IVAR_MISC.
const IVAR_VALID: u32 = bit(7);
const IVAR_MISC: u32 = 0x00A00;
const EICS_EX: u32 = 0x00A90;
const EICS_EX_2: u32 = 0x00A94;
pub(crate) const EIMS_EX: u32 = 0x00AA0;
const EIMS_EX_2: u32 = 0x00AA4;
const EIMC_EX: u32 = 0x00AB0;
const EIMC_EX_2: u32 = 0x00AB4;
const EIAM_EX: u32 = 0x00AD0;
const EIAM_EX_2: u32 = 0x00AD4;
pub(crate) const EICR_FLOW_DIRECTOR: u32 = bit(16);
pub(crate) const EICR_RX_MISS: u32 = bit(17);
pub(crate) const EICR_PCI_EXCEPTION: u32 = bit(18);
pub(crate) const EICR_LSC: u32 = bit(20);
pub(crate) const EICR_GPI_SDP0: u32 = bit(24);
pub(crate) const EICR_ECC: u32 = bit(28);

/// Number of vectors of a port.
const VECTORS: usize = 64;
/// The causes of EICR that are not queue causes: they share the vector of IVAR_MISC.
const OTHER: u32 = 0x7FFF_0000;
/// The queue causes of EICR.
const QUEUES: u32 = 0xFFFF;

/// Callback for the vectors that the port raises.
pub(crate) type VectorSink = Box<dyn FnMut(u16) + Send>;

/// The interrupt state that no register holds.
pub(crate) struct Interrupts {
    sink: Option<VectorSink>,
    /// Causes of the vectors. EICR also holds the causes of the first 16.
    causes: u64,
    /// Causes whose message was already sent: only a new event, or a write to the mask, sends another.
    sent: u64,
    /// The same for the causes that are not queue causes.
    other_sent: u32,
    /// The end of EITR's throttling, for each vector.
    throttled: [Time; VECTORS],
}

impl Default for Interrupts {
    fn default() -> Self {
        Self { sink: None, causes: 0, sent: 0, other_sent: 0, throttled: [0; VECTORS] }
    }
}

impl Interrupts {
    /// Sets the receiver of the vectors.
    pub(crate) fn connect(&mut self, sink: VectorSink) {
        self.sink = Some(sink);
    }

    pub(crate) fn reset(&mut self) {
        *self = Self { sink: self.sink.take(), ..Self::default() };
    }

    /// Sets causes by their bits in EICR.
    pub(crate) fn cause(&mut self, causes: u32, common: &mut Common) {
        common.registers.set_bits(EICR, causes & !bit(31), true);
        self.causes |= u64::from(causes & QUEUES);
        self.sent &= !u64::from(causes & QUEUES);
        self.other_sent &= !causes;
        self.raise(common);
    }

    /// Sets causes by their vectors.
    fn vector_causes(&mut self, causes: u64, common: &mut Common) {
        common.registers.set_bits(EICR, causes as u32 & QUEUES, true);
        self.causes |= causes;
        self.sent &= !causes;
        self.raise(common);
    }

    /// Sets the interrupt cause of a queue, as mapped by IVAR.
    pub(crate) fn queue_cause(&mut self, queue: usize, transmit: bool, common: &mut Common) {
        if common.functions.queue_cause(queue, transmit) {
            return virtualisation::raise(common);
        }
        let entry = common.registers.get(IVAR + (queue / 2) as u32 * 4);
        let entry = entry >> (queue % 2 * 16 + usize::from(transmit) * 8) & 0xFF;
        if entry & IVAR_VALID != 0 {
            self.vector_causes(1 << (entry & 0x3F), common);
        }
    }

    /// Follows EICR after software has cleared causes in it.
    fn causes_cleared(&mut self, common: &Common) {
        let left = common.registers.get(EICR);
        self.causes &= !u64::from(QUEUES) | u64::from(left & QUEUES);
        self.sent &= self.causes;
        self.other_sent &= left;
    }

    /// Returns what software reads from the write-only register at `at`. The datasheet does not describe reads of EICS.
    /// Stock drivers read the causes there, without clearing them.
    pub(crate) fn read_write_only(at: u32, registers: &RegisterFile) -> u32 {
        if at == EICS { registers.get(EICR) } else { 0 }
    }

    /// Performs the effects of a read of the register at `at` that returned `value`.
    #[inline]
    pub(crate) fn read(&mut self, at: u32, value: u32, common: &mut Common) {
        if at == EICR {
            self.causes_read(value, common);
        }
    }

    fn causes_read(&mut self, value: u32, common: &mut Common) {
        let mode = common.registers.get(GPIE);
        if mode & GPIE_OCD != 0 {
            // With OCD only bits 29:16 clear on a read (8.2.3.5.1).
            common.registers.set_bits(EICR, value & !0x3FFF_0000, true);
        }
        // Without MSI-X, the read masks the causes in EIAM (8.2.3.5.6).
        if mode & GPIE_EIAME == 0 {
            let masked = value & common.registers.get(EIAM);
            common.registers.set_bits(EIMS, masked, false);
            common.registers.set_bits(EIMS_EX, masked & QUEUES, false);
        }
        self.causes_cleared(common);
    }

    /// Performs the effects of a write of `value` at `at`. Returns `false` if the register belongs to another part.
    pub(crate) fn written(&mut self, at: u32, value: u32, common: &mut Common) -> bool {
        match at {
            EICR => self.causes_cleared(common),
            EICS => self.cause(value, common),
            EICS_EX => self.vector_causes(u64::from(value), common),
            EICS_EX_2 => self.vector_causes(u64::from(value) << 32, common),
            EIMS => {
                if value & (bit(31) | bit(29) | bit(23)) != 0 {
                    common.violation(Rule::InterruptReservedCause, at, || format!("{value:#010x} was written"));
                }
                self.mask_written(at, value, common);
            }
            EIMC => {
                if value & bit(31) != 0 {
                    common.violation(Rule::InterruptReservedCause, at, || "bit 31 was written".to_owned());
                }
                self.mask_written(at, value, common);
            }
            EIMS_EX | EIMS_EX_2 | EIMC_EX | EIMC_EX_2 | EIAM | EIAM_EX | EIAM_EX_2 | GPIE | IVAR_MISC => {
                self.mask_written(at, value, common);
            }
            _ => return false,
        }
        true
    }

    /// Handles a write to the mask of causes at `at`: it makes the two views of the mask equal again.
    fn mask_written(&mut self, at: u32, value: u32, common: &mut Common) {
        match at {
            EIMS => common.registers.set_bits(EIMS_EX, value & QUEUES, true),
            EIMS_EX => common.registers.set_bits(EIMS, value & QUEUES, true),
            EIMC => {
                common.registers.set_bits(EIMS, value, false);
                common.registers.set_bits(EIMS_EX, value & QUEUES, false);
            }
            EIMC_EX => {
                common.registers.set_bits(EIMS_EX, value, false);
                common.registers.set_bits(EIMS, value & QUEUES, false);
            }
            EIMC_EX_2 => common.registers.set_bits(EIMS_EX_2, value, false),
            EIAM => {
                let high = common.registers.get(EIAM_EX) & !QUEUES;
                common.registers.set(EIAM_EX, high | value & QUEUES);
            }
            EIAM_EX => {
                let high = common.registers.get(EIAM) & !QUEUES;
                common.registers.set(EIAM, high | value & QUEUES);
            }
            _ => {}
        }
        // Enabling a cause that is already set raises an interrupt.
        match at {
            EIMS => {
                self.sent &= !u64::from(value & QUEUES);
                self.other_sent &= !value;
            }
            EIMS_EX => self.sent &= !u64::from(value),
            EIMS_EX_2 => self.sent &= !(u64::from(value) << 32),
            _ => {}
        }
        self.raise(common);
    }

    /// Sends the messages that are due.
    #[inline]
    pub(crate) fn raise(&mut self, common: &mut Common) {
        if self.sink.is_some() {
            self.raise_vectors(common);
        }
    }

    fn raise_vectors(&mut self, common: &mut Common) {
        let mask = u64::from(common.registers.get(EIMS_EX_2)) << 32 | u64::from(common.registers.get(EIMS_EX));
        let mode = common.registers.get(GPIE);
        if mode & GPIE_MULTIPLE_MSIX == 0 {
            // One vector for everything.
            let causes = common.registers.get(EICR) & common.registers.get(EIMS) & !bit(31);
            let sent = self.sent as u32 & QUEUES | self.other_sent & OTHER;
            if causes & !sent != 0 && self.send_vector(0, common) {
                self.sent |= u64::from(causes & QUEUES);
                self.other_sent |= causes & OTHER;
            }
            return;
        }
        let mut due = self.causes & mask & !self.sent;
        while due != 0 {
            let vector = due.trailing_zeros();
            due &= due - 1;
            if !self.send_vector(vector as usize, common) {
                continue;
            }
            let cause = 1_u64 << vector;
            self.sent |= cause;
            // The causes of vectors beyond the first 16 always clear themselves.
            if vector >= 16 || common.registers.get(EIAC) & cause as u32 != 0 {
                self.causes &= !cause;
                common.registers.set_bits(EICR, cause as u32 & QUEUES, false);
            }
            if mode & GPIE_EIAME != 0 {
                let at = if vector < 32 { 0 } else { 4 };
                let masked = common.registers.get(EIAM_EX + at) & (cause >> (at * 8)) as u32;
                common.registers.set_bits(EIMS_EX + at, masked, false);
                if at == 0 {
                    common.registers.set_bits(EIMS, masked & QUEUES, false);
                }
            }
        }
        self.raise_other(mode, common);
    }

    /// Sends the message of the causes that are not queue causes.
    fn raise_other(&mut self, mode: u32, common: &mut Common) {
        let causes = common.registers.get(EICR) & common.registers.get(EIMS) & OTHER & !self.other_sent;
        let entry = common.registers.get(IVAR_MISC) >> 8 & 0xFF;
        if causes == 0 || entry & IVAR_VALID == 0 || !self.send_vector((entry & 0x3F) as usize, common) {
            return;
        }
        self.other_sent |= causes;
        common.registers.set_bits(EICR, causes & common.registers.get(EIAC), false);
        if mode & GPIE_EIAME != 0 {
            common.registers.set_bits(EIMS, causes & common.registers.get(EIAM), false);
        }
    }

    /// Sends a vector if EITR allows it. Returns `true` if it was sent.
    fn send_vector(&mut self, vector: usize, common: &mut Common) -> bool {
        let now = common.clock.now();
        // A message is a write to memory.
        if common.faults.has(Fault::InterruptsLost) || !common.bus_master {
            return false;
        }
        if now < self.throttled[vector] {
            if !common.clock.is_scheduled(Event::InterruptsDue) {
                common.clock.schedule(self.throttled[vector] - now, Event::InterruptsDue);
            }
            return false;
        }
        let at = if vector < 24 { EITR + vector as u32 * 4 } else { EITR_24 + (vector as u32 - 24) * 4 };
        // The interval counts in units of 2 us at 1 and 10 Gb/s.
        let interval = Time::from(common.registers.get(at) >> 3 & 0x1FF) * 2_000;
        self.throttled[vector] = now + interval;
        let is_lost = common.faults.deviation() == Some(Deviation::InterruptLost { vector: vector as u16 });
        if let Some(sink) = self.sink.as_mut().filter(|_| !is_lost) {
            sink(vector as u16);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::{assert_in_table, in_table};

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[
            ("EICR", EICR),
            ("EICS", EICS),
            ("EIMS", EIMS),
            ("EIMC", EIMC),
            ("GPIE", GPIE),
            ("IVAR", IVAR),
            ("EIAC", EIAC),
            ("EIAM", EIAM),
            ("EITR", EITR),
            ("IVAR_MISC", IVAR_MISC),
            ("EICS_EX", EICS_EX),
            ("EIMS_EX", EIMS_EX),
            ("EIMC_EX", EIMC_EX),
            ("EIAM_EX", EIAM_EX),
        ]);
        let second = [("EICS_EX", EICS_EX_2), ("EIMS_EX", EIMS_EX_2), ("EIMC_EX", EIMC_EX_2), ("EIAM_EX", EIAM_EX_2)];
        for (name, offset) in second {
            assert_eq!(in_table(name, 1), Some(offset), "{name}");
        }
        assert_eq!(in_table("EITR", 24), Some(EITR_24));
    }
}
