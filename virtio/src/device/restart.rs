//! Resetting one queue of a live device, while the others go on (specification 2.6.1).

use alloc::sync::Arc;

use ixgbe::pci::Function;

use crate::device::Control;
use crate::device::start::vector_of;
use crate::error::Error;
use crate::feature::{Feature, Features};
use crate::queue::{ReceiveQueue, Restart, SharedCounts, TransmitQueue};
use crate::ring::{Fault, Ring, either};
use crate::transport::{DoorbellBus, QueuePlace};

impl<H: Function> Control<'_, H> {
    /// Resets a receive queue of this device, and starts it again. The other queues go on meanwhile.
    ///
    /// A queue that met a [`Fault`] is as new then. Frames that arrived and were not received are lost. All buffers are
    /// the device's until it confirms the reset.
    ///
    /// # Errors
    ///
    /// - [`Error::Unsupported`] if the feature RING_RESET was not agreed on, and [`Error::OtherDevice`] if the queue is
    ///   another device's;
    /// - [`Error::Dma`] if there is no memory for a new ring;
    /// - [`Error::TimedOut`] if the device does not reset the queue in time, and [`Error::VectorRefused`] if it does not
    ///   take the queue's vector again. Then the queue has the fault [`Fault::NotReset`], and this can be tried again;
    /// - [`Error::Removed`] and [`Error::NeedsReset`].
    pub fn restart_receive(&mut self, rx: &mut ReceiveQueue<'_, DoorbellBus<H>>) -> Result<(), Error<H::Error>> {
        either!(&mut rx.ring_mut().0, queue => restart(self, queue, |control| &control.receive))
    }

    /// Resets a transmit queue of this device, and starts it again. The other queues go on meanwhile.
    ///
    /// A queue that met a [`Fault`] is as new then. Packets that were not sent yet are lost: they return to their pools
    /// when the device has confirmed the reset. Attached pools stay attached.
    ///
    /// # Errors
    ///
    /// As [`restart_receive`](Self::restart_receive).
    pub fn restart_transmit(&mut self, tx: &mut TransmitQueue<'_, DoorbellBus<H>, H>) -> Result<(), Error<H::Error>> {
        either!(&mut tx.ring_mut().0, queue => restart(self, queue, |control| &control.transmit))
    }
}

/// Resets `restarted`, which must be among `own`, and starts it again.
fn restart<'a, H: Function>(
    control: &mut Control<'a, H>,
    restarted: &mut impl Restart,
    own: for<'c> fn(&'c Control<'a, H>) -> &'c [SharedCounts],
) -> Result<(), Error<H::Error>> {
    let features = control.terms.features;
    if !features.has(Feature::RingReset) {
        return Err(Error::Unsupported { feature: Features::of(Feature::RingReset) });
    }
    // Each ring has counters of its own, which the control half knows.
    if !own(control).iter().any(|counts| Arc::ptr_eq(counts, restarted.counts())) {
        return Err(Error::OtherDevice);
    }
    let transport = control.transport;
    transport.check()?;
    let queue = restarted.queue();
    let fresh = restarted.ring().renew(transport.function())?;
    restarted.set_fault(Some(Fault::NotReset));
    // SAFETY: the device is live as long as the control half borrows it, and has the feature. There is one control half,
    // borrowed uniquely here, and nothing else selects queues of a live device.
    let stopped = unsafe { transport.reset_queue(queue, control.timeout) }?;
    restarted.replace(fresh, &stopped);
    let vector = control.interrupts.then(|| vector_of(queue, control.terms.queue_pairs)).flatten();
    let place = QueuePlace::of(restarted.ring());
    // SAFETY: the queue was just reset, and nothing else selects queues. The new ring is where the old one was: lent to
    // the device, and freed only with the proof that the device or the queue has stopped.
    unsafe { transport.enable_queue(queue, &place, vector) }?;
    restarted.set_fault(None);
    restarted.begin();
    Ok(())
}
