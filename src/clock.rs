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

/// Looks every `interval` until `look` finds something, at most for `limit`. Returns how long it looked in vain otherwise.
///
/// Rounds are counted as well as time: an honest clock has passed `limit` in as many rounds, and one that stands still or
/// goes back ends the wait all the same.
pub(crate) fn poll<T>(
    clock: &(impl Clock + ?Sized),
    limit: Duration,
    interval: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> Result<T, Duration> {
    let start = clock.now();
    let mut rounds = limit.as_nanos().div_ceil(interval.as_nanos().max(1));
    loop {
        // The time is taken before the look: whoever was held up in between looks once more.
        let waited = clock.now().saturating_sub(start);
        if let Some(found) = look() {
            return Ok(found);
        }
        if waited >= limit || rounds == 0 {
            return Err(waited);
        }
        rounds -= 1;
        clock.wait(interval);
    }
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
