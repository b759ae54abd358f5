//! Receive and transmit queues.
//!
//! A ring belongs to its device. [`ReceiveQueue`] and [`TransmitQueue`] are handles that borrow the device, so it
//! cannot be stopped while one exists. Forgetting a handle has no effect.

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

/// A receive queue and a transmit queue for one thread.
#[derive(Debug)]
pub struct QueuePair<'a, H> {
    /// The receive queue.
    pub rx: ReceiveQueue<'a, H>,
    /// The transmit queue.
    pub tx: TransmitQueue<'a, H>,
}
