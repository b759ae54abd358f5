//! Memory that is lent to the device, and the proof that it has let go of it.

/// The proof that the device accesses no memory any more: after a reset it read as reset, and nothing was enabled since.
///
/// Only `Transport::reset` makes one.
#[derive(Debug)]
pub(crate) struct Stopped(());

impl Stopped {
    /// Makes the proof.
    ///
    /// # Safety
    ///
    /// The device accesses no memory, and will not until the driver enables a queue again.
    pub(crate) unsafe fn observed() -> Self {
        Self(())
    }
}

/// The proof that the device does not access the memory of one queue any more: the queue was reset, and not enabled since.
///
/// Only `Transport::reset_queue` makes one.
#[derive(Debug)]
pub(crate) struct StoppedQueue(());

impl StoppedQueue {
    /// Makes the proof.
    ///
    /// # Safety
    ///
    /// The device accesses neither the queue's ring nor what is posted in it, and will not until the driver enables the
    /// queue again.
    pub(crate) unsafe fn observed() -> Self {
        Self(())
    }
}

/// Something that the device may still access. Dropping it leaks it; only [`Stopped`] frees it, and
/// [`StoppedQueue`] what is of one queue.
#[derive(Debug)]
pub(crate) struct Lent<T>(Option<T>);

impl<T> Lent<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    /// Drops what was lent, now that the device has stopped.
    pub(crate) fn release(&mut self, _proof: &Stopped) {
        self.0 = None;
    }

    /// Returns what is lent, if it was not released.
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }

    /// Returns what is lent, if it was not released.
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        self.0.as_mut()
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        core::mem::forget(self.0.take());
    }
}
