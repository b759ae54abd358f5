//! The rings of a device, and the ends of those that are lent to owned queues.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::clock::{self, Clock};
use crate::queue::function::Kind;
use crate::queue::slot::{DeviceEnd, Lendable};
use crate::queue::{Held, OwnedReceiveQueue, OwnedTransmitQueue, Physical, RxRing, Stopped, TxRing};
use crate::registers::{RxQueue, TxQueue};

/// The pause between two looks whether rings are back.
const POLL_INTERVAL: Duration = Duration::from_micros(50);

/// The device's ends of all queues of one kind. Entry n is of queue n.
type Ends<R> = Vec<DeviceEnd<Held<R>>>;

/// The rings of a device, which it may access by DMA until it has stopped.
///
/// In the states without rings, entries remain for owned queues that wait for a new ring.
pub struct Queues<F: Kind = Physical> {
    rx: Ends<RxRing>,
    tx: Ends<TxRing<F>>,
}

impl<F: Kind> Default for Queues<F> {
    fn default() -> Self {
        Self { rx: Vec::new(), tx: Vec::new() }
    }
}

impl<F: Kind> Queues<F> {
    /// Takes the ring of the receive queue with this `index`.
    pub(crate) fn put_rx(&mut self, index: usize, ring: Held<RxRing>) {
        put(&mut self.rx, index, ring);
    }

    /// Takes the ring of the transmit queue with this `index`.
    pub(crate) fn put_tx(&mut self, index: usize, ring: Held<TxRing<F>>) {
        put(&mut self.tx, index, ring);
    }

    /// Returns the receive rings that are here.
    pub(crate) fn rx(&self) -> impl Iterator<Item = &RxRing> {
        self.rx.iter().filter_map(|end| Some(end.get()?.get()))
    }

    /// Returns the transmit rings that are here.
    pub(crate) fn tx(&self) -> impl Iterator<Item = &TxRing<F>> {
        self.tx.iter().filter_map(|end| Some(end.get()?.get()))
    }

    /// Returns the receive rings that are here, and the transmit rings.
    pub(crate) fn both_mut(&mut self) -> (impl Iterator<Item = &mut RxRing>, impl Iterator<Item = &mut TxRing<F>>) {
        (rings(&mut self.rx), rings(&mut self.tx))
    }

    /// Returns the receive rings that are here.
    pub(crate) fn rx_mut(&mut self) -> impl Iterator<Item = &mut RxRing> {
        rings(&mut self.rx)
    }

    /// Returns the transmit rings that are here.
    pub(crate) fn tx_mut(&mut self) -> impl Iterator<Item = &mut TxRing<F>> {
        rings(&mut self.tx)
    }

    /// Lends the rings that are here. Returns the owned queues that did not exist before.
    #[expect(clippy::type_complexity, reason = "a tuple of two says more than another name")]
    pub(crate) fn lend<H>(
        &mut self,
        platform: &Arc<H>,
    ) -> (Vec<OwnedReceiveQueue<H, F>>, Vec<OwnedTransmitQueue<H, F>>) {
        let rx = self.rx.iter_mut().zip(RxQueue::all());
        let rx = rx.filter_map(|(end, index)| Some(OwnedReceiveQueue::new(end.lend()?, Arc::clone(platform), index)));
        let tx = self.tx.iter_mut().zip(TxQueue::all());
        let tx = tx.filter_map(|(end, index)| {
            let vector = end.get()?.get().vector;
            Some(OwnedTransmitQueue::new(end.lend()?, Arc::clone(platform), index, vector))
        });
        (rx.collect(), tx.collect())
    }

    /// Asks all owned queues for their rings, and waits for these at most for `limit`. Returns the number that is missing.
    pub(crate) fn recall(&mut self, clock: &impl Clock, limit: Duration) -> usize {
        self.rx.iter_mut().for_each(DeviceEnd::recall);
        self.tx.iter_mut().for_each(DeviceEnd::recall);
        _ = clock::poll(clock, limit, POLL_INTERVAL, || (self.lent() == 0).then_some(()));
        self.lent()
    }

    /// Lends the rings again to the owned queues that were asked for them.
    pub(crate) fn resume(&mut self) {
        self.rx.iter_mut().for_each(DeviceEnd::resume);
        self.tx.iter_mut().for_each(DeviceEnd::resume);
    }

    /// Returns the number of rings that are lent.
    pub(crate) fn lent(&self) -> usize {
        self.rx.iter().filter(|end| !end.is_home()).count() + self.tx.iter().filter(|end| !end.is_home()).count()
    }

    /// Returns `true` if there are no rings, here or lent.
    pub(crate) fn is_empty(&self) -> bool {
        self.lent() == 0 && self.rx().next().is_none() && self.tx().next().is_none()
    }

    /// Frees the rings that are here, and returns their buffers to the pools. The proof shows that the device has
    /// stopped.
    pub(crate) fn release(&mut self, proof: &Stopped) {
        for ring in self.rx.iter_mut().filter_map(|end| end.place()?.take()?.release(proof)) {
            // SAFETY: the ring's device has stopped: otherwise `release` would have returned no ring.
            unsafe { ring.empty() };
        }
        for ring in self.tx.iter_mut().filter_map(|end| end.place()?.take()?.release(proof)) {
            // SAFETY: the ring's device has stopped: otherwise `release` would have returned no ring.
            unsafe { ring.empty() };
        }
    }

    /// Leaves the rings that were recalled and not given back to their queues, which free them.
    ///
    /// # Safety
    ///
    /// The device of these rings must have stopped, and must not run again.
    pub(crate) unsafe fn leave(&mut self) {
        // SAFETY: the caller makes both promises.
        self.rx.iter_mut().for_each(|end| _ = unsafe { end.leave() });
        // SAFETY: the caller makes both promises.
        self.tx.iter_mut().for_each(|end| _ = unsafe { end.leave() });
    }
}

fn rings<T>(ends: &mut [DeviceEnd<Held<T>>]) -> impl Iterator<Item = &mut T>
where
    Held<T>: Lendable,
{
    ends.iter_mut().filter_map(|end| Some(end.place()?.as_mut()?.get_mut()))
}

fn put<T: Lendable>(ends: &mut Vec<DeviceEnd<T>>, index: usize, ring: T) {
    while ends.len() <= index {
        ends.push(DeviceEnd::new());
    }
    // Rings are made in states in which none is lent.
    if let Some(place) = ends.get_mut(index).and_then(DeviceEnd::place) {
        *place = Some(ring);
    }
}

impl<F: Kind + fmt::Debug> fmt::Debug for Queues<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.rx()).entries(self.tx()).finish()
    }
}
