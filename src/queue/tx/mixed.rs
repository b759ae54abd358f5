//! What is not simple: packets of several pools in one ring, and packets of several segments.

use alloc::boxed::Box;
use alloc::vec;
use core::ptr::NonNull;

use super::{FEW, Posted, TxRing, post_one, segment};
use crate::dma::Delta;
use crate::packet::{Batch, Outgoing, Packet};
use crate::pool::{Attachment, PoolId, SHORTEST, Simple};
use crate::port::{Refusal, Refused};
use crate::queue::ring::exchange_threshold;
use crate::sync::LINE;

/// A pool whose packets a ring can send, and what is to be known of it.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) attachment: Attachment,
    pub(super) terms: Terms,
}

/// How packets of a pool are sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) pool: Option<PoolId>,
    /// The difference of the device's addresses from the CPU's in the pool, if it is the same everywhere.
    pub(super) delta: Option<Delta>,
    /// The packets of the pool that need no closer look.
    pub(super) simple: Simple,
    /// Buffers are reclaimed once this many descriptors are posted.
    pub(super) threshold: usize,
}

impl Terms {
    /// Sends nothing.
    pub(super) const NONE: Self = Self { pool: None, delta: None, simple: Simple::NONE, threshold: 0 };
}

impl Source {
    /// Makes a source of `attachment`'s pool, for packets of up to `max_len` bytes on a ring of `len` descriptors.
    pub(super) fn new(attachment: Attachment, max_len: u16, len: usize) -> Self {
        let pool = attachment.pool();
        let terms = Terms {
            pool: Some(pool.id()),
            delta: attachment.uniform(),
            simple: Simple::of(pool.id(), max_len.into()),
            threshold: exchange_threshold(len.min(pool.capacity())),
        };
        Self { attachment, terms }
    }
}

/// A run of descriptors from the one before up to `end`, whose buffers are of one source.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    end: u64,
    owner: usize,
}

/// A queue of the runs before the last, which is the selected source's. Rings with one source have one run.
#[derive(Debug)]
pub(super) struct Runs {
    /// One entry for each descriptor, and a cache line that keeps other queues' data away.
    runs: Box<[Run]>,
    mask: u64,
    first: u64,
    next: u64,
    end: u64,
}

impl Runs {
    /// Makes an empty queue for a ring of `len` descriptors, a power of two.
    pub(super) fn new(len: usize) -> Self {
        let runs = vec![Run::default(); len + LINE / size_of::<Run>()].into();
        Self { runs, mask: len as u64 - 1, first: 0, next: 0, end: 0 }
    }

    /// Returns where in memory the entries are.
    #[cfg(test)]
    pub(super) fn footprint(&self) -> core::ops::Range<usize> {
        let runs = self.runs.as_ptr() as usize;
        runs..runs + (self.mask as usize + 1) * size_of::<Run>()
    }

    /// Ends the last run, which is `owner`'s, before descriptor `end`.
    #[inline(always)]
    fn push(&mut self, end: u64, owner: usize) {
        // Each run has a descriptor that is posted, but for one that has just been reclaimed, so there is room.
        if end > self.end
            && let Some(run) = self.runs.get_mut((self.next & self.mask) as usize)
        {
            *run = Run { end, owner };
            self.next += 1;
            self.end = end;
        }
    }

    /// Returns the first run that does not end before `first`, the first descriptor that is posted.
    #[inline(always)]
    fn first(&mut self, first: u64) -> Option<Run> {
        while self.first != self.next
            && let Some(run) = self.runs.get((self.first & self.mask) as usize)
        {
            if run.end > first {
                return Some(*run);
            }
            self.first += 1;
        }
        None
    }
}

impl TxRing {
    /// Returns the source that is the pool.
    pub(super) fn source_of(&self, pool: PoolId) -> Option<usize> {
        self.sources.iter().position(|source| source.terms.pool == Some(pool))
    }

    /// Posts packets of source `index` from now on, if there is one.
    #[inline(never)]
    pub(super) fn select(&mut self, index: usize) -> bool {
        let Some(source) = self.sources.get(index) else { return false };
        self.runs.push(self.ring.end(), self.selected);
        self.selected = index;
        self.terms = source.terms;
        self.due_at = self.due_at.min(self.ring.first() + self.terms.threshold as u64);
        true
    }

    /// Goes on with the packets of `batch` behind the first `posted`, which were posted.
    #[inline(never)]
    pub(super) fn post_rest(&mut self, batch: &mut Batch, posted: usize) -> Posted {
        let len = batch.len();
        if len == 0 {
            self.reclaim();
        }
        let mut packets = batch.outgoing();
        // SAFETY: the ring has their buffers.
        unsafe { packets.forget(posted) };
        while let Some(first) = packets.first() {
            if self.is_due() {
                self.make_room(packets.len());
            }
            let mut posted = 0;
            if is_run(&packets) && self.select_pool(first.pool()) {
                // SAFETY: these packets are there, and as many descriptors are straight.
                posted = unsafe { self.post_run::<true>(packets.as_ptr(), packets.len().min(self.straight())) };
            }
            if posted == 0 && self.post_apart(first) {
                posted = 1;
            }
            if posted == 0 {
                break;
            }
            // SAFETY: the ring has their buffers.
            unsafe { packets.forget(posted) };
        }
        self.report();
        Posted { packets: len - packets.len(), all: packets.is_empty() }
    }

    /// Posts a packet of any attached pool and of any number of segments. Returns `false` if it cannot be sent, or
    /// there is no room. If it returns `true`, the caller forgets the packet.
    #[inline(always)]
    fn post_apart(&mut self, packet: &Packet) -> bool {
        if !self.select_pool(packet.pool()) {
            return false;
        }
        if self.ring.free() == 0 {
            return false;
        }
        let (to, simple) = (self.end_cursor(), self.terms.simple);
        // SAFETY: the descriptor is vacant. Packets that are posted are of the selected pool, in which `address` finds
        // the data, and the caller forgets them.
        unsafe {
            if post_one(packet, to, simple, |data| self.address(data)) {
                self.ring.grow(1);
                self.straight_end = self.straight_end.max(self.ring.end());
                return true;
            }
        }
        self.post_segments(packet)
    }

    /// Posts a packet of several segments, of the selected pool, as [`post_apart`](Self::post_apart) does.
    #[inline(never)]
    fn post_segments(&mut self, packet: &Packet) -> bool {
        // The report of those before it is not in its midst, where none may be.
        self.report();
        let count = packet.segment_count();
        // Some descriptors may be left, so that it was not due yet.
        if self.ring.free() < count {
            self.reclaim();
        }
        if self.ring.free() < count {
            return false;
        }
        let (mut at, mut bytes) = (self.ring.end(), 0);
        let end = at + count as u64;
        for (buffer, data, len) in packet.parts() {
            bytes += u64::from(len);
            // SAFETY: all segments lie in buffers of the packet's pool, which is selected.
            let address = unsafe { self.address(data) };
            let (Some(address), true) = (address, len > 0 && bytes <= u64::from(self.max_len)) else { return false };
            at += 1;
            // SAFETY: `count` descriptors from the end on are vacant. Until these count as posted, the packet owns the
            // buffers.
            unsafe { self.ring.cursor(at - 1).post(segment(address, len, at == end), buffer) };
        }
        if bytes < SHORTEST as u64 {
            return false;
        }
        // SAFETY: `count` descriptors were written, with the packet's buffers, which the caller forgets.
        unsafe { self.ring.grow(count) };
        self.straight_end = self.straight_end.max(self.ring.end());
        self.report_packet();
        true
    }

    /// Returns the source of the first buffer, and how many of `count` in one piece are of it.
    #[inline(always)]
    pub(in crate::queue) fn first_run(&mut self, count: usize) -> (usize, usize) {
        let first = self.ring.first();
        let count = count.min(self.ring.to_wrap(first));
        match self.runs.first(first) {
            Some(Run { end, owner }) => (owner, count.min((end - first) as usize)),
            None => (self.selected, count),
        }
    }

    /// Takes the first packet out of `batch`, if it cannot be sent; `sent` packets were before it.
    #[cold]
    #[inline(never)]
    pub(super) fn take_refused(&self, batch: &mut Batch, sent: usize) -> Result<usize, Refused> {
        let Some(Err(reason)) = batch.first().map(|first| self.examine(first)) else { return Ok(sent) };
        match batch.pop_front() {
            Some(packet) => Err(Refused { packet, reason, sent }),
            None => Ok(sent),
        }
    }

    /// Returns what is wrong with `packet`, if anything is.
    fn examine(&self, packet: &Packet) -> Result<(), Refusal> {
        let source = self.source_of(packet.pool()).and_then(|owner| self.sources.get(owner));
        let source = source.ok_or(Refusal::NotAttached)?;
        let (len, max) = (packet.len(), usize::from(self.max_len));
        if len > max {
            return Err(Refusal::TooLong { len, max });
        }
        if packet.segments().any(<[u8]>::is_empty) {
            return Err(Refusal::Empty);
        }
        if len < SHORTEST {
            return Err(Refusal::TooShort { len, min: SHORTEST });
        }
        // SAFETY: all segments lie in buffers of the packet's pool, which the source is.
        if packet.segments().any(|bytes| unsafe { source.attachment.address(NonNull::from(bytes).cast()) }.is_none()) {
            return Err(Refusal::NotAttached);
        }
        Ok(())
    }
}

/// Returns `true` if the first packets look like a run of one pool, in one segment each.
fn is_run(packets: &Outgoing<'_>) -> bool {
    let [first, second, .., last] = packets.get(..FEW).unwrap_or_default() else { return false };
    let pool = first.pool();
    [first, second, last].iter().all(|packet| packet.extent().more() == 0 && packet.pool() == pool)
}
