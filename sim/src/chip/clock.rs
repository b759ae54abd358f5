//! The model's clock, and the events that happen by themselves when they are due.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::fault::{Fault, Faults};
use crate::wire::Moment;
use crate::wire::moment::Base;

/// Nanoseconds of model time.
pub(crate) type Time = u64;

pub(crate) const MICROSECOND: Time = 1_000;
pub(crate) const MILLISECOND: Time = 1_000_000;

/// The end of the clock, after 292 years: later due times would overflow it.
const END: Time = Time::MAX / 2;
/// Interval at which an event that a fault holds up is retried.
const RETRY: Time = 100 * MICROSECOND;

/// An event that happens by itself after a delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    ResetDone,
    EepromLoaded,
    EepromRead,
    DmaInitialised,
    ReceiveHalted,
    TransmitHalted,
    RxQueueEnabled(usize),
    RxQueueDisabled(usize),
    TxQueueEnabled(usize),
    TxQueueDisabled(usize),
    MasterStopped,
    NegotiationRestarted,
    LinkUp,
    LinkFlap,
    InterruptsDue,
    FlowDirectorReady,
    PauseEnds,
    PauseRefresh,
    HostLooks,
    HostHasReset,
    VirtualInterruptsDue,
}

impl Event {
    /// Returns `true` if one of `faults` holds up this event.
    fn is_held_up(self, faults: &Faults) -> bool {
        let fault = match self {
            Event::MasterStopped if faults.has(Fault::RequestsPending) => return true,
            Event::ResetDone => Fault::ResetNeverEnds,
            Event::EepromLoaded => Fault::EepromNeverDone,
            Event::EepromRead => Fault::EepromReadNeverDone,
            Event::DmaInitialised => Fault::DmaInitNeverDone,
            Event::ReceiveHalted => Fault::SecRxNeverReady,
            Event::TransmitHalted => Fault::SecTxNeverReady,
            Event::RxQueueEnabled(_) => Fault::RxQueueNeverEnables,
            Event::RxQueueDisabled(_) => Fault::RxQueueNeverDisables,
            Event::TxQueueEnabled(_) => Fault::TxQueueNeverEnables,
            Event::TxQueueDisabled(_) => Fault::TxQueueNeverDisables,
            Event::MasterStopped => Fault::MasterNeverStops,
            Event::LinkUp => Fault::LinkNeverUp,
            Event::HostLooks => Fault::HostSilent,
            Event::HostHasReset => Fault::HostResetNeverEnds,
            Event::NegotiationRestarted
            | Event::LinkFlap
            | Event::InterruptsDue
            | Event::FlowDirectorReady
            | Event::PauseEnds
            | Event::PauseRefresh
            | Event::VirtualInterruptsDue => return false,
        };
        faults.has(fault)
    }
}

/// Model time, and the scheduled events.
pub(crate) struct Clock {
    now: Time,
    /// The start of a runner's real time, and the model time at that moment, while a runner drives the port.
    real_time: Option<(Instant, Time)>,
    /// The time that the port has in common with others, except while it is real time.
    shared: Option<Arc<AtomicU64>>,
    scheduled: Vec<(Time, Event)>,
    /// Due time of the next event, or [`Time::MAX`].
    next: Time,
}

impl Default for Clock {
    fn default() -> Self {
        Self { now: 0, real_time: None, shared: None, scheduled: Vec::new(), next: Time::MAX }
    }
}

impl Clock {
    /// Returns the model time.
    #[inline]
    pub(crate) fn now(&self) -> Time {
        self.now
    }

    /// Returns the model time after `time` more, at most the end of the clock.
    pub(crate) fn after(&self, time: Time) -> Time {
        self.now.saturating_add(time).min(END)
    }

    /// Returns the due time of the next event, or [`Time::MAX`].
    pub(crate) fn next(&self) -> Time {
        self.next
    }

    /// Returns `true` if model time is real time.
    pub(crate) fn is_real_time(&self) -> bool {
        self.real_time.is_some()
    }

    /// Makes model time follow real time from now on.
    pub(crate) fn start_real_time(&mut self) {
        if self.real_time.is_none() {
            self.real_time = Some((Instant::now(), self.now));
        }
    }

    /// Makes model time independent of real time again.
    pub(crate) fn stop_real_time(&mut self) {
        self.real_time = None;
    }

    /// Advances the clock by `time`, or to real time under a runner.
    #[inline]
    pub(crate) fn advance(&mut self, time: Time) {
        self.now = match (self.real_time, &self.shared) {
            (None, None) => self.after(time),
            (None, Some(shared)) => {
                let time = time.min(END);
                shared.fetch_max(self.now, Ordering::AcqRel);
                shared.fetch_add(time, Ordering::AcqRel).saturating_add(time).min(END)
            }
            (Some((began, at)), _) => self.now.max(at + began.elapsed().as_nanos() as Time),
        };
    }

    /// Makes this clock follow a time shared with others, and returns it.
    pub(crate) fn share(&mut self) -> Arc<AtomicU64> {
        Arc::clone(self.shared.get_or_insert_with(|| Arc::new(AtomicU64::new(self.now))))
    }

    /// Makes this clock follow the time `shared`, which does not fall behind its own.
    pub(crate) fn follow(&mut self, shared: Arc<AtomicU64>) {
        self.shared = Some(shared);
        self.advance(0);
    }

    /// Returns the current moment.
    pub(crate) fn moment(&self) -> Moment {
        Moment(match (self.real_time, &self.shared) {
            (Some((began, at)), _) => Base::Real(began + Duration::from_nanos(self.now.saturating_sub(at))),
            (None, Some(shared)) => Base::Shared(Arc::as_ptr(shared).addr(), self.now),
            (None, None) => Base::Own,
        })
    }

    /// Returns this clock's time at `moment`, unless they have no time in common.
    pub(crate) fn time_of(&self, moment: Moment) -> Option<Time> {
        match (moment.0, self.real_time, &self.shared) {
            (Base::Real(instant), Some((began, at)), _) => Some(match instant.checked_duration_since(began) {
                Some(since) => at + since.as_nanos() as Time,
                None => at.saturating_sub(began.duration_since(instant).as_nanos() as Time),
            }),
            (Base::Shared(of, time), None, Some(shared)) if of == Arc::as_ptr(shared).addr() => Some(time),
            _ => None,
        }
    }

    /// Schedules `event` after `delay`.
    pub(crate) fn schedule(&mut self, delay: Time, event: Event) {
        let due = self.now + delay;
        self.scheduled.push((due, event));
        self.next = self.next.min(due);
    }

    /// Cancels all scheduled events for which `which` returns `true`.
    pub(crate) fn cancel(&mut self, which: impl Fn(Event) -> bool) {
        self.scheduled.retain(|(_, event)| !which(*event));
        self.find_next();
    }

    pub(crate) fn is_scheduled(&self, event: Event) -> bool {
        self.scheduled.iter().any(|(_, other)| *other == event)
    }

    /// Returns `true` if an event is due.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        self.now >= self.next
    }

    /// Removes and returns the first event, if it is due. An event that one of `faults` holds up is scheduled anew.
    #[cold]
    pub(crate) fn take_due(&mut self, faults: &Faults) -> Option<Event> {
        while self.is_due() {
            let first = self.scheduled.iter().enumerate().min_by_key(|(_, (due, _))| *due).map(|(at, _)| at)?;
            let (_, event) = self.scheduled.remove(first);
            self.find_next();
            if event.is_held_up(faults) {
                self.schedule(RETRY, event);
            } else {
                return Some(event);
            }
        }
        None
    }

    fn find_next(&mut self) {
        self.next = self.scheduled.iter().map(|(due, _)| *due).min().unwrap_or(Time::MAX);
    }
}
