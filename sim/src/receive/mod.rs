//! Reception: from the wire through filters and packet buffer to the rings (datasheet 7.1).

pub(crate) mod filter;
pub(crate) mod flow_director;
mod rss;
mod start_rules;

use crate::chip::Chip;
use crate::counters::Counters;
use crate::fault::Fault;
use crate::frame::address::{Cast, cast};
use crate::frame::checksum;
use crate::frame::crc::crc32;
use crate::frame::headers::{self, Headers};
use crate::frame::vlan;
use crate::frame::{CRC, LONGEST, SHORTEST};
use crate::iommu::Access;
use crate::receive::filter::Filter;
use crate::receive::flow_director::{FlowDirector, Verdict};
use crate::registers::offsets::{self, *};
use crate::ring::Ring;
use crate::statistics;
use crate::violation::Rule;
use crate::wire::frames::FrameQueue;

/// Number of queues.
const QUEUES: usize = 128;
/// Maximum number of frames that one step takes from the wire.
const BURST: usize = 256;

/// Status and error bits of a write-back (7.1.6.2).
const DD: u64 = 1 << 0;
const EOP: u64 = 1 << 1;
const FLM: u64 = 1 << 2;
const VP: u64 = 1 << 3;
const PIF: u64 = 1 << 7;
const ALL_ERRORS: u64 = 0xFFF << 20;

/// The packet's data in the write-back of its last descriptor.
struct Report {
    /// The first word of an advanced write-back.
    start: u64,
    /// The stripped VLAN tag.
    tag: Option<u16>,
    /// Status bits: checked and wrong checksums, a filter match, and a destination of several hosts.
    status: u64,
}

/// One receive queue.
pub(crate) struct RxQueue {
    pub(crate) ring: Ring,
    pub(crate) buffer_size: usize,
    pub(crate) advanced: bool,
    pub(crate) drop_enabled: bool,
    pub(crate) strip_vlan: bool,
    buffer_hint: usize,
    /// `true` if frames were written in this step.
    moved: bool,
}

impl RxQueue {
    fn new() -> Self {
        let (ring, buffer_hint) = (Ring::new(), 0);
        let (advanced, drop_enabled, strip_vlan) = (false, false, false);
        Self { ring, buffer_size: 0, advanced, drop_enabled, strip_vlan, buffer_hint, moved: false }
    }
}

/// The whole receive side.
pub(crate) struct Receiver {
    pub(crate) queues: Vec<Option<Box<RxQueue>>>,
    pub(crate) flow_director: FlowDirector,
    filter: Filter,
    /// `true` if registers were written since `filter` was derived from them.
    stale: bool,
    working: Vec<usize>,
    receiving: bool,
    longest: usize,
    strip_crc: bool,
    store_bad: bool,
    hash_reported: bool,
    buffer_bytes: usize,
    /// The packet buffer: frames that found no descriptor.
    waiting: FrameQueue,
    scratch: Vec<u8>,
    /// `true` if reception was enabled without CTRL_EXT.NS_DIS; the next packet is then a violation.
    snoop_pending: bool,
}

impl Default for Receiver {
    fn default() -> Self {
        Self {
            queues: (0..QUEUES).map(|_| None).collect(),
            flow_director: FlowDirector::default(),
            filter: Filter::default(),
            stale: true,
            working: Vec::new(),
            receiving: false,
            longest: 0,
            strip_crc: true,
            store_bad: false,
            hash_reported: false,
            buffer_bytes: 0,
            waiting: FrameQueue::default(),
            scratch: Vec::new(),
            snoop_pending: false,
        }
    }
}

impl Receiver {
    /// Returns the queue, and creates it on first use.
    pub(crate) fn queue(&mut self, queue: usize) -> &mut RxQueue {
        self.queues[queue % QUEUES].get_or_insert_with(|| Box::new(RxQueue::new()))
    }

    pub(crate) fn ring(&mut self, queue: usize) -> Option<&mut Ring> {
        self.queues.get_mut(queue)?.as_deref_mut().map(|queue| &mut queue.ring)
    }

    /// Returns the queues that read as enabled.
    pub(crate) fn working(&self) -> impl Iterator<Item = usize> {
        let works = |queue: &Option<Box<RxQueue>>| queue.as_ref().is_some_and(|queue| queue.ring.works());
        self.queues.iter().enumerate().filter(move |(_, queue)| works(queue)).map(|(index, _)| index)
    }

    pub(crate) fn first_working(&self) -> Option<usize> {
        self.working().next()
    }

    pub(crate) fn config_changed(&mut self) {
        self.stale = true;
    }

    pub(crate) fn reset(&mut self) {
        let filter = std::mem::take(&mut self.filter);
        *self = Self { filter, ..Self::default() };
    }
}

impl Chip {
    fn update_receiver(&mut self) {
        let registers = &self.common.registers;
        let mut filter = std::mem::take(&mut self.receiver.filter);
        filter.update(registers);
        let enabled = registers.get(RXCTRL) & RXCTRL_RXEN != 0;
        let receiving = enabled && registers.get(SECRXCTRL) & SEC_DIS == 0;
        let mac = registers.get(HLREG0);
        let longest = self.longest_frame();
        let working = self.receiver.working().collect();
        let store_bad = registers.get(FCTRL) & FCTRL_SBP != 0;
        let hash_reported = registers.get(RXCSUM) & RXCSUM_PCSD != 0;
        // Without DCB all packets pass buffer 0.
        let buffer_bytes = (registers.get(RXPBSIZE) >> 10 & 0x3FF) as usize * 1024;
        let queues = registers.get(MRQC) & 0xF;
        let receiver = &mut self.receiver;
        receiver.filter = filter;
        receiver.stale = false;
        receiver.receiving = receiving;
        receiver.longest = longest;
        receiver.strip_crc = mac & HLREG0_RXCRCSTRP != 0;
        receiver.working = working;
        receiver.store_bad = store_bad;
        receiver.hash_reported = hash_reported;
        receiver.buffer_bytes = buffer_bytes;
        if receiving && queues > 1 {
            self.common
                .violation(Rule::NotModelled, MRQC, || format!("MRQC.MRQE is {queues}: only RSS alone is modelled"));
        }
        if receiving && self.common.registers.get(CTRL_EXT) & CTRL_EXT_NS_DIS == 0 {
            self.receiver.snoop_pending = true;
        }
    }

    /// Takes frames from the packet buffer and the wire. Returns the number of frames taken.
    pub(crate) fn receive(&mut self, dma: &Access<'_>) -> usize {
        if self.receiver.stale {
            self.update_receiver();
        }
        let before = self.common.counters.frames_in + self.common.counters.delivered;
        self.retry_waiting(dma);
        if !self.link.is_up() {
            self.link.discard_arrivals(&mut self.common.counters);
        } else {
            let (now, room) = (self.common.clock.now(), self.room());
            let mut link = std::mem::take(&mut self.link);
            let lost = link.take_arrivals(now, room, &mut |frame| self.arrive(frame, dma));
            self.link = link;
            self.overrun(lost);
        }
        self.publish_heads();
        (self.common.counters.frames_in + self.common.counters.delivered - before) as usize
    }

    /// Counts frames that arrived while the port did not step: more than its packet buffer holds.
    fn overrun(&mut self, frames: u64) {
        self.common.counters.frames_in += frames;
        if !self.receiver.receiving {
            self.common.counters.dropped_not_receiving += frames;
        } else if frames > 0 {
            self.miss(frames);
        }
    }

    fn miss(&mut self, frames: u64) {
        self.common.counters.missed += frames;
        statistics::count_missed(&mut self.common.registers, frames as u32);
        self.interrupts.cause(EICR_RX_MISS, &mut self.common);
    }

    /// Resets reception, and clears the packet buffer with its waiting frames.
    pub(crate) fn reset_receiver(&mut self) {
        self.receiver.reset();
        self.common.counters.dropped_not_receiving += std::mem::take(&mut self.common.counters.waiting);
    }

    /// Receives a frame that no wire brought.
    pub(crate) fn deliver_one(&mut self, frame: &[u8], dma: &Access<'_>) {
        if self.receiver.stale {
            self.update_receiver();
        }
        self.retry_waiting(dma);
        self.arrive(frame, dma);
        self.publish_heads();
    }

    /// Returns the number of frames of any size that are certain to find descriptors.
    fn room(&self) -> usize {
        let receiver = &self.receiver;
        if !receiver.receiving || !receiver.waiting.is_empty() || !self.common.is_master() {
            return 0;
        }
        let free = receiver.working.iter().filter_map(|index| receiver.queues[*index].as_ref()).map(|queue| {
            let each = receiver.longest.div_ceil(queue.buffer_size.max(1)).max(1);
            queue.ring.owned() / each
        });
        free.min().unwrap_or(0).min(BURST)
    }

    /// Copies the heads to the registers, once per step.
    fn publish_heads(&mut self) {
        for at in 0..self.receiver.working.len() {
            let index = self.receiver.working[at];
            let Some(queue) = self.receiver.queues[index].as_deref_mut() else { continue };
            if std::mem::take(&mut queue.moved) {
                let head = queue.ring.head as u32;
                self.common.registers.set(offsets::rx(index, RDH), head);
                self.interrupts.queue_cause(index, false, &mut self.common);
            }
        }
    }

    /// Receives a frame from the wire, without CRC.
    pub(crate) fn arrive(&mut self, frame: &[u8], dma: &Access<'_>) {
        self.common.counters.frames_in += 1;
        if frame.is_empty() || frame.len() > LONGEST {
            self.common.counters.dropped_not_receiving += 1;
            return;
        }
        // The MAC filters and counts even while reception is off (8.2.3.23).
        let refused = self.filter_in_mac(frame);
        let refused: Option<fn(&mut Counters) -> &mut u64> = match self.receiver.receiving {
            true => refused,
            false => Some(|counters| &mut counters.dropped_not_receiving),
        };
        match refused {
            Some(counter) => *counter(&mut self.common.counters) += 1,
            None => self.accept(frame, dma),
        }
    }

    /// Counts a frame in the MAC's registers. Returns the counter of frames dropped for the same reason, or `None` for
    /// a frame that passes the filters.
    #[inline]
    fn filter_in_mac(&mut self, frame: &[u8]) -> Option<fn(&mut Counters) -> &mut u64> {
        statistics::count_arrival(&mut self.common.registers, frame.len());
        if !self.common.faults.none() && self.common.faults.has(Fault::RxCrcErrors) && !self.receiver.store_bad {
            statistics::count_wrong_crc(&mut self.common.registers);
            return Some(|counters| &mut counters.dropped_crc);
        }
        let tag_type = self.receiver.filter.vlan.tag_type;
        let tag = if vlan::tag(frame, tag_type).is_some() { vlan::TAG } else { 0 };
        if frame.len() < SHORTEST {
            statistics::count_short(&mut self.common.registers);
            return Some(|counters| &mut counters.dropped_short);
        }
        if frame.len() + CRC > self.receiver.longest + tag {
            statistics::count_long(&mut self.common.registers);
            return Some(|counters| &mut counters.dropped_long);
        }
        statistics::count_good(&mut self.common.registers, frame.len());
        let cast = cast(frame);
        if !self.receiver.filter.accepts(frame, cast, &self.common.registers) {
            return Some(|counters| &mut counters.dropped_filter);
        }
        statistics::count_accepted(&mut self.common.registers, frame.len(), cast);
        None
    }

    /// Delivers a frame that has passed the filters to its queue, or keeps it in the packet buffer.
    fn accept(&mut self, frame: &[u8], dma: &Access<'_>) {
        if !self.receiver.waiting.is_empty() || !self.common.is_master() || !self.deliver(frame, dma) {
            self.keep(frame);
        }
    }

    /// Puts a frame into the packet buffer if there is room.
    fn keep(&mut self, frame: &[u8]) {
        let receiver = &mut self.receiver;
        if receiver.waiting.bytes() + frame.len() > receiver.buffer_bytes {
            self.miss(1);
        } else {
            receiver.waiting.push(frame);
            self.common.counters.waiting += 1;
        }
    }

    fn retry_waiting(&mut self, dma: &Access<'_>) {
        while self.receiver.receiving && self.common.is_master() && !self.receiver.waiting.is_empty() {
            let mut waiting = std::mem::take(&mut self.receiver.waiting);
            let done = self.deliver(waiting.front().unwrap_or_default(), dma);
            if done {
                waiting.pop();
                self.common.counters.waiting -= 1;
            }
            self.receiver.waiting = waiting;
            if !done {
                break;
            }
        }
    }

    /// Writes a frame to its queue's buffers. Returns `false` if it must wait for descriptors.
    fn deliver(&mut self, frame: &[u8], dma: &Access<'_>) -> bool {
        let tag_type = self.receiver.filter.vlan.tag_type;
        let headers = headers::headers(frame, tag_type);
        let (mut index, hash, hash_type) = self.receiver.filter.queue(frame, &headers);
        let flow = self.receiver.flow_director.ask(frame, &headers, tag_type, &self.common.registers);
        if let Verdict::Match(Some(queue)) = flow {
            index = queue;
        }
        if !self.common.faults.none() && self.common.faults.has(Fault::RxQueueWrong) {
            index = 0;
        }
        let Some(queue) = self.receiver.queues[index].as_deref_mut().filter(|queue| queue.ring.works()) else {
            self.common.counters.dropped_no_queue += 1;
            statistics::count_queue_drop(&mut self.common.registers, index);
            return true;
        };
        let stripped_tag = if queue.strip_vlan { vlan::tag(frame, tag_type) } else { None };
        let tag_len = if stripped_tag.is_some() { vlan::TAG } else { 0 };
        let crc_len = if self.receiver.strip_crc { 0 } else { CRC };
        let len = frame.len() - tag_len + crc_len;
        let size = queue.buffer_size.max(1);
        let needed = len.div_ceil(size);
        if queue.ring.owned() < needed {
            if !queue.drop_enabled {
                return false;
            }
            self.common.counters.dropped_no_descriptor += 1;
            statistics::count_queue_drop(&mut self.common.registers, index);
            return true;
        }
        let hash = if self.receiver.hash_reported { hash } else { 0 };
        let mut status = checksum::check(frame, &headers);
        if status & checksum::WRONG != 0 {
            statistics::count_wrong_checksum(&mut self.common.registers);
        }
        // A match is reported regardless of FDIRCTRL.Report-Status (8.2.3.21.1).
        if matches!(flow, Verdict::Match(_)) {
            status |= FLM;
        }
        // The 82598 sets PIF only for frames that passed an inexact filter. For the 82599, 7.1.6.2 has it set for all
        // but unicast.
        if cast(frame) != Cast::Unicast {
            status |= PIF;
        }
        let report = Report { start: write_back_start(&headers, hash, hash_type), tag: stripped_tag, status };
        let mut written = true;
        if tag_len + crc_len == 0 && needed == 1 {
            written = self.write_piece(index, frame, Some(&report), dma);
        } else {
            let mut whole = std::mem::take(&mut self.receiver.scratch);
            whole.clear();
            let (addresses, rest) = frame.split_at(vlan::ETHERTYPE);
            whole.extend_from_slice(addresses);
            whole.extend_from_slice(&rest[tag_len..]);
            if crc_len > 0 {
                whole.extend_from_slice(&crc32(frame).to_le_bytes());
            }
            for (n, piece) in whole.chunks(size).enumerate() {
                written &= self.write_piece(index, piece, (n + 1 == needed).then_some(&report), dma);
            }
            self.receiver.scratch = whole;
        }
        flow_director::count(flow, &mut self.common.registers);
        if written {
            self.common.counters.delivered += 1;
            self.common.counters.delivered_bytes += len as u64;
            statistics::count_delivered(&mut self.common.registers, index, len + tag_len);
        } else {
            self.common.counters.dropped_dma += 1;
        }
        if self.receiver.snoop_pending {
            self.receiver.snoop_pending = false;
            self.common.violation(Rule::NoSnoopEnabled, CTRL_EXT, || "a packet was received with NS_DIS 0".to_owned());
        }
        true
    }

    /// Writes one buffer and its descriptor, with the packet's `report` in the last one. Returns `true` if the buffer
    /// was written.
    #[inline]
    fn write_piece(&mut self, index: usize, piece: &[u8], report: Option<&Report>, dma: &Access<'_>) -> bool {
        let Some(queue) = self.receiver.queues[index].as_deref_mut() else { return false };
        let at = queue.ring.head;
        let advanced = queue.advanced;
        let Some((now, as_fetched)) = queue.ring.fetch(at, dma) else {
            self.receive_fault(Rule::DmaOutsideMapping, index, || format!("descriptor {at} cannot be read"));
            return false;
        };
        let written = dma.write(now[0], piece, &mut queue.buffer_hint);
        queue.ring.head = queue.ring.next(at);
        queue.moved = true;
        let (start, tag, of_packet) = report.map_or((0, None, 0), |report| (report.start, report.tag, report.status));
        let mut status = DD | if report.is_some() { EOP } else { 0 } | if tag.is_some() { VP } else { 0 } | of_packet;
        let mut length = piece.len() as u64;
        let mut lost = false;
        if !self.common.faults.none() {
            lost = self.common.faults.has(Fault::RxWriteBackLost);
            if self.common.faults.has(Fault::RxNoEop) {
                status &= !EOP;
            }
            if self.common.faults.has(Fault::RxErrors) {
                status |= ALL_ERRORS;
            }
            length = self.common.faults.rx_length().map_or(length, u64::from);
        }
        let tag = u64::from(tag.unwrap_or(0)) << 48;
        let words = match advanced {
            true => [start, status | length << 32 | tag],
            // The status byte starts at DD, and the error byte follows (7.1.5). A legacy status has no FLM.
            false => [now[0], length | (status & 0xFF & !FLM) << 32 | (status >> 24 & 0xFF) << 40 | tag],
        };
        let words = if self.common.faults.has(Fault::RxGarbage) { [u64::MAX; 2] } else { words };
        if !lost {
            queue.ring.write_back(at, 0, words[0], dma);
            queue.ring.write_back(at, 1, words[1], dma);
        }
        if now != as_fetched {
            self.receive_fault(Rule::DescriptorChanged, index, || {
                format!("descriptor {at} was {as_fetched:#x?} when given to the device and is now {now:#x?}")
            });
        }
        // The device writes the rest of a legacy descriptor's second word.
        let done = if advanced { now[1] & 1 } else { now[1] >> 32 & 1 };
        if done != 0 || now[0] == 0 {
            self.receive_fault(Rule::ReceiveDescriptorMalformed, index, || format!("descriptor {at} is {now:#x?}"));
        }
        if !written {
            let len = piece.len();
            self.receive_fault(Rule::DmaOutsideMapping, index, || {
                format!("descriptor {at}: {len} bytes at {:#x} are not mapped", now[0])
            });
        }
        written
    }

    fn receive_fault(&mut self, rule: Rule, queue: usize, detail: impl FnOnce() -> String) {
        self.common.violation(rule, offsets::rx(queue, RDBAL), || format!("receive queue {queue}: {}", detail()));
    }
}

/// Returns the first word of an advanced write-back.
#[inline]
fn write_back_start(headers: &Headers, hash: u32, hash_type: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(headers.packet_type | hash_type)
}
