//! Time.

use core::time::Duration;
use std::thread;
use std::time::Instant;

use crate::clock::Clock;

/// Waits shorter than this are spent looking at the clock: falling asleep and waking up takes about as long.
const SPIN: Duration = Duration::from_micros(100);

/// The system's monotonic clock. Long waits sleep, short ones spin.
#[derive(Debug, Clone, Copy)]
pub struct MonotonicClock {
    start: Instant,
}

impl MonotonicClock {
    /// A clock that starts at 0.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for MonotonicClock {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: the system's monotonic clock passes as time does for the device, and `wait` returns only once it has passed by
// `time`: `thread::sleep` never sleeps less.
unsafe impl Clock for MonotonicClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn wait(&self, time: Duration) {
        if time >= SPIN {
            // Never less than was asked for.
            thread::sleep(time);
            return;
        }
        let start = Instant::now();
        while start.elapsed() < time {
            core::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_never_short() {
        let clock = MonotonicClock::new();
        for time in [0, 1, 50, 99, 100, 2000].map(Duration::from_micros) {
            let before = clock.now();
            clock.wait(time);
            assert!(clock.now() - before >= time, "{time:?}");
        }
    }
}
