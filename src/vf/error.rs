//! Errors of a virtual function.

use core::fmt;
use core::time::Duration;

use crate::dma::DmaError;
use crate::field::ValueError;
use crate::pool::PoolError;
use crate::register::TimedOut;
use crate::vf::{ConfigError, Refusal, Reset, Unbound, UnknownVersion, VirtualFunction};

/// A failed operation on a virtual function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The configuration is invalid.
    Config(ConfigError),
    /// Memory for the rings cannot be allocated or mapped.
    Dma(DmaError),
    /// The buffer pool cannot be made, or cannot fill a ring.
    Pool(PoolError),
    /// A value that follows from the configuration does not fit its register field.
    Value(ValueError),
    /// A step did not finish in time.
    TimedOut {
        /// The step.
        step: &'static str,
        /// The register and its last value.
        cause: TimedOut,
    },
    /// The device reads as all ones: it was removed, or no longer responds on the bus.
    Removed {
        /// The step.
        step: &'static str,
    },
    /// The physical function shows no sign of life, or stays in its reset.
    NoHost {
        /// The duration of the wait.
        waited: Duration,
    },
    /// A message did not reach the physical function, or its answer is none.
    Mailbox {
        /// The request, by the name that other drivers give it.
        request: &'static str,
        /// What is wrong.
        error: MailboxError,
    },
    /// The physical function refused a request.
    Refused(Refusal),
    /// The agreed version of the protocol does not have the request.
    UnknownVersion(UnknownVersion),
    /// The physical function answered with a number that cannot be.
    BadAnswer {
        /// The request.
        request: &'static str,
        /// The number.
        found: u32,
    },
    /// The physical function gave the function no MAC address, and the configuration has none.
    NoMacAddress,
    /// The address is not of one station.
    NotUnicast([u8; 6]),
    /// The address is not a multicast address.
    NotMulticast([u8; 6]),
    /// There are more multicast addresses than a message holds.
    TooManyMulticasts {
        /// Their number.
        count: usize,
    },
    /// The VLAN is not below 4096.
    NoVlan(u16),
    /// The function has fewer queue pairs than the configuration asks for.
    TooFewQueues {
        /// The number of queue pairs asked for.
        needed: usize,
        /// The number that it has.
        had: usize,
    },
}

/// What is wrong with a message or its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MailboxError {
    /// The physical function keeps the buffer.
    Busy,
    /// The physical function did not read the message in time.
    NotRead,
    /// The physical function read the message and did not answer in time, or had other things to say each time.
    NotAnswered,
    /// The physical function does not know the function any more: it was reset.
    Forgotten,
    /// The answer does not belong to the request.
    Nonsense {
        /// Its first word.
        answer: u32,
    },
    /// The device reads as all ones.
    Removed,
}

impl fmt::Display for MailboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("the physical function keeps the mailbox"),
            Self::NotRead => f.write_str("the physical function did not read it in time: its driver may be gone"),
            Self::NotAnswered => f.write_str("the physical function did not answer in time"),
            Self::Forgotten => {
                f.write_str("the physical function was reset and has forgotten the function: recover it")
            }
            Self::Nonsense { answer } => write!(f, "the physical function answered {answer:#010x}, which is no answer"),
            Self::Removed => f.write_str("the device reads as all ones, it is gone"),
        }
    }
}

impl core::error::Error for MailboxError {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Dma(error) => error.fmt(f),
            Self::Pool(error) => error.fmt(f),
            Self::Value(error) => error.fmt(f),
            Self::TimedOut { step, cause } => write!(f, "{step}: {cause}"),
            Self::Removed { step } => write!(f, "{step}: the device reads as all ones, it is gone"),
            Self::NoHost { waited } => write!(
                f,
                "the physical function showed no sign of life within {waited:?}: its driver must be loaded, and its \
                 interface up"
            ),
            Self::Mailbox { request, error } => write!(f, "cannot send the request {request}: {error}"),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::UnknownVersion(error) => error.fmt(f),
            Self::BadAnswer { request, found } => {
                write!(f, "the physical function answered the request {request} with {found:#x}, which cannot be")
            }
            Self::NoMacAddress => {
                f.write_str("the physical function gave no MAC address: choose one with vf::Config::mac")
            }
            Self::NotUnicast(mac) => write!(f, "{mac:02x?} is not a unicast MAC address"),
            Self::NotMulticast(mac) => write!(f, "{mac:02x?} is not a multicast MAC address"),
            Self::TooManyMulticasts { count } => {
                write!(f, "{count} multicast addresses are too many: at most {} are possible", super::MAX_MULTICASTS)
            }
            Self::NoVlan(id) => write!(f, "{id} is not a VLAN: it must be below 4096"),
            Self::TooFewQueues { needed, had } => {
                write!(f, "the function has {had} queue pairs, and {needed} are needed: lower vf::Config::queue_pairs")
            }
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
            Self::Mailbox { error, .. } => Some(error),
            _ => None,
        }
    }
}

macro_rules! from {
    ($($variant:ident($error:ty)),*) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        }
    )*};
}

from!(
    Config(ConfigError),
    Dma(DmaError),
    Pool(PoolError),
    Value(ValueError),
    Refused(Refusal),
    UnknownVersion(UnknownVersion)
);

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
pub type StartError<H> = crate::transition::StartError<VirtualFunction<Reset, H>, VirtualFunction<Unbound, H>, Error>;
