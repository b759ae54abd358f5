//! The chip: it puts its parts together, and gives them what happens: accesses, events, and steps of the model.

mod access;
pub(crate) mod clock;
pub(crate) mod common;
mod reset;
mod unmodelled;

use std::sync::Arc;

use crate::board::cage;
use crate::board::eeprom::Eeprom;
use crate::board::i2c::I2c;
use crate::chip::clock::{Event, MICROSECOND, MILLISECOND, Time};
use crate::chip::common::Common;
use crate::chip::reset::Startup;
use crate::fault::Fault;
use crate::interrupts::{EICR_ECC, EICR_GPI_SDP0, EICR_PCI_EXCEPTION, Interrupts, VectorSink};
use crate::iommu::Iommu;
use crate::link::{self, Link};
use crate::port::PortConfig;
use crate::receive::Receiver;
use crate::receive::steering::Destination;
use crate::recording::Recording;
use crate::registers::offsets::*;
use crate::transmit::Transmitter;
use crate::{pause, security, semaphores};

/// Model time of one step.
const STEP: Time = 10 * MICROSECOND;
/// Model time of a register read, so that a loop that only reads ends.
pub(crate) const READ: Time = MICROSECOND;
/// The longest interval between two looks at the wire during a wait, while there is a link.
const IDLE: Time = MILLISECOND;

/// The whole state of one port, except its lock.
pub(crate) struct Chip {
    pub(crate) recording: Recording,
    pub(crate) common: Common,
    pub(crate) interrupts: Interrupts,
    pub(crate) link: Link,
    receiver: Receiver,
    transmitter: Transmitter,
    eeprom: Eeprom,
    i2c: I2c,
    startup: Startup,
    /// The port's number on the chip: STATUS.LAN_ID.
    lan_id: u8,
    /// `true` if the board has a QSFP cage.
    qsfp: bool,
    unmapped_seen: usize,
}

impl Chip {
    pub(crate) fn new(config: PortConfig, iommu: Arc<Iommu>) -> Self {
        let mut chip = Self {
            recording: Recording::new(config),
            common: Common::new(iommu),
            interrupts: Interrupts::default(),
            link: Link::default(),
            receiver: Receiver::default(),
            transmitter: Transmitter::default(),
            eeprom: Eeprom::new(config.mac),
            i2c: I2c::new(cage::is_qsfp(config.device_id)),
            startup: Startup::default(),
            lan_id: config.lan_id,
            qsfp: cage::is_qsfp(config.device_id),
            unmapped_seen: 0,
        };
        chip.power_on();
        chip
    }

    /// Advances the clock by `time`, or to real time under a runner, and processes all due events.
    #[inline]
    pub(crate) fn pass(&mut self, time: Time) {
        self.common.clock.advance(time);
        while self.common.clock.is_due() {
            if let Some(event) = self.common.clock.take_due(&self.common.faults) {
                self.happen(event);
            }
        }
    }

    fn happen(&mut self, event: Event) {
        let registers = &mut self.common.registers;
        match event {
            Event::ResetDone => self.reset_done(),
            Event::EepromLoaded => self.eeprom_loaded(),
            Event::EepromRead => self.eeprom.finish_read(&mut self.common),
            Event::DmaInitialised => registers.set_bits(RDRXCTL, RDRXCTL_DMAIDONE, true),
            Event::ReceiveHalted => security::receive_halted(registers),
            Event::TransmitHalted => security::transmit_halted(registers),
            Event::RxQueueEnabled(queue) => self.receiver.queue_enabled(queue, &mut self.common),
            Event::RxQueueDisabled(queue) => self.receiver.queue_disabled(queue, &mut self.common),
            Event::TxQueueEnabled(queue) => self.transmitter.queue_enabled(queue, &mut self.common),
            Event::TxQueueDisabled(queue) => self.transmitter.queue_disabled(queue, &mut self.common),
            Event::MasterStopped => registers.set_bits(STATUS, STATUS_MASTER, false),
            Event::NegotiationRestarted => link::negotiation_restarted(registers),
            Event::LinkUp => self.link.trained(&mut self.common, &mut self.interrupts),
            Event::LinkFlap => self.link.flap(&mut self.common, &mut self.interrupts),
            Event::InterruptsDue => self.interrupts.raise(&mut self.common),
            Event::FlowDirectorReady => self.receiver.flow_director_initialised(&mut self.common),
            Event::PauseEnds => pause::end(&mut self.common),
            Event::PauseRefresh => pause::refresh(&mut self.link, &mut self.common),
            Event::HostLooks => self.host_looks(),
            Event::HostHasReset => self.host_has_reset(),
            Event::VirtualInterruptsDue => self.raise_virtual(),
        }
    }

    /// Advances the model: time, link, then frames in both directions. Returns the number of frames moved.
    pub(crate) fn step(&mut self) -> usize {
        self.pass(STEP);
        self.note_unmapped();
        if self.common.faults.has(Fault::SurpriseRemoval) {
            self.link.discard_arrivals(&mut self.common.counters);
            return 0;
        }
        self.link.watch(self.startup.in_reset(), &mut self.common, &mut self.interrupts);
        self.host_watches_link();
        if self.startup.in_reset() {
            self.link.discard_arrivals(&mut self.common.counters);
            return 0;
        }
        let iommu = Arc::clone(&self.common.iommu);
        let dma = iommu.read();
        let Self { common, interrupts, link, receiver, transmitter, .. } = self;
        transmitter.transmit(link, receiver, common, interrupts, &dma)
            + receiver.receive(link, common, interrupts, &dma)
    }

    /// Advances the clock by `time` while software waits, in a few steps so that frames move. Returns `true` if the
    /// caller must sleep instead, because model time is real time.
    pub(crate) fn wait(&mut self, time: std::time::Duration) -> bool {
        if self.common.clock.is_real_time() {
            return true;
        }
        let end = self.common.clock.after(Time::try_from(time.as_nanos()).unwrap_or(Time::MAX));
        while self.common.clock.now() < end {
            // Short steps first: events are due soon, or only much later.
            let moved = self.step();
            if moved == 0 {
                let now = self.common.clock.now();
                let looks = self.link.is_wired();
                let due = self.common.clock.next().min(self.transmitter.due);
                let next = due.min(end).min(if looks { now + IDLE } else { Time::MAX });
                self.pass(next.saturating_sub(now));
            }
        }
        false
    }

    /// Receives one frame that no wire brought.
    pub(crate) fn deliver_now(&mut self, frame: &[u8]) {
        self.note_unmapped();
        if self.common.faults.has(Fault::SurpriseRemoval) || self.startup.in_reset() {
            self.common.counters.frames_in += 1;
            self.common.counters.dropped_not_receiving += 1;
        } else {
            let iommu = Arc::clone(&self.common.iommu);
            self.receiver.deliver_one(frame, &mut self.common, &mut self.interrupts, &iommu.read());
        }
    }

    /// Returns the queue for a frame, or `None` if the MAC refuses it.
    pub(crate) fn destination(&mut self, frame: &[u8]) -> Option<Destination> {
        self.receiver.destination(frame, &mut self.common)
    }

    /// Lets the queues fetch the descriptors posted while the device could not access memory.
    pub(crate) fn fetch_all(&mut self) {
        self.receiver.queues.fetch_all(&mut self.common);
        self.transmitter.queues.fetch_all(&mut self.common);
    }

    /// Lets both directions read the registers of pools anew.
    pub(crate) fn pools_changed(&mut self) {
        self.receiver.config_changed();
        self.transmitter.config_changed();
    }

    /// Sets the receiver of the vectors of virtual function `index`.
    pub(crate) fn connect_virtual(&mut self, index: usize, sink: VectorSink) {
        if let Some(function) = self.common.functions.all.get_mut(index) {
            function.vectors.connect(sink);
        }
    }

    /// Activates a fault, and performs what happens at that moment.
    pub(crate) fn inject(&mut self, fault: Fault) {
        let Self { common, interrupts, link, receiver, transmitter, i2c, .. } = self;
        common.faults.inject(fault);
        semaphores::inject(fault, common);
        match fault {
            Fault::ModuleBoots => i2c.boot(common.clock.now()),
            Fault::RxQueueHangs(queue) => receiver.queues.hang(queue.into()),
            Fault::TxQueueHangs(queue) => transmitter.queues.hang(queue.into()),
            Fault::LinkWedges => link.wedge(common, interrupts),
            Fault::MemoryError => interrupts.cause(EICR_ECC, common),
            Fault::TooHot => interrupts.cause(EICR_GPI_SDP0, common),
            Fault::RequestTimesOut => {
                common.registers.set_bits(PICAUSE, PICAUSE_TO, true);
                interrupts.cause(EICR_PCI_EXCEPTION, common);
            }
            _ => {}
        }
    }

    /// Sets PCI's Command.BME.
    pub(crate) fn set_bus_master(&mut self, on: bool) {
        self.pass(0);
        self.common.bus_master = on;
        self.fetch_all();
        self.interrupts.raise(&mut self.common);
    }

    /// Checks the ranges unmapped since the last call against the memory that the queues may still access.
    #[inline]
    pub(crate) fn note_unmapped(&mut self) {
        let unmapped = self.common.iommu.unmapped();
        if unmapped != self.unmapped_seen {
            self.unmapped_seen = unmapped;
            self.check_unmapped();
        }
    }

    #[cold]
    fn check_unmapped(&mut self) {
        for (start, len) in self.common.iommu.take_removed() {
            self.receiver.queues.check_unmapped(start, len, &mut self.common);
            self.transmitter.queues.check_unmapped(start, len, &mut self.common);
        }
    }
}
