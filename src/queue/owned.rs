//! Owned queues: handles that borrow nothing.
//!
//! [`Device::into_split`](crate::device::Device::into_split) makes them.

use alloc::sync::Arc;
use core::fmt;

use crate::dma::Dma;
use crate::mmio::Bus;
use crate::offload::{Received, Requested};
use crate::packet::Batch;
use crate::pool::Pool;
use crate::port::{
    AttachError, Down, InterruptSource, Offload, Receive, ReceiveMetadata, Transmit, TransmitError, TransmitRequests,
};
use crate::queue::slot::{Lendable, QueueEnd};
use crate::queue::{Function, Held, Physical, ReceiveQueue, RxRing, TransmitQueue, TxRing};
use crate::registers::{RxQueue, TxQueue};

impl Lendable for Held<RxRing> {
    unsafe fn free(self) {
        // SAFETY: the device has stopped, as the caller promises.
        unsafe { self.into_inner().empty() };
    }
}

impl Lendable for Held<TxRing> {
    unsafe fn free(self) {
        // SAFETY: the device has stopped, as the caller promises.
        unsafe { self.into_inner().empty() };
    }
}

/// A receive queue that can be moved to any thread.
///
/// It has its ring until the device [asks for it](crate::device::OwnedControl::reunite), and gives it back with its
/// next call, or when it is dropped. Its calls return [`Down`] until the device has lent it a ring again.
pub struct OwnedReceiveQueue<H> {
    end: QueueEnd<Held<RxRing>>,
    hardware: Arc<H>,
    index: RxQueue,
}

impl<H: Bus> OwnedReceiveQueue<H> {
    pub(crate) fn new(end: QueueEnd<Held<RxRing>>, hardware: Arc<H>, index: RxQueue) -> Self {
        Self { end, hardware, index }
    }

    /// Borrows the queue for all that a [`ReceiveQueue`] can do, for one call or for several.
    ///
    /// While it is borrowed, the ring is not given back.
    ///
    /// # Errors
    ///
    /// [`Down`] if the device has the ring, or asks for it.
    #[doc(alias = "pool")]
    #[doc(alias = "enable_interrupt")]
    #[inline(always)]
    pub fn queue(&mut self) -> Result<ReceiveQueue<'_, H>, Down> {
        Ok(ReceiveQueue::new(self.end.get()?.get_mut(), &self.hardware))
    }

    /// Returns the index of the queue.
    #[must_use]
    pub fn index(&self) -> RxQueue {
        self.index
    }
}

impl<H: Bus> Receive for OwnedReceiveQueue<H> {
    #[inline(always)]
    fn receive(&mut self, batch: &mut Batch) -> Result<usize, Down> {
        Ok(self.queue()?.receive(batch))
    }
}

impl<H: Bus> ReceiveMetadata for OwnedReceiveQueue<H> {
    #[inline(always)]
    fn receive_with_metadata(&mut self, batch: &mut Batch<Received>) -> Result<usize, Down> {
        Ok(self.queue()?.receive_with_metadata(batch))
    }
}

impl<H: Bus> InterruptSource for OwnedReceiveQueue<H> {
    fn vector(&self) -> usize {
        <Physical as Function<H>>::vector(self.index)
    }

    fn enable_interrupt(&mut self) -> Result<(), Down> {
        self.queue()?.enable_interrupt();
        Ok(())
    }
}

impl<H> fmt::Debug for OwnedReceiveQueue<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedReceiveQueue").field("index", &self.index).finish_non_exhaustive()
    }
}

/// A transmit queue that can be moved to any thread.
///
/// It has its ring until the device [asks for it](crate::device::OwnedControl::reunite), and gives it back with its
/// next call, or when it is dropped. Its calls return [`Down`] until the device has lent it a ring again.
pub struct OwnedTransmitQueue<H> {
    end: QueueEnd<Held<TxRing>>,
    hardware: Arc<H>,
    index: TxQueue,
    vector: usize,
}

impl<H: Bus + Dma> OwnedTransmitQueue<H> {
    pub(crate) fn new(end: QueueEnd<Held<TxRing>>, hardware: Arc<H>, index: TxQueue, vector: usize) -> Self {
        Self { end, hardware, index, vector }
    }

    /// Borrows the queue for all that a [`TransmitQueue`] can do, for one call or for several.
    ///
    /// While it is borrowed, the ring is not given back.
    ///
    /// # Errors
    ///
    /// [`Down`] if the device has the ring, or asks for it.
    #[doc(alias = "reclaim")]
    #[doc(alias = "drain")]
    #[inline(always)]
    pub fn queue(&mut self) -> Result<TransmitQueue<'_, H>, Down> {
        Ok(TransmitQueue::new(self.end.get()?.get_mut(), &self.hardware))
    }

    /// Returns the index of the queue.
    #[must_use]
    pub fn index(&self) -> TxQueue {
        self.index
    }
}

impl<H: Bus + Dma> Transmit for OwnedTransmitQueue<H> {
    #[inline(always)]
    fn transmit(&mut self, batch: &mut Batch) -> Result<usize, TransmitError> {
        Ok(self.queue()?.transmit(batch)?)
    }

    fn attach(&mut self, pool: &Pool) -> Result<(), AttachError> {
        Ok(self.queue()?.attach(pool)?)
    }
}

impl<H: Bus + Dma> TransmitRequests for OwnedTransmitQueue<H> {
    fn offers(&self, _offload: Offload) -> bool {
        true
    }

    #[inline(always)]
    fn transmit_with_requests(&mut self, batch: &mut Batch<Requested>) -> Result<usize, TransmitError> {
        Ok(self.queue()?.transmit_with_requests(batch)?)
    }
}

impl<H: Bus + Dma> InterruptSource for OwnedTransmitQueue<H> {
    fn vector(&self) -> usize {
        self.vector
    }

    fn enable_interrupt(&mut self) -> Result<(), Down> {
        self.queue()?.enable_interrupt();
        Ok(())
    }
}

impl<H> fmt::Debug for OwnedTransmitQueue<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedTransmitQueue").field("index", &self.index).finish_non_exhaustive()
    }
}
