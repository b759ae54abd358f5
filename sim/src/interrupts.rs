//! Interrupts: causes, masks, auto-clear, auto-mask, throttling, and the resulting vectors (datasheet 7.3 and 8.2.3.5).

use crate::chip::Chip;
use crate::chip::clock::{Event, Time};
use crate::fault::Fault;
use crate::registers::offsets::*;

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
    pub(crate) sink: Option<VectorSink>,
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
    pub(crate) fn reset(&mut self) {
        *self = Self { sink: self.sink.take(), ..Self::default() };
    }
}

impl Chip {
    /// Sets causes by their bits in EICR.
    pub(crate) fn cause(&mut self, causes: u32) {
        self.common.registers.set_bits(EICR, causes & !bit(31), true);
        self.interrupts.causes |= u64::from(causes & QUEUES);
        self.interrupts.sent &= !u64::from(causes & QUEUES);
        self.interrupts.other_sent &= !causes;
        self.raise_interrupts();
    }

    /// Sets causes by their vectors.
    pub(crate) fn vector_causes(&mut self, causes: u64) {
        self.common.registers.set_bits(EICR, causes as u32 & QUEUES, true);
        self.interrupts.causes |= causes;
        self.interrupts.sent &= !causes;
        self.raise_interrupts();
    }

    /// Sets the interrupt cause of a queue, as mapped by IVAR.
    pub(crate) fn queue_cause(&mut self, queue: usize, transmit: bool) {
        let entry = self.common.registers.get(IVAR + (queue / 2) as u32 * 4);
        let entry = entry >> (queue % 2 * 16 + usize::from(transmit) * 8) & 0xFF;
        if entry & IVAR_VALID != 0 {
            self.vector_causes(1 << (entry & 0x3F));
        }
    }

    /// Follows EICR after software has cleared causes in it.
    pub(crate) fn causes_cleared(&mut self) {
        let left = self.common.registers.get(EICR);
        self.interrupts.causes &= !u64::from(QUEUES) | u64::from(left & QUEUES);
        self.interrupts.sent &= self.interrupts.causes;
        self.interrupts.other_sent &= left;
    }

    /// Handles a read of EICR. Without MSI-X, the read masks the causes in EIAM (8.2.3.5.6).
    pub(crate) fn causes_read(&mut self, value: u32) {
        if self.common.registers.get(GPIE) & GPIE_EIAME == 0 {
            let masked = value & self.common.registers.get(EIAM);
            self.common.registers.set_bits(EIMS, masked, false);
            self.common.registers.set_bits(EIMS_EX, masked & QUEUES, false);
        }
        self.causes_cleared();
    }

    /// Handles a write to the mask of causes at `at`: it makes the two views of the mask equal again.
    pub(crate) fn mask_written(&mut self, at: u32, value: u32) {
        match at {
            EIMS => self.common.registers.set_bits(EIMS_EX, value & QUEUES, true),
            EIMS_EX => self.common.registers.set_bits(EIMS, value & QUEUES, true),
            EIMC => {
                self.common.registers.set_bits(EIMS, value, false);
                self.common.registers.set_bits(EIMS_EX, value & QUEUES, false);
            }
            EIMC_EX => {
                self.common.registers.set_bits(EIMS_EX, value, false);
                self.common.registers.set_bits(EIMS, value & QUEUES, false);
            }
            EIMC_EX_2 => self.common.registers.set_bits(EIMS_EX_2, value, false),
            EIAM => {
                let high = self.common.registers.get(EIAM_EX) & !QUEUES;
                self.common.registers.set(EIAM_EX, high | value & QUEUES);
            }
            EIAM_EX => {
                let high = self.common.registers.get(EIAM) & !QUEUES;
                self.common.registers.set(EIAM, high | value & QUEUES);
            }
            _ => {}
        }
        // Enabling a cause that is already set raises an interrupt.
        match at {
            EIMS => {
                self.interrupts.sent &= !u64::from(value & QUEUES);
                self.interrupts.other_sent &= !value;
            }
            EIMS_EX => self.interrupts.sent &= !u64::from(value),
            EIMS_EX_2 => self.interrupts.sent &= !(u64::from(value) << 32),
            _ => {}
        }
        self.raise_interrupts();
    }

    /// Sends the messages that are due.
    #[inline]
    pub(crate) fn raise_interrupts(&mut self) {
        if self.interrupts.sink.is_some() {
            self.raise_vectors();
        }
    }

    fn raise_vectors(&mut self) {
        let mask =
            u64::from(self.common.registers.get(EIMS_EX_2)) << 32 | u64::from(self.common.registers.get(EIMS_EX));
        let mode = self.common.registers.get(GPIE);
        if mode & GPIE_MULTIPLE_MSIX == 0 {
            // One vector for everything.
            let causes = self.common.registers.get(EICR) & self.common.registers.get(EIMS) & !bit(31);
            let sent = self.interrupts.sent as u32 & QUEUES | self.interrupts.other_sent & OTHER;
            if causes & !sent != 0 && self.send_vector(0) {
                self.interrupts.sent |= u64::from(causes & QUEUES);
                self.interrupts.other_sent |= causes & OTHER;
            }
            return;
        }
        let mut due = self.interrupts.causes & mask & !self.interrupts.sent;
        while due != 0 {
            let vector = due.trailing_zeros();
            due &= due - 1;
            if !self.send_vector(vector as usize) {
                continue;
            }
            let cause = 1_u64 << vector;
            self.interrupts.sent |= cause;
            // The causes of vectors beyond the first 16 always clear themselves.
            if vector >= 16 || self.common.registers.get(EIAC) & cause as u32 != 0 {
                self.interrupts.causes &= !cause;
                self.common.registers.set_bits(EICR, cause as u32 & QUEUES, false);
            }
            if mode & GPIE_EIAME != 0 {
                let at = if vector < 32 { 0 } else { 4 };
                let masked = self.common.registers.get(EIAM_EX + at) & (cause >> (at * 8)) as u32;
                self.common.registers.set_bits(EIMS_EX + at, masked, false);
                if at == 0 {
                    self.common.registers.set_bits(EIMS, masked & QUEUES, false);
                }
            }
        }
        self.raise_other(mode);
    }

    /// Sends the message of the causes that are not queue causes.
    fn raise_other(&mut self, mode: u32) {
        let causes =
            self.common.registers.get(EICR) & self.common.registers.get(EIMS) & OTHER & !self.interrupts.other_sent;
        let entry = self.common.registers.get(IVAR_MISC) >> 8 & 0xFF;
        if causes == 0 || entry & IVAR_VALID == 0 || !self.send_vector((entry & 0x3F) as usize) {
            return;
        }
        self.interrupts.other_sent |= causes;
        self.common.registers.set_bits(EICR, causes & self.common.registers.get(EIAC), false);
        if mode & GPIE_EIAME != 0 {
            self.common.registers.set_bits(EIMS, causes & self.common.registers.get(EIAM), false);
        }
    }

    /// Sends a vector if EITR allows it. Returns `true` if it was sent.
    fn send_vector(&mut self, vector: usize) -> bool {
        let now = self.common.clock.now();
        // A message is a write to memory.
        if self.common.faults.has(Fault::InterruptsLost) || !self.common.bus_master {
            return false;
        }
        if now < self.interrupts.throttled[vector] {
            if !self.common.clock.is_scheduled(Event::InterruptsDue) {
                self.common.clock.schedule(self.interrupts.throttled[vector] - now, Event::InterruptsDue);
            }
            return false;
        }
        let at = if vector < 24 { EITR + vector as u32 * 4 } else { EITR_24 + (vector as u32 - 24) * 4 };
        // The interval counts in units of 2 us at 1 and 10 Gb/s.
        let interval = Time::from(self.common.registers.get(at) >> 3 & 0x1FF) * 2_000;
        self.interrupts.throttled[vector] = now + interval;
        if let Some(sink) = &mut self.interrupts.sink {
            sink(vector as u16);
        }
        true
    }
}
