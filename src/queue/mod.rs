//! Receive and transmit queues: who owns which descriptor.
//!
//! A ring belongs to its device. What a user holds is a handle that borrows it ([`ReceiveQueue`],
//! [`TransmitQueue`]), so that the device cannot be stopped beneath a handle, and a handle that is
//! forgotten harms nothing.

mod in_place;
mod ring;
mod rx;
mod tx;

pub use in_place::{ForwardCounts, InPlaceForwarder, Route};
pub(crate) use ring::{Held, Stopped};
pub(crate) use rx::{DropCounters, RxRing};
pub use rx::{LongFrames, ReceiveCounters, ReceiveQueue};
pub(crate) use tx::TxRing;
pub use tx::{TransmitError, TransmitQueue};

/// A receive and a transmit queue that one thread drives.
#[derive(Debug)]
pub struct QueuePair<'a, H> {
    /// The receive queue.
    pub rx: ReceiveQueue<'a, H>,
    /// The transmit queue.
    pub tx: TransmitQueue<'a, H>,
}
