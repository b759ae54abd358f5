//! The receiving MAC: it checks, filters and counts frames, also while reception is off (datasheet 8.2.3.22, 8.2.3.23).

use crate::chip::common::Common;
use crate::counters::Counters;
use crate::fault::Fault;
use crate::frame::address::cast;
use crate::frame::vlan::Types;
use crate::frame::{CRC, SHORTEST, longest_allowed};
use crate::receive::filter::Filter;
use crate::registers::RegisterFile;
use crate::registers::offsets::{FCTRL, FCTRL_SBP};
use crate::statistics;
use crate::virtualisation::switch::Pools;

/// The counter of frames dropped for one reason.
pub(crate) type Dropped = fn(&mut Counters) -> &mut u64;

/// The MAC's configuration, read from the registers once for many frames.
#[derive(Default)]
pub(crate) struct Mac {
    filter: Filter,
    /// The longest frame, with CRC and without VLAN tag.
    pub(crate) longest: usize,
    store_bad: bool,
    /// `true` while a frame is looked at whose CRC is wrong.
    pub(crate) damaged: bool,
}

impl Mac {
    /// Rereads the registers.
    pub(crate) fn update(&mut self, registers: &RegisterFile) {
        self.filter.update(registers);
        self.longest = longest_allowed(registers);
        self.store_bad = registers.get(FCTRL) & FCTRL_SBP != 0;
    }

    /// Returns the types of VLAN tags.
    pub(crate) fn tags(&self) -> Types {
        self.filter.vlan.tags
    }

    /// Returns the pools, if there are some.
    pub(crate) fn pools(&self) -> Option<&Pools> {
        self.filter.pools.as_ref()
    }

    /// Counts a frame in the MAC's registers. Returns the counter of frames dropped for the same reason, or `None` for
    /// a frame that passes the filters.
    #[inline]
    pub(crate) fn refuse(&self, frame: &[u8], common: &mut Common) -> Option<Dropped> {
        statistics::count_arrival(&mut common.registers, frame.len());
        if self.is_damaged(common) && !self.store_bad {
            statistics::count_wrong_crc(&mut common.registers);
            return Some(|counters| &mut counters.dropped_crc);
        }
        if frame.len() < SHORTEST {
            statistics::count_short(&mut common.registers);
            return Some(|counters| &mut counters.dropped_short);
        }
        if self.is_too_long(frame) {
            statistics::count_long(&mut common.registers);
            return Some(|counters| &mut counters.dropped_long);
        }
        statistics::count_good(&mut common.registers, frame.len());
        let cast = cast(frame);
        if !self.filter.accepts(frame, cast, &common.registers) {
            return Some(|counters| &mut counters.dropped_filter);
        }
        statistics::count_accepted(&mut common.registers, frame.len(), cast);
        None
    }

    /// Returns `true` if the CRC of the present frame is wrong.
    #[inline]
    pub(crate) fn is_damaged(&self, common: &Common) -> bool {
        self.damaged || !common.faults.none() && common.faults.has(Fault::RxCrcErrors)
    }

    /// Returns `true` if `refuse` accepts a frame with a correct CRC.
    pub(crate) fn accepts(&self, frame: &[u8], registers: &RegisterFile) -> bool {
        let passes = self.filter.accepts(frame, cast(frame), registers);
        frame.len() >= SHORTEST && !self.is_too_long(frame) && passes
    }

    /// Returns `true` if the frame is longer than MAXFRS allows. Tags do not count.
    #[inline]
    fn is_too_long(&self, frame: &[u8]) -> bool {
        let (outer, inner) = self.tags().lens(frame);
        frame.len() + CRC > self.longest + outer + inner
    }
}
