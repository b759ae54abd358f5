//! Owned queues: handles that borrow nothing.
//!
//! [`Device::into_split`](crate::device::Device::into_split) and
//! [`VirtualFunction::into_split`](crate::vf::VirtualFunction::into_split) make them.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use crate::dma::Dma;
use crate::offload::{Received, Requested};
use crate::packet::Batch;
use crate::pool::Pool;
use crate::port::{
    AttachError, Down, InterruptSource, Offload, Receive, ReceiveMetadata, Transmit, TransmitError, TransmitRequests,
};
use crate::queue::function::Kind;
use crate::queue::slot::{Lendable, QueueEnd};
use crate::queue::{Function, Held, OwnedQueuePair, Physical, ReceiveQueue, RxRing, TransmitQueue, TxRing};
use crate::registers::{RxQueue, TxQueue};

impl Lendable for Held<RxRing> {
    unsafe fn free(self) {
        // SAFETY: the device has stopped, as the caller promises.
        unsafe { self.into_inner().empty() };
    }
}

impl<F: Kind> Lendable for Held<TxRing<F>> {
    unsafe fn free(self) {
        // SAFETY: the device has stopped, as the caller promises.
        unsafe { self.into_inner().empty() };
    }
}

/// A receive queue that can be moved to any thread.
///
/// It has its ring until the device [asks for it](crate::device::OwnedControl::reunite), and gives it back with its
/// next call, or when it is dropped. Its calls return [`Down`] until the device has lent it a ring again.
pub struct OwnedReceiveQueue<H, F = Physical> {
    end: QueueEnd<Held<RxRing>>,
    hardware: Arc<H>,
    index: RxQueue,
    kind: PhantomData<fn() -> F>,
}

impl<H, F> OwnedReceiveQueue<H, F> {
    pub(crate) fn new(end: QueueEnd<Held<RxRing>>, hardware: Arc<H>, index: RxQueue) -> Self {
        Self { end, hardware, index, kind: PhantomData }
    }

    /// Returns the index of the queue.
    #[must_use]
    pub fn index(&self) -> RxQueue {
        self.index
    }
}

impl<H, F: Function<H>> OwnedReceiveQueue<H, F> {
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
    pub fn queue(&mut self) -> Result<ReceiveQueue<'_, H, F>, Down> {
        Ok(ReceiveQueue::new(self.end.get()?.get_mut(), &self.hardware))
    }
}

impl<H, F: Function<H>> Receive for OwnedReceiveQueue<H, F> {
    #[inline(always)]
    fn receive(&mut self, batch: &mut Batch) -> Result<usize, Down> {
        Ok(self.queue()?.receive(batch))
    }
}

impl<H, F: Function<H>> ReceiveMetadata for OwnedReceiveQueue<H, F> {
    #[inline(always)]
    fn receive_with_metadata(&mut self, batch: &mut Batch<Received>) -> Result<usize, Down> {
        Ok(self.queue()?.receive_with_metadata(batch))
    }
}

impl<H, F: Function<H>> InterruptSource for OwnedReceiveQueue<H, F> {
    fn vector(&self) -> usize {
        F::vector(self.index)
    }

    fn enable_interrupt(&mut self) -> Result<(), Down> {
        self.queue()?.enable_interrupt();
        Ok(())
    }
}

impl<H, F> fmt::Debug for OwnedReceiveQueue<H, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedReceiveQueue").field("index", &self.index).finish_non_exhaustive()
    }
}

/// A transmit queue that can be moved to any thread.
///
/// It has its ring until the device [asks for it](crate::device::OwnedControl::reunite), and gives it back with its
/// next call, or when it is dropped. Its calls return [`Down`] until the device has lent it a ring again.
pub struct OwnedTransmitQueue<H, F: Kind = Physical> {
    end: QueueEnd<Held<TxRing<F>>>,
    hardware: Arc<H>,
    index: TxQueue,
    vector: u8,
}

impl<H, F: Kind> OwnedTransmitQueue<H, F> {
    pub(crate) fn new(end: QueueEnd<Held<TxRing<F>>>, hardware: Arc<H>, index: TxQueue, vector: u8) -> Self {
        Self { end, hardware, index, vector }
    }

    /// Returns the index of the queue.
    #[must_use]
    pub fn index(&self) -> TxQueue {
        self.index
    }
}

impl<H: Dma, F: Function<H>> OwnedTransmitQueue<H, F> {
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
    pub fn queue(&mut self) -> Result<TransmitQueue<'_, H, F>, Down> {
        Ok(TransmitQueue::new(self.end.get()?.get_mut(), &self.hardware))
    }
}

impl<H: Dma, F: Function<H>> Transmit for OwnedTransmitQueue<H, F> {
    #[inline(always)]
    fn transmit(&mut self, batch: &mut Batch) -> Result<usize, TransmitError> {
        Ok(self.queue()?.transmit(batch)?)
    }

    fn attach(&mut self, pool: &Pool) -> Result<(), AttachError> {
        Ok(self.queue()?.attach(pool)?)
    }
}

impl<H: Dma, F: Function<H>> TransmitRequests for OwnedTransmitQueue<H, F> {
    fn offers(&self, offload: Offload) -> bool {
        F::CLOCK || offload != Offload::TimeStamp
    }

    #[inline(always)]
    fn transmit_with_requests(&mut self, batch: &mut Batch<Requested>) -> Result<usize, TransmitError> {
        Ok(self.queue()?.transmit_with_requests(batch)?)
    }
}

impl<H: Dma, F: Function<H>> InterruptSource for OwnedTransmitQueue<H, F> {
    fn vector(&self) -> usize {
        self.vector.into()
    }

    fn enable_interrupt(&mut self) -> Result<(), Down> {
        self.queue()?.enable_interrupt();
        Ok(())
    }
}

impl<H, F: Kind> fmt::Debug for OwnedTransmitQueue<H, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedTransmitQueue").field("index", &self.index).finish_non_exhaustive()
    }
}

/// Returns the pairs of queues of the same index. The others are dropped.
pub(crate) fn pairs<H, F: Kind>(
    rx: Vec<OwnedReceiveQueue<H, F>>,
    tx: Vec<OwnedTransmitQueue<H, F>>,
) -> Vec<OwnedQueuePair<H, F>> {
    let mut tx = tx.into_iter().peekable();
    let pair = |rx: OwnedReceiveQueue<H, F>| {
        let index = rx.index().get();
        while tx.next_if(|tx| tx.index().get() < index).is_some() {}
        Some(OwnedQueuePair { rx, tx: tx.next_if(|tx| tx.index().get() == index)? })
    };
    rx.into_iter().filter_map(pair).collect()
}

/// A device that is still split, because some owned queues have not given their rings back.
pub struct ReuniteError<C> {
    /// The control of the device. All owned queues go on.
    pub control: C,
    /// The number of rings that were missing at the time limit.
    pub missing: usize,
}

impl<C> fmt::Debug for ReuniteError<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReuniteError").field("missing", &self.missing).finish_non_exhaustive()
    }
}

impl<C> fmt::Display for ReuniteError<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rings did not come back: drop the owned queues, or let each make a call", self.missing)
    }
}

impl<C> core::error::Error for ReuniteError<C> {}
