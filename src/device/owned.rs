//! Splitting a running device into parts that borrow nothing, and putting it together again.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::clock;
use crate::device::{Control, Device, Running};
use crate::platform::Platform;
use crate::queue::{OwnedQueuePair, OwnedReceiveQueue, OwnedTransmitQueue};
use crate::registers::{RxQueue, TxQueue};

/// The pause between two looks whether all rings are back.
const POLL_INTERVAL: Duration = Duration::from_micros(50);

/// A running device whose queues are owned.
///
/// It cannot be stopped: [`reunite`](Self::reunite) first. Dropping it recalls the rings, waits 100 ms for them, and
/// stops the device.
pub struct OwnedControl<H: Platform>(Device<Running, H>);

/// A device that is still split, because some owned queues have not given their rings back.
pub struct ReuniteError<H: Platform> {
    /// The device. All owned queues go on.
    pub control: OwnedControl<H>,
    /// The number of rings that were missing at the time limit.
    pub missing: usize,
}

impl<H: Platform> fmt::Debug for ReuniteError<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReuniteError").field("missing", &self.missing).finish_non_exhaustive()
    }
}

impl<H: Platform> fmt::Display for ReuniteError<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} owned queues did not give their rings back: drop them, or let them make a call", self.missing)
    }
}

impl<H: Platform> core::error::Error for ReuniteError<H> {}

impl<H: Platform> Device<Running, H> {
    /// Splits the device into parts that borrow nothing, so that each can be moved into a struct, a thread or a task.
    ///
    /// The pairs contain all queues that have no owner yet. An owned queue from before a restart of the device, if it
    /// still exists, gets its new ring instead, and is in no pair.
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
        (control, rx.into_iter().zip(tx).map(|(rx, tx)| OwnedQueuePair { rx, tx }).collect())
    }

    /// Splits the device as [`into_split`](Self::into_split) does, and returns also the queues that are not in pairs.
    #[must_use]
    pub fn into_split_queues(mut self) -> (OwnedControl<H>, Vec<OwnedReceiveQueue<H>>, Vec<OwnedTransmitQueue<H>>) {
        let platform = &self.platform;
        let (rx, tx) = self.data.queues().ends();
        let rx = rx.iter_mut().zip(RxQueue::all());
        let rx = rx.filter_map(|(end, index)| Some(OwnedReceiveQueue::new(end.lend()?, Arc::clone(platform), index)));
        let tx = tx.iter_mut().zip(TxQueue::all());
        let tx = tx.filter_map(|(end, index)| Some(OwnedTransmitQueue::new(end.lend()?, Arc::clone(platform), index)));
        let (rx, tx) = (rx.collect(), tx.collect());
        (OwnedControl(self), rx, tx)
    }
}

impl<H: Platform> OwnedControl<H> {
    /// Returns the control of the device: registers, link, statistics, filters, RSS.
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
    /// A queue gives its ring back with its next call, or when it is dropped. A queue that exists has no ring from then
    /// on, and each call returns [`Down`](crate::port::Down). It goes on once the device, stopped and started again or
    /// not, is [split](Device::into_split) anew.
    ///
    /// # Errors
    ///
    /// [`ReuniteError`] if a ring is missing when the limit is over. Then all owned queues go on.
    pub fn reunite(mut self, limit: Duration) -> Result<Device<Running, H>, ReuniteError<H>> {
        let Device { platform, data } = &mut self.0;
        data.queues().recall();
        let all_back = || (data.queues().lent() == 0).then_some(());
        match clock::poll(&**platform, limit, POLL_INTERVAL, all_back) {
            Ok(()) => Ok(self.0),
            Err(_) => {
                let missing = self.lent();
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
