//! Errors of the device.

use core::fmt;
use core::time::Duration;

use datasheet_runtime::field::ValueError;
use ixgbe::dma::DmaError;
use ixgbe::pool::PoolError;

use crate::discovery::DiscoveryError;
use crate::feature::{Features, Missing};
use crate::ring::Fault;

/// A failure to bring a device up, to stop it, or to command it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// The device was not found.
    Discovery(DiscoveryError<E>),
    /// The device did not become what it was asked for in time.
    TimedOut {
        /// What it was asked for.
        doing: &'static str,
        /// How long the driver waited.
        waited: Duration,
    },
    /// The device is gone: its registers read as all ones.
    Removed,
    /// The system is to remove the device, and waits until this program has let go of it.
    RemovalRequested,
    /// The device does not offer VERSION_1, so it is not a modern one.
    NotModern,
    /// The function is behind an IOMMU, and the device would bypass it.
    BypassesIommu,
    /// The device does not offer features that the program requires, or this driver makes no use of them.
    NotOffered {
        /// These features.
        features: Features,
    },
    /// The program requires a feature, and not one that it needs.
    Contradiction(Missing),
    /// The device refuses the features.
    FeaturesRefused {
        /// The features.
        features: Features,
    },
    /// The device has no such queue.
    NoQueue {
        /// The queue.
        queue: u16,
    },
    /// The device does not take an MSI-X vector: it has too few, or no resources for it.
    VectorRefused {
        /// The queue that was to raise it, or `None` for changes of the configuration.
        queue: Option<u16>,
        /// The vector.
        vector: u16,
    },
    /// A queue has a size that it cannot have.
    QueueSize {
        /// The queue.
        queue: u16,
        /// The size that the device gives.
        size: u16,
    },
    /// The doorbell of a queue is outside of the doorbells' range.
    DoorbellOutside {
        /// The queue.
        queue: u16,
        /// The place that the device gives, which counts in multipliers.
        notify_off: u16,
        /// The multiplier in bytes.
        multiplier: u32,
        /// The length of the range in bytes.
        length: u64,
    },
    /// The device has an MTU that no device can have.
    BadMtu {
        /// The MTU.
        mtu: u16,
    },
    /// The program asks for no queue pair, or for more than the device has.
    QueuePairs {
        /// The number that the program asks for.
        asked: u16,
        /// The number that the device has. It is 1 without the feature MQ.
        had: u16,
    },
    /// The device has a number of queue pairs that no device can have.
    BadQueuePairs {
        /// The number.
        pairs: u16,
    },
    /// The configuration of the device changes all the time.
    Unsettled,
    /// A receive buffer cannot hold a frame.
    BufferSize {
        /// The size in bytes.
        size: usize,
        /// The smallest size in bytes.
        needed: usize,
    },
    /// A receive queue has too few descriptors for a packet of several segments.
    ReceiveRoom {
        /// The queue.
        queue: u16,
        /// The bytes that its buffers hold.
        room: usize,
        /// The bytes that a packet can have.
        needed: usize,
    },
    /// The device asks for a reset.
    NeedsReset,
    /// The device broke a rule.
    Fault(Fault),
    /// The device has no control queue, or not the feature for this command.
    Unsupported {
        /// The feature.
        feature: Features,
    },
    /// The queue is another device's.
    OtherDevice,
    /// The device refused a command.
    Refused {
        /// The command.
        command: &'static str,
    },
    /// A value does not fit into its register.
    Value(ValueError),
    /// Memory cannot be allocated or mapped.
    Dma(DmaError),
    /// A pool of buffers cannot be made.
    Pool(PoolError),
    /// The platform refused.
    Platform(E),
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discovery(error) => error.fmt(f),
            Self::TimedOut { doing, waited } => write!(f, "the device did not end {doing} within {waited:?}"),
            Self::Removed => f.write_str("the device is gone: its status reads as all ones"),
            Self::RemovalRequested => {
                f.write_str("the device is to be removed, and the system waits for this program: stop the device and drop it")
            }
            Self::NotModern => f.write_str("the device does not offer VERSION_1: this driver needs a modern device"),
            Self::BypassesIommu => f.write_str(
                "the device does not offer ACCESS_PLATFORM, so it would use addresses of the IOMMU as physical ones: start \
                 QEMU's device with `iommu_platform=on`",
            ),
            Self::NotOffered { features } => write!(f, "the device or this driver does not have {features}"),
            Self::Contradiction(missing) => write!(f, "{missing}, which the device or this driver does not have"),
            Self::FeaturesRefused { features } => write!(f, "the device refuses these features: {features}"),
            Self::NoQueue { queue } => write!(f, "the device has no queue {queue}"),
            Self::VectorRefused { queue, vector } => {
                write!(f, "the device does not take MSI-X vector {vector} for ")?;
                match queue {
                    Some(queue) => write!(f, "queue {queue}")?,
                    None => f.write_str("changes of its configuration")?,
                }
                f.write_str(": give it more vectors (QEMU: `vectors=`), or poll")
            }
            Self::QueueSize { queue, size } => {
                write!(f, "queue {queue} has a size of {size}: it must be at most 32768, and a power of two unless it is packed")
            }
            Self::DoorbellOutside { queue, notify_off, multiplier, length } => write!(
                f,
                "the doorbell of queue {queue} is at {notify_off} times {multiplier}, and the doorbells have {length:#x} bytes"
            ),
            Self::BadMtu { mtu } => write!(f, "the device has an MTU of {mtu}: it must be 68 or more"),
            Self::QueuePairs { asked, had } => write!(
                f,
                "cannot set up {asked} queue pairs: the device has {had} (QEMU: `mq=on`, and a back end with as many queues)"
            ),
            Self::BadQueuePairs { pairs } => write!(f, "the device has {pairs} queue pairs: it must be 1 to 32767"),
            Self::Unsettled => f.write_str("the configuration of the device changes while it is read"),
            Self::BufferSize { size, needed } => {
                write!(f, "a receive buffer of {size} bytes is too small: a frame and its header need {needed}")
            }
            Self::ReceiveRoom { queue, room, needed } => write!(
                f,
                "the buffers of receive queue {queue} hold {room} bytes, a packet of several segments {needed}: set larger \
                 buffers, or do without GUEST_TSO4, GUEST_TSO6, GUEST_USO4 and GUEST_USO6"
            ),
            Self::NeedsReset => f.write_str("the device asks for a reset"),
            Self::Fault(fault) => fault.fmt(f),
            Self::Unsupported { feature } => write!(f, "this needs the feature {feature}, which was not agreed on"),
            Self::OtherDevice => f.write_str("the queue is another device's: give it to the control half of its own"),
            Self::Refused { command } => write!(f, "the device refused to {command}"),
            Self::Value(error) => error.fmt(f),
            Self::Dma(error) => error.fmt(f),
            Self::Pool(error) => error.fmt(f),
            Self::Platform(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for Error<E> {}

impl<E> From<ValueError> for Error<E> {
    fn from(error: ValueError) -> Self {
        Self::Value(error)
    }
}

impl<E> From<DmaError> for Error<E> {
    fn from(error: DmaError) -> Self {
        Self::Dma(error)
    }
}

impl<E> From<PoolError> for Error<E> {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

impl<E> From<Fault> for Error<E> {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl<E> From<DiscoveryError<E>> for Error<E> {
    fn from(error: DiscoveryError<E>) -> Self {
        Self::Discovery(error)
    }
}
