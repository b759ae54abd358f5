//! Limits of the rates of transmit queues (datasheet 8.2.3.10.16).
//!
//! The device takes the factor by which a queue is slower than the link. So a limit is set anew when the link's speed
//! changes.

use core::fmt;
use core::num::NonZeroU64;

use crate::device::receive::STANDARD_FRAME;
use crate::device::{Control, Error, MAX_TX_QUEUES};
use crate::field::{Value, ValueError};
use crate::platform::Platform;
use crate::port::{LinkStatus, Speed};
use crate::registers::{RTTBCNRC, RTTBCNRD, RTTBCNRM, TxQueue};
use crate::value;

/// The lowest rate is this fraction of the link's speed: the factor's integer part has 10 bits, of which the datasheet
/// allows this much.
const LARGEST_FACTOR: u64 = 1_000;
/// The number of fraction bits of the factor.
const FRACTION: u32 = 14;
/// The window of the rate scheduler, in KiB, for standard and for jumbo frames (as proven drivers; it must hold a frame).
const WINDOW: u64 = 0x4;
const JUMBO_WINDOW: u64 = 0x14;

/// A rate of bits.
///
/// ```
/// use ixgbe::device::Rate;
/// assert_eq!(Rate::megabits(250), Rate::kilobits(250_000));
/// assert_eq!(Rate::megabits(250).map(|rate| rate.to_string()).as_deref(), Some("250 Mbit/s"));
/// assert_eq!(Rate::bits(0), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(NonZeroU64);

impl Rate {
    /// Returns the rate in bits per second, or `None` for 0.
    #[must_use]
    pub const fn bits(per_second: u64) -> Option<Self> {
        match NonZeroU64::new(per_second) {
            Some(rate) => Some(Self(rate)),
            None => None,
        }
    }

    /// Returns the rate in kilobits (1,000 bits) per second, or `None` for 0.
    #[must_use]
    pub const fn kilobits(per_second: u64) -> Option<Self> {
        Self::bits(per_second.saturating_mul(1_000))
    }

    /// Returns the rate in megabits (1,000,000 bits) per second, or `None` for 0.
    #[must_use]
    pub const fn megabits(per_second: u64) -> Option<Self> {
        Self::bits(per_second.saturating_mul(1_000_000))
    }

    /// Returns the bits per second.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            rate if rate.is_multiple_of(1_000_000) => write!(f, "{} Mbit/s", rate / 1_000_000),
            rate if rate.is_multiple_of(1_000) => write!(f, "{} kbit/s", rate / 1_000),
            rate => write!(f, "{rate} bit/s"),
        }
    }
}

/// A rate limit that the device cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateError {
    /// The rate is outside what the device can limit a queue to at the link's speed.
    OutOfRange {
        /// The rate asked for, in bits per second.
        rate: u64,
        /// The lowest rate: 0.1 % of the link's.
        least: u64,
        /// The highest rate: the link's.
        most: u64,
    },
    /// The device does not use the transmit queue.
    NoQueue {
        /// The queue.
        queue: usize,
        /// The number of transmit queues.
        queues: usize,
    },
}

impl fmt::Display for RateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { rate, least, most } => write!(
                f,
                "cannot limit a queue to {rate} bit/s: RTTBCNRC takes {least} to {most} bit/s at this speed of the link"
            ),
            Self::NoQueue { queue, queues } => write!(
                f,
                "cannot limit the rate of transmit queue {queue}: the device has {queues}, counted from 0: see \
                 Config::tx_queues"
            ),
        }
    }
}

impl core::error::Error for RateError {}

/// The limits of all transmit queues.
pub(crate) type Rates = [Option<Rate>; MAX_TX_QUEUES];

/// Returns the content of RTTBCNRC for `rate` at the speed `link`, both in bits per second; `None` if that is no limit.
fn factor(rate: Rate, link: u64) -> Option<u64> {
    (rate.get() < link).then(|| {
        // A rate that is too low for a faster link becomes the lowest.
        let rate = rate.get().max(link.div_ceil(LARGEST_FACTOR));
        (link << FRACTION) / rate
    })
}

impl<H: Platform> Control<'_, H> {
    /// Limits how fast `queue` sends, also while it does.
    ///
    /// The device spaces packets by their bytes. The datasheet does not say which overhead counts; others measured on
    /// silicon that the CRC counts, and preamble and gap do not.
    ///
    /// A limit holds until [`remove_rate`](Self::remove_rate) or a stop; a
    /// [recovery](crate::device::Device::recover) sets it again. When the link comes up with another speed,
    /// [`link`](Self::link), [`link_status`](Self::link_status) and [`health`](Self::health) set it anew: until one of
    /// them is called, the queue has the same fraction of the new speed. A rate below 0.1 % of the new speed is raised to
    /// that; one above the new speed limits nothing. Without a link, the rate is checked against 10 Gbit/s.
    ///
    /// ```
    /// use ixgbe::device::Rate;
    /// use ixgbe::{index, registers::TxQueue};
    /// # use ixgbe::device::{Config, Device};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let port = ixgbe_sim::Port::new(Default::default());
    /// # let mut nic = Device::new(port.claim()?).reset(&Config::new())?.assume_link_up().start()?;
    /// # let (mut control, _) = nic.split();
    /// let queue = index!(TxQueue, 0);
    /// control.set_rate(queue, Rate::megabits(250).ok_or("a rate of 0")?)?;
    /// control.remove_rate(queue)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Rate`] if the rate is not 0.1 % to 100 % of the link's speed, or if the device does not use the queue.
    /// Then nothing has changed.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Control.set_rate.md")))]
    pub fn set_rate(&mut self, queue: TxQueue, rate: Rate) -> Result<(), Error> {
        self.look_at_link();
        let link = self.speed_to_limit();
        let (least, most) = (link.div_ceil(LARGEST_FACTOR), link);
        if !(least..=most).contains(&rate.get()) {
            return Err(Error::Rate(RateError::OutOfRange { rate: rate.get(), least, most }));
        }
        *self.rate_of(queue)? = Some(rate);
        let window = if self.config.max_frame > STANDARD_FRAME { JUMBO_WINDOW } else { WINDOW };
        self.registers().rttbcnrm().write(Value::EMPTY.try_with(RTTBCNRM::MMW_SIZE, window)?);
        self.write_rate(queue, link)?;
        Ok(())
    }

    /// Removes the limit of `queue`, if it has one.
    ///
    /// # Errors
    ///
    /// [`Error::Rate`] if the device does not use the queue.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Control.remove_rate.md")))]
    pub fn remove_rate(&mut self, queue: TxQueue) -> Result<(), Error> {
        *self.rate_of(queue)? = None;
        let link = self.speed_to_limit();
        Ok(self.write_rate(queue, link)?)
    }

    /// Returns the limit of `queue`, if it has one.
    #[must_use]
    pub fn rate(&self, queue: TxQueue) -> Option<Rate> {
        self.settings.rates.get(queue.get()).copied().flatten()
    }

    /// Sets all limits anew, for the speed that the link has now.
    pub(crate) fn set_rates_anew(&mut self) -> Result<(), ValueError> {
        if self.settings.rates.iter().all(Option::is_none) {
            return Ok(());
        }
        let link = self.speed_to_limit();
        self.registers().rttbcnrd().modify(value!(RTTBCNRD { BCN_CLEAR_ALL: true }));
        TxQueue::all().take(self.config.tx_queues).try_for_each(|queue| self.write_rate(queue, link))
    }

    fn rate_of(&mut self, queue: TxQueue) -> Result<&mut Option<Rate>, Error> {
        let queues = self.config.tx_queues;
        let none = Error::Rate(RateError::NoQueue { queue: queue.get(), queues });
        self.settings.rates.iter_mut().take(queues).nth(queue.get()).ok_or(none)
    }

    /// Returns the link's speed in bits per second, as it was seen last.
    fn speed_to_limit(&self) -> u64 {
        match self.settings.link {
            LinkStatus::Up(Some(speed)) => speed.bits_per_second(),
            LinkStatus::Up(None) | LinkStatus::Down => Speed::GBIT_10.bits_per_second(),
        }
    }

    fn write_rate(&mut self, queue: TxQueue, link: u64) -> Result<(), ValueError> {
        let factor = self.rate(queue).and_then(|rate| factor(rate, link));
        let (whole, fraction) = factor.map_or((0, 0), |factor| (factor >> FRACTION, factor & ((1 << FRACTION) - 1)));
        let value = Value::EMPTY
            .with(RTTBCNRC::RS_ENA, factor.is_some())
            .try_with(RTTBCNRC::RF_INT, whole)?
            .try_with(RTTBCNRC::RF_DEC, fraction)?;
        self.windows_mut().transmit_queue.select(queue).rttbcnrc().write_full(value.full()?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_the_link_by_the_rate() {
        let of = |megabits, link: u64| factor(Rate::megabits(megabits).unwrap(), link * 1_000_000);
        assert_eq!(of(1_000, 10_000), Some(10 << 14));
        assert_eq!(of(3_000, 10_000), Some((3 << 14) + (1 << 14) / 3));
        assert_eq!(of(10, 10_000), Some(1_000 << 14));
        assert_eq!(of(1, 10_000), Some(1_000 << 14), "too low after a change of speed");
        assert_eq!(of(1_000, 1_000), None);
        assert_eq!(of(3_000, 1_000), None, "faster than the link");
    }
}
