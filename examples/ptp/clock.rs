//! The clock of a port as the crate `statime` steers it, and the filter that decides how.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::error::Error;
use std::rc::Rc;
use std::time::{Duration, Instant};

use ixgbe::device::{self, Control, PtpClock};
use ixgbe::platform::AnyPlatform;
use statime::Clock;
use statime::config::TimePropertiesDS;
use statime::filters::{Filter, FilterEstimate, FilterUpdate, KalmanConfiguration, KalmanFilter};
use statime::port::Measurement;
use statime::time::Time;

/// The control of a port, which its clock and its messages need by turns.
pub type SharedControl<'a> = RefCell<Control<'a, AnyPlatform>>;
/// The offsets from the master that a port measures.
pub type Offsets = Rc<RefCell<Record>>;

/// Number of offsets that are kept.
const RECENT: usize = 64;
/// Time after which a master that sends nothing is gone.
const SILENCE: Duration = Duration::from_secs(5);

/// The latest offsets from the master in nanoseconds, and since when all of them are within a limit.
#[derive(Debug)]
pub struct Record {
    limit: u64,
    recent: VecDeque<i64>,
    since: Option<Instant>,
    latest: Option<Instant>,
}

impl Record {
    /// Makes a record of no offsets. The limit is in nanoseconds, either way.
    pub fn new(limit: u64) -> Offsets {
        Rc::new(RefCell::new(Self { limit, recent: VecDeque::new(), since: None, latest: None }))
    }

    fn add(&mut self, offset: i64) {
        if offset.unsigned_abs() > self.limit {
            self.since = None;
        } else if self.since.is_none() {
            (self.since, self.recent) = (Some(Instant::now()), VecDeque::new());
        }
        self.recent.truncate(RECENT - 1);
        self.recent.push_front(offset);
        self.latest = Some(Instant::now());
    }

    fn is_fresh(&self) -> bool {
        self.latest.is_some_and(|latest| latest.elapsed() < SILENCE)
    }

    /// Returns the moment since which all offsets were within the limit, unless the master is gone.
    pub fn settled(&self) -> Option<Instant> {
        self.since.filter(|_| self.is_fresh())
    }

    /// Returns the extremes of the latest offsets, unless the master is gone.
    pub fn extremes(&self) -> Option<(i64, i64)> {
        let extremes = self.recent.iter().min().zip(self.recent.iter().max());
        extremes.filter(|_| self.is_fresh()).map(|(low, high)| (*low, *high))
    }
}

/// The clock of a port.
pub struct PortClock<'c, 'a>(pub &'c SharedControl<'a>);

impl PortClock<'_, '_> {
    /// Adjusts the clock, and returns its time afterwards.
    fn adjust(
        &self,
        adjust: impl FnOnce(&mut PtpClock<'_, '_, AnyPlatform>) -> Result<(), device::Error>,
    ) -> Result<Time, Box<dyn Error>> {
        let mut control = self.0.try_borrow_mut()?;
        let mut clock = control.ptp().ok_or("PTP is off")?;
        adjust(&mut clock)?;
        Ok(time(clock.time()?))
    }
}

impl Clock for PortClock<'_, '_> {
    type Error = Box<dyn Error>;

    fn now(&self) -> Time {
        self.adjust(|_| Ok(())).unwrap_or_default()
    }

    fn step_clock(&mut self, offset: statime::time::Duration) -> Result<Time, Self::Error> {
        let nanoseconds = i64::try_from(offset.nanos_rounded())?;
        self.adjust(|clock| clock.adjust_time(nanoseconds))
    }

    fn set_frequency(&mut self, parts_per_million: f64) -> Result<Time, Self::Error> {
        self.adjust(|clock| clock.adjust_frequency((parts_per_million * 1e3).round() as i32))
    }

    fn set_properties(&mut self, _: &TimePropertiesDS) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// Returns a time of a port as one of `statime`.
pub fn time(time: Duration) -> Time {
    Time::from_nanos(time.as_nanos() as u64)
}

/// The time in which the filter corrects an offset, and the offset from which on the clock is set instead.
const STEER_TIME: i64 = 500;
const STEP: i64 = 1;

/// The Kalman filter of `statime`, and the offsets that it was given.
pub struct NotingFilter(KalmanFilter, Offsets);

impl Filter for NotingFilter {
    type Config = Offsets;

    fn new(offsets: Offsets) -> Self {
        let steer_time = statime::time::Duration::from_millis(STEER_TIME);
        Self(KalmanFilter::new(KalmanConfiguration { steer_time, ..KalmanConfiguration::default() }), offsets)
    }

    fn measurement<C: Clock>(&mut self, measurement: Measurement, clock: &mut C) -> FilterUpdate {
        let offset = measurement.raw_sync_offset.or(measurement.raw_delay_offset).unwrap_or_default();
        if offset.abs() > statime::time::Duration::from_millis(STEP) {
            // A filter that goes on takes the step for noise, and corrects next to nothing for 32 measurements. A delay
            // that was measured across a step says nothing.
            if measurement.raw_sync_offset.is_some() && clock.step_clock(-offset).is_ok() {
                *self = Self::new(self.1.clone());
            }
            return FilterUpdate::default();
        }
        if let Some(offset) = measurement.offset {
            self.1.borrow_mut().add(offset.nanos_rounded() as i64);
        }
        self.0.measurement(measurement, clock)
    }

    fn update<C: Clock>(&mut self, clock: &mut C) -> FilterUpdate {
        self.0.update(clock)
    }

    fn demobilize<C: Clock>(self, clock: &mut C) {
        self.0.demobilize(clock);
    }

    fn current_estimates(&self) -> FilterEstimate {
        self.0.current_estimates()
    }
}
