//! Reception: from the wire through filters and packet buffer to the rings (datasheet 7.1).

pub(crate) mod ethertype;
mod filter;
pub(crate) mod five_tuple;
pub(crate) mod flow_director;
mod mac;
mod queues;
mod rss;
mod start_rules;
pub(crate) mod steering;
mod syn;
pub(crate) mod vlan_filter;
mod write_back;

use crate::chip::common::Common;
use crate::counters::Counters;
use crate::deviation::Fate;
use crate::fault::Fault;
use crate::frame::address::cast;
use crate::frame::crc::crc32;
use crate::frame::{CRC, LONGEST, vlan};
use crate::interrupts::{EICR_RX_MISS, Interrupts};
use crate::iommu::Access;
use crate::link::Link;
use crate::receive::mac::{Dropped, Mac};
use crate::receive::queues::RxQueues;
use crate::receive::steering::{Destination, Steered, Steering};
use crate::receive::write_back::Report;
use crate::registers::offsets::{self, *};
use crate::ring::control::Write;
use crate::time::reception::Reception;
use crate::violation::Rule;
use crate::wire::frames::FrameQueue;
use crate::{pause, security, statistics};

/// Maximum number of frames that one step takes from the wire.
const BURST: usize = 256;
/// Status bit of a write-back: the frame came from another pool.
const LOOPED_BACK: u64 = 1 << 18;

/// The receive side: its queues, filters and packet buffer.
pub(crate) struct Receiver {
    pub(crate) queues: RxQueues,
    mac: Mac,
    steering: Steering,
    /// `true` if registers were written since the MAC, the filters and the fields up to `buffer_bytes` were derived
    /// from them.
    stale: bool,
    working: Vec<usize>,
    receiving: bool,
    /// `true` if frames come from the transmit side instead of the wire.
    loopback: bool,
    strip_crc: bool,
    hash_reported: bool,
    buffer_bytes: usize,
    /// The packet buffer: frames that found no descriptor.
    waiting: FrameQueue,
    stamps: Reception,
    scratch: Vec<u8>,
    /// `true` if reception was enabled without CTRL_EXT.NS_DIS; the next packet is then a violation.
    snoop_pending: bool,
    /// `true` if RXCTRL.RXEN was 1 since the reset.
    has_received: bool,
    /// `true` if software has read RDRXCTL.DMAIDONE as 1.
    dma_init_seen: bool,
}

impl Default for Receiver {
    fn default() -> Self {
        Self {
            queues: RxQueues::default(),
            mac: Mac::default(),
            steering: Steering::default(),
            stale: true,
            working: Vec::new(),
            receiving: false,
            loopback: false,
            strip_crc: true,
            hash_reported: false,
            buffer_bytes: 0,
            waiting: FrameQueue::default(),
            stamps: Reception::default(),
            scratch: Vec::new(),
            snoop_pending: false,
            has_received: false,
            dma_init_seen: false,
        }
    }
}

impl Receiver {
    /// Notes that registers of the configuration were written.
    pub(crate) fn config_changed(&mut self) {
        self.stale = true;
    }

    /// Resets reception, and clears the packet buffer with its waiting frames.
    pub(crate) fn reset(&mut self, counters: &mut Counters) {
        let mut steering = std::mem::take(&mut self.steering);
        steering.reset();
        *self = Self { steering, ..Self::default() };
        counters.dropped_not_receiving += std::mem::take(&mut counters.waiting);
    }

    /// Handles a write to a register in a queue's block. Returns `true` if nothing is left to do.
    pub(crate) fn write_queue(&mut self, write: Write, common: &mut Common) -> bool {
        self.stale |= write.register == RXDCTL;
        self.queues.write(write, common)
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
        self.dma_init_seen |= at == RDRXCTL && value & RDRXCTL_DMAIDONE != 0;
        if let Some((queue, RXDCTL)) = as_rx(at) {
            self.queues.control_read(queue, value);
        }
    }

    /// Performs the effects of a write to the register at `at`, which may belong to the configuration.
    #[inline]
    pub(crate) fn written(&mut self, at: u32) {
        self.stale |= at != DMATXCTL;
    }

    /// Performs the effects of a write of `value` at `at` on Flow Director. Returns `false` if the register belongs to
    /// another part.
    #[inline]
    pub(crate) fn flow_director_written(
        &mut self,
        at: u32,
        value: u32,
        common: &mut Common,
        interrupts: &mut Interrupts,
    ) -> bool {
        self.steering.flow_director.written(at, value, common, interrupts)
    }

    /// Ends the initialisation of Flow Director's table.
    pub(crate) fn flow_director_initialised(&mut self, common: &mut Common) {
        self.stale = true;
        self.steering.flow_director.initialised(&mut common.registers);
    }

    /// Checks the rules of order for a change of the register at `at` from `old` to `new`.
    pub(crate) fn check_change(&mut self, at: u32, old: u32, new: u32, common: &mut Common) {
        let receiving = common.registers.get(RXCTRL) & RXCTRL_RXEN != 0;
        match at {
            FCTRL | RXCSUM if receiving => {
                common.violation(Rule::FilterChangedWhileReceiving, at, || format!("{old:#x} to {new:#x}"));
            }
            RXCTRL => {
                if !security::is_receive_halted(&common.registers) {
                    let rule = if self.has_received { Rule::PausedWithoutHalt } else { Rule::ReceiveNotHalted };
                    common.violation(rule, at, || format!("RXCTRL goes from {old:#x} to {new:#x}"));
                }
                if new & RXCTRL_RXEN != 0 {
                    self.has_received = true;
                    let working: Vec<usize> = self.queues.working().collect();
                    start_rules::check(&working, self.dma_init_seen, common);
                }
            }
            _ if (RXPBSIZE..RXPBSIZE + 0x20).contains(&at) && receiving => {
                common.violation(Rule::BufferResizedWhileRunning, at, || "RXCTRL.RXEN is 1".to_owned());
            }
            _ => self.steering.flow_director.check_change(at, old, new, common),
        }
    }

    /// Rereads the registers, if they were written.
    #[inline]
    pub(crate) fn refresh(&mut self, common: &mut Common) {
        if self.stale {
            self.update(common);
        }
    }

    fn update(&mut self, common: &mut Common) {
        let registers = &common.registers;
        self.mac.update(registers);
        self.steering.update(registers);
        self.stamps.update(registers);
        self.stale = false;
        self.working = self.queues.working().collect();
        let enabled = registers.get(RXCTRL) & RXCTRL_RXEN != 0;
        self.receiving = enabled && security::is_receive_open(registers);
        self.loopback = registers.get(HLREG0) & HLREG0_LPBK != 0;
        self.strip_crc = registers.get(HLREG0) & HLREG0_RXCRCSTRP != 0;
        self.hash_reported = registers.get(RXCSUM) & RXCSUM_PCSD != 0;
        // Without DCB all packets pass buffer 0.
        self.buffer_bytes = (registers.get(RXPBSIZE) >> 10 & 0x3FF) as usize * 1024;
        let queues = registers.get(MRQC) & 0xF;
        if self.receiving && registers.get(CTRL_EXT) & CTRL_EXT_NS_DIS == 0 {
            self.snoop_pending = true;
        }
        if self.receiving && queues > 1 && self.mac.pools().is_none() {
            common.violation(Rule::NotModelled, MRQC, || format!("MRQC.MRQE is {queues}: only RSS alone is modelled"));
        }
    }

    /// Takes frames from the packet buffer and the wire. Returns the number of frames taken.
    pub(crate) fn receive(
        &mut self,
        link: &mut Link,
        common: &mut Common,
        interrupts: &mut Interrupts,
        dma: &Access<'_>,
    ) -> usize {
        self.refresh(common);
        let before = common.counters.frames_in + common.counters.delivered;
        self.retry_waiting(common, dma);
        if link.is_up() && !self.loopback {
            let (now, room, holds) = (common.clock.now(), self.room(common), link.holds());
            link.take_control(&mut |frame| self.arrive(frame, common, interrupts, dma));
            if !holds || !common.pause.is_partner_asked(now) {
                let lost = link.take_arrivals(now, room, &mut |frame, passage| {
                    self.stamps.arrival = passage.departure;
                    self.mac.damaged = passage.damaged;
                    self.arrive(frame, common, interrupts, dma);
                    !holds || !common.pause.is_partner_asked(now)
                });
                (self.stamps.arrival, self.mac.damaged) = (None, false);
                self.overrun(lost, common, interrupts);
            }
            pause::send(link, common);
        } else {
            link.discard_arrivals(&mut common.counters);
        }
        self.publish_heads(common, interrupts);
        (common.counters.frames_in + common.counters.delivered - before) as usize
    }

    /// Counts frames that arrived while the port did not step: more than its packet buffer holds.
    fn overrun(&mut self, frames: u64, common: &mut Common, interrupts: &mut Interrupts) {
        common.counters.frames_in += frames;
        if !self.receiving {
            common.counters.dropped_not_receiving += frames;
        } else if frames > 0 {
            miss(frames, common, interrupts);
        }
    }

    /// Receives a frame that no wire brought.
    pub(crate) fn deliver_one(
        &mut self,
        frame: &[u8],
        common: &mut Common,
        interrupts: &mut Interrupts,
        dma: &Access<'_>,
    ) {
        self.refresh(common);
        self.retry_waiting(common, dma);
        self.arrive(frame, common, interrupts, dma);
        self.publish_heads(common, interrupts);
    }

    /// Returns the queue for a frame and what chooses it, or `None` if the MAC refuses the frame.
    pub(crate) fn destination(&mut self, frame: &[u8], common: &mut Common) -> Option<Destination> {
        self.refresh(common);
        let accepted = self.mac.accepts(frame, &common.registers);
        accepted.then(|| self.steering.steer(frame, self.mac.tags(), &common.registers).destination)
    }

    /// Returns the number of frames of any size that are certain to find descriptors.
    fn room(&self, common: &Common) -> usize {
        if !self.receiving || !self.waiting.is_empty() || !common.is_master() {
            return 0;
        }
        let free = self.working.iter().filter_map(|index| self.queues.get(*index)).map(|queue| {
            let each = self.mac.longest.div_ceil(queue.buffer_size.max(1)).max(1);
            queue.ring.owned() / each
        });
        free.min().unwrap_or(0).min(BURST)
    }

    /// Copies the heads to the registers, once per step.
    fn publish_heads(&mut self, common: &mut Common, interrupts: &mut Interrupts) {
        for &index in &self.working {
            let Some(queue) = self.queues.get_mut(index) else { continue };
            if std::mem::take(&mut queue.moved) {
                let head = queue.ring.head as u32;
                common.registers.set(offsets::rx(index, RDH), head);
                interrupts.queue_cause(index, false, common);
            }
        }
    }

    /// Receives a frame from the wire, without CRC.
    #[inline]
    pub(crate) fn arrive(&mut self, frame: &[u8], common: &mut Common, interrupts: &mut Interrupts, dma: &Access<'_>) {
        if pause::is_control(frame) && !self.mac.is_damaged(common) && pause::receive(frame, common) {
            return;
        }
        common.counters.frames_in += 1;
        if let Some(deviation) = common.faults.deviation() {
            match deviation.fate(common.counters.frames_in) {
                Fate::Once => {}
                Fate::Twice => self.pass(frame, common, interrupts, dma),
                Fate::Lost => return,
            }
        }
        self.pass(frame, common, interrupts, dma);
    }

    /// Lets a frame that arrived pass the filters.
    #[inline]
    fn pass(&mut self, frame: &[u8], common: &mut Common, interrupts: &mut Interrupts, dma: &Access<'_>) {
        if frame.is_empty() || frame.len() > LONGEST {
            common.counters.dropped_unfit += 1;
            return;
        }
        // The MAC filters and counts even while reception is off (8.2.3.23).
        let refused = self.mac.refuse(frame, common);
        let refused: Option<Dropped> = match self.receiving {
            true => refused,
            false => Some(|counters| &mut counters.dropped_not_receiving),
        };
        match refused {
            Some(counter) => *counter(&mut common.counters) += 1,
            None => self.accept(frame, common, interrupts, dma),
        }
    }

    /// Delivers a frame that has passed the filters to its queue, or keeps it in the packet buffer.
    #[inline]
    fn accept(&mut self, frame: &[u8], common: &mut Common, interrupts: &mut Interrupts, dma: &Access<'_>) {
        self.stamps.arrived(frame, self.mac.tags(), common);
        if let Some(pools) = self.mac.pools() {
            let pools = pools.of(frame, &common.registers);
            return self.deliver_to_pools(frame, pools, 0, common, dma);
        }
        if !self.waiting.is_empty() || !common.is_master() || !self.deliver(frame, common, dma) {
            self.keep(frame, common, interrupts);
        }
    }

    /// Writes a frame to a queue of each of `pools`, with these further bits of the write-back's status. Pools whose queue
    /// has no descriptors lose it: with several pools, none waits for another.
    #[inline(never)]
    fn deliver_to_pools(&mut self, frame: &[u8], pools: u64, status: u64, common: &mut Common, dma: &Access<'_>) {
        let mut steered = self.steering.steer(frame, self.mac.tags(), &common.registers);
        steered.status |= status;
        let index = steered.destination.queue;
        for pool in (0..64).filter(|pool| pools >> pool & 1 != 0) {
            let queue = self.mac.pools().map_or(0, |pools| pools.queue(pool, index));
            steered.destination.queue = queue;
            let is_taken = common.functions.is_master(queue) && self.write(frame, &steered, common, dma);
            if !is_taken {
                common.counters.dropped_no_descriptor += 1;
                statistics::count_queue_drop(&mut common.registers, queue);
            }
        }
    }

    /// Sends a frame of queue `queue` through the switch between pools, if there is one. Returns `true` if the frame goes
    /// to the wire, too.
    #[inline]
    pub(crate) fn switch(&mut self, queue: usize, frame: &[u8], common: &mut Common, dma: &Access<'_>) -> bool {
        let Some(pools) = self.mac.pools() else { return true };
        let from = queue / pools.size;
        if pools.is_spoofed(from, frame) {
            statistics::count_spoofed(&mut common.registers);
            common.counters.transmit_dropped += 1;
            return false;
        }
        let (local, goes_out) = pools.route(from, frame, &common.registers);
        if let Some(function) = common.functions.of_queue(queue) {
            function.counters.count_sent(frame.len());
        }
        if local != 0 {
            self.deliver_to_pools(frame, local, LOOPED_BACK, common, dma);
        }
        goes_out
    }

    /// Returns `true` if queue `queue` may send, as far as its pool goes.
    pub(crate) fn may_send(&self, queue: usize) -> bool {
        self.mac.pools().is_none_or(|pools| pools.may_send(queue))
    }

    /// Puts a frame into the packet buffer if there is room.
    fn keep(&mut self, frame: &[u8], common: &mut Common, interrupts: &mut Interrupts) {
        if self.waiting.bytes() + frame.len() > self.buffer_bytes {
            miss(1, common, interrupts);
        } else {
            self.stamps.keep(self.waiting.len());
            self.waiting.push(frame);
            common.counters.waiting += 1;
            if common.pause.is_above(self.waiting.bytes()) {
                pause::fill_is_above(common);
            }
        }
    }

    fn retry_waiting(&mut self, common: &mut Common, dma: &Access<'_>) {
        while self.receiving && common.is_master() && !self.waiting.is_empty() {
            self.stamps.look_at_first();
            let mut waiting = std::mem::take(&mut self.waiting);
            let done = self.deliver(waiting.front().unwrap_or_default(), common, dma);
            if done {
                waiting.pop();
                self.stamps.remove_first();
                if common.pause.is_drained(waiting.bytes()) {
                    pause::drained(common);
                }
                common.counters.waiting -= 1;
            }
            self.waiting = waiting;
            if !done {
                break;
            }
        }
    }

    /// Writes a frame to its queue's buffers. Returns `false` if it must wait for descriptors.
    fn deliver(&mut self, frame: &[u8], common: &mut Common, dma: &Access<'_>) -> bool {
        let steered = self.steering.steer(frame, self.mac.tags(), &common.registers);
        let done = self.write(frame, &steered, common, dma);
        if done {
            steered.count(&mut common.registers);
        }
        done
    }

    /// Writes a frame to the buffers of the queue to which it is steered. Returns `false` if it must wait for
    /// descriptors.
    #[inline(always)]
    fn write(&mut self, frame: &[u8], steered: &Steered, common: &mut Common, dma: &Access<'_>) -> bool {
        let tags = self.mac.tags();
        let mut index = steered.destination.queue;
        if !common.faults.none() && common.faults.has(Fault::RxQueueWrong) {
            index = 0;
        }
        let deviation = common.faults.deviation();
        index = deviation.map_or(index, |deviation| deviation.queue(index));
        let Some(queue) = self.queues.get_mut(index).filter(|queue| queue.ring.works()) else {
            common.counters.dropped_no_queue += 1;
            statistics::count_queue_drop(&mut common.registers, index);
            return true;
        };
        let stripped_tag = if queue.strip_vlan { tags.tag(frame) } else { None };
        let tag_len = if stripped_tag.is_some() { vlan::TAG } else { 0 };
        let crc_len = if self.strip_crc { 0 } else { CRC };
        let len = frame.len() - tag_len + crc_len;
        let size = queue.buffer_size.max(1);
        let needed = len.div_ceil(size);
        if queue.hung {
            return false;
        }
        if queue.ring.owned() < needed {
            if !queue.drop_enabled {
                return false;
            }
            common.counters.dropped_no_descriptor += 1;
            statistics::count_queue_drop(&mut common.registers, index);
            return true;
        }
        let mut report = Report::new(frame, steered, self.hash_reported, stripped_tag, common);
        report.set_outer_tag(tags.has_outer(frame));
        report.set_stamped(self.stamps.stamped);
        if report.has_wrong_checksum() {
            statistics::count_wrong_checksum(&mut common.registers);
        }
        let bytes = if deviation.is_some_and(|deviation| deviation.is_byte_wrong(frame.len())) {
            self.scratch.clear();
            self.scratch.extend_from_slice(frame);
            self.scratch.last_mut().into_iter().for_each(|last| *last = !*last);
            &self.scratch
        } else if tag_len + crc_len == 0 {
            frame
        } else {
            // The inner tag is stripped. An outer one stays.
            let (before, rest) = frame.split_at(vlan::ETHERTYPE + tags.outer_len(frame));
            self.scratch.clear();
            self.scratch.extend_from_slice(before);
            self.scratch.extend_from_slice(&rest[tag_len..]);
            if crc_len > 0 {
                self.scratch.extend_from_slice(&crc32(frame).to_le_bytes());
            }
            &self.scratch
        };
        let written = queue.write_frame(index, bytes, &report, common, dma);
        if written {
            common.counters.delivered += 1;
            common.counters.delivered_bytes += len as u64;
            statistics::count_delivered(&mut common.registers, index, len + tag_len);
            if let Some(function) = common.functions.of_queue(index) {
                function.counters.count_received(frame.len(), cast(frame));
            }
        } else {
            common.counters.dropped_dma += 1;
        }
        if self.snoop_pending {
            self.snoop_pending = false;
            common.violation(Rule::NoSnoopEnabled, CTRL_EXT, || "a packet was received with NS_DIS 0".to_owned());
        }
        true
    }
}

/// Counts frames that found the packet buffer full.
fn miss(frames: u64, common: &mut Common, interrupts: &mut Interrupts) {
    common.counters.missed += frames;
    statistics::count_missed(&mut common.registers, frames as u32);
    interrupts.cause(EICR_RX_MISS, common);
}
