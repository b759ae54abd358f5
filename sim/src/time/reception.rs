//! Time stamps of received packets. The MAC takes them before the packet buffer, so a packet that is lost there leaves
//! its stamp behind.

use std::collections::VecDeque;

use crate::chip::common::Common;
use crate::frame::vlan::Types;
use crate::registers::RegisterFile;
use crate::time::ptp::Filter;
use crate::time::{RXSATRH, RXSATRL, RXSTMPH, RXSTMPL, STAMPED, TSYNCRXCTL};
use crate::wire::Moment;

/// The stamps of a port's reception.
#[derive(Default)]
pub(crate) struct Reception {
    filter: Option<Filter>,
    /// The moment at which the current frame left its sender, if the wire knows it.
    pub(crate) arrival: Option<Moment>,
    /// `true` if the current frame has the stamp, which its write-back reports.
    pub(crate) stamped: bool,
    /// For each stamped frame in the packet buffer, the number of frames before it.
    waiting: VecDeque<usize>,
}

impl Reception {
    /// Rereads the registers.
    pub(crate) fn update(&mut self, registers: &RegisterFile) {
        self.filter = Filter::new(registers);
    }

    /// Stamps `frame`, which passed the filters, if it is to be stamped and no earlier stamp waits to be read.
    #[inline]
    pub(crate) fn arrived(&mut self, frame: &[u8], tags: Types, common: &mut Common) {
        self.stamped = match &self.filter {
            None => false,
            Some(filter) => stamp(filter, frame, tags, self.arrival, common),
        };
    }

    /// Notes that the current frame goes to the packet buffer behind `before` others.
    pub(crate) fn keep(&mut self, before: usize) {
        if self.stamped {
            self.waiting.push_back(before);
        }
    }

    /// Makes the first frame of the packet buffer the current one.
    pub(crate) fn look_at_first(&mut self) {
        self.stamped = self.waiting.front() == Some(&0);
    }

    /// Notes that the first frame has left the packet buffer.
    pub(crate) fn remove_first(&mut self) {
        if self.stamped {
            self.waiting.pop_front();
        }
        self.waiting.iter_mut().for_each(|before| *before -= 1);
    }
}

/// Returns `true` if `frame` got the stamp.
#[cold]
fn stamp(filter: &Filter, frame: &[u8], tags: Types, arrival: Option<Moment>, common: &mut Common) -> bool {
    let Some(attributes) = filter.matches(frame, tags) else { return false };
    let registers = &mut common.registers;
    if registers.get(TSYNCRXCTL) & STAMPED != 0 {
        return false;
    }
    let arrived = arrival.and_then(|moment| common.clock.time_of(moment)).unwrap_or(common.clock.now());
    let time = common.time.system.at(arrived);
    registers.set(RXSTMPL, time as u32);
    registers.set(RXSTMPH, (time >> 32) as u32);
    // The sequence number is in network order (MoonGen swaps its bytes). The order of the sender's bytes is not known:
    // the model takes the same, the first byte lowest.
    let [a, b, c, d, e, f] = attributes.sender;
    registers.set(RXSATRL, u32::from_le_bytes([a, b, c, d]));
    let [g, h] = attributes.sequence;
    registers.set(RXSATRH, u32::from_le_bytes([e, f, g, h]));
    registers.set_bits(TSYNCRXCTL, STAMPED, true);
    true
}
