//! The system's monotonic clock.

use core::time::Duration;
use std::thread;
use std::time::Instant;

use crate::clock::Clock;

/// The shortest wait that sleeps. To sleep and wake up takes about as long, so shorter waits spin.
const SPIN: Duration = Duration::from_micros(100);

/// The system's monotonic clock. Long waits sleep, short ones spin.
#[derive(Debug, Clone, Copy)]
pub struct MonotonicClock {
    start: Instant,
}

impl MonotonicClock {
    /// Returns a clock that starts at 0.
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

// SAFETY: the system's monotonic clock measures the device's time, and `wait` returns only after `time` has passed:
// `thread::sleep` never sleeps less.
unsafe impl Clock for MonotonicClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn wait(&self, time: Duration) {
        if time >= SPIN {
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
