//! Time, which the core of the crate does not have by itself.

use core::time::Duration;

/// A clock that waits.
///
/// Every wait for the device is bounded by a clock, so that nothing hangs when the device does. Waits are bounded by
/// [rounds](Clock::wait) as well: a clock that stands still makes a wait end too early, never too late.
///
/// # Safety
///
/// The driver frees memory once the device has stopped. The device itself reports the end of its requests
/// (STATUS.PCIe_Master_Enable_Status, datasheet 5.2.5.3.2), but for some steps the datasheet gives nothing but a time: a
/// disabled receive queue may still write for 100 us (4.6.7.1.2), and no register may be touched for 1 ms after a reset
/// (8.2.3.1.1). So [`wait`](Self::wait) must not return before `time` has passed for the device, and
/// [`now`](Self::now) must not run ahead of the time that passes for it.
pub unsafe trait Clock {
    /// Time since some fixed moment; never goes back.
    fn now(&self) -> Duration;

    /// Lets at least `time` pass.
    fn wait(&self, time: Duration);
}

// SAFETY: both calls go to the same clock.
unsafe impl<C: Clock + ?Sized> Clock for &C {
    fn now(&self) -> Duration {
        (**self).now()
    }

    fn wait(&self, time: Duration) {
        (**self).wait(time);
    }
}
