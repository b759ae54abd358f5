//! Device errors, and the state of the device after an error.

use core::fmt;
use core::time::Duration;

use crate::device::filter::FilterError;
use crate::device::mac::MacAddress;
use crate::device::{
    ConfigError, Device, Diagnosis, Firmware, Medium, ModuleError, PtpError, RateError, Reset, Unbound,
};
use crate::dma::DmaError;
use crate::field::ValueError;
use crate::pool::PoolError;
use crate::register::TimedOut;

/// A failed operation on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The configuration is invalid.
    Config(ConfigError),
    /// The rule for received frames is wrong, or there is no room for it.
    Filter(FilterError),
    /// Memory for the rings cannot be allocated or mapped.
    Dma(DmaError),
    /// The buffer pool cannot be made, or cannot fill a ring.
    Pool(PoolError),
    /// A value that follows from the configuration does not fit its register field.
    Value(ValueError),
    /// A step did not finish in time.
    TimedOut {
        /// The step, and its section in the datasheet.
        step: &'static str,
        /// The register and its last value.
        cause: TimedOut,
    },
    /// The device reads as all ones: it was removed, or no longer responds on the bus.
    Removed {
        /// The step, and its section in the datasheet.
        step: &'static str,
    },
    /// The device found no valid EEPROM (8.2.3.2.1).
    NoEeprom,
    /// Firmware or another driver did not release a semaphore in time (10.5.4).
    SemaphoreTimeout {
        /// The semaphore.
        semaphore: &'static str,
    },
    /// The link did not come up in time.
    NoLink {
        /// The duration of the wait.
        waited: Duration,
        /// The most likely reason.
        diagnosis: Diagnosis,
    },
    /// The module in the port's cage cannot be read.
    Module(ModuleError),
    /// The rate of a transmit queue cannot be limited so.
    Rate(RateError),
    /// The PTP clock cannot do this.
    Ptp(PtpError),
    /// This crate does not drive the kind of port that the card has. Nothing was done.
    UnsupportedMedium {
        /// What the port is made for.
        medium: Medium,
        /// The PCI device id, if the platform knows it.
        device_id: Option<u16>,
    },
    /// The MAC address is not a unicast address.
    NotUnicast([u8; 6]),
    /// The EEPROM gave the device no usable MAC address.
    NoMacAddress {
        /// The address that it gave: zero, or a group address.
        found: [u8; 6],
    },
    /// The configuration asks for loopback, and the firmware uses the port or forbids changes of its link.
    LoopbackRefused {
        /// The firmware.
        firmware: Firmware,
    },
    /// The link did not come up in loopback, although the driver forced it (AUTOC.FLU, 8.2.3.22.19).
    LoopbackFailed {
        /// The duration of the wait.
        waited: Duration,
    },
    /// Requests of the device are still pending on the bus, even after a reset (5.2.5.3.2).
    RequestsPending {
        /// The duration of the wait.
        waited: Duration,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Filter(error) => error.fmt(f),
            Self::Dma(error) => error.fmt(f),
            Self::Pool(error) => error.fmt(f),
            Self::Value(error) => error.fmt(f),
            Self::Rate(error) => error.fmt(f),
            Self::Ptp(error) => error.fmt(f),
            Self::TimedOut { step, cause } => write!(f, "{step}: {cause}"),
            Self::Removed { step } => write!(f, "{step}: the device reads as all ones, it is gone"),
            Self::NoEeprom => f.write_str("the device found no valid EEPROM: EEC.EE_PRES is 0 (datasheet 8.2.3.2.1)"),
            Self::SemaphoreTimeout { semaphore } => {
                write!(
                    f,
                    "cannot take semaphore {semaphore}: firmware or another driver holds it (datasheet 10.5.4): reset \
                     the device once more; if that does not help, power-cycle the machine"
                )
            }
            Self::NoMacAddress { found } => write!(
                f,
                "the EEPROM gave the device the MAC address {}, which is no address of a port: choose one with \
                 Config::mac",
                MacAddress(*found)
            ),
            Self::LoopbackRefused { firmware } => write!(
                f,
                "cannot loop the port back: {firmware}: switch manageability off for this port in the firmware setup, \
                 or test another port"
            ),
            Self::LoopbackFailed { waited } => write!(
                f,
                "no link in loopback {waited:?} after the driver forced it: LINKS.LINK_UP is 0 while AUTOC.FLU is 1 \
                 (datasheet 8.2.3.22.19)"
            ),
            Self::RequestsPending { waited } => write!(
                f,
                "requests of the device are still pending on the bus {waited:?} after the driver asked it to stop, and \
                 a reset did not end them (Transactions Pending in the PCIe device status): power-cycle the machine"
            ),
            Self::NoLink { waited, diagnosis } => {
                write!(f, "the link did not come up within {waited:?}: {diagnosis}")
            }
            Self::Module(error) => write!(f, "cannot read the module: {error}"),
            Self::UnsupportedMedium { medium, device_id } => {
                if let Some(id) = device_id {
                    write!(f, "device 8086:{id:04x}: ")?;
                }
                write!(f, "a port with a {medium} is not supported: use a card with SFP+ cages, such as an X520-DA2")
            }
            Self::NotUnicast(mac) => write!(f, "{mac:02x?} is not a unicast MAC address"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            Self::Filter(error) => Some(error),
            Self::Dma(error) => Some(error),
            Self::Pool(error) => Some(error),
            Self::Value(error) => Some(error),
            Self::TimedOut { cause, .. } => Some(cause),
            Self::Module(error) => Some(error),
            Self::Rate(error) => Some(error),
            Self::Ptp(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<FilterError> for Error {
    fn from(error: FilterError) -> Self {
        Self::Filter(error)
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

/// Conversion of a register timeout into an error that names the step.
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

/// A failed transition. It returns the device in its present state.
pub type TransitionError<D> = crate::transition::TransitionError<D, Error>;

/// A failed start.
pub type StartError<H> = crate::transition::StartError<Device<Reset, H>, Device<Unbound, H>, Error>;
