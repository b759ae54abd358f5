//! The time of the PTP clock, from the counts of SYSTIM (datasheet 8.2.3.26.10 to .12).
//!
//! SYSTIM counts up by TIMINCA.IV every second clock of the link. It runs freely: the time is calculated from it, so that it can
//! be set and adjusted exactly. The increment gives the frequency in steps of some 0.1 ppm; the calculation adds what
//! the steps leave out.

use core::time::Duration;

use crate::port::Speed;

/// The largest frequency offset in parts per billion: at 10 Gbit/s, the increment then fills its field.
pub(crate) const LARGEST_OFFSET: i32 = 250_000_000;
/// The largest increment: TIMINCA.IV has 24 bits.
const LARGEST_INCREMENT: u128 = 0xff_ffff;
/// The clocks of the link in a period: the least that works, by the datasheet. Drivers proven on silicon use 1.
pub(crate) const PERIOD: u8 = 2;
/// Fraction bits of a time, which is in nanoseconds.
const TIME_FRACTION: u32 = 32;
/// Fraction bits of a scale.
const SCALE_FRACTION: u32 = 40;

/// The clock of a link: its period in tenths of a nanosecond, and the fraction bits that SYSTIM has at its speed, with
/// which the increment has its full 24 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinkClock {
    tenths: u64,
    fraction: u32,
}

impl LinkClock {
    /// At 10 Gbit/s and without a link.
    pub(crate) const TEN_GIGABIT: Self = Self { tenths: 64, fraction: 20 };
    const ONE_GIGABIT: Self = Self { tenths: 640, fraction: 16 };
    const HUNDRED_MEGABIT: Self = Self { tenths: 6_400, fraction: 13 };

    /// Returns the clock of a link of this speed.
    pub(crate) fn of(speed: Option<Speed>) -> Self {
        match speed {
            Some(Speed::GBIT_1) => Self::ONE_GIGABIT,
            Some(Speed::MBIT_100) => Self::HUNDRED_MEGABIT,
            _ => Self::TEN_GIGABIT,
        }
    }
}

/// The frequency of SYSTIM: the increment, and how long a count is then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frequency {
    /// The value of TIMINCA.IV.
    pub(crate) increment: u32,
    /// The time of a count, in units of a time's, with `SCALE_FRACTION` bits of fraction.
    scale: u128,
}

impl Frequency {
    /// Returns the frequency of a clock that runs `offset` parts per billion faster than its link's.
    ///
    /// `offset` is at most [`LARGEST_OFFSET`] either way.
    pub(crate) fn new(clock: LinkClock, offset: i32) -> Self {
        let parts = u128::from(1_000_000_000_i64.saturating_add(i64::from(offset)).unsigned_abs());
        let period = u128::from(clock.tenths) * u128::from(PERIOD) * parts;
        // The period is in units of 1e-10 ns.
        const UNITS: u128 = 10_000_000_000;
        let exact = period << clock.fraction;
        let increment = ((exact + UNITS / 2) / UNITS).clamp(1, LARGEST_INCREMENT);
        let scale = (period << (TIME_FRACTION + SCALE_FRACTION)) / (UNITS * increment);
        Self { increment: increment as u32, scale }
    }

    /// Returns the time of `counts`.
    fn time(self, counts: u64) -> u128 {
        (u128::from(counts) * self.scale) >> SCALE_FRACTION
    }

    /// Returns the time in which SYSTIM wraps around.
    fn wrap(self) -> u128 {
        self.scale << (64 - SCALE_FRACTION)
    }
}

/// A moment: the count of SYSTIM, the time, and the host's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Moment {
    counts: u64,
    /// In nanoseconds, with `TIME_FRACTION` bits of fraction.
    time: u128,
    host: Duration,
}

impl Moment {
    /// Returns the time.
    pub(crate) fn time(self) -> Duration {
        duration(self.time)
    }

    /// Returns the same moment with another time.
    pub(crate) fn with_time(self, time: Duration) -> Self {
        Self { time: fixed(time), ..self }
    }

    /// Returns the same moment with a time that is later by `nanoseconds`, but not before 0.
    pub(crate) fn shifted(self, nanoseconds: i64) -> Self {
        let by = u128::from(nanoseconds.unsigned_abs()) << TIME_FRACTION;
        let time = if nanoseconds < 0 { self.time.saturating_sub(by) } else { self.time.saturating_add(by) };
        Self { time, ..self }
    }

    /// Returns a later moment, at which SYSTIM reads as `counts`. The host's clock says how often it wrapped around.
    ///
    /// Returns `None` if the counts are not from this clock: far more time would have passed than for the host.
    pub(crate) fn later(self, counts: u64, host: Duration, frequency: Frequency) -> Option<Self> {
        let counted = frequency.time(counts.wrapping_sub(self.counts));
        let elapsed = fixed(host.saturating_sub(self.host));
        if counted > elapsed.saturating_mul(2).saturating_add(fixed(Duration::from_secs(1))) {
            return None;
        }
        let wrap = frequency.wrap().max(1);
        let wraps = elapsed.saturating_sub(counted).saturating_add(wrap / 2) / wrap;
        let passed = counted.saturating_add(wraps.saturating_mul(wrap));
        Some(Self { counts, time: self.time.saturating_add(passed), host })
    }

    /// Returns the moment at which SYSTIM starts again from 0: the host's clock says how much time has passed.
    pub(crate) fn restarted(self, host: Duration) -> Self {
        let elapsed = fixed(host.saturating_sub(self.host));
        Self { counts: 0, time: self.time.saturating_add(elapsed), host }
    }

    /// Returns the time at which SYSTIM was `counts`, at most half a wrap before or after this moment.
    pub(crate) fn at(self, counts: u64, frequency: Frequency) -> Duration {
        let ahead = counts.wrapping_sub(self.counts);
        duration(match ahead {
            ..=0x7fff_ffff_ffff_ffff => self.time.saturating_add(frequency.time(ahead)),
            _ => self.time.saturating_sub(frequency.time(ahead.wrapping_neg())),
        })
    }
}

fn fixed(time: Duration) -> u128 {
    time.as_nanos() << TIME_FRACTION
}

fn duration(time: u128) -> Duration {
    let nanoseconds = time >> TIME_FRACTION;
    let seconds = u64::try_from(nanoseconds / 1_000_000_000).unwrap_or(u64::MAX);
    Duration::new(seconds, (nanoseconds % 1_000_000_000) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEEDS: [Speed; 3] = [Speed::GBIT_10, Speed::GBIT_1, Speed::MBIT_100];
    const HOUR: Duration = Duration::from_secs(3600);

    /// Returns the counts after `time` of a clock without an offset, by the period of the link's clock.
    fn counts(clock: LinkClock, frequency: Frequency, time: Duration) -> u128 {
        time.as_nanos() * 10 / u128::from(clock.tenths) / u128::from(PERIOD) * u128::from(frequency.increment)
    }

    #[test]
    fn increments_are_those_of_proven_drivers() {
        let increment = |speed, offset| Frequency::new(LinkClock::of(Some(speed)), offset).increment;
        // 12.8 ns are 13,421,772.8 counts: rounded, where drivers cut off. The scale makes up for it.
        assert_eq!(SPEEDS.map(|speed| increment(speed, 0)), [0x00cc_cccd, 0x0080_0000, 0x00a0_0000]);
        assert_eq!(increment(Speed::GBIT_10, LARGEST_OFFSET), 0x00ff_ffff);
        assert_eq!(increment(Speed::GBIT_1, LARGEST_OFFSET), 0x00a0_0000);
        assert_eq!(increment(Speed::GBIT_1, -LARGEST_OFFSET), 0x0060_0000);
    }

    #[test]
    fn an_hour_is_exact_at_each_speed_and_offset() {
        for clock in SPEEDS.map(|speed| LinkClock::of(Some(speed))) {
            for offset in [0, 1, -1, 999, 100_000, -100_000, LARGEST_OFFSET, -LARGEST_OFFSET] {
                let frequency = Frequency::new(clock, offset);
                let start = Moment::default();
                let later = start.later(counts(clock, frequency, HOUR) as u64, HOUR, frequency).unwrap();
                let exact = HOUR.as_nanos() as i128 + HOUR.as_nanos() as i128 / 1_000_000_000 * i128::from(offset);
                let error = later.time().as_nanos() as i128 - exact;
                assert!(error.abs() <= 4_000, "{clock:?} {offset}: {error} ns");
            }
        }
    }

    #[test]
    fn wraps_are_counted_by_the_host() {
        let clock = LinkClock::TEN_GIGABIT;
        let frequency = Frequency::new(clock, 0);
        for hours in [1, 2, 3, 5, 7, 24, 24 * 30] {
            // The host's clock is a hundred parts per million fast.
            let (time, host) = (HOUR * hours, HOUR * hours + HOUR * hours / 10_000);
            let later = Moment::default().later(counts(clock, frequency, time) as u64, host, frequency).unwrap();
            let error = later.time().abs_diff(time);
            assert!(error < Duration::from_micros(10), "after {hours} hours {error:?}");
        }
    }

    #[test]
    fn stamps_before_a_moment_have_earlier_times() {
        let frequency = Frequency::new(LinkClock::ONE_GIGABIT, 0);
        let moment = Moment { counts: 5 << 16, time: fixed(HOUR), host: Duration::ZERO };
        assert_eq!(moment.at(2 << 16, frequency), HOUR - Duration::from_nanos(3));
        assert_eq!(moment.at(8 << 16, frequency), HOUR + Duration::from_nanos(3));
        // Across the wrap.
        assert_eq!(moment.at(0_u64.wrapping_sub(1 << 16), frequency), HOUR - Duration::from_nanos(6));
    }

    #[test]
    fn counts_of_another_clock_are_refused() {
        let frequency = Frequency::new(LinkClock::ONE_GIGABIT, 0);
        let moment = Moment { counts: 10 << 40, time: fixed(HOUR), host: HOUR };
        // SYSTIM was reset behind our back: it went back.
        assert_eq!(moment.later(1 << 40, HOUR + Duration::from_secs(9), frequency), None);
        assert_eq!(moment.restarted(HOUR + Duration::from_secs(9)).time(), HOUR + Duration::from_secs(9));
    }

    #[test]
    fn the_ends_of_time_are_kept() {
        let moment = Moment::default();
        assert_eq!(moment.shifted(i64::MIN).time(), Duration::ZERO);
        assert_eq!(moment.with_time(Duration::MAX).time(), Duration::MAX);
        assert_eq!(moment.with_time(Duration::MAX).shifted(i64::MAX).time().as_secs(), u64::MAX);
        assert_eq!(moment.shifted(1_500).shifted(-500).time(), Duration::from_nanos(1_000));
    }
}
