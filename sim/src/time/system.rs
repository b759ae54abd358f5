//! The system time: a counter that the port's oscillator advances (datasheet 8.2.3.26.10 to 8.2.3.26.14).

use crate::chip::clock::Time;

/// Phase of the oscillator: billionths of a tenth of a nanosecond.
type Phase = i128;

/// One billion: parts of a rate, and phase in a tenth of a nanosecond.
const BILLION: Phase = 1_000_000_000;
/// Bits of the link in a clock. At 10 Gb/s, and without a link, a clock takes 6.4 ns. Source: Linux's driver.
const CLOCK: u64 = 64;

/// The system time (SYSTIM), as a function of model time.
#[derive(Debug)]
pub(crate) struct SystemTime {
    /// The model time of the last change of the fields below.
    since: Time,
    /// SYSTIM at that time, and the oscillator's phase since the last increment.
    value: u64,
    phase: Phase,
    /// The increment in units of SYSTIM, and its period in clocks (TIMINCA).
    increment: u32,
    period: u32,
    /// The duration of a clock in tenths of a nanosecond.
    clock: Phase,
    /// Parts per billion by which the oscillator is too fast.
    drift: i32,
}

impl Default for SystemTime {
    fn default() -> Self {
        Self { since: 0, value: 0, phase: 0, increment: 0, period: 0, clock: Phase::from(CLOCK), drift: 0 }
    }
}

impl SystemTime {
    /// Returns SYSTIM at `now`, which may lie before the last change.
    pub(crate) fn at(&self, now: Time) -> u64 {
        self.advanced(now).0
    }

    /// Returns SYSTIM at `now`, and the phase since its last increment.
    fn advanced(&self, now: Time) -> (u64, Phase) {
        let elapsed = Phase::from(now) - Phase::from(self.since);
        let phase = self.phase + elapsed * 10 * (BILLION + Phase::from(self.drift));
        match self.clock * BILLION * Phase::from(self.period) {
            // With a period of 0 the time stands still.
            0 => (self.value, 0),
            period => {
                let increments = phase.div_euclid(period) * Phase::from(self.increment);
                (self.value.wrapping_add(increments as u64), phase.rem_euclid(period))
            }
        }
    }

    /// Moves the last change to `now`.
    fn rebase(&mut self, now: Time) {
        (self.value, self.phase) = self.advanced(now);
        self.since = now;
    }

    /// Sets SYSTIM.
    pub(crate) fn set(&mut self, now: Time, value: u64) {
        self.rebase(now);
        self.value = value;
    }

    /// Sets the increment and its period in clocks.
    pub(crate) fn configure(&mut self, now: Time, increment: u32, period: u32) {
        self.rebase(now);
        (self.increment, self.period, self.phase) = (increment, period, 0);
    }

    /// Follows the speed of the link.
    pub(crate) fn follow_link(&mut self, now: Time, bits_per_nanosecond: u64) {
        self.rebase(now);
        self.clock = Phase::from(10 * CLOCK / bits_per_nanosecond);
    }

    /// Makes the oscillator too fast by `drift` parts per billion.
    pub(crate) fn set_drift(&mut self, now: Time, drift: i32) {
        self.rebase(now);
        self.drift = drift.max(-(BILLION as i32));
    }

    /// Lets the oscillator jump by `nanoseconds`.
    pub(crate) fn jump(&mut self, now: Time, nanoseconds: i64) {
        self.rebase(now);
        self.phase += Phase::from(nanoseconds) * 10 * BILLION;
    }

    /// Stops the time at 0. The oscillator and the link's clock stay as they are.
    pub(crate) fn reset(&mut self, now: Time) {
        *self = Self { since: now, clock: self.clock, drift: self.drift, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_advances_by_whole_periods() {
        let mut time = SystemTime::default();
        time.configure(1_000, 10, 2);
        // A period is 12.8 ns.
        for (now, value) in
            [(1_000, 0), (1_012, 0), (1_013, 10), (1_025, 10), (1_026, 20), (1_000_001_000, 781_250_000)]
        {
            assert_eq!(time.at(now), value, "{now}");
        }
        assert_eq!(time.at(987), 10_u64.wrapping_neg().wrapping_mul(2), "13 ns before");
        // Rebasing loses no fraction of a period.
        for now in 1_000..1_013 {
            time.set_drift(now, 0);
        }
        assert_eq!((time.at(1_012), time.at(1_013)), (0, 10));
    }

    #[test]
    fn drift_and_jumps_move_the_oscillator() {
        let mut time = SystemTime::default();
        time.configure(0, 64, 10);
        time.set_drift(0, 250);
        assert_eq!(time.at(1_000_000_000), 1_000_000_250 / 64 * 64);
        time.set_drift(1_000_000_000, 0);
        time.jump(1_000_000_000, -1_000);
        assert_eq!(time.at(1_000_000_000), (1_000_000_250 - 1_000) / 64 * 64);
        time.set_drift(1_000_000_000, i32::MIN);
        assert_eq!(time.at(2_000_000_000), time.at(1_000_000_000), "it stands still, and does not run backwards");
        time.follow_link(2_000_000_000, 1);
        time.reset(2_000_000_000);
        time.configure(2_000_000_000, 64, 1);
        time.set_drift(2_000_000_000, 0);
        assert_eq!(time.at(2_000_000_640), 640);
    }
}
