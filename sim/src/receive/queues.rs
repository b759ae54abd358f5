//! The receive queues, and their control through the registers of a queue's block (datasheet 4.6.7).

use crate::chip::clock::{Event, MICROSECOND, Time};
use crate::chip::common::Common;
use crate::frame::{TAGS, longest_allowed};
use crate::receive::start_rules::check_dca;
use crate::registers::offsets::{self, *};
use crate::ring::control::{Block, SWITCH, Write};
use crate::ring::{Ring, State};
use crate::violation::Rule;

/// Number of queues.
const QUEUES: usize = 128;
/// Time for which a queue may still write to memory after it reads as disabled (4.6.7.1.2).
const SETTLE: Time = 100 * MICROSECOND;

/// One receive queue.
pub(crate) struct RxQueue {
    pub(crate) ring: Ring,
    pub(crate) buffer_size: usize,
    pub(crate) advanced: bool,
    pub(crate) drop_enabled: bool,
    pub(crate) strip_vlan: bool,
    pub(crate) buffer_hint: usize,
    /// `true` if frames were written in this step.
    pub(crate) moved: bool,
    /// `true` if the queue hangs: it receives nothing, and stays enabled, until a reset.
    pub(crate) hung: bool,
}

impl RxQueue {
    fn new() -> Self {
        let (ring, buffer_hint) = (Ring::new(), 0);
        let (advanced, drop_enabled, strip_vlan) = (false, false, false);
        Self { ring, buffer_size: 0, advanced, drop_enabled, strip_vlan, buffer_hint, moved: false, hung: false }
    }

    /// Takes over the buffer configuration in SRRCTL. All descriptor types but the legacy one are written back in the
    /// advanced format, without header splitting.
    fn configure(&mut self, control: u32) {
        self.buffer_size = (control & 0x1F).min(16) as usize * 1024;
        (self.advanced, self.drop_enabled) = (control >> 25 & 7 != 0, control & SRRCTL_DROP_EN != 0);
    }
}

/// The receive queues of a port, each created on first use.
pub(crate) struct RxQueues {
    queues: Box<[Option<Box<RxQueue>>]>,
}

impl Default for RxQueues {
    fn default() -> Self {
        Self { queues: (0..QUEUES).map(|_| None).collect() }
    }
}

impl RxQueues {
    /// Returns a queue, if it exists.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&RxQueue> {
        self.queues.get(index)?.as_deref()
    }

    /// Returns a queue, if it exists.
    #[inline]
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut RxQueue> {
        self.queues.get_mut(index)?.as_deref_mut()
    }

    /// Returns a queue, and creates it on first use.
    fn queue(&mut self, index: usize) -> &mut RxQueue {
        self.queues[index % QUEUES].get_or_insert_with(|| Box::new(RxQueue::new()))
    }

    /// Returns the queues that exist, with their indices.
    fn existing(&self) -> impl Iterator<Item = (usize, &RxQueue)> {
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

    /// Handles a write to a register in a queue's block. Returns `true` if nothing is left to do.
    pub(crate) fn write(&mut self, write: Write, common: &mut Common) -> bool {
        let Write { queue, register, value, .. } = write;
        let works = self.get(queue).is_some_and(|queue| queue.ring.state != State::Disabled);
        match register {
            RDT => self.tail(write, common),
            RDH => write.store_head(works, common),
            RXDCTL => self.control(write, common),
            RDBAL | RDBAH | RDLEN | SRRCTL | RSCCTL if works => {
                if register == SRRCTL {
                    self.queue(queue).configure(value);
                }
                write.violation(Rule::RingChangedWhileEnabled, common, || {
                    format!("{value:#x} was written while receive queue {queue} is enabled")
                });
                return false;
            }
            RDBAL => {
                write.check_base(common);
                return false;
            }
            RDLEN => write.store_length(common),
            RSCCTL if value & 1 != 0 => {
                write.violation(Rule::NotModelled, common, || "receive side coalescing".to_owned());
                return false;
            }
            _ => return false,
        }
        true
    }

    /// Notes that software has read `control` from RXDCTL, and so may have seen the queue enabled.
    pub(crate) fn control_read(&mut self, queue: usize, control: u32) {
        if let Some(queue) = self.get_mut(queue) {
            queue.ring.seen_enabled |= control & QUEUE_ENABLE != 0;
        }
    }

    fn tail(&mut self, write: Write, common: &mut Common) {
        let mut ring = self.get_mut(write.queue).map(|queue| &mut queue.ring);
        write.store_tail(ring.as_deref_mut(), common);
        if let Some(ring) = ring {
            block(write.queue).fetch(ring, common);
        }
    }

    fn control(&mut self, write: Write, common: &mut Common) {
        let Write { queue: index, value, .. } = write;
        let queue = self.queue(index);
        let state = queue.ring.state;
        write.store_control(matches!(state, State::Enabled | State::Disabling), common);
        queue.strip_vlan = value & RXDCTL_VME != 0;
        match (state, value & QUEUE_ENABLE != 0) {
            (State::Disabled, true) => {
                block(index).check(common);
                check_buffers(index, common);
                if common.registers.get(RXCTRL) & RXCTRL_RXEN != 0 {
                    check_dca(index, common);
                }
                queue.ring.state = State::Enabling;
                common.clock.schedule(SWITCH, Event::RxQueueEnabled(index));
            }
            (State::Disabling, true) => {
                common.clock.cancel(|event| event == Event::RxQueueDisabled(index));
                queue.ring.state = State::Enabled;
            }
            (State::Enabling, false) => {
                common.clock.cancel(|event| event == Event::RxQueueEnabled(index));
                queue.ring.state = State::Disabled;
            }
            (State::Enabled, false) => {
                queue.ring.state = State::Disabling;
                common.clock.schedule(SWITCH, Event::RxQueueDisabled(index));
            }
            _ => {}
        }
    }

    /// Enables a queue, some time after software has asked for it.
    pub(crate) fn enabled(&mut self, index: usize, common: &mut Common) {
        let queue = self.queue(index);
        queue.configure(common.registers.get(offsets::rx(index, SRRCTL)));
        common.registers.set_bits(offsets::rx(index, RXDCTL), QUEUE_ENABLE, true);
        block(index).enable(&mut queue.ring, common);
    }

    /// Disables a queue, some time after software has asked for it.
    pub(crate) fn disabled(&mut self, index: usize, common: &mut Common) {
        let RxQueue { ring, hung: false, .. } = self.queue(index) else { return };
        (ring.state, ring.settled) = (State::Disabled, common.clock.now() + SETTLE);
        common.registers.set_bits(offsets::rx(index, RXDCTL), QUEUE_ENABLE, false);
    }

    /// Fetches the descriptors posted while the device could not access memory.
    pub(crate) fn fetch_all(&mut self, common: &mut Common) {
        for (index, queue) in self.queues.iter_mut().enumerate() {
            if let Some(queue) = queue {
                block(index).fetch(&mut queue.ring, common);
            }
        }
    }

    /// Checks that no queue may still access the `len` bytes at `start`, which were unmapped. Of a buffer, a queue
    /// accesses no more than the longest frame fills.
    pub(crate) fn check_unmapped(&self, start: u64, len: u64, common: &mut Common) {
        let now = common.clock.now();
        for (index, queue) in self.existing() {
            // A reset through PCI takes a virtual function's right to access memory, and leaves its queues enabled.
            if !common.functions.is_master(index) {
                continue;
            }
            let size = queue.buffer_size.min(longest_allowed(&common.registers) + TAGS) as u64;
            if let Some(what) = queue.ring.may_access(now, start, len, |descriptor| (descriptor[0], size)) {
                common.violation(Rule::UnmappedWhileOwned, offsets::rx(index, RDBAL), || {
                    format!("{len} bytes at {start:#x} unmapped: receive queue {index} may still access {what}")
                });
            }
        }
    }
}

/// Returns the offsets of a queue's ring registers.
fn block(queue: usize) -> Block {
    let at = |register| offsets::rx(queue, register);
    Block { queue, base: at(RDBAL), len: at(RDLEN), head: at(RDH), tail: at(RDT) }
}

fn check_buffers(queue: usize, common: &mut Common) {
    let at = offsets::rx(queue, SRRCTL);
    let control = common.registers.get(at);
    let size = control & 0x1F;
    if size == 0 || size > 16 {
        common.violation(Rule::BufferSizeZero, at, || format!("BSIZEPACKET is {size}"));
    }
    let kind = control >> 25 & 7;
    if kind > 1 {
        common.violation(Rule::DescriptorTypeReserved, at, || format!("DESCTYPE is {kind}"));
    }
}
