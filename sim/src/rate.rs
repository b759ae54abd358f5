//! Rate limits of transmit queues, and the registers that stand for one queue each (datasheet 8.2.3.10.13 to
//! 8.2.3.10.18).
//!
//! The datasheet says neither which bytes of a frame count nor how long a burst may be. The model counts a frame with
//! its CRC, without preamble and gap, as measured by MoonGen. After a pause, the bytes of RTTBCNRM.MMW_SIZE may leave
//! at once.

use crate::chip::clock::Time;
use crate::chip::common::Common;
use crate::frame::CRC;
use crate::link;
use crate::registers::RegisterFile;
use crate::registers::offsets::bit;
use crate::transmit::queues::{QUEUES, TxQueues};
use crate::violation::Rule;

const RTTDQSEL: u32 = 0x04904;
const RTTDT1C: u32 = 0x04908;
const RTTBCNRM: u32 = 0x04980;
const RTTBCNRC: u32 = 0x04984;
const RTTBCNRC_RS_ENA: u32 = bit(31);
/// RTTBCNRC.RF_INT and RTTBCNRC.RF_DEC: the rate factor, with 14 bits of fraction.
const RTTBCNRC_FACTOR: u32 = 0xFF_FFFF;
const RTTBCNRS: u32 = 0x04988;
const RTTBCNRD: u32 = 0x0498C;
const RTTBCNRD_CLEAR_ALL: u32 = bit(1);
const RTTBCNRD_DRIFT_ENA: u32 = bit(31);

/// A rate factor of 1.
const ONE: u32 = 1 << 14;
/// Picoseconds in a nanosecond.
const PICOSECONDS: u128 = 1_000;

/// The registers that RTTDQSEL selects, with the bits that are unknown after a reset.
const SELECTED: [(u32, u32); 3] = [(RTTDT1C, 0x3FFF), (RTTBCNRC, RTTBCNRC_FACTOR), (RTTBCNRS, u32::MAX)];

/// The values of those registers for all queues. Empty until one is selected: until then all stand for queue 0.
#[derive(Debug, Default)]
pub(crate) struct Selected {
    values: Vec<[u32; SELECTED.len()]>,
}

impl Selected {
    /// Performs the effects of a write of `value` at `at`, which may belong to the rate limits.
    #[inline]
    pub(crate) fn written(&mut self, at: u32, value: u32, queues: &mut TxQueues, common: &mut Common) {
        if matches!(at, RTTDQSEL | RTTDT1C | RTTBCNRC | RTTBCNRS | RTTBCNRD) {
            self.change(at, value, queues, common);
        }
    }

    #[cold]
    fn change(&mut self, at: u32, value: u32, queues: &mut TxQueues, common: &mut Common) {
        let registers = &mut common.registers;
        if self.values.is_empty() {
            // Unknown values differ between queues.
            let of = |queue: u32| {
                SELECTED
                    .map(|(at, unknown)| registers.get(at) ^ queue.wrapping_mul(0x9E37_79B1).rotate_left(7) & unknown)
            };
            self.values = (0..QUEUES as u32).map(of).collect();
        }
        if at == RTTDQSEL {
            for ((at, _), value) in SELECTED.into_iter().zip(self.values[value as usize % QUEUES]) {
                registers.set(at, value);
            }
            return;
        }
        if at == RTTBCNRD {
            if value & RTTBCNRD_DRIFT_ENA != 0 {
                common.violation(Rule::NotModelled, at, || "a drift of rate limits".to_owned());
            }
            if value & RTTBCNRD_CLEAR_ALL != 0 {
                self.clear_all(queues, &mut common.registers);
            }
            return;
        }
        let queue = registers.get(RTTDQSEL) as usize % QUEUES;
        self.values[queue] = SELECTED.map(|(at, _)| registers.get(at));
        if at == RTTBCNRC {
            queues.limit(queue, Limit::new(value));
        }
    }

    fn clear_all(&mut self, queues: &mut TxQueues, registers: &mut RegisterFile) {
        self.values.iter_mut().for_each(|[_, rate, _]| *rate = 0);
        registers.set(RTTBCNRC, 0);
        registers.set_bits(RTTBCNRD, RTTBCNRD_CLEAR_ALL, false);
        (0..QUEUES).for_each(|queue| queues.limit(queue, None));
    }
}

/// The rate limit of one queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// The link's rate divided by the queue's, with 14 bits of fraction.
    factor: u32,
    /// The time in picoseconds from which on the next frame may leave.
    next: u128,
    /// `true` if the queue had nothing to send at the last look.
    idle: bool,
}

impl Limit {
    /// Reads RTTBCNRC. Returns `None` if it sets no limit.
    fn new(control: u32) -> Option<Self> {
        let factor = (control & RTTBCNRC_FACTOR).max(ONE);
        (control & RTTBCNRC_RS_ENA != 0).then_some(Self { factor, next: 0, idle: true })
    }

    /// Returns the time that `bytes` take at the limited rate, in picoseconds.
    fn duration(&self, bytes: u64, registers: &RegisterFile) -> u128 {
        let bit = PICOSECONDS / u128::from(link::bits_per_nanosecond(registers));
        u128::from(bytes) * 8 * bit * u128::from(self.factor) / u128::from(ONE)
    }

    /// Returns the time at which the next frame may leave, if that is later than now. `posted` is the time at which the
    /// queue got work after it had none.
    #[cold]
    pub(crate) fn due(&mut self, posted: Time, common: &Common) -> Option<Time> {
        if std::mem::take(&mut self.idle) {
            self.begin(posted, &common.registers);
        }
        let due = self.next.div_ceil(PICOSECONDS) as Time;
        (due > common.clock.now()).then_some(due)
    }

    /// Begins to count at `posted`: no rate is saved up before, but for the window.
    pub(crate) fn begin(&mut self, posted: Time, registers: &RegisterFile) {
        let window = self.duration(u64::from(registers.get(RTTBCNRM) & 0x7FF) * 1024, registers);
        self.next = self.next.max((u128::from(posted) * PICOSECONDS).saturating_sub(window));
    }

    /// Notes that a packet has left since the counts of sent frames and bytes were `before`.
    #[cold]
    pub(crate) fn sent(&mut self, before: (u64, u64), common: &Common) {
        let frames = common.counters.transmitted - before.0;
        let bytes = common.counters.transmitted_bytes - before.1 + frames * CRC as u64;
        self.next += self.duration(bytes, &common.registers);
    }

    /// Notes that the queue has nothing to send.
    pub(crate) fn rest(&mut self) {
        self.idle = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::assert_in_table;

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[
            ("RTTDQSEL", RTTDQSEL),
            ("RTTDT1C", RTTDT1C),
            ("RTTBCNRM", RTTBCNRM),
            ("RTTBCNRC", RTTBCNRC),
            ("RTTBCNRS", RTTBCNRS),
            ("RTTBCNRD", RTTBCNRD),
        ]);
    }
}
