//! The interrupts of a virtual function: three causes, each of which is an MSI-X vector.

use crate::chip::clock::Time;
use crate::interrupts::VectorSink;
use crate::registers::offsets::bit;

/// Number of vectors.
pub(crate) const VECTORS: usize = 3;
/// Vectors whose interval VTEITR sets.
const THROTTLED: usize = 2;
/// The valid bit of an entry of VTIVAR or VTIVAR_MISC.
const VALID: u32 = bit(7);
const CAUSES: u32 = (1 << VECTORS) - 1;

pub(crate) const VTEICR: u32 = 0x0100;
pub(crate) const VTEICS: u32 = 0x0104;
pub(crate) const VTEIMS: u32 = 0x0108;
pub(crate) const VTEIMC: u32 = 0x010C;
pub(crate) const VTEIAC: u32 = 0x0110;
pub(crate) const VTEIAM: u32 = 0x0114;
pub(crate) const VTIVAR: u32 = 0x0120;
const VTIVAR_LAST: u32 = 0x012C;
pub(crate) const VTIVAR_MISC: u32 = 0x0140;
pub(crate) const VTEITR: u32 = 0x0820;
const VTEITR_LAST: u32 = 0x0824;

/// The interrupt registers of a virtual function, and its right to access memory.
pub(crate) struct Vectors {
    sink: Option<VectorSink>,
    /// PCI's Command.BME of the function.
    pub(crate) is_master: bool,
    causes: u32,
    mask: u32,
    auto_clear: u32,
    auto_mask: u32,
    allocation: [u32; 4],
    mailbox: u32,
    interval: [u32; THROTTLED],
    /// Causes whose message was sent: only a new event, or a write to the mask, sends another.
    sent: u32,
    throttled: [Time; VECTORS],
}

impl Default for Vectors {
    fn default() -> Self {
        Self {
            sink: None,
            is_master: true,
            causes: 0,
            mask: 0,
            auto_clear: 0,
            auto_mask: 0,
            allocation: [0; 4],
            mailbox: 0,
            interval: [0; THROTTLED],
            sent: 0,
            throttled: [0; VECTORS],
        }
    }
}

impl Vectors {
    /// Sets the receiver of the vectors.
    pub(crate) fn connect(&mut self, sink: VectorSink) {
        self.sink = Some(sink);
    }

    /// Resets the registers.
    pub(crate) fn reset(&mut self) {
        *self = Self { sink: self.sink.take(), is_master: self.is_master, ..Self::default() };
    }

    /// Returns the register at `offset`, if it is one of these. A read of VTEICR clears it.
    pub(crate) fn read(&mut self, offset: u32) -> Option<u32> {
        Some(match offset {
            VTEICR => {
                self.sent = 0;
                std::mem::take(&mut self.causes)
            }
            VTEIMS => self.mask,
            VTEIAC => self.auto_clear,
            VTEIAM => self.auto_mask,
            VTIVAR..=VTIVAR_LAST => self.allocation[((offset - VTIVAR) / 4) as usize],
            VTIVAR_MISC => self.mailbox,
            VTEITR..=VTEITR_LAST => self.interval[((offset - VTEITR) / 4) as usize],
            _ => return None,
        })
    }

    /// Writes the register at `offset`. Returns `false` if it is none of these.
    pub(crate) fn write(&mut self, offset: u32, value: u32) -> bool {
        let causes = value & CAUSES;
        match offset {
            VTEICR => {
                self.causes &= !causes;
                self.sent &= self.causes;
            }
            VTEICS => self.cause(causes),
            VTEIMS => {
                self.mask |= causes;
                self.sent &= !causes;
            }
            VTEIMC => self.mask &= !causes,
            VTEIAC => self.auto_clear = causes,
            VTEIAM => self.auto_mask = causes,
            VTIVAR..=VTIVAR_LAST => self.allocation[((offset - VTIVAR) / 4) as usize] = value,
            VTIVAR_MISC => self.mailbox = value,
            VTEITR..=VTEITR_LAST => self.interval[((offset - VTEITR) / 4) as usize] = value,
            _ => return false,
        }
        true
    }

    /// Sets causes.
    fn cause(&mut self, causes: u32) {
        self.causes |= causes;
        self.sent &= !causes;
    }

    /// Sets the cause of a queue of the function, as VTIVAR maps it. An entry has one bit for the vector.
    pub(crate) fn queue_cause(&mut self, queue: usize, transmit: bool) {
        let entry = self.allocation[queue / 2 % 4] >> (queue % 2 * 16 + usize::from(transmit) * 8) & 0xFF;
        if entry & VALID != 0 {
            self.cause(1 << (entry & 1));
        }
    }

    /// Sets the cause of the mailbox, as VTIVAR_MISC maps it.
    pub(crate) fn mailbox_cause(&mut self) {
        let vector = self.mailbox & 3;
        if self.mailbox & VALID != 0 && (vector as usize) < VECTORS {
            self.cause(1 << vector);
        }
    }

    /// Sends the messages that are due at `now`. Returns the time until the next that throttling holds back.
    pub(crate) fn raise(&mut self, now: Time) -> Option<Time> {
        let sink = self.sink.as_mut().filter(|_| self.is_master)?;
        let mut wait: Option<Time> = None;
        for vector in 0..VECTORS {
            let cause = 1 << vector;
            if self.causes & self.mask & cause == 0 || self.sent & cause != 0 {
                continue;
            }
            if now < self.throttled[vector] {
                let left = self.throttled[vector] - now;
                wait = Some(wait.map_or(left, |least| least.min(left)));
                continue;
            }
            // The interval counts in units of 2 us.
            let interval = self.interval.get(vector).map_or(0, |interval| interval >> 3 & 0x1FF);
            self.throttled[vector] = now + Time::from(interval) * 2_000;
            self.sent |= cause;
            sink(vector as u16);
            self.causes &= !(cause & self.auto_clear);
            self.mask &= !(cause & self.auto_mask);
            self.sent &= self.causes;
        }
        wait
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn causes_reach_their_vectors_as_the_mask_and_the_interval_allow() {
        let raised = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&raised);
        let mut vectors = Vectors::default();
        vectors.connect(Box::new(move |vector| seen.lock().unwrap().push(vector)));
        let take = || std::mem::take(&mut *raised.lock().unwrap());
        vectors.write(VTIVAR, 0x80 | 0x81 << 8);
        vectors.write(VTIVAR_MISC, 0x82);
        vectors.queue_cause(0, false);
        vectors.queue_cause(0, true);
        vectors.queue_cause(1, true);
        vectors.mailbox_cause();
        assert_eq!((vectors.raise(0), take()), (None, vec![]), "all are masked");
        vectors.write(VTEIMS, 7);
        assert_eq!((vectors.raise(0), take()), (None, vec![0, 1, 2]));
        vectors.queue_cause(0, false);
        assert_eq!((vectors.raise(1), take(), vectors.read(VTEICR)), (None, vec![0], Some(7)));
        // Vector 0 clears and masks itself, and has an interval of 8 us.
        vectors.write(VTEIAC, 1);
        vectors.write(VTEIAM, 1);
        vectors.write(VTEITR, 4 << 3);
        vectors.queue_cause(0, false);
        assert_eq!((vectors.raise(1), take()), (None, vec![0]));
        assert_eq!([VTEICR, VTEIMS].map(|at| vectors.read(at)), [Some(0), Some(6)]);
        vectors.queue_cause(0, false);
        vectors.write(VTEIMS, 1);
        assert_eq!((vectors.raise(2), take()), (Some(7_999), vec![]));
        vectors.is_master = false;
        assert_eq!((vectors.raise(9_000), take()), (None, vec![]));
        vectors.is_master = true;
        assert_eq!((vectors.raise(9_000), take()), (None, vec![0]));
    }
}
