//! Receive and transmit queues.
//!
//! A ring belongs to its device. [`ReceiveQueue`] and [`TransmitQueue`] are handles that borrow the device, so it
//! cannot be stopped while one exists. Forgetting a handle has no effect.
//!
//! [`OwnedReceiveQueue`] and [`OwnedTransmitQueue`] borrow nothing: they can be moved into a struct, a thread or a
//! task. Each has the ring until the device asks for it, or until it is dropped.

pub(crate) mod function;
mod in_place;
mod owned;
mod queues;
mod ring;
mod rx;
#[cfg(not(loom))]
mod slot;
#[cfg(loom)]
pub mod slot;
mod tx;

use crate::port;

pub(crate) use function::recognised_headers;
pub use function::{Function, Physical, Virtual};
pub use in_place::{ForwardCounts, InPlaceForwarder, Route, WhenFull};
pub(crate) use owned::pairs;
pub use owned::{OwnedReceiveQueue, OwnedTransmitQueue, ReuniteError};
pub(crate) use queues::Queues;
pub(crate) use ring::{Held, Stopped};
pub(crate) use rx::{DropCounters, RxRing};
pub use rx::{LongFrames, ReceiveCounters, ReceiveQueue};
pub use tx::TransmitQueue;
pub(crate) use tx::TxRing;

/// A receive queue and a transmit queue, borrowed from their running device.
pub type QueuePair<'a, H> = port::QueuePair<ReceiveQueue<'a, H>, TransmitQueue<'a, H>>;

/// A receive queue and a transmit queue that borrow nothing.
pub type OwnedQueuePair<H, F = Physical> = port::QueuePair<OwnedReceiveQueue<H, F>, OwnedTransmitQueue<H, F>>;
