//! Clocks and bounded waits. `core` has no source of time.

use core::time::Duration;

/// A clock that waits.
///
/// Every wait for the device is bounded by a clock, so that nothing hangs when the device does. Waits are bounded by
/// [rounds](Clock::wait) as well: a clock that stands still makes a wait end too early, never too late.
///
/// # Safety
///
/// A driver frees memory once the device has stopped. Where a datasheet gives nothing but a time for that, or for when
/// a register may be touched again, the driver relies on the clock. So [`wait`](Self::wait) must not return before
/// `time` has passed for the device, and [`now`](Self::now) must not run ahead of the time that passes for it.
pub unsafe trait Clock {
    /// Returns the time since some fixed moment. It never goes back.
    fn now(&self) -> Duration;

    /// Waits until at least `time` has passed.
    fn wait(&self, time: Duration);
}

/// Calls `look` every `interval` until it returns something, at most for `limit`.
///
/// The number of calls is limited as well: an honest clock reaches `limit` within that number. So the wait ends even
/// with a clock that stands still or goes back.
///
/// # Errors
///
/// The time that it waited, if `look` returned nothing.
pub fn poll<T>(
    clock: &(impl Clock + ?Sized),
    limit: Duration,
    interval: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> Result<T, Duration> {
    let start = clock.now();
    let mut rounds = limit.as_nanos().div_ceil(interval.as_nanos().max(1));
    loop {
        // The time is taken before the look, so a thread that was held up in between looks once more.
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
