//! What can go wrong with a device, and in what state it is then.

use core::fmt;
use core::time::Duration;

use crate::device::ConfigError;
use crate::dma::DmaError;
use crate::field::ValueError;
use crate::pool::PoolError;
use crate::register::TimedOut;

/// Why a device did not do what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The configuration is not possible.
    Config(ConfigError),
    /// There is no memory for rings.
    Dma(DmaError),
    /// There are no packet buffers.
    Pool(PoolError),
    /// A register cannot have the value that follows from the configuration.
    Value(ValueError),
    /// A step did not finish in time.
    TimedOut {
        /// What was done, and where the datasheet says so.
        step: &'static str,
        /// The register that was waited for.
        cause: TimedOut,
    },
    /// The device reads as all ones: it was removed, or lost its place on the bus.
    Removed {
        /// What was done.
        step: &'static str,
    },
    /// The device found no valid EEPROM (8.2.3.2.1).
    NoEeprom,
    /// Firmware or another driver did not give up what they share with this one (10.5.4).
    SemaphoreTimeout {
        /// Which semaphore.
        semaphore: &'static str,
    },
    /// The link did not come up.
    NoLink {
        /// How long it was waited for.
        waited: Duration,
    },
    /// The address is not one of a single station.
    NotUnicast([u8; 6]),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Dma(error) => error.fmt(f),
            Self::Pool(error) => error.fmt(f),
            Self::Value(error) => error.fmt(f),
            Self::TimedOut { step, cause } => write!(f, "{step}: {cause}"),
            Self::Removed { step } => write!(f, "{step}: the device reads as all ones, it is gone"),
            Self::NoEeprom => f.write_str("EEC says that there is no valid EEPROM (datasheet 8.2.3.2.1)"),
            Self::SemaphoreTimeout { semaphore } => {
                write!(f, "{semaphore} is held by firmware or another driver (datasheet 10.5.4)")
            }
            Self::NoLink { waited } => {
                write!(f, "the link did not come up within {waited:?}: is the cable plugged in?")
            }
            Self::NotUnicast(mac) => write!(f, "{mac:02x?} is not the address of a single station"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            Self::Dma(error) => Some(error),
            Self::Pool(error) => Some(error),
            Self::Value(error) => Some(error),
            Self::TimedOut { cause, .. } => Some(cause),
            _ => None,
        }
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<DmaError> for Error {
    fn from(error: DmaError) -> Self {
        Self::Dma(error)
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

impl From<ValueError> for Error {
    fn from(error: ValueError) -> Self {
        Self::Value(error)
    }
}

/// Says in which step a register was waited for.
pub(crate) trait InStep<T> {
    fn in_step(self, step: &'static str) -> Result<T, Error>;
}

impl<T> InStep<T> for Result<T, TimedOut> {
    fn in_step(self, step: &'static str) -> Result<T, Error> {
        self.map_err(|cause| match cause.is_device_gone() {
            true => Error::Removed { step },
            false => Error::TimedOut { step, cause },
        })
    }
}

/// A transition that failed, with the device in the state that it is in now.
pub struct TransitionError<D> {
    /// The device.
    pub device: D,
    /// Why.
    pub error: Error,
}

impl<D> fmt::Debug for TransitionError<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransitionError({:?})", self.error)
    }
}

impl<D> fmt::Display for TransitionError<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<D> core::error::Error for TransitionError<D> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.error)
    }
}
