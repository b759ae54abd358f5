//! Packets with requests: data descriptors of the advanced format, and the contexts that these need (7.2.3.2.3).

use super::{Cursor, GROUP, MAX_RUN, Posted, TxRing};
use crate::descriptors::{AdvancedTransmitDataRead as Data, Written};
use crate::dma::{Delta, DmaAddr};
use crate::offload::{PackedContext, Requested};
use crate::packet::{Batch, Packet};
use crate::pool::{Buffer, Simple};
use crate::port::Refusal;
use crate::queue::function::Kind;
use crate::value;

/// The two contexts of a queue, as the device has them once it has come to the ring's end.
#[derive(Debug)]
pub(super) struct Contexts {
    set: [PackedContext; 2],
    /// Which was used last.
    last: bool,
}

impl Contexts {
    /// Returns what a queue has that was just enabled.
    pub(super) const fn unset<F: Kind>() -> Self {
        match F::CONTEXT {
            Some(context) => Self { set: [context, PackedContext::NONE], last: true },
            None => Self { set: [PackedContext::NONE; 2], last: false },
        }
    }

    /// Returns the index of `context`, which becomes the one that was used last, if it is set.
    #[inline(always)]
    fn select<F: Kind>(&mut self, context: PackedContext) -> Option<bool> {
        if self.set[usize::from(self.last)] == context {
            return Some(self.last);
        }
        if F::CONTEXT.is_none() && self.set[usize::from(!self.last)] == context {
            self.last = !self.last;
            return Some(self.last);
        }
        None
    }

    /// Sets `context` in place of the one that was not used last, or of the only one that may be replaced. Returns its
    /// index.
    fn set<F: Kind>(&mut self, context: PackedContext) -> bool {
        self.last = !self.last || F::CONTEXT.is_some();
        self.set[usize::from(self.last)] = context;
        self.last
    }
}

/// Bits of a data descriptor's second word.
const SECOND_CONTEXT: u64 = value!(Data { IDX: true }).bits()[1];
const LAST: u64 = value!(Data { EOP: true }).bits()[1];
const REPORT: u64 = value!(Data { RS: true }).bits()[1];

/// Returns the bits that select context `index`.
#[inline(always)]
const fn index_bits(index: bool) -> u64 {
    if index { SECOND_CONTEXT } else { 0 }
}

impl<F: Kind> TxRing<F> {
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
                0 if self.post_context(first) => continue,
                // SAFETY: the same.
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

    /// Posts packets of the selected pool, each in one buffer, as long as each has a request that needs a context which
    /// is set. Returns how many.
    ///
    /// # Safety
    ///
    /// The caller forgets those that were posted.
    #[inline(always)]
    unsafe fn post_alike(&mut self, packets: &[Requested]) -> usize {
        let Some(delta) = self.terms.delta else { return 0 };
        let (count, to) = (packets.len().min(self.straight()), self.ring.cursor(self.ring.end()));
        let (from, mut posted) = (packets.as_ptr(), 0);
        // SAFETY: `count` packets and vacant descriptors, in one piece, are there, so a group or one follows those that
        // were posted. `delta` is of the selected pool. The ring has the buffers of those that were posted.
        unsafe {
            while posted < count {
                let context = (*from.add(posted)).terms().context;
                if context == PackedContext::NONE {
                    break;
                }
                let Some(index) = self.contexts.select::<F>(context) else { break };
                let alike = Alike { simple: self.terms.simple, delta, context, index: index_bits(index) | F::DATA };
                let has_it = |n: usize| (*from.add(posted + n)).terms().context == context;
                let is_run = posted + GROUP <= count && has_it(1) && has_it(GROUP / 2) && has_it(GROUP - 1);
                if is_run {
                    posted += alike.post_groups(from.add(posted), to.at(posted), count - posted);
                }
                if posted == count || !alike.post::<1>(from.add(posted), to.at(posted)) {
                    break;
                }
                posted += 1;
            }
            self.ring.grow(posted);
        }
        // Each of these descriptors ends a packet, so each can have a report.
        if self.ring.end() - self.reports.end() >= MAX_RUN as u64 {
            self.report_runs();
        }
        posted
    }

    /// Posts the context that `requested` needs, if it is not set, and the packet itself can be posted behind it as
    /// [`post_alike`](Self::post_alike) does. Returns `true` if so.
    #[inline]
    fn post_context(&mut self, requested: &Requested) -> bool {
        let (number, terms) = (self.terms.simple.look(requested.packet().extent()), requested.terms());
        let is_simple = self.terms.simple.is_good(number) && self.terms.delta.is_some();
        if !is_simple || terms.context == PackedContext::NONE || self.straight() < 2 {
            return false;
        }
        if self.contexts.select::<F>(terms.context).is_some() {
            return false;
        }
        // The report that is due next must not be of the context.
        if self.ring.end() - self.reports.end() == MAX_RUN as u64 - 1 {
            self.report_here();
        }
        // SAFETY: a straight descriptor is vacant.
        unsafe { self.set_context(terms.context) };
        true
    }

    /// Notes a report of the last descriptor, which ends a packet.
    fn report_here(&mut self) {
        self.report();
        if self.reports.end() != self.ring.end() {
            self.reports.push(self.ring.end());
        }
    }

    /// Posts `context`. It is between the buffers of two runs, and has none itself.
    ///
    /// # Safety
    ///
    /// The descriptor at the end is vacant.
    unsafe fn set_context(&mut self, context: PackedContext) {
        self.note_posted();
        let (at, index) = (self.ring.end(), self.contexts.set::<F>(context));
        // SAFETY: the caller's promise. A context makes the device access no memory. No run has the place, so nobody takes
        // a buffer from it.
        unsafe {
            self.ring.slot(at).vacant_in_ring().put(context.descriptor(index));
            self.ring.grow(1);
        }
        self.noted = at + 1;
        self.straight_end = self.straight_end.max(self.noted);
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
        if !self.select_pool(packet.pool()) || self.examine_request(requested).is_err() {
            return false;
        }
        let needs = terms.context != PackedContext::NONE && self.contexts.select::<F>(terms.context).is_none();
        let count = packet.segment_count() + usize::from(needs);
        if self.ring.free() < count {
            self.reclaim();
        }
        if self.ring.free() < count {
            return false;
        }
        // No report may be in the midst of a packet, nor may many descriptors follow each other without one.
        if self.ring.end() + count as u64 - self.reports.end() >= MAX_RUN as u64 {
            self.report_here();
        }
        if needs {
            // SAFETY: `count` descriptors are vacant.
            unsafe { self.set_context(terms.context) };
        }
        let end = self.ring.end() + packet.segment_count() as u64;
        let is_due = end - self.reports.end() >= MAX_RUN as u64;
        let index =
            if terms.context == PackedContext::NONE && F::CONTEXT.is_some() { false } else { self.contexts.last };
        let word = terms.word & !LAST | index_bits(index) | F::DATA;
        // SAFETY: these descriptors are vacant. They have the packet's buffers, which the caller forgets.
        unsafe {
            if !self.write_segments(packet, word, if is_due { LAST | REPORT } else { LAST }) {
                return false;
            }
            self.ring.grow(packet.segment_count());
        }
        if is_due {
            self.reports.push(end);
        }
        self.straight_end = self.straight_end.max(end);
        true
    }

    /// Returns what is wrong with a packet and its request, if anything is.
    pub(super) fn examine_request(&self, requested: &Requested) -> Result<(), Refusal> {
        self.examine(requested.packet(), requested.terms().longest_of(requested.packet()))
    }

    /// Writes the data descriptors of a packet of the selected pool: all with `word`, the last with `last`. Returns
    /// `false` if the device does not see all of it, which whoever examined the packet has ruled out.
    ///
    /// # Safety
    ///
    /// As many descriptors at the end are vacant. The packet owns its buffers until they count as posted.
    unsafe fn write_segments(&mut self, packet: &Packet, word: u64, last: u64) -> bool {
        let (count, at) = (packet.segment_count(), self.ring.end());
        let Some(source) = self.sources.get(self.selected) else { return false };
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

/// What packets have in common that are posted in groups.
#[derive(Clone, Copy)]
struct Alike {
    simple: Simple,
    /// Of the packets' pool.
    delta: Delta,
    context: PackedContext,
    /// The bits that select it.
    index: u64,
}

impl Alike {
    /// Posts packets as [`post`](Self::post) does, by whole groups, at most `count`. Returns how many.
    ///
    /// # Safety
    ///
    /// There must be `count` packets, and as many descriptors in one piece, none of which is posted. The caller counts
    /// as many descriptors as posted as this returns, and forgets their packets.
    #[inline(never)]
    unsafe fn post_groups(self, packets: *const Requested, to: Cursor, count: usize) -> usize {
        let mut posted = 0;
        // SAFETY: the caller's promise: a group follows those that were posted.
        while posted + GROUP <= count && unsafe { self.post::<GROUP>(packets.add(posted), to.at(posted)) } {
            posted += GROUP;
        }
        posted
    }

    /// Writes descriptors and places of `N` packets, if all are simple and need the context. Returns `true` if so.
    ///
    /// They are written before the answer is known, as `post_group` does for packets without requests.
    ///
    /// # Safety
    ///
    /// There must be as many packets, and descriptors in one piece, none of which is posted. If the answer is `true`,
    /// the caller counts the descriptors as posted, and forgets the packets.
    #[inline(always)]
    unsafe fn post<const N: usize>(self, packets: *const Requested, to: Cursor) -> bool {
        let (mut numbers, mut differences) = (0, 0);
        for n in 0..N {
            // SAFETY: there are as many of each. The data of a simple packet are at its buffer's default address, and
            // the pool is the one that `delta` is of; of any other, neither place nor descriptor is used.
            unsafe {
                let requested = &*packets.add(n);
                let (packet, terms) = (requested.packet(), requested.terms());
                numbers |= self.simple.look(packet.extent());
                differences |= terms.context.difference(self.context);
                let descriptor =
                    data(self.delta.address(packet.data()), terms.word | self.index, packet.extent().len());
                to.at(n).post(descriptor, Buffer::from_data(packet.data()));
            }
        }
        self.simple.is_good(numbers) && differences == 0
    }
}

/// Returns the data descriptor of `len` bytes at `address`, which are in one buffer, with the second word `word`.
#[inline(always)]
fn data(address: DmaAddr, word: u64, len: usize) -> Written<Data> {
    Written::new(address, word | len as u16 as u64)
}
