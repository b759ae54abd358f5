//! The recording of all register accesses to a port.

use std::time::Duration;

use ixgbe::trace::{Recorder, RegisterAccess};

use crate::chip::Chip;
use crate::port::PortConfig;

/// A gap between two accesses that a recording in real time leaves out: what the host needs for an access.
const SHORT_GAP: Duration = Duration::from_millis(1);

/// The recorder of a port, once accesses are recorded.
pub(crate) struct Recording {
    mac: [u8; 6],
    number: u8,
    recorder: Option<Recorder>,
    /// The model time after the last access.
    last: Duration,
}

impl Recording {
    /// Creates a recording that has not begun.
    pub(crate) fn new(config: PortConfig) -> Self {
        Self { mac: config.mac, number: config.lan_id, recorder: None, last: Duration::ZERO }
    }

    /// Records a reset of the PCI function.
    pub(crate) fn function_reset(&self) {
        if let Some(recorder) = &self.recorder {
            recorder.function_reset();
        }
    }
}

impl Chip {
    fn now(&mut self) -> Duration {
        self.pass(0);
        Duration::from_nanos(self.common.clock.now())
    }

    /// Begins to record.
    pub(crate) fn record(&mut self, write: impl FnMut(&str) + Send + 'static) -> Recorder {
        let recorder = Recorder::of_port(self.recording.mac, self.recording.number, write);
        self.recording.last = self.now();
        self.recording.recorder = Some(recorder.clone());
        recorder
    }

    /// Makes an access, and records it if accesses are recorded.
    #[inline]
    pub(crate) fn recorded<T>(&mut self, access: impl FnOnce(&mut Self) -> (T, RegisterAccess)) -> T {
        if self.recording.recorder.is_none() {
            return access(self).0;
        }
        let gap = self.now().saturating_sub(self.recording.last);
        let (value, access) = access(self);
        self.recording.last = Duration::from_nanos(self.common.clock.now());
        if let Some(recorder) = &self.recording.recorder {
            if gap >= SHORT_GAP || !self.common.clock.is_real_time() {
                recorder.waited(gap);
            }
            recorder.access(access);
        }
        value
    }
}
