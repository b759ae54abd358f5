//! Transmission: from the rings to the wire (datasheet 7.2).

mod gather;
mod offload;
mod outlet;
pub(crate) mod queues;
mod segmentation;
mod write_back;

use crate::chip::clock::Time;
use crate::chip::common::Common;
use crate::fault::Fault;
use crate::frame::longest_allowed;
use crate::frame::vlan::Types;
use crate::interrupts::Interrupts;
use crate::iommu::Access;
use crate::link::Link;
use crate::rate::{Limit, Selected};
use crate::receive::Receiver;
use crate::registers::RegisterFile;
use crate::registers::offsets::{self, *};
use crate::ring::control::Write;
use crate::transmit::gather::{Found, Limits, Wrong, find_packet};
use crate::transmit::outlet::{Format, Outlet};
use crate::transmit::queues::{TxQueue, TxQueues};
use crate::violation::Rule;
use crate::virtualisation::switch::{PFDTXGSWC, PFDTXGSWC_LBE};
use crate::wire::{NoTraffic, Wire};
use crate::{pause, security};

/// Maximum number of descriptors of one queue that one step processes.
const BURST: usize = 256;

/// The transmit side: its queues and the packet that it assembles.
pub(crate) struct Transmitter {
    pub(crate) queues: TxQueues,
    selected: Selected,
    /// `true` if registers were written since the fields up to `limits` were derived from them.
    stale: bool,
    working: Vec<usize>,
    sending: bool,
    format: Format,
    limits: Limits,
    /// The index of the queue to serve next.
    turn: usize,
    /// `true` if there was a link at the last step.
    linked: bool,
    /// `true` if nothing could be sent at the last step.
    blocked: bool,
    /// The time at which the next queue that waits for its rate may send, or [`Time::MAX`].
    pub(crate) due: Time,
    packet: Vec<u8>,
    /// A segment of a packet.
    piece: Vec<u8>,
}

impl Default for Transmitter {
    fn default() -> Self {
        Self {
            queues: TxQueues::default(),
            selected: Selected::default(),
            stale: true,
            working: Vec::new(),
            sending: false,
            format: Format::default(),
            limits: Limits { longest: 0, tags: Types::default(), switched: false },
            turn: 0,
            linked: false,
            blocked: true,
            due: Time::MAX,
            packet: Vec::with_capacity(16 * 1024),
            piece: Vec::new(),
        }
    }
}

impl Transmitter {
    /// Notes that registers of the configuration were written.
    pub(crate) fn config_changed(&mut self) {
        self.stale = true;
    }

    pub(crate) fn reset(&mut self) {
        *self = Self { packet: std::mem::take(&mut self.packet), ..Self::default() };
    }

    /// Handles a write to a register in a queue's block. Returns `true` if nothing is left to do.
    pub(crate) fn write_queue(&mut self, write: Write, link: &Link, common: &mut Common) -> bool {
        self.stale |= write.register == TXDCTL;
        self.queues.write(write, link, common)
    }

    /// Enables a queue, some time after software has asked for it.
    pub(crate) fn queue_enabled(&mut self, queue: usize, common: &mut Common) {
        self.stale = true;
        self.queues.enabled(queue, common);
    }

    /// Disables a queue, some time after software has asked for it.
    pub(crate) fn queue_disabled(&mut self, queue: usize, common: &mut Common) {
        self.stale = true;
        self.queues.disabled(queue, common);
    }

    /// Performs the effects of a read of the register at `at` that returned `value`.
    #[inline]
    pub(crate) fn read(&mut self, at: u32, value: u32) {
        if let Some((queue, TXDCTL)) = as_tx(at) {
            self.queues.control_read(queue, value);
        }
    }

    /// Performs the effects of a write to the register at `at`, which may belong to the configuration.
    #[inline]
    pub(crate) fn written(&mut self, at: u32, value: u32, common: &mut Common) {
        self.stale |= at != RXCTRL;
        self.selected.written(at, value, &mut self.queues, common);
        if at == DMATXCTL {
            if common.faults.has(Fault::TransmitEnablesQueue0) {
                self.queues.enable_first(common);
            }
            self.queues.enable_waiting(common);
        }
    }

    /// Checks the rules of order for a change of the register at `at` from `old` to `new`.
    pub(crate) fn check_change(&self, at: u32, old: u32, new: u32, common: &mut Common) {
        match at {
            DMATXCTL if old & new & DMATXCTL_TE != 0 => {
                common.violation(Rule::TransmitDmaReconfigured, at, || format!("{old:#x} to {new:#x}"));
            }
            MTQC => self.check_arbiter(at, common),
            _ if (TXPBSIZE..TXPBSIZE + 0x20).contains(&at) => self.check_arbiter(at, common),
            _ => {}
        }
    }

    fn check_arbiter(&self, at: u32, common: &mut Common) {
        if common.registers.get(RTTDCS) & RTTDCS_ARBDIS == 0 {
            common.violation(Rule::ArbiterRunning, at, || "RTTDCS.ARBDIS is 0".to_owned());
        }
        if let Some(queue) = self.queues.working().next() {
            let rule = Rule::BufferResizedWhileRunning;
            common.violation(rule, at, || format!("transmit queue {queue} is enabled"));
        }
    }

    fn update(&mut self, registers: &RegisterFile) {
        let control = registers.get(DMATXCTL);
        self.sending = control & DMATXCTL_TE != 0 && security::is_transmit_open(registers);
        self.format = Format::new(registers);
        self.limits = Limits {
            longest: longest_allowed(registers),
            tags: self.format.tags,
            switched: registers.get(PFDTXGSWC) & PFDTXGSWC_LBE != 0,
        };
        self.working = self.queues.working().collect();
        self.stale = false;
    }

    /// Sends the packets in the rings. Returns the number of packets taken from them.
    pub(crate) fn transmit(
        &mut self,
        link: &mut Link,
        receiver: &mut Receiver,
        common: &mut Common,
        interrupts: &mut Interrupts,
        dma: &Access<'_>,
    ) -> usize {
        if self.stale {
            self.update(&common.registers);
        }
        let linked = link.is_up();
        if std::mem::replace(&mut self.linked, linked) && !linked && common.faults.has(Fault::LinkLossStopsTransmit) {
            self.queues.hang_with_work();
        }
        if common.faults.has(Fault::PartnerPauses) && linked {
            pause::ask_for(pause::FAULT, common);
        }
        let ready = self.sending && linked && common.is_master() && !common.pause.is_silent(common.clock.now());
        self.due = Time::MAX;
        if !ready || self.working.is_empty() || common.faults.has(Fault::TxStalls) {
            self.blocked = true;
            return 0;
        }
        if std::mem::take(&mut self.blocked) {
            // While nothing could be sent, no rate was saved up.
            let now = common.clock.now();
            self.queues.limits().for_each(|limit| limit.begin(now, &common.registers));
        }
        let (format, forced, piece) = (self.format, link.is_forced(), &mut self.piece);
        if format.loopback || self.limits.switched {
            receiver.refresh(common);
        }
        // In loopback no frame reaches the wire, and there need not be one.
        let nowhere: &mut dyn Wire = &mut NoTraffic;
        let wire = match link.wire() {
            Some(wire) if !format.loopback => wire,
            None if !format.loopback && !forced => return 0,
            _ => nowhere,
        };
        let room = wire.room();
        wire.depart(common.clock.moment());
        let mut outlet = Outlet { wire, room, format, piece, receiver, interrupts, dma };
        let mut taken = 0;
        let count = self.working.len();
        self.turn = (self.turn + 1) % count;
        for nth in 0..count {
            let index = self.working[(self.turn + nth) % count];
            if !outlet.receiver.may_send(index) || !common.functions.is_master(index) {
                continue;
            }
            if let Some(queue) = self.queues.get_mut(index) {
                let due = &mut self.due;
                taken += transmit_queue(index, queue, &mut self.packet, self.limits, due, &mut outlet, common);
            }
        }
        outlet.wire.flush();
        if taken > 0 && forced && !format.loopback {
            common.violation(Rule::ForcedLinkUsed, HLREG0, || "AUTOC.FLU is 1, HLREG0.LPBK is 0".to_owned());
        }
        taken
    }
}

/// Sends the packets in the ring of queue `index`, at most a burst. Returns the number of packets taken. Lowers `due`
/// to the time at which the queue may go on, if it has to wait for its rate.
fn transmit_queue(
    index: usize,
    queue: &mut TxQueue,
    packet: &mut Vec<u8>,
    limits: Limits,
    due: &mut Time,
    outlet: &mut Outlet<'_, '_>,
    common: &mut Common,
) -> usize {
    let (mut budget, mut taken) = (BURST, 0);
    while budget > 0 && outlet.room > 0 {
        if let Some(limit) = &mut queue.limit
            && let Some(next) = waits_until(limit, queue.ring.owned(), queue.posted, common)
        {
            *due = next.min(*due);
            break;
        }
        packet.clear();
        let Some(found) = find_packet(queue, packet, limits, outlet.dma) else { break };
        if found.hangs {
            queue.hung = true;
            note(index, found, common);
            break;
        }
        budget = budget.saturating_sub(found.descriptors);
        taken += 1;
        queue.complete(&found);
        // The packet leaves before its descriptors are written back.
        let before = (common.counters.transmitted, common.counters.transmitted_bytes);
        outlet.send(index, packet, &found, common);
        if let Some(limit) = &mut queue.limit {
            limit.sent(before, common);
        }
        if queue.is_report_due() {
            queue.report(index, common, outlet.interrupts, outlet.dma);
        }
        note(index, found, common);
    }
    let flush = std::mem::take(&mut queue.flush) || taken == 0;
    if flush && !queue.pending.is_empty() {
        queue.report(index, common, outlet.interrupts, outlet.dma);
    }
    if taken > 0 {
        common.registers.set(offsets::tx(index, TDH), queue.ring.head as u32);
    }
    taken
}

/// Returns the time until which a queue waits for its rate, or [`Time::MAX`] if it has no descriptors. Returns `None`
/// if it may send now.
#[cold]
fn waits_until(limit: &mut Limit, descriptors: usize, posted: Time, common: &Common) -> Option<Time> {
    if descriptors == 0 {
        limit.rest();
        return Some(Time::MAX);
    }
    limit.due(posted, common)
}

/// Counts a packet of queue `index` that is lost, and records its defects.
fn note(index: usize, found: Found, common: &mut Common) {
    common.counters.transmit_dropped += u64::from(found.lost);
    for Wrong { rule, detail } in found.wrong {
        common.violation(rule, offsets::tx(index, TDBAL), || format!("transmit queue {index}: {detail}"));
    }
}
