//! Splitting a running device into parts that borrow nothing, and putting it together again.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::device::{Control, Device, Running};
use crate::platform::Platform;
use crate::queue::{self, OwnedQueuePair, OwnedReceiveQueue, OwnedTransmitQueue};

/// A running device whose queues are owned.
///
/// It cannot be stopped: [`reunite`](Self::reunite) first. Its [`control`](Self::control) has link and statistics.
///
/// Dropping it recalls the rings, waits 100 ms for them, and stops the device. A queue that is in the middle of a call, or
/// borrowed, then keeps its ring for that long. What it transmits is not sent.
pub struct OwnedControl<H: Platform>(Device<Running, H>);

/// A device that is still split, because some owned queues have not given their rings back.
pub type ReuniteError<H> = queue::ReuniteError<OwnedControl<H>>;

impl<H: Platform> Device<Running, H> {
    /// Splits the device into parts that borrow nothing, so that each can be moved into a struct, a thread or a task.
    ///
    /// An owned queue from before a restart of the device, if it still exists, gets its new ring, and is in no pair. The
    /// pairs contain the other queues. If only one queue of an index has no owner,
    /// [`into_split_queues`](Self::into_split_queues) returns it, and this function does not.
    ///
    /// ```
    /// use std::time::Duration;
    /// # use ixgbe::device::{Config, Device};
    /// use ixgbe::packet::Batch;
    /// use ixgbe::port::{Receive, Transmit};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let [port, partner] = [0, 1].map(|_| ixgbe_sim::Port::new(Default::default()));
    /// # ixgbe_sim::connect(&port, &partner);
    /// # let _runner = ixgbe_sim::Runner::start(vec![port.clone()])?;
    /// # let nic = Device::new(port.claim()?).reset(&Config::new())?.assume_link_up().start()?;
    /// let (control, mut pairs) = nic.into_split();
    /// let mut queues = pairs.pop().ok_or("a device has a queue pair")?;
    /// let worker = std::thread::spawn(move || {
    ///     let mut batch = Batch::with_capacity(32);
    ///     while queues.rx.receive(&mut batch).is_ok() && queues.tx.transmit(&mut batch).is_ok() {}
    /// });
    /// let nic = control.reunite(Duration::from_secs(1))?;   // a call of the worker returns `Down`
    /// let nic = nic.stop()?;
    /// # worker.join().map_err(|_| "the thread panicked")?;
    /// # assert!(port.violations().is_empty());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn into_split(self) -> (OwnedControl<H>, Vec<OwnedQueuePair<H>>) {
        let (control, rx, tx) = self.into_split_queues();
        (control, queue::pairs(rx, tx))
    }

    /// Splits the device as [`into_split`](Self::into_split) does, and returns also the queues that are not in pairs.
    #[must_use]
    pub fn into_split_queues(mut self) -> (OwnedControl<H>, Vec<OwnedReceiveQueue<H>>, Vec<OwnedTransmitQueue<H>>) {
        let platform = Arc::clone(&self.platform);
        let (rx, tx) = self.data.queues().lend(&platform);
        (OwnedControl(self), rx, tx)
    }
}

impl<H: Platform> OwnedControl<H> {
    /// Returns the control of the device: registers, link, statistics, filters, RSS.
    #[doc(alias = "statistics")]
    #[doc(alias = "link")]
    pub fn control(&mut self) -> Control<'_, H> {
        self.0.split_queues().0
    }

    /// Returns the platform of the device.
    #[must_use]
    pub fn platform(&self) -> &H {
        self.0.platform()
    }

    /// Returns the number of rings that owned queues have.
    #[must_use]
    pub fn lent(&self) -> usize {
        self.0.data.lent()
    }

    /// Asks all owned queues for their rings, waits for them at most for `limit`, and puts the device together again.
    ///
    /// Each queue gives its ring back with its own next call, or when it is dropped: both queues of a pair have to. Its
    /// calls return [`Down`](crate::port::Down) from then on. It goes on once the device, stopped and started again or not,
    /// is [split](Device::into_split) anew. A thread that waits for an interrupt makes no call: let it wait with a limit.
    ///
    /// # Errors
    ///
    /// [`ReuniteError`] if a ring is missing when the limit is over. Then all owned queues go on.
    #[doc(alias = "stop")]
    pub fn reunite(mut self, limit: Duration) -> Result<Device<Running, H>, ReuniteError<H>> {
        match self.0.data.recall(limit) {
            0 => Ok(self.0),
            missing => {
                self.0.data.queues().resume();
                Err(ReuniteError { control: self, missing })
            }
        }
    }
}

impl<H: Platform> fmt::Debug for OwnedControl<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnedControl({} rings lent)", self.lent())
    }
}
