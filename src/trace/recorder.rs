//! The recorder of trace files.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use crate::platform::Platform;
use crate::sync::Mutex;
use crate::trace::file::{show_end, show_header, show_port};
use crate::trace::{Entry, RegisterAccess, Traced};

/// A recorder of register accesses, which writes the lines of a [`Trace`](super::Trace). Clones write to the same trace.
///
/// A program that records nothing pays nothing: accesses are reported by the platform that [`record`](Self::record)
/// returns, and by no other. One thread's accesses appear in their order. Those of several threads at the same moment
/// may be swapped.
///
/// The trace ends with [`finish`](Self::finish), or when the last clone and the platform are dropped.
#[derive(Clone)]
pub struct Recorder {
    state: Arc<Mutex<State>>,
}

struct State {
    write: Box<dyn FnMut(&str) + Send>,
    /// What the next access may be folded into, and the index that it reached.
    pending: Option<Entry>,
    waited: Duration,
    accesses: u64,
    finished: bool,
}

impl Recorder {
    /// Begins a trace. `write` is called with each line, without a line break, under a lock.
    pub fn new(write: impl FnMut(&str) + Send + 'static) -> Self {
        let mut state =
            State { write: Box::new(write), pending: None, waited: Duration::ZERO, accesses: 0, finished: false };
        (state.write)(show_header());
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Begins the trace of a port whose MAC address and number are known: a replay gives them to its model.
    pub fn of_port(mac: [u8; 6], number: u8, write: impl FnMut(&str) + Send + 'static) -> Self {
        let recorder = Self::new(write);
        recorder.with(|state| (state.write)(&show_port((mac, number))));
        recorder
    }

    /// Returns `platform`, whose accesses and waits are recorded from now on.
    pub fn record<H: Platform>(
        &self,
        platform: H,
    ) -> Traced<H, impl Fn(RegisterAccess) + use<H>, impl Fn(Duration) + use<H>> {
        let (accesses, waits) = (self.clone(), self.clone());
        Traced::with_waits(platform, move |access| accesses.access(access), move |time| waits.waited(time))
    }

    /// Records an access.
    pub fn access(&self, access: RegisterAccess) {
        self.with(|state| state.access(access));
    }

    /// Records that `time` passed before the next access. Waits without an access in between add up.
    pub fn waited(&self, time: Duration) {
        self.with(|state| state.waited = state.waited.saturating_add(time));
    }

    /// Records what begins here.
    pub fn mark(&self, name: &str) {
        self.with(|state| {
            state.flush();
            // One line, whatever the name contains.
            let name: String = name.split_whitespace().collect::<alloc::vec::Vec<_>>().join(" ");
            state.line(&Entry::Mark(name));
        });
    }

    /// Records a reset of the PCI function, which the driver did not make by a register.
    pub fn function_reset(&self) {
        self.with(|state| {
            state.flush();
            state.line(&Entry::FunctionReset);
        });
    }

    /// Ends the trace. What comes later is not recorded.
    pub fn finish(&self) {
        self.with(State::finish);
    }

    fn with(&self, act: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        if !state.finished {
            act(&mut state);
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

impl State {
    fn access(&mut self, access: RegisterAccess) {
        self.accesses += 1;
        let waited = core::mem::take(&mut self.waited);
        if !waited.is_zero() {
            self.flush();
            // A file has whole microseconds, and at most as many as fit.
            let time = waited.as_nanos().div_ceil(1000).min(u32::MAX.into()) as u64;
            self.line(&Entry::Wait(Duration::from_micros(time)));
        }
        if let Some(pending) = self.pending.as_mut().and_then(|pending| folded(pending, access)) {
            self.pending = Some(pending);
        } else {
            self.flush();
            self.pending = Some(Entry::Times(access, 1));
        }
    }

    fn flush(&mut self) {
        if let Some(entry) = self.pending.take() {
            self.line(&entry);
        }
    }

    fn line(&mut self, entry: &Entry) {
        (self.write)(&entry.to_string());
    }

    fn finish(&mut self) {
        self.flush();
        (self.write)(&show_end(self.accesses));
        self.finished = true;
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if !self.finished {
            self.finish();
        }
    }
}

/// Returns the line that stands for `entry` and then `access`, if there is one.
fn folded(entry: &Entry, access: RegisterAccess) -> Option<Entry> {
    let next = |first: RegisterAccess, last: u32| {
        let ((info, _), (other, index)) = (first.register()?, access.register()?);
        let alike = (first.write, first.value, info.name) == (access.write, access.value, other.name);
        (alike && Some(index) == last.checked_add(1)).then_some(Entry::Elements(first, index))
    };
    match entry {
        Entry::Times(first, times) if *first == access => times.checked_add(1).map(|times| Entry::Times(*first, times)),
        Entry::Times(first, 1) => next(*first, first.register()?.1),
        Entry::Elements(first, last) => next(*first, *last),
        _ => None,
    }
}
