//! The clock of a port as the crate `statime` steers it, and the filter that decides how.

use std::cell::RefCell;
use std::error::Error;
use std::time::Duration;

use ixgbe::device::{self, Control, PtpClock};
use ixgbe::platform::AnyPlatform;
use statime::Clock;
use statime::config::TimePropertiesDS;
use statime::filters::{Filter, FilterEstimate, FilterUpdate, KalmanConfiguration, KalmanFilter};
use statime::port::Measurement;
use statime::time::Time;

use super::record::Offsets;

/// The control of a port, which its clock and its messages need by turns.
pub type SharedControl<'a> = RefCell<Control<'a, AnyPlatform>>;

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
