//! Receive and transmit queues.
//!
//! A queue has a ring, and the packets that were posted, in that order and each with an id. So a buffer that the device
//! returns is among them or the device has lied. After such a lie the queue does nothing until the device is reset, and all
//! packets stay where they are until then.
//!
//! Each direction has a fast path and a general one. The fast path takes what comes back in the order of posting, and
//! posts what is like most packets, in blocks. Whatever is different takes the general path, one by one.
//!
//! In front of each frame are the 12 bytes of a header. A received frame's header is at the start of its buffer. A frame
//! that is sent has its header in the headroom of the packet, so that both are one descriptor: for each packet, the driver
//! writes 16 bytes of descriptor and 2 of the ring.
//!
//! A request for a packet is in that header, and so is what the device says of a received one: see
//! [`TransmitQueue::transmit_with_requests`] and [`ReceiveQueue::receive_with_metadata`].

mod header;
mod rx;
mod tx;

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use datasheet_runtime::bus::Bus;
use datasheet_runtime::register::Driver;

use crate::lent::StoppedQueue;
use crate::registers::notify;
use crate::registers::permission::DriverOk;
use crate::ring::{Fault, Ring};

pub use rx::ReceiveQueue;
pub(crate) use rx::{RxRing, RxTerms};
pub use tx::{Failure, TransmitQueue};
pub(crate) use tx::{TxRing, TxTerms};

/// Length of the header in front of each frame, in bytes, with the features that this driver accepts.
pub(crate) const HEADER: usize = 12;

/// The shortest frame that is received or sent, in bytes: an Ethernet header.
pub(crate) const SHORTEST: usize = 14;

/// A queue's counters. Its queue alone writes them.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counts {
    pub(crate) packets: AtomicU64,
    pub(crate) octets: AtomicU64,
    /// Received frames without an Ethernet header, which the driver dropped.
    pub(crate) short: AtomicU64,
    /// Received frames whose header says what cannot be, which the driver dropped.
    pub(crate) bad_header: AtomicU64,
    pub(crate) doorbells: AtomicU64,
}

pub(crate) type SharedCounts = Arc<Counts>;

/// Adds to a counter that only this thread writes, so the addition needs no locked instruction.
#[inline(always)]
fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
}

/// A queue over a ring of one kind, which can be reset and set up anew while the device is live.
pub(crate) trait Restart {
    type Ring: Ring;

    /// Returns the index of its queue.
    fn queue(&self) -> u16;

    fn ring(&self) -> &Self::Ring;

    fn counts(&self) -> &SharedCounts;

    /// Sets the fault for which the queue does nothing, or lets it go on.
    fn set_fault(&mut self, fault: Option<Fault>);

    /// Puts an empty ring in the place of the one that the device has let go of. The packets in it return to their pools.
    fn replace(&mut self, ring: Self::Ring, proof: &StoppedQueue);

    /// Gives the device what it needs to begin, after the queue was enabled.
    fn begin(&mut self);
}

/// The doorbell of a queue.
#[derive(Debug)]
pub(crate) struct Doorbell<B> {
    pub(crate) bus: B,
    pub(crate) queue: u16,
}

impl<B: Bus<notify::RegisterSpace, u16>> Doorbell<B> {
    /// Tells the device to look at the queue.
    ///
    /// # Safety
    ///
    /// The device is live, and what the ring shows may be accessed as the ring says.
    #[inline(always)]
    pub(crate) unsafe fn ring(&self) {
        // SAFETY: the caller says that the device is live.
        let registers = unsafe { notify::Registers::<_, Driver<DriverOk>>::assume_permission(&self.bus) };
        registers.doorbell().ring_doorbell(self.queue);
    }
}
