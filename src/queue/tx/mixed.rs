//! What is not simple: packets of several pools in one ring, and packets of several segments.

use core::ptr::NonNull;

use super::fifo::Fifo;
use super::{FEW, GROUP, MAX_RUN, Posted, TxRing, post_one, segment};
use crate::dma::{Delta, DmaAddr};
use crate::packet::{Batch, Entry, Outgoing, Packet};
use crate::pool::{Attachment, PoolId, SHORTEST, Simple};
use crate::port::{Refusal, Refused};
use crate::queue::function::Kind;

/// A pool whose packets a ring can send, and which of the posted buffers are its.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) attachment: Attachment,
    pub(super) terms: Terms,
    /// The descriptors whose buffers are of the pool, but for those that were posted last.
    runs: Fifo<Run>,
}

/// How packets of a pool are sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) pool: Option<PoolId>,
    /// The difference of the device's addresses from the CPU's in the pool, if it is the same everywhere.
    pub(super) delta: Option<Delta>,
    /// The packets of the pool that need no closer look.
    pub(super) simple: Simple,
}

impl Terms {
    /// Sends nothing.
    pub(super) const NONE: Self = Self { pool: None, delta: None, simple: Simple::NONE };
}

/// The descriptors from `first` to before `end`, which have buffers of one pool.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    first: u64,
    end: u64,
}

impl Source {
    /// Makes a source of `attachment`'s pool, for packets of up to `max_len` bytes on a ring of `len` descriptors.
    pub(super) fn new(attachment: Attachment, max_len: u16, len: usize) -> Self {
        let pool = attachment.pool().id();
        let simple = Simple::of(pool, max_len.into());
        let terms = Terms { pool: Some(pool), delta: attachment.uniform(), simple };
        Self { attachment, terms, runs: Fifo::new(len) }
    }

    /// Returns where in memory the runs are.
    #[cfg(test)]
    pub(super) fn footprint(&self) -> core::ops::Range<usize> {
        self.runs.footprint()
    }

    /// Returns the device's address of `data`.
    ///
    /// # Safety
    ///
    /// `data` lies in a buffer of the pool.
    #[inline(always)]
    pub(super) unsafe fn address(&self, data: NonNull<u8>) -> Option<DmaAddr> {
        // SAFETY: the caller's promise; `delta` is of that pool.
        unsafe {
            match self.terms.delta {
                Some(delta) => Some(delta.address(data)),
                None => self.attachment.address(data),
            }
        }
    }

    /// Returns how many buffers from descriptor `first` on, the first that is posted, are of the pool, as far as noted.
    fn first_run(&mut self, first: u64) -> usize {
        while let Some(run) = self.runs.first() {
            if run.end > first {
                return if run.first <= first { (run.end - first) as usize } else { 0 };
            }
            self.runs.drop_first();
        }
        0
    }
}

impl<F: Kind> TxRing<F> {
    /// Returns the source that is the pool.
    #[inline(always)]
    pub(super) fn source_of(&self, pool: PoolId) -> Option<usize> {
        self.sources.iter().position(|source| source.terms.pool == Some(pool))
    }

    /// Posts packets of source `index` from now on, if there is one.
    #[inline(never)]
    pub(super) fn select(&mut self, index: usize) -> bool {
        self.note_posted();
        let Some(source) = self.sources.get(index) else { return false };
        self.selected = index;
        self.terms = source.terms;
        true
    }

    /// Notes whose buffers were posted last: the selected source's.
    #[inline(always)]
    pub(super) fn note_posted(&mut self) {
        let (first, end) = (self.noted.max(self.ring.first()), self.ring.end());
        // Only what is posted still, so that a source has no more runs than the ring has descriptors.
        if first < end
            && let Some(source) = self.sources.get_mut(self.selected)
        {
            source.runs.push(Run { first, end });
        }
        self.noted = end;
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
            if posted == 0 {
                // SAFETY: the packets that were posted are forgotten below.
                posted = unsafe { self.post_each(packets.get(..GROUP).unwrap_or(&packets)) };
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

    /// Posts packets of any attached pools and of any number of segments, one by one, as long as they can be sent and
    /// there is room. Returns how many.
    ///
    /// # Safety
    ///
    /// The caller forgets those that were posted.
    #[inline(always)]
    pub(super) unsafe fn post_each(&mut self, packets: &[Packet]) -> usize {
        let mut posted = 0;
        for packet in packets {
            let pool = Some(packet.pool());
            let source = self.sources.iter().enumerate().find(|(_, source)| source.terms.pool == pool);
            let (Some((index, source)), true) = (source, self.ring.free() > 0) else { break };
            let (to, simple) = (self.ring.cursor(self.ring.end()), source.terms.simple);
            // SAFETY: the descriptor is vacant. The packet is of this source, which finds the address of its data. The
            // caller forgets it if it was posted.
            let is_posted = packet.segment_count() == 1
                && unsafe { post_one::<F>(packet, to, simple, |data| source.address(data)) };
            if index != self.selected {
                self.note_posted();
                self.selected = index;
            }
            // SAFETY: as above; or the packet is of the selected source.
            unsafe {
                if is_posted {
                    self.ring.grow(1);
                } else if !self.post_segments(packet) {
                    break;
                }
            }
            posted += 1;
        }
        if let Some(source) = self.sources.get(self.selected) {
            self.terms = source.terms;
        }
        self.straight_end = self.straight_end.max(self.ring.end());
        posted
    }

    /// Posts a packet of several segments, of the selected pool. Returns `false` if it cannot be sent, or there is no
    /// room.
    ///
    /// # Safety
    ///
    /// If it was posted, the caller forgets the packet.
    #[inline(never)]
    unsafe fn post_segments(&mut self, packet: &Packet) -> bool {
        let count = packet.segment_count();
        // Some descriptors may be left, so that it was not due yet.
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
        let Some(source) = self.sources.get(self.selected) else { return false };
        // Only descriptors of a virtual function have the length of the packet, for which each segment is looked at.
        let total = if F::CONTEXT.is_some() { packet.len() as u16 } else { 0 };
        let (mut bytes, mut is_good) = (0, true);
        for (at, (buffer, data, len)) in (first..end).zip(packet.parts()) {
            bytes += usize::from(len);
            is_good &= len > 0;
            // SAFETY: all segments lie in buffers of the packet's pool. These descriptors are vacant. Until they count
            // as posted, the packet owns the buffers.
            unsafe {
                let Some(address) = source.address(data) else { return false };
                self.ring.cursor(at).post(segment::<F>(address, len, total, at + 1 == end), buffer);
            }
        }
        if !is_good || !(SHORTEST..=usize::from(self.max_len)).contains(&bytes) {
            return false;
        }
        // SAFETY: `count` descriptors were written, with the packet's buffers, which the caller forgets.
        unsafe { self.ring.grow(count) };
        // The last of them requests a report.
        if end - self.reports.end() >= MAX_RUN as u64 {
            self.reports.push(end);
        }
        true
    }

    /// Returns how many of the first `count` buffers are of `pool`, before the first that is not.
    pub(in crate::queue) fn count_of(&mut self, pool: PoolId, count: usize) -> usize {
        let first = self.ring.first();
        if self.noted <= first {
            return if self.terms.pool == Some(pool) { count } else { 0 };
        }
        let source = self.source_of(pool).and_then(|index| self.sources.get_mut(index));
        source.map_or(0, |source| source.first_run(first).min(count))
    }

    /// Returns the first `count` buffers to their pools, each of which is locked once or twice.
    ///
    /// # Safety
    ///
    /// As many are posted, and the device is done with them, or has stopped.
    #[inline(always)]
    pub(in crate::queue) unsafe fn give_back(&mut self, count: usize) {
        let (first, end) = (self.ring.first(), self.ring.first() + count as u64);
        // SAFETY: the caller's promise. From `noted` on, buffers are the selected source's.
        unsafe {
            if first < self.noted {
                self.give_back_noted(first, end.min(self.noted));
            }
            if let Some(selected) = self.sources.get(self.selected) {
                self.ring.copy_to(&mut selected.attachment.pool().free(), first.max(self.noted), end);
            }
            self.ring.forget(count);
        }
    }

    /// Copies the buffers of the descriptors from `first` to before `end` to the free lists of their pools.
    ///
    /// # Safety
    ///
    /// As for [`give_back`](Self::give_back). `first` is the first that is posted, and all are noted. The caller
    /// forgets them.
    #[inline(never)]
    unsafe fn give_back_noted(&mut self, first: u64, end: u64) {
        for Source { attachment, runs, .. } in &mut self.sources {
            let mut free = None;
            while let Some(run) = runs.first()
                && run.first < end
            {
                let free = free.get_or_insert_with(|| attachment.pool().free());
                // SAFETY: the caller's promise; these are of this pool.
                unsafe { self.ring.copy_to(free, run.first.max(first), run.end.min(end)) };
                if run.end > end {
                    break;
                }
                runs.drop_first();
            }
        }
    }

    /// Takes the first packet out of `batch`, if it cannot be sent; `sent` packets were before it.
    #[cold]
    #[inline(never)]
    pub(super) fn take_refused<T: Entry>(
        &self,
        batch: &mut Batch<T>,
        sent: usize,
        examine: impl FnOnce(&Self, &T) -> Result<(), Refusal>,
    ) -> Result<usize, Refused> {
        let Some(Err(reason)) = batch.first().map(|first| examine(self, first)) else { return Ok(sent) };
        match batch.pop_front() {
            Some(first) => Err(Refused { packet: first.into(), reason, sent }),
            None => Ok(sent),
        }
    }

    /// Returns what is wrong with a packet without a request, if anything is.
    pub(super) fn examine_packet(&self, packet: &Packet) -> Result<(), Refusal> {
        self.examine(packet, packet.len())
    }

    /// Returns what is wrong with `packet`, if anything is. The longest frame that it makes has `longest` bytes.
    pub(super) fn examine(&self, packet: &Packet, longest: usize) -> Result<(), Refusal> {
        let source = self.source_of(packet.pool()).and_then(|owner| self.sources.get(owner));
        let source = source.ok_or(Refusal::NotAttached)?;
        let (len, max) = (packet.len(), usize::from(self.max_len));
        if longest > max {
            return Err(Refusal::TooLong { len: longest, max });
        }
        if packet.segments().any(<[u8]>::is_empty) {
            return Err(Refusal::Empty);
        }
        if len < SHORTEST {
            return Err(Refusal::TooShort { len, min: SHORTEST });
        }
        // SAFETY: all segments lie in buffers of the packet's pool, which the source is.
        if packet.segments().any(|bytes| unsafe { source.address(NonNull::from(bytes).cast()) }.is_none()) {
            return Err(Refusal::NotAttached);
        }
        Ok(())
    }
}

/// Returns `true` if the first packets look like a run of one pool, in one segment each.
#[inline]
fn is_run(packets: &Outgoing<'_>) -> bool {
    let [first, second, .., last] = packets.get(..FEW).unwrap_or_default() else { return false };
    let pool = first.pool();
    [first, second, last].iter().all(|packet| packet.extent().more() == 0 && packet.pool() == pool)
}
