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
pub use owned::{OwnedReceiveQueue, OwnedTransmitQueue};
pub(crate) use ring::{Held, Stopped};
pub(crate) use rx::{DropCounters, RxRing};
pub use rx::{LongFrames, ReceiveCounters, ReceiveQueue};
pub(crate) use slot::{DeviceEnd, Lendable};
pub use tx::TransmitQueue;
pub(crate) use tx::TxRing;

/// A receive queue and a transmit queue, borrowed from their running device.
pub type QueuePair<'a, H> = port::QueuePair<ReceiveQueue<'a, H>, TransmitQueue<'a, H>>;

/// A receive queue and a transmit queue that borrow nothing.
pub type OwnedQueuePair<H> = port::QueuePair<OwnedReceiveQueue<H>, OwnedTransmitQueue<H>>;
