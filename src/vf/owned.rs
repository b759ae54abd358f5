//! Splitting a running function into parts that borrow nothing, and putting it together again.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::queue::{self, OwnedReceiveQueue, OwnedTransmitQueue, Virtual};
use crate::vf::{Control, OwnedQueuePair, Platform, Running, VirtualFunction};

/// A running function whose queues are owned.
///
/// It can neither stop nor recover: [`reunite`](Self::reunite) first.
///
/// Dropping it recalls the rings, waits 100 ms for them, and stops the function. A queue that is in the middle of a call, or
/// borrowed, then keeps its ring for that long. What it transmits is not sent.
pub struct OwnedControl<H: Platform>(VirtualFunction<Running, H>);

/// A function that is still split, because some owned queues have not given their rings back.
pub type ReuniteError<H> = queue::ReuniteError<OwnedControl<H>>;

impl<H: Platform> VirtualFunction<Running, H> {
    /// Splits the function into parts that borrow nothing, as
    /// [`Device::into_split`](crate::device::Device::into_split) does.
    ///
    /// An owned queue from before a restart or a recovery, if it still exists, goes on with its ring, and is in no pair. If
    /// only one queue of an index has no owner, [`into_split_queues`](Self::into_split_queues) returns it, and this
    /// function does not.
    #[must_use]
    pub fn into_split(self) -> (OwnedControl<H>, Vec<OwnedQueuePair<H>>) {
        let (control, rx, tx) = self.into_split_queues();
        (control, queue::pairs(rx, tx))
    }

    /// Splits the function as [`into_split`](Self::into_split) does, and returns also the queues that are not in pairs.
    #[must_use]
    #[expect(clippy::type_complexity, reason = "a tuple of three says more than another name")]
    pub fn into_split_queues(
        mut self,
    ) -> (OwnedControl<H>, Vec<OwnedReceiveQueue<H, Virtual>>, Vec<OwnedTransmitQueue<H, Virtual>>) {
        let platform = Arc::clone(&self.platform);
        let (rx, tx) = self.data.queues().lend(&platform);
        (OwnedControl(self), rx, tx)
    }
}

impl<H: Platform> OwnedControl<H> {
    /// Returns the control of the function: requests, events, statistics, link.
    #[doc(alias = "statistics")]
    #[doc(alias = "link")]
    pub fn control(&mut self) -> Control<'_, H> {
        self.0.control()
    }

    /// Returns the platform of the function.
    #[must_use]
    pub fn platform(&self) -> &H {
        self.0.platform()
    }

    /// Returns the number of rings that owned queues have.
    #[must_use]
    pub fn lent(&mut self) -> usize {
        self.0.data.queues().lent()
    }

    /// Asks all owned queues for their rings, waits for them at most for `limit`, and puts the function together again.
    ///
    /// As [`OwnedControl::reunite`](crate::device::OwnedControl::reunite) of a device.
    ///
    /// # Errors
    ///
    /// [`ReuniteError`] if a ring is missing when the limit is over. Then all owned queues go on.
    #[doc(alias = "stop")]
    #[doc(alias = "recover")]
    pub fn reunite(mut self, limit: Duration) -> Result<VirtualFunction<Running, H>, ReuniteError<H>> {
        let platform = Arc::clone(&self.0.platform);
        match self.0.data.queues().recall(&*platform, limit) {
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
        f.debug_tuple("vf::OwnedControl").field(&self.0.data).finish()
    }
}
