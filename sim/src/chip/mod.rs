//! The chip: its registers, its clock, and the state that its parts share.

mod access;
pub(crate) mod reset;

use std::sync::Arc;
use std::time::Instant;

use crate::board::i2c::I2c;
use crate::board::spi::Spi;
use crate::chip::reset::Startup;
use crate::counters::Counters;
use crate::fault::{Fault, Faults};
use crate::interrupts::Interrupts;
use crate::iommu::Iommu;
use crate::port::PortConfig;
use crate::receive::Receiver;
use crate::receive::flow_director::FlowDirector;
use crate::registers::RegisterFile;
use crate::registers::offsets::{self, *};
use crate::transmit::Transmitter;
use crate::violation::{Log, Rule};
use crate::wire::Wire;

/// Nanoseconds of model time.
pub(crate) type Time = u64;

pub(crate) const MICROSECOND: Time = 1_000;
pub(crate) const MILLISECOND: Time = 1_000_000;

/// Model time of one step.
const STEP: Time = 10 * MICROSECOND;
/// Model time of a register read, so that a loop that only reads ends.
pub(crate) const READ: Time = MICROSECOND;
/// The longest interval between two looks at the wire during a wait, while there is a link.
const IDLE: Time = MILLISECOND;
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
    SecRxReady,
    SecTxReady,
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
}

impl Event {
    /// Returns the fault that holds up this event while it is injected.
    fn held_up_by(self) -> Option<Fault> {
        Some(match self {
            Event::ResetDone => Fault::ResetNeverEnds,
            Event::EepromLoaded => Fault::EepromNeverDone,
            Event::EepromRead => Fault::EepromReadNeverDone,
            Event::DmaInitialised => Fault::DmaInitNeverDone,
            Event::SecRxReady => Fault::SecRxNeverReady,
            Event::SecTxReady => Fault::SecTxNeverReady,
            Event::RxQueueEnabled(_) => Fault::RxQueueNeverEnables,
            Event::RxQueueDisabled(_) => Fault::RxQueueNeverDisables,
            Event::TxQueueEnabled(_) => Fault::TxQueueNeverEnables,
            Event::TxQueueDisabled(_) => Fault::TxQueueNeverDisables,
            Event::MasterStopped => Fault::MasterNeverStops,
            Event::LinkUp => Fault::LinkNeverUp,
            Event::NegotiationRestarted | Event::LinkFlap | Event::InterruptsDue | Event::FlowDirectorReady => {
                return None;
            }
        })
    }
}

/// The whole state of one port, except its lock.
pub(crate) struct Chip {
    pub(crate) config: PortConfig,
    pub(crate) registers: RegisterFile,
    pub(crate) log: Log,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    pub(crate) startup: Startup,
    pub(crate) receiver: Receiver,
    pub(crate) transmitter: Transmitter,
    pub(crate) flow_director: FlowDirector,
    pub(crate) interrupts: Interrupts,
    pub(crate) i2c: I2c,
    pub(crate) spi: Spi,
    pub(crate) wire: Option<Box<dyn Wire>>,
    /// `true` while the test leaves the cable plugged in.
    pub(crate) plugged: bool,
    /// PCI's Command.BME: `true` if the function may send requests of its own.
    pub(crate) bus_master: bool,
    pub(crate) eeprom: Box<[u16]>,
    pub(crate) iommu: Arc<Iommu>,
    unmapped_seen: usize,
    now: Time,
    /// The start of a runner's real time, and the model time at that moment, while a runner drives the port.
    real_time: Option<(Instant, Time)>,
    timers: Vec<(Time, Event)>,
    next_timer: Time,
}

impl Chip {
    pub(crate) fn new(config: PortConfig, iommu: Arc<Iommu>) -> Self {
        let mut chip = Self {
            registers: RegisterFile::new(),
            log: Log::default(),
            faults: Faults::default(),
            counters: Counters::default(),
            startup: Startup::default(),
            receiver: Receiver::default(),
            transmitter: Transmitter::default(),
            flow_director: FlowDirector::default(),
            interrupts: Interrupts::default(),
            i2c: I2c::default(),
            spi: Spi::default(),
            wire: None,
            plugged: true,
            bus_master: true,
            eeprom: crate::board::eeprom::image(config.mac),
            config,
            iommu,
            unmapped_seen: 0,
            now: 0,
            real_time: None,
            timers: Vec::new(),
            next_timer: Time::MAX,
        };
        chip.power_on();
        chip
    }

    /// Returns the model time in nanoseconds.
    pub(crate) fn now(&self) -> Time {
        self.now
    }

    /// Returns `true` if model time is real time.
    pub(crate) fn is_real_time(&self) -> bool {
        self.real_time.is_some()
    }

    pub(crate) fn start_real_time(&mut self) {
        if self.real_time.is_none() {
            self.real_time = Some((Instant::now(), self.now));
        }
    }

    pub(crate) fn stop_real_time(&mut self) {
        self.pass(0);
        self.real_time = None;
    }

    /// Advances the clock by `time`, or to real time under a runner, and processes all due events.
    pub(crate) fn pass(&mut self, time: Time) {
        self.now = match self.real_time {
            None => self.now.saturating_add(time).min(END),
            Some((began, at)) => self.now.max(at + began.elapsed().as_nanos() as Time),
        };
        while self.now >= self.next_timer {
            self.next_event();
        }
    }

    /// Schedules `event` after `delay`.
    pub(crate) fn schedule(&mut self, delay: Time, event: Event) {
        let due = self.now + delay;
        self.timers.push((due, event));
        self.next_timer = self.next_timer.min(due);
    }

    /// Cancels all scheduled events for which `which` returns `true`.
    pub(crate) fn cancel(&mut self, which: impl Fn(Event) -> bool) {
        self.timers.retain(|(_, event)| !which(*event));
        self.next_timer = self.timers.iter().map(|(due, _)| *due).min().unwrap_or(Time::MAX);
    }

    pub(crate) fn is_scheduled(&self, event: Event) -> bool {
        self.timers.iter().any(|(_, other)| *other == event)
    }

    fn next_event(&mut self) {
        let Some(first) = self.timers.iter().enumerate().min_by_key(|(_, (due, _))| *due).map(|(at, _)| at) else {
            self.next_timer = Time::MAX;
            return;
        };
        let (_, event) = self.timers.remove(first);
        self.next_timer = self.timers.iter().map(|(due, _)| *due).min().unwrap_or(Time::MAX);
        if event.held_up_by().is_some_and(|fault| self.faults.has(fault)) {
            self.schedule(RETRY, event);
            return;
        }
        match event {
            Event::ResetDone => self.reset_done(),
            Event::EepromLoaded => self.eeprom_loaded(),
            Event::EepromRead => self.eeprom_read(),
            Event::DmaInitialised => self.registers.set_bits(RDRXCTL, RDRXCTL_DMAIDONE, true),
            Event::SecRxReady => self.registers.set_bits(SECRXSTAT, SEC_RDY, true),
            Event::SecTxReady => self.registers.set_bits(SECTXSTAT, SEC_RDY, true),
            Event::RxQueueEnabled(queue) => self.rx_queue_enabled(queue),
            Event::RxQueueDisabled(queue) => self.rx_queue_disabled(queue),
            Event::TxQueueEnabled(queue) => self.tx_queue_enabled(queue),
            Event::TxQueueDisabled(queue) => self.tx_queue_disabled(queue),
            Event::MasterStopped => self.registers.set_bits(STATUS, STATUS_MASTER, false),
            Event::NegotiationRestarted => self.negotiation_restarted(),
            Event::LinkUp => self.link_up(),
            Event::LinkFlap => self.link_flap(),
            Event::InterruptsDue => self.raise_interrupts(),
            Event::FlowDirectorReady => self.flow_director_ready(),
        }
    }

    /// Advances the model: time, link, then frames in both directions. Returns the number of frames moved.
    pub(crate) fn step(&mut self) -> usize {
        self.pass(STEP);
        self.note_unmapped();
        if self.faults.has(Fault::SurpriseRemoval) {
            self.discard_arrivals();
            return 0;
        }
        self.watch_link();
        if self.startup.in_reset() {
            self.discard_arrivals();
            return 0;
        }
        let iommu = Arc::clone(&self.iommu);
        let dma = iommu.read();
        self.transmit(&dma) + self.receive(&dma)
    }

    /// Advances the clock by `time` while software waits, in a few steps so that frames move. Returns `true` if the
    /// caller must sleep instead, because model time is real time.
    pub(crate) fn wait(&mut self, time: std::time::Duration) -> bool {
        if self.is_real_time() {
            return true;
        }
        let end = self.now.saturating_add(Time::try_from(time.as_nanos()).unwrap_or(Time::MAX)).min(END);
        while self.now < end {
            // Short steps first: events are due soon, or only much later.
            let moved = self.step();
            if moved == 0 {
                let looks = self.wire.is_some() && self.is_link_up();
                let next = self.next_timer.min(end).min(if looks { self.now + IDLE } else { Time::MAX });
                self.pass(next.saturating_sub(self.now));
            }
        }
        false
    }

    /// Receives one frame that no wire brought.
    pub(crate) fn deliver_now(&mut self, frame: &[u8], dma: &crate::iommu::Access<'_>) {
        self.note_unmapped();
        if self.faults.has(Fault::SurpriseRemoval) || self.startup.in_reset() {
            self.counters.frames_in += 1;
            self.counters.dropped_not_receiving += 1;
        } else {
            self.deliver_one(frame, dma);
        }
    }

    /// Returns `true` if the device may access memory by DMA.
    pub(crate) fn is_master(&self) -> bool {
        self.bus_master && self.registers.get(CTRL) & CTRL_MASTER_DISABLE == 0
    }

    /// Sets PCI's Command.BME.
    pub(crate) fn set_bus_master(&mut self, on: bool) {
        self.pass(0);
        self.bus_master = on;
        self.fetch_all();
        self.raise_interrupts();
    }

    /// Checks the ranges unmapped since the last call against the memory that the queues may still access.
    #[inline]
    pub(crate) fn note_unmapped(&mut self) {
        let unmapped = self.iommu.unmapped();
        if unmapped != self.unmapped_seen {
            self.unmapped_seen = unmapped;
            for (start, len) in self.iommu.take_removed() {
                self.check_unmapped(start, len);
            }
        }
    }

    fn check_unmapped(&mut self, start: u64, len: u64) {
        let now = self.now;
        let mut found: Vec<(u32, String)> = Vec::new();
        for (index, queue) in self.receiver.queues.iter().enumerate() {
            let Some(queue) = queue else { continue };
            let size = queue.buffer_size;
            if let Some(what) = queue.ring.may_access(now, start, len, |descriptor| (descriptor[0], size as u64)) {
                found.push((offsets::rx(index, RDBAL), format!("receive queue {index} may still access {what}")));
            }
        }
        for (index, queue) in self.transmitter.queues.iter().enumerate() {
            let Some(queue) = queue else { continue };
            let extent = |descriptor: [u64; 2]| match crate::transmit::gather::is_context(descriptor) {
                true => (0, 0),
                false => (descriptor[0], descriptor[1] & 0xFFFF),
            };
            if let Some(what) = queue.ring.may_access(now, start, len, extent) {
                found.push((offsets::tx(index, TDBAL), format!("transmit queue {index} may still access {what}")));
            }
        }
        for (offset, detail) in found {
            self.violation(Rule::UnmappedWhileOwned, offset, || {
                format!("{len} bytes at {start:#x} unmapped: {detail}")
            });
        }
    }

    /// Records a violation of `rule` at the register at `offset`.
    pub(crate) fn violation(&mut self, rule: Rule, offset: u32, detail: impl FnOnce() -> String) {
        let (name, section) = match self.registers.find(offset) {
            Some(place) => (place.info().name, place.info().section),
            None => ("unknown register", "8.2"),
        };
        self.log.record(rule, name, section, detail);
    }
}
