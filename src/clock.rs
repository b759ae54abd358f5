//! Time, which the core of the crate does not have by itself.

use core::time::Duration;

/// A clock that waits.
///
/// Every wait for the device is bounded by one, so that nothing hangs when the device does.
pub trait Clock {
    /// Time since some fixed moment; never goes back.
    fn now(&self) -> Duration;

    /// Lets at least `time` pass.
    fn wait(&self, time: Duration);
}

impl<C: Clock + ?Sized> Clock for &C {
    fn now(&self) -> Duration {
        (**self).now()
    }

    fn wait(&self, time: Duration) {
        (**self).wait(time);
    }
}
