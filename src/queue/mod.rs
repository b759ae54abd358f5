//! Receive and transmit queues: who owns which descriptor.
//!
//! A ring belongs to its device. What a user holds is a handle that borrows it ([`Receive`],
//! [`Transmit`]), so that the device cannot be stopped beneath a handle, and a handle that is
//! forgotten harms nothing.

mod in_place;
mod ring;
mod rx;
mod tx;

pub use in_place::{Forwarded, InPlace, Route};
pub(crate) use ring::{Held, Stopped};
pub(crate) use rx::{DropCounters, RxRing};
pub use rx::{LongFrames, Receive, ReceiveDrops};
pub(crate) use tx::TxRing;
pub use tx::{Transmit, TransmitError};

/// A receive and a transmit queue that one thread drives.
#[derive(Debug)]
pub struct QueuePair<'a, H> {
    /// The receive queue.
    pub rx: Receive<'a, H>,
    /// The transmit queue.
    pub tx: Transmit<'a, H>,
}
