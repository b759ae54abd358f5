//! Packets with requests: data descriptors of the advanced format, and the contexts that these need (7.2.3.2.3).

use super::{MAX_RUN, Posted, TxRing};
use crate::descriptors::{AdvancedTransmitDataRead as Data, Written};
use crate::dma::DmaAddr;
use crate::offload::{Requested, Terms};
use crate::packet::{Batch, Packet};
use crate::pool::Buffer;
use crate::port::Refused;
use crate::value;

/// The two contexts of a queue, as the device has them once it has come to the ring's end.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    /// Zeros where nothing was set.
    set: [[u64; 2]; 2],
    /// The one that was set last.
    last: bool,
}

impl Contexts {
    /// Returns which context is `context`, if one is.
    #[inline(always)]
    fn find(&self, context: [u64; 2]) -> Option<bool> {
        if self.set[usize::from(self.last)] == context {
            Some(self.last)
        } else {
            (self.set[usize::from(!self.last)] == context).then_some(!self.last)
        }
    }
}

/// What else the second word of a data descriptor has.
const SECOND_CONTEXT: u64 = value!(Data { IDX: true }).bits()[1];
const LAST: u64 = value!(Data { EOP: true }).bits()[1];
const REPORT: u64 = value!(Data { RS: true }).bits()[1];

impl TxRing {
    /// Posts packets from the front of `batch`, as many as can be sent and as there is room for.
    #[inline(never)]
    pub(super) fn post_requested(&mut self, batch: &mut Batch<Requested>) -> Posted {
        let len = batch.len();
        if len == 0 {
            self.reclaim();
        }
        let mut packets = batch.outgoing();
        while let Some(first) = packets.first() {
            if self.is_due() {
                self.make_room(packets.len());
            }
            // SAFETY: the packets that were posted are forgotten below.
            let posted = match unsafe { self.post_alike(&packets) } {
                0 => usize::from(unsafe { self.post_any(first) }),
                posted => posted,
            };
            if posted == 0 {
                break;
            }
            // SAFETY: the ring has their buffers.
            unsafe { packets.forget(posted) };
        }
        self.report();
        Posted { packets: len - packets.len(), all: packets.is_empty() }
    }

    /// Posts packets of the selected pool, each in one buffer, as long as they need no other context than is set, up to
    /// the next report. Returns how many.
    ///
    /// # Safety
    ///
    /// The caller forgets those that were posted.
    #[inline(always)]
    unsafe fn post_alike(&mut self, packets: &[Requested]) -> usize {
        let Some(delta) = self.terms.delta else { return 0 };
        let end = self.ring.end();
        let until_report = MAX_RUN - ((end - self.reports.end()) as usize).min(MAX_RUN);
        let count = packets.len().min(self.straight()).min(until_report);
        let (simple, to) = (self.terms.simple, self.ring.cursor(end));
        let mut posted = 0;
        for requested in &packets[..count] {
            let (packet, terms) = (requested.packet(), requested.terms());
            let number = simple.look(packet.extent());
            if !simple.is_good(number) {
                break;
            }
            // SAFETY: `count` vacant descriptors follow in one piece. A simple packet is of the selected pool, which
            // `delta` is of, and its data are at its buffer's default address.
            unsafe {
                let (address, buffer) = (delta.address(packet.data()), Buffer::from_data(packet.data()));
                if terms.word == 0 {
                    to.at(posted).post(simple.descriptor(number, address), buffer);
                } else {
                    let Some(word) = self.word_of(terms) else { break };
                    to.at(posted).post(data(address, word, packet.extent().len()), buffer);
                }
            }
            posted += 1;
        }
        // SAFETY: the descriptors were written, with the packets' buffers, which the caller forgets.
        unsafe { self.ring.grow(posted) };
        self.report_whole_runs();
        posted
    }

    /// Requests a report if that is due. The last descriptor ends a packet.
    #[inline(always)]
    fn report_whole_runs(&mut self) {
        if self.ring.end() - self.reports.end() >= MAX_RUN as u64 {
            self.report();
        }
    }

    /// Returns the second word of the first data descriptor, if the context is set that it needs, or it needs none.
    #[inline(always)]
    fn word_of(&self, terms: &Terms) -> Option<u64> {
        if terms.context == [0; 2] {
            return Some(terms.word);
        }
        let second = self.contexts.find(terms.context)?;
        Some(terms.word | if second { SECOND_CONTEXT } else { 0 })
    }

    /// Posts a packet of any attached pool, of any number of segments, with its context if it is not set. Returns
    /// `false` if it cannot be sent, or there is no room.
    ///
    /// # Safety
    ///
    /// If it was posted, the caller forgets the packet.
    #[inline(never)]
    unsafe fn post_any(&mut self, requested: &Requested) -> bool {
        let (packet, terms) = (requested.packet(), requested.terms());
        if terms.word == 0 {
            // SAFETY: the caller's promise.
            return unsafe { self.post_each(core::slice::from_ref(packet)) } == 1;
        }
        if !self.select_pool(packet.pool()) || self.examine(packet, terms.longest_of(packet)).is_err() {
            return false;
        }
        let word = self.word_of(terms);
        let count = packet.segment_count() + usize::from(word.is_none());
        if self.ring.free() < count {
            self.reclaim();
        }
        if self.ring.free() < count {
            return false;
        }
        let (first, end) = (self.ring.end(), self.ring.end() + count as u64);
        // No report may be in the midst of a packet, nor may many descriptors follow each other without one.
        if end - self.reports.end() > MAX_RUN as u64 {
            self.report();
        }
        let index = !self.contexts.last;
        let data_at = first + u64::from(word.is_none());
        let word = word.unwrap_or(terms.word | if index { SECOND_CONTEXT } else { 0 });
        let is_due = end - self.reports.end() >= MAX_RUN as u64;
        let last = if is_due { LAST | REPORT } else { LAST };
        // SAFETY: these descriptors are vacant. Until they count as posted, the packet owns the buffers.
        if !unsafe { self.write_segments(packet, data_at, word & !LAST, last) } {
            return false;
        }
        if data_at > first {
            // The context is between the buffers of two runs: it has none.
            self.note_posted();
            // SAFETY: the descriptor is vacant, and a context makes the device access no memory. No run has its place.
            unsafe {
                self.ring.slot(first).vacant_in_ring().put(terms.context(index));
                self.ring.grow(1);
            }
            self.noted = data_at;
            self.contexts.set[usize::from(index)] = terms.context;
            self.contexts.last = index;
        }
        // SAFETY: the descriptors were written, with the packet's buffers, which the caller forgets.
        unsafe { self.ring.grow(packet.segment_count()) };
        if is_due {
            self.reports.push(end);
        }
        self.straight_end = self.straight_end.max(end);
        true
    }

    /// Takes the first packet out of `batch`, if it cannot be sent; `sent` packets were before it.
    #[cold]
    #[inline(never)]
    pub(super) fn take_refused_request(
        &self,
        batch: &mut Batch<Requested>,
        sent: usize,
    ) -> Result<usize, Refused> {
        let examine = |first: &Requested| self.examine(first.packet(), first.terms().longest_of(first.packet()));
        let Some(Err(reason)) = batch.first().map(examine) else { return Ok(sent) };
        match batch.pop_front() {
            Some(first) => Err(Refused { packet: first.into_packet(), reason, sent }),
            None => Ok(sent),
        }
    }

    /// Writes the data descriptors of a packet of the selected pool, from descriptor `at` on: all with `word`, the last
    /// with `last`. Returns `false` if the device does not see one of the segments.
    ///
    /// # Safety
    ///
    /// The descriptors are vacant. The packet owns its buffers until they count as posted.
    unsafe fn write_segments(&mut self, packet: &Packet, at: u64, word: u64, last: u64) -> bool {
        let (count, Some(source)) = (packet.segment_count(), self.sources.get(self.selected)) else { return false };
        for (n, (buffer, bytes, len)) in packet.parts().enumerate() {
            let word = word | if n + 1 == count { last } else { 0 };
            // SAFETY: all segments lie in buffers of the packet's pool, which the source is. The descriptors are vacant.
            unsafe {
                let Some(address) = source.address(bytes) else { return false };
                self.ring.cursor(at + n as u64).post(data(address, word, usize::from(len)), buffer);
            }
        }
        true
    }
}

/// Returns the data descriptor of `len` bytes at `address`, which are in one buffer, with the second word `word`.
#[inline(always)]
fn data(address: DmaAddr, word: u64, len: usize) -> Written<Data> {
    Written::new(address, word | len as u16 as u64)
}
