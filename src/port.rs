//! Traits for programs that run on any network device.
//!
//! A running device implements [`Port`]. Splitting it gives a [`Control`] and pairs of queues, which [`Receive`] and
//! [`Transmit`]. A program that is generic over these traits runs on any device that implements them, without dynamic
//! calls.
//!
//! ```
//! use ixgbe::packet::Batch;
//! use ixgbe::port::{Receive, Transmit, TransmitError};
//!
//! /// Forwards one batch. Returns the number of packets sent.
//! fn forward(from: &mut impl Receive, to: &mut impl Transmit, batch: &mut Batch) -> Result<usize, TransmitError> {
//!     from.receive(batch)?;
//!     to.transmit(batch)
//! }
//! ```
//!
//! Each device offers more than this: see [`device::Control`](crate::device::Control) and [`queue`](crate::queue) for
//! the 82599.

use alloc::vec::Vec;
use core::error::Error;
use core::fmt;

use crate::dma::DmaError;
use crate::packet::{Batch, Packet};
use crate::pool::Pool;

/// A running network device.
pub trait Port {
    /// The control half, borrowed from the device.
    type Control<'a>: Control
    where
        Self: 'a;
    /// A receive queue, borrowed from the device.
    type Receive<'a>: Receive
    where
        Self: 'a;
    /// A transmit queue, borrowed from the device.
    type Transmit<'a>: Transmit
    where
        Self: 'a;

    /// Splits the device into its control half and its queue pairs, each of which can go to its own thread.
    #[expect(clippy::type_complexity, reason = "a tuple of two says more than another name")]
    fn split(&mut self) -> (Self::Control<'_>, Vec<QueuePair<Self::Receive<'_>, Self::Transmit<'_>>>);

    /// Returns the pools of the receive queues, in the order of the queues.
    fn pools(&self) -> Vec<Pool>;
}

/// The control half of a running device: link, counters, address.
pub trait Control {
    /// The error of a device that does not answer.
    type Error: Error + Send + Sync + 'static;

    /// Returns the MAC address for which the device receives frames.
    fn mac(&self) -> [u8; 6];

    /// Returns the current link status.
    fn link(&mut self) -> LinkStatus;

    /// Returns the counters since the device was started.
    ///
    /// # Errors
    ///
    /// If the device does not answer, for example because it was removed.
    fn counters(&mut self) -> Result<Counters, Self::Error>;
}

/// A receive queue.
pub trait Receive {
    /// Moves packets that have arrived into `batch`, as many as it has room for. Returns their number. It never waits.
    ///
    /// # Errors
    ///
    /// [`Down`] if the device has taken back the ring of an owned queue, or is broken. The batch does not change.
    fn receive(&mut self, batch: &mut Batch) -> Result<usize, Down>;
}

/// A receive queue that raises an interrupt when packets arrive, so that a program can sleep until then.
///
/// `linux::Interrupts::receive` does all that this takes.
pub trait ReceiveInterrupt: Receive {
    /// Returns the index of the MSI-X vector that the queue raises.
    fn vector(&self) -> usize;

    /// Asks for one interrupt when a packet arrives.
    ///
    /// A packet that arrived before this call may raise none. So a program calls this, receives again, and waits only if
    /// nothing was there.
    fn enable_interrupt(&mut self);
}

/// A transmit queue.
pub trait Transmit {
    /// Sends packets from the front of `batch`, as many as there is room for. Returns their number. It never waits.
    ///
    /// Sent packets leave the batch. Packets without room stay in it.
    ///
    /// # Errors
    ///
    /// - [`TransmitError::Refused`] with a packet that cannot be sent. Those before it were sent, those behind it stay.
    /// - [`TransmitError::Down`] if the device has taken back the ring of an owned queue, or is broken. The batch does
    ///   not change.
    fn transmit(&mut self, batch: &mut Batch) -> Result<usize, TransmitError>;

    /// Makes the queue able to send packets of `pool`.
    ///
    /// # Errors
    ///
    /// - [`AttachError::Dma`] if the pool's memory cannot be mapped for the device.
    /// - [`AttachError::Down`] as for [`transmit`](Self::transmit).
    fn attach(&mut self, pool: &Pool) -> Result<(), AttachError>;
}

/// A receive queue and a transmit queue for one thread.
#[derive(Debug)]
pub struct QueuePair<R, T> {
    /// The receive queue.
    pub rx: R,
    /// The transmit queue.
    pub tx: T,
}

/// The error of a queue without a ring that works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Down {
    /// The device has taken the ring back, to stop or to restart. The queue goes on when the device runs again and was
    /// split into owned queues again. Pools that were [attached](Transmit::attach) to the queue alone have to be attached
    /// anew after a restart.
    Parked,
    /// The device is gone. The queue will not go on.
    Closed,
    /// The device broke a rule of the ring, or asks for a reset. The queue does not go on before the device is reset. What
    /// was posted stays the device's until then.
    Broken,
}

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parked => "the device has taken the queue's ring back, and has not restarted yet",
            Self::Closed => "the queue's device is gone: drop the queue",
            Self::Broken => "the device broke a rule, or asks for a reset: reset it",
        })
    }
}

impl Error for Down {}

/// A failed call of [`Transmit::transmit`].
#[derive(Debug)]
pub enum TransmitError {
    /// The device holds the ring. Nothing was sent, and the batch did not change.
    Down(Down),
    /// One packet cannot be sent.
    Refused(Refused),
}

impl fmt::Display for TransmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down(down) => down.fmt(f),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl Error for TransmitError {}

impl From<Down> for TransmitError {
    fn from(down: Down) -> Self {
        Self::Down(down)
    }
}

impl From<Refused> for TransmitError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// A packet that cannot be sent. It has left the batch; the packets behind it stay there.
#[derive(Debug)]
pub struct Refused {
    /// The packet.
    pub packet: Packet,
    /// Why it cannot be sent.
    pub reason: Refusal,
    /// The number of packets before it, which were sent.
    pub sent: usize,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl Error for Refused {}

/// The reason for which a packet cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The packet's pool is not mapped for the device: [`attach`](Transmit::attach) it.
    NotAttached,
    /// The packet has no bytes, or one of its segments has none.
    Empty,
    /// The packet is shorter than an Ethernet header. Such a packet can make the device stop sending.
    TooShort {
        /// Its length in bytes.
        len: usize,
        /// The smallest length in bytes.
        min: usize,
    },
    /// The packet has more segments than the queue has descriptors for one packet.
    TooManySegments {
        /// Its number of segments.
        count: usize,
        /// The largest number.
        max: usize,
    },
    /// The packet is longer than the largest frame the device was configured for.
    TooLong {
        /// Its length in bytes, without CRC.
        len: usize,
        /// The largest length, in bytes without CRC.
        max: usize,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAttached => f.write_str("the packet's pool is not attached to this device: call attach"),
            Self::Empty => f.write_str("the packet has a segment without bytes"),
            Self::TooShort { len, min } => write!(f, "the packet has {len} bytes, the device sends no less than {min}"),
            Self::TooManySegments { count, max } => {
                write!(f, "the packet has {count} segments, the queue takes at most {max}")
            }
            Self::TooLong { len, max } => {
                write!(f, "the packet has {len} bytes, the device was configured for at most {max}")
            }
        }
    }
}

/// A failed call of [`Transmit::attach`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachError {
    /// The device holds the ring.
    Down(Down),
    /// The pool's memory cannot be mapped for the device.
    Dma(DmaError),
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down(down) => down.fmt(f),
            Self::Dma(error) => error.fmt(f),
        }
    }
}

impl Error for AttachError {}

impl From<Down> for AttachError {
    fn from(down: Down) -> Self {
        Self::Down(down)
    }
}

impl From<DmaError> for AttachError {
    fn from(error: DmaError) -> Self {
        Self::Dma(error)
    }
}

/// Link status at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkStatus {
    /// No link.
    Down,
    /// A link, with its speed if the device says it.
    Up(Option<Speed>),
}

impl LinkStatus {
    /// Returns `true` if there is a link.
    #[must_use]
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Up(_))
    }
}

impl fmt::Display for LinkStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => f.write_str("down"),
            Self::Up(None) => f.write_str("up, at an unknown speed"),
            Self::Up(Some(speed)) => write!(f, "up, {speed}"),
        }
    }
}

/// Speed of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Speed {
    megabits: u32,
}

impl Speed {
    /// 100 Mbit/s.
    pub const MBIT_100: Self = Self::from_megabits(100);
    /// 1 Gbit/s.
    pub const GBIT_1: Self = Self::from_megabits(1000);
    /// 10 Gbit/s.
    pub const GBIT_10: Self = Self::from_megabits(10_000);

    /// Makes a speed of `megabits` Mbit/s.
    #[must_use]
    pub const fn from_megabits(megabits: u32) -> Self {
        Self { megabits }
    }

    /// Returns the speed in bits per second.
    #[must_use]
    pub const fn bits_per_second(self) -> u64 {
        self.megabits as u64 * 1_000_000
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.megabits {
            0 => f.write_str("0 Mbit/s"),
            megabits if megabits.is_multiple_of(1000) => write!(f, "{} Gbit/s", megabits / 1000),
            megabits => write!(f, "{megabits} Mbit/s"),
        }
    }
}

/// Counters of a device since it was started.
///
/// Octets are counted from the destination address to the end of the data, without the CRC.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters {
    /// Packets that the device wrote to memory.
    pub rx_packets: u64,
    /// Octets of these packets.
    pub rx_octets: u64,
    /// Packets that arrived and were lost before the device wrote them to memory, by reason.
    pub rx_lost: Vec<(&'static str, u64)>,
    /// Packets that the driver dropped after the device had written them, by reason. They count as
    /// [received](Self::rx_packets) too.
    pub rx_dropped: Vec<(&'static str, u64)>,
    /// Packets sent.
    pub tx_packets: u64,
    /// Octets of these packets.
    pub tx_octets: u64,
}
