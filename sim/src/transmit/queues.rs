//! The transmit queues, and their control through the registers of a queue's block (datasheet 4.6.8).

use crate::chip::clock::{Event, Time};
use crate::chip::common::Common;
use crate::link::Link;
use crate::packet_buffers;
use crate::rate::Limit;
use crate::registers::offsets::{self, *};
use crate::ring::control::{Block, SWITCH, Write};
use crate::ring::{Ring, State};
use crate::transmit::gather::{is_context, is_open};
use crate::transmit::offload::Context;
use crate::violation::Rule;

/// Number of queues.
pub(crate) const QUEUES: usize = 128;

/// One transmit queue.
pub(crate) struct TxQueue {
    pub(crate) ring: Ring,
    /// The address for head write-back, which replaces DD.
    pub(crate) head_write_back: Option<u64>,
    pub(crate) write_back_threshold: usize,
    /// `true` if pending write-backs are due (TXDCTL.SWFLSH, or an idle queue).
    pub(crate) flush: bool,
    /// Completed descriptors that await their write-back.
    pub(crate) pending: Vec<usize>,
    /// The loaded contexts.
    pub(crate) contexts: [Option<Context>; 2],
    /// Number of contexts before the packet at the head.
    pub(crate) leading_contexts: usize,
    /// Number of descriptors since the last one with RS.
    pub(crate) unreported: usize,
    /// `true` if the queue hangs: it sends nothing, and stays enabled, until a reset.
    pub(crate) hung: bool,
    pub(crate) buffer_hint: usize,
    /// The rate limit, and the time at which the queue got work after it had none.
    pub(crate) limit: Option<Limit>,
    pub(crate) posted: Time,
}

impl TxQueue {
    fn new() -> Self {
        Self {
            ring: Ring::new(),
            head_write_back: None,
            write_back_threshold: 0,
            flush: false,
            pending: Vec::new(),
            contexts: [None; 2],
            leading_contexts: 0,
            unreported: 0,
            hung: false,
            buffer_hint: 0,
            limit: None,
            posted: 0,
        }
    }
}

/// The transmit queues of a port, each created on first use.
pub(crate) struct TxQueues {
    queues: Box<[Option<Box<TxQueue>>]>,
}

impl Default for TxQueues {
    fn default() -> Self {
        Self { queues: (0..QUEUES).map(|_| None).collect() }
    }
}

impl TxQueues {
    /// Returns a queue, if it exists.
    #[inline]
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut TxQueue> {
        self.queues.get_mut(index)?.as_deref_mut()
    }

    /// Returns a queue, and creates it on first use.
    fn queue(&mut self, index: usize) -> &mut TxQueue {
        self.queues[index % QUEUES].get_or_insert_with(|| Box::new(TxQueue::new()))
    }

    /// Returns the queues that exist, with their indices.
    fn existing(&self) -> impl Iterator<Item = (usize, &TxQueue)> {
        self.queues.iter().enumerate().filter_map(|(index, queue)| Some((index, queue.as_deref()?)))
    }

    /// Returns the queues that read as enabled.
    pub(crate) fn working(&self) -> impl Iterator<Item = usize> {
        self.existing().filter(|(_, queue)| queue.ring.works()).map(|(index, _)| index)
    }

    /// Returns the queues that a driver could have disabled: those that read as enabled, and do not hang.
    pub(crate) fn left_enabled(&self) -> impl Iterator<Item = usize> {
        self.existing().filter(|(_, queue)| queue.ring.works() && !queue.hung).map(|(index, _)| index)
    }

    /// Makes a queue hang until a reset.
    pub(crate) fn hang(&mut self, index: usize) {
        self.queue(index).hung = true;
    }

    /// Limits the rate of a queue, or ends its limit.
    pub(crate) fn limit(&mut self, index: usize, limit: Option<Limit>) {
        if limit.is_some() {
            self.queue(index).limit = limit;
        } else if let Some(queue) = self.get_mut(index) {
            queue.limit = None;
        }
    }

    /// Returns the rate limits.
    pub(crate) fn limits(&mut self) -> impl Iterator<Item = &mut Limit> {
        self.queues.iter_mut().flatten().filter_map(|queue| queue.limit.as_mut())
    }

    /// Makes all queues hang that have descriptors to send.
    pub(crate) fn hang_with_work(&mut self) {
        for queue in self.queues.iter_mut().flatten() {
            queue.hung |= queue.ring.works() && queue.ring.owned() > 0;
        }
    }

    /// Handles a write to a register in a queue's block. Returns `true` if nothing is left to do.
    pub(crate) fn write(&mut self, write: Write, link: &Link, common: &mut Common) -> bool {
        let Write { queue, register, value, .. } = write;
        let works = self.get_mut(queue).is_some_and(|queue| queue.ring.state != State::Disabled);
        if works && register == TDT && !link.is_up() && common.registers.get(HLREG0) & HLREG0_LPBK != 0 {
            write.violation(Rule::LoopbackWithoutLink, common, || "LINKS says that there is no link".to_owned());
        }
        match register {
            TDT => self.tail(write, common),
            TDH => write.store_head(works, common),
            TXDCTL => self.control(write, link, common),
            TDBAL | TDBAH | TDLEN | TDWBAL | TDWBAH if works => {
                write.violation(Rule::RingChangedWhileEnabled, common, || {
                    format!("{value:#x} was written while transmit queue {queue} is enabled")
                });
                return false;
            }
            TDBAL => {
                write.check_base(common);
                return false;
            }
            TDLEN => write.store_length(common),
            _ => return false,
        }
        true
    }

    /// Notes that software has read `control` from TXDCTL, and so may have seen the queue enabled.
    pub(crate) fn control_read(&mut self, queue: usize, control: u32) {
        if let Some(queue) = self.get_mut(queue) {
            queue.ring.seen_enabled |= control & QUEUE_ENABLE != 0;
        }
    }

    fn tail(&mut self, write: Write, common: &mut Common) {
        let mut ring = self.get_mut(write.queue).map(|queue| {
            if queue.ring.owned() == 0 {
                queue.posted = common.clock.now();
            }
            &mut queue.ring
        });
        write.store_tail(ring.as_deref_mut(), common);
        if let Some(ring) = ring {
            block(write.queue).fetch(ring, common);
            check_packet_complete(write.queue, ring, common);
        }
    }

    fn control(&mut self, write: Write, link: &Link, common: &mut Common) {
        let Write { queue: index, value, .. } = write;
        let queue = self.queue(index);
        let state = queue.ring.state;
        let stored = Write { value: value & !TXDCTL_SWFLSH, ..write };
        stored.store_control(matches!(state, State::Enabled | State::Disabling), common);
        let enable = value & QUEUE_ENABLE != 0;
        if enable && value & 0x7F != 0 && value & 0x7F00 == 0 {
            write.violation(Rule::HostThresholdZero, common, || format!("PTHRESH is {}", value & 0x7F));
        }
        queue.flush |= value & TXDCTL_SWFLSH != 0;
        queue.write_back_threshold = write_back_threshold(value);
        match (state, enable) {
            (State::Disabled, true) => {
                block(index).check(common);
                packet_buffers::check_transmit(common);
                check_head_write_back(index, common);
                queue.ring.state = State::Enabling;
                if common.registers.get(DMATXCTL) & DMATXCTL_TE == 0 {
                    // It is enabled once TE is set.
                    write.violation(Rule::QueueEnabledBeforeTransmit, common, || "DMATXCTL.TE is 0".to_owned());
                }
                self.enable_waiting(common);
            }
            (State::Disabling, true) => {
                common.clock.cancel(|event| event == Event::TxQueueDisabled(index));
                queue.ring.state = State::Enabled;
            }
            (State::Enabling, false) => {
                common.clock.cancel(|event| event == Event::TxQueueEnabled(index));
                queue.ring.state = State::Disabled;
            }
            (State::Enabled, false) => {
                let left = queue.ring.owned();
                // Without a link the queue cannot drain, and one that hangs never does.
                if left > 0 && link.is_up() && !queue.hung {
                    write.violation(Rule::TransmitDisabledUndrained, common, || format!("{left} descriptors are left"));
                }
                queue.ring.state = State::Disabling;
                common.clock.schedule(SWITCH, Event::TxQueueDisabled(index));
            }
            _ => {}
        }
    }

    /// Enables queue 0 without TXDCTL, if DMATXCTL.TE is 1.
    pub(crate) fn enable_first(&mut self, common: &mut Common) {
        let queue = self.queue(0);
        if queue.ring.state == State::Disabled && common.registers.get(DMATXCTL) & DMATXCTL_TE != 0 {
            queue.ring.state = State::Enabling;
            block(0).check(common);
        }
    }

    /// Enables the queues that wait for DMATXCTL.TE, if it is 1.
    pub(crate) fn enable_waiting(&self, common: &mut Common) {
        if common.registers.get(DMATXCTL) & DMATXCTL_TE == 0 {
            return;
        }
        for (index, queue) in self.existing() {
            let event = Event::TxQueueEnabled(index);
            if queue.ring.state == State::Enabling && !common.clock.is_scheduled(event) {
                common.clock.schedule(SWITCH, event);
            }
        }
    }

    /// Enables a queue, some time after software has asked for it.
    pub(crate) fn enabled(&mut self, index: usize, common: &mut Common) {
        let queue = self.queue(index);
        let [low, high] = [TDWBAL, TDWBAH].map(|register| common.registers.get(offsets::tx(index, register)));
        // Contexts do not outlive their queue.
        (queue.contexts, queue.leading_contexts, queue.unreported) = ([None; 2], 0, 0);
        queue.head_write_back = (low & 1 != 0).then_some(u64::from(high) << 32 | u64::from(low & !3));
        common.registers.set_bits(offsets::tx(index, TXDCTL), QUEUE_ENABLE, true);
        block(index).enable(&mut queue.ring, common);
        check_packet_complete(index, &queue.ring, common);
    }

    /// Disables a queue, some time after software has asked for it.
    pub(crate) fn disabled(&mut self, index: usize, common: &mut Common) {
        let queue = self.queue(index);
        if queue.hung {
            return;
        }
        queue.ring.state = State::Disabled;
        common.registers.set_bits(offsets::tx(index, TXDCTL), QUEUE_ENABLE, false);
    }

    /// Fetches the descriptors posted while the device could not access memory.
    pub(crate) fn fetch_all(&mut self, common: &mut Common) {
        for (index, queue) in self.queues.iter_mut().enumerate() {
            if let Some(queue) = queue {
                block(index).fetch(&mut queue.ring, common);
            }
        }
    }

    /// Checks that no queue may still access the `len` bytes at `start`, which were unmapped.
    pub(crate) fn check_unmapped(&self, start: u64, len: u64, common: &mut Common) {
        let now = common.clock.now();
        let extent = |descriptor: [u64; 2]| match is_context(descriptor) {
            true => (0, 0),
            false => (descriptor[0], descriptor[1] & 0xFFFF),
        };
        for (index, queue) in self.existing() {
            // A reset through PCI takes a virtual function's right to access memory, and leaves its queues enabled.
            if !common.functions.is_master(index) {
                continue;
            }
            if let Some(what) = queue.ring.may_access(now, start, len, extent) {
                common.violation(Rule::UnmappedWhileOwned, offsets::tx(index, TDBAL), || {
                    format!("{len} bytes at {start:#x} unmapped: transmit queue {index} may still access {what}")
                });
            }
        }
    }
}

/// Returns the offsets of a queue's ring registers.
fn block(queue: usize) -> Block {
    let at = |register| offsets::tx(queue, register);
    Block { queue, base: at(TDBAL), len: at(TDLEN), head: at(TDH), tail: at(TDT) }
}

/// Returns TXDCTL.WTHRESH: the number of descriptors gathered before they are written back.
fn write_back_threshold(control: u32) -> usize {
    (control >> 16 & 0x7F) as usize
}

/// Checks the rules of head write-back when a queue is enabled.
fn check_head_write_back(queue: usize, common: &mut Common) {
    let [address_at, control_at] = [TDWBAL, DCA_TXCTRL].map(|register| offsets::tx(queue, register));
    let address = common.registers.get(address_at);
    if address & 1 == 0 {
        return;
    }
    if address & 0xC != 0 {
        common.violation(Rule::HeadWriteBackMisaligned, address_at, || format!("TDWBAL is {address:#x}"));
    }
    if common.registers.get(control_at) & DCA_TXCTRL_WRITE_BACK_RO != 0 {
        common.violation(Rule::HeadWriteBackUnordered, control_at, || format!("of transmit queue {queue}"));
    }
}

/// Checks that a moved tail lies between packets.
fn check_packet_complete(queue: usize, ring: &Ring, common: &mut Common) {
    if !ring.works() || ring.owned() == 0 || !ring.is_fetched() {
        return;
    }
    let before = ring.tail.checked_sub(1).unwrap_or(ring.count() - 1);
    if is_open(ring.as_fetched(before)) {
        let at = offsets::tx(queue, TDT);
        common.violation(Rule::PacketIncomplete, at, || format!("descriptor {before} has no EOP"));
    }
}
