//! A transmit queue (datasheet 7.2).
//!
//! Packets are posted in runs of one pool. The last descriptor that a call posts requests a report (RS). In longer
//! calls, one descriptor in 32 does so, too. [`Reports`] notes one report for every 32 descriptors or more. When the
//! device has made a report, the buffers up to it return to their pool: TDH does not say which are done (8.2.3.9.8).
//!
//! A packet on its own is posted inline, a few in a loop, more in groups of 8 and 4. Packets that are not simple are in
//! [`mixed`], packets with requests and the contexts that they need in [`requests`].

mod fifo;
mod mixed;
mod reports;
mod requests;

use alloc::vec;
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::time::Duration;

use crate::clock::{self, Clock};
use crate::descriptors::{LegacyTransmitRead as Data, LegacyTransmitWriteBack as WriteBack, Written};
use crate::dma::{Delta, Dma, DmaAddr, DmaError, Pages};
use crate::offload::Requested;
use crate::packet::{Batch, Packet};
use crate::pool::{Attachment, Buffer, Pool, PoolId, Simple, whole};
use crate::port::{AttachError, Down, InterruptSource, Offload, Refused, Transmit, TransmitError, TransmitRequests};
use crate::queue::function::Kind;
use crate::queue::ring::{Cursor, Ring, exchange_threshold};
use crate::queue::{Function, Physical};
use crate::registers::TxQueue;
use crate::value;
use mixed::{Source, Terms};
use reports::Reports;
use requests::Contexts;

/// The pause between two looks at a ring that drains.
const DRAIN_POLL: Duration = Duration::from_micros(50);

/// The most descriptors of one run. The device stops if more than 40 follow each other without a report.
pub(super) const MAX_RUN: usize = 32;

/// The numbers of packets that are posted, and then checked, without a branch between them.
const GROUP: usize = 8;
const FEW: usize = 4;

/// The ring of a transmit queue.
#[derive(Debug)]
pub(crate) struct TxRing<F = Physical> {
    queue: TxQueue,
    pub(super) ring: Ring,
    reports: Reports,
    /// The tail that the device has received: the packets before it are the device's.
    announced: u64,
    /// The pools whose packets can be sent. None is ever taken away.
    sources: Vec<Source>,
    /// The source whose packets are posted at present, and how. From descriptor `noted` on, all buffers are its.
    selected: usize,
    noted: u64,
    terms: Terms,
    contexts: Contexts,
    /// Buffers are reclaimed once this many descriptors are posted.
    threshold: usize,
    /// The end of the [straight](Self::straight) descriptors.
    straight_end: u64,
    /// Once the next descriptor is this, buffers are to be reclaimed. At most `straight_end`.
    due_at: u64,
    max_len: u16,
    pub(crate) vector: u8,
    kind: PhantomData<fn() -> F>,
}

impl<F: Kind> TxRing<F> {
    /// Makes a ring of `len` descriptors, a power of two, for packets of up to `max_len` bytes. `vector` is the number of
    /// its interrupt vector.
    pub(crate) fn new(
        device: &impl Dma,
        queue: TxQueue,
        vector: usize,
        len: usize,
        max_len: usize,
    ) -> Result<Self, DmaError> {
        let mut ring = Self {
            queue,
            ring: Ring::new(device, len)?,
            reports: Reports::new(len),
            announced: 0,
            sources: vec![],
            selected: 0,
            noted: 0,
            terms: Terms::NONE,
            contexts: Contexts::unset::<F>(),
            threshold: exchange_threshold(len),
            straight_end: 0,
            due_at: 0,
            // A segment's length has 16 bits.
            max_len: max_len.min(usize::from(u16::MAX)) as u16,
            // There are at most 64.
            vector: vector as u8,
            kind: PhantomData,
        };
        // SAFETY: no device has the ring's address yet.
        unsafe { ring.begin() };
        Ok(ring)
    }

    /// As [`Ring::count_from`], of an empty ring.
    #[cfg(test)]
    pub(crate) fn count_from(&mut self, by: u64) {
        assert!(self.ring.posted() == 0);
        self.ring.count_from(by);
        self.straight_end += by;
        self.due_at += by;
        self.announced += by;
        self.noted += by;
        self.reports.skip_to(self.ring.end());
    }

    pub(crate) fn queue(&self) -> TxQueue {
        self.queue
    }

    pub(crate) fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Returns where in memory the ring writes, beside its own fields.
    #[cfg(test)]
    pub(crate) fn footprint(&self) -> Vec<core::ops::Range<usize>> {
        let sources = self.sources.iter().map(Source::footprint);
        self.ring.footprint().into_iter().chain([self.reports.footprint()]).chain(sources).collect()
    }

    /// Makes the device reach the packets of `pool`.
    pub(crate) fn attach(&mut self, device: &impl Dma, pool: &Pool) -> Result<(), DmaError> {
        if self.source_of(pool.id()).is_none() {
            let attachment = Attachment::new(device, pool)?;
            if attachment.domain() != self.ring.domain() {
                let len = pool.buffer_size();
                return Err(DmaError::NotMappable { len, reason: "the ring is another device's" });
            }
            self.sources.push(Source::new(attachment, self.max_len, self.ring.len()));
            self.threshold = self.threshold.min(exchange_threshold(pool.capacity()));
            self.due_at = self.due_at.min(self.ring.first() + self.threshold as u64);
            if self.sources.len() == 1 {
                self.select(0);
            }
        }
        Ok(())
    }

    /// Posts packets of `pool` from now on. Returns `false` if it is not attached.
    #[inline(always)]
    pub(super) fn select_pool(&mut self, pool: PoolId) -> bool {
        self.terms.pool == Some(pool) || self.source_of(pool).is_some_and(|index| self.select(index))
    }

    /// Requests reports: of the last descriptor, and every [`MAX_RUN`]. Those that the device knows of have theirs.
    #[inline(always)]
    pub(super) fn report(&mut self) {
        let end = self.ring.end();
        if self.announced != end {
            // SAFETY: the descriptor was posted since the last doorbell.
            unsafe { self.request_report(end) };
            let run = end - self.reports.end();
            if run == MAX_RUN as u64 {
                self.reports.push(end);
            } else if run > MAX_RUN as u64 {
                self.report_runs();
            }
        }
    }

    /// Requests a report of the descriptor before `end`.
    ///
    /// # Safety
    ///
    /// It was posted, and the device does not know of it yet.
    #[inline(always)]
    unsafe fn request_report(&self, end: u64) {
        // SAFETY: the caller's promise; descriptors of this ring have format `Data`. RS makes the device write back to
        // the descriptor alone.
        unsafe { self.ring.slot(end.wrapping_sub(1)).add(value!(Data { RS: true })) };
    }

    /// Requests a report every [`MAX_RUN`] descriptors, and notes them.
    #[inline(never)]
    fn report_runs(&mut self) {
        while self.ring.end() - self.reports.end() >= MAX_RUN as u64 {
            let end = self.reports.end() + MAX_RUN as u64;
            // SAFETY: as in `report`: what the device knows of ends less than `MAX_RUN` behind the last report.
            unsafe { self.request_report(end) };
            self.reports.push(end);
        }
    }

    /// Returns the number of buffers at the front that the device has reported.
    #[inline(always)]
    pub(super) fn done(&mut self) -> usize {
        let ring = &self.ring;
        let is_made = |end: u64| ring.slot(end.wrapping_sub(1)).is_done::<WriteBack>();
        let mut done = self.reports.pop_made(is_made).unwrap_or(ring.first());
        // The last has a report that is not in the queue.
        let end = ring.end();
        if self.reports.is_empty() && done != end && is_made(end) {
            done = end;
            self.reports.skip_to(end);
        }
        (done - ring.first()) as usize
    }

    /// Returns all buffers that the device has reported to their pools.
    #[inline(never)]
    pub(crate) fn reclaim(&mut self) {
        let done = self.done();
        // SAFETY: the device has reported them.
        unsafe { self.give_back(done) };
    }

    /// Returns `true` if everything posted was reported as done.
    pub(crate) fn is_drained(&mut self) -> bool {
        self.reclaim();
        self.ring.posted() == 0
    }

    /// Returns all buffers to their pools.
    ///
    /// # Safety
    ///
    /// The device must have stopped.
    pub(crate) unsafe fn empty(mut self) {
        // SAFETY: a device that has stopped is done with all of them.
        unsafe { self.give_back(self.ring.posted()) };
    }

    /// Returns all buffers to their pools, and goes on from descriptor 0. Returns the number of packets that the device
    /// has not reported as sent.
    ///
    /// # Safety
    ///
    /// The device must have stopped.
    pub(crate) unsafe fn restart(&mut self) -> u64 {
        let (first, end) = (self.ring.first(), self.ring.end());
        // The device goes by the order: what is before a report was sent, whether or not anybody waits for that report.
        let unsent =
            (first..end).rfind(|index| self.ring.slot(*index).is_done::<WriteBack>()).map_or(first, |last| last + 1);
        let ends = |index: &u64| self.ring.slot(*index).has(value!(Data { EOP: true }));
        let packets = (unsent..end).filter(ends).count() as u64;
        // SAFETY: the caller's promise. No buffer is posted then.
        unsafe {
            self.give_back(self.ring.posted());
            self.ring.rewind();
        }
        self.contexts = Contexts::unset::<F>();
        // SAFETY: the caller's promise.
        unsafe { self.begin() };
        packets
    }

    /// Begins at the end of an empty ring, with the context that all packets of the function have, if there is one.
    ///
    /// # Safety
    ///
    /// The device does not access the ring.
    unsafe fn begin(&mut self) {
        if let Some(context) = F::CONTEXT {
            // SAFETY: the ring is empty, so the descriptor is vacant. A context has no buffer: nobody takes one from its
            // place, since the ring forgets it at once. It is not posted over before the device has come by: a ring is
            // never full.
            unsafe {
                self.ring.slot(self.ring.end()).vacant_in_ring().put(context.descriptor(false));
                self.ring.grow(1);
                self.ring.forget(1);
            }
        }
        let end = self.ring.end();
        self.reports.clear(end);
        (self.straight_end, self.due_at, self.announced, self.noted) = (end, end, end, end);
    }

    /// Returns `true` if a packet can be posted, after reclaiming buffers if need be.
    pub(super) fn has_room(&mut self) -> bool {
        if self.ring.free() == 0 {
            self.reclaim();
        }
        self.ring.free() > 0
    }

    /// Posts a packet of `len` bytes at the start of a buffer, and takes the buffer. Returns `false` if that cannot be
    /// sent, or if there is no room; then the caller keeps the buffer.
    ///
    /// # Safety
    ///
    /// `data` is the default data address of a buffer of the selected pool. The caller owns the buffer, which has at
    /// least `len` bytes.
    #[inline(always)]
    pub(super) unsafe fn post_whole(&mut self, data: NonNull<u8>, len: u64) -> bool {
        if self.straight() == 0 || len > u64::from(self.max_len) {
            return false;
        }
        // SAFETY: the buffer is of the selected pool, which `delta` and the attachment are of. The descriptor at the
        // end is vacant. The ring has the buffer from here on.
        unsafe {
            let Some(address) = self.address(data) else { return false };
            self.end_cursor().post(whole::<F>(len, address), Buffer::from_data(data));
            self.ring.grow(1);
        }
        true
    }

    /// Returns the cursor of the descriptor that is posted next.
    #[inline(always)]
    pub(super) fn end_cursor(&mut self) -> Cursor {
        self.ring.cursor(self.ring.end())
    }

    /// Returns the difference of the device's addresses from the CPU's in the selected pool, if it is the same
    /// everywhere.
    #[inline(always)]
    pub(super) fn delta(&self) -> Option<Delta> {
        self.terms.delta
    }

    /// Returns where the device sees the selected pool.
    pub(super) fn pages(&self) -> Option<Pages> {
        Some(self.sources.get(self.selected)?.attachment.pages())
    }

    /// Returns the device's address of `data`.
    ///
    /// # Safety
    ///
    /// `data` lies in a buffer of the selected pool.
    #[inline(always)]
    pub(super) unsafe fn address(&self, data: NonNull<u8>) -> Option<DmaAddr> {
        // SAFETY: the caller's promise; `delta` is of that pool.
        unsafe {
            match self.terms.delta {
                Some(delta) => Some(delta.address(data)),
                None => self.sources.get(self.selected)?.address(data),
            }
        }
    }

    /// Returns the length of the longest packet that can be sent.
    #[inline(always)]
    pub(super) fn max_len(&self) -> u16 {
        self.max_len
    }

    /// Returns how many vacant descriptors are known to follow in one piece.
    #[inline(always)]
    pub(super) fn straight(&self) -> usize {
        (self.straight_end - self.ring.end()) as usize
    }

    /// Returns `true` if buffers are to be reclaimed, or no descriptor is [straight](Self::straight).
    #[inline(always)]
    fn is_due(&self) -> bool {
        self.ring.end() >= self.due_at
    }

    /// Finds anew how many descriptors are [straight](Self::straight).
    pub(super) fn look_ahead(&mut self) {
        let end = self.ring.end();
        let straight = self.ring.free().min(self.ring.to_wrap(end));
        self.straight_end = end + straight as u64;
        // If the device is behind, it looks again soon.
        self.due_at = end + straight.min(self.threshold.saturating_sub(self.ring.posted()).max(GROUP)) as u64;
    }

    /// Posts packets from the front of `batch`, as many as can be sent and as there is room for.
    #[inline(always)]
    fn post(&mut self, batch: &mut Batch) -> Posted {
        let [packet] = &**batch else {
            return if batch.len() < FEW { self.post_few(batch) } else { self.post_many(batch) };
        };
        let (end, Terms { simple, delta, .. }) = (self.ring.end(), self.terms);
        let number = simple.look(packet.extent());
        let (Some(delta), true, false) = (delta, simple.is_good(number), self.is_due()) else {
            return self.post_few(batch);
        };
        // On its own, it needs few registers.
        let to = self.ring.cursor(end);
        // SAFETY: the descriptor is vacant. A simple packet is of the selected pool, which `delta` is of, and its data
        // are at its buffer's default address. The ring has the buffer, and the batch forgets it.
        unsafe {
            let descriptor = simple.reported_descriptor::<F>(number, delta.address(packet.data()));
            to.post(descriptor, Buffer::from_data(packet.data()));
            self.ring.grow(1);
            batch.forget_all();
        }
        if end - self.reports.end() >= MAX_RUN as u64 - 1 {
            self.report_runs();
        }
        Posted { packets: 1, all: true }
    }

    /// Posts packets as [`post`](Self::post) does: best of [`FEW`] or more.
    #[inline(never)]
    fn post_many(&mut self, batch: &mut Batch) -> Posted {
        self.post_run_of::<true>(batch)
    }

    /// Posts packets as [`post`](Self::post) does: best of less than [`FEW`].
    #[inline(never)]
    fn post_few(&mut self, batch: &mut Batch) -> Posted {
        self.post_run_of::<false>(batch)
    }

    /// Posts packets as [`post`](Self::post) does, in groups if they are `MANY`.
    #[inline(always)]
    fn post_run_of<const MANY: bool>(&mut self, batch: &mut Batch) -> Posted {
        let len = batch.len();
        if self.is_due() {
            self.make_room(len);
        }
        let count = len.min(self.straight());
        // SAFETY: the batch has these packets, and forgets those that were posted: here if all were, otherwise in
        // `post_rest`.
        let posted = unsafe { self.post_run::<MANY>(batch.as_ptr(), count) };
        if posted < len || len == 0 {
            return self.post_rest(batch, posted);
        }
        // SAFETY: the ring has their buffers.
        unsafe { batch.forget_all() };
        self.report();
        Posted { packets: len, all: true }
    }

    /// Reclaims buffers if that is worth it, or if there is no room for `count` packets.
    #[inline(never)]
    pub(super) fn make_room(&mut self, count: usize) {
        if self.ring.posted() >= self.threshold || self.ring.free() < count {
            self.reclaim();
        }
        self.look_ahead();
    }

    /// Posts up to `count` packets, as long as each is in one buffer of the selected pool and has a length that can be
    /// sent. Returns how many.
    ///
    /// # Safety
    ///
    /// There must be as many packets, and straight descriptors. The caller forgets those that were posted.
    #[inline(always)]
    unsafe fn post_run<const MANY: bool>(&mut self, packets: *const Packet, count: usize) -> usize {
        let Some(delta) = self.terms.delta else {
            // SAFETY: the caller's promise.
            return unsafe { self.post_scattered(packets, count) };
        };
        let to = self.ring.cursor(self.ring.end());
        // SAFETY: `count` packets and vacant descriptors, in one piece, are there. Simple packets are of the selected
        // pool, which `delta` is of. The ring has the buffers of those that were posted.
        unsafe {
            let posted = post_run::<F, MANY>(packets, to, count, self.terms.simple, |data| Some(delta.address(data)));
            self.ring.grow(posted);
            posted
        }
    }

    /// Posts a run as [`post_run`](Self::post_run) does, of a pool whose addresses have to be looked up.
    ///
    /// # Safety
    ///
    /// There must be `count` packets, and as many vacant descriptors in one piece. The caller forgets those that were
    /// posted.
    #[inline(never)]
    unsafe fn post_scattered(&mut self, packets: *const Packet, count: usize) -> usize {
        let to = self.ring.cursor(self.ring.end());
        let Some(pages) = self.pages() else { return 0 };
        // SAFETY: the caller's promise. Simple packets are of the selected pool, which `pages` is of. The ring has the
        // buffers of those that were posted.
        unsafe {
            let posted = post_run::<F, true>(packets, to, count, self.terms.simple, |data| pages.find(data));
            self.ring.grow(posted);
            posted
        }
    }
}

/// What [`TxRing::post`] did.
struct Posted {
    packets: usize,
    /// Whether the batch has no more.
    all: bool,
}

/// As [`TxRing::post_run`], to the descriptors from `to` on, with the addresses that `address` finds.
///
/// # Safety
///
/// As for `TxRing::post_run`; and `address` returns where the device sees the byte at the pointer that it is given.
#[inline(always)]
unsafe fn post_run<F: Kind, const MANY: bool>(
    packets: *const Packet,
    to: Cursor,
    count: usize,
    simple: Simple,
    address: impl Fn(NonNull<u8>) -> Option<DmaAddr> + Copy,
) -> usize {
    let mut done = 0;
    // SAFETY: `count` packets and descriptors are there, so a group or one follows `done` of them.
    unsafe {
        while MANY && done + GROUP <= count && post_group::<F, GROUP>(packets.add(done), to.at(done), simple, address) {
            done += GROUP;
        }
        // Not where a group of eight has just failed.
        if MANY
            && (FEW..GROUP).contains(&(count - done))
            && post_group::<F, FEW>(packets.add(done), to.at(done), simple, address)
        {
            done += FEW;
        }
        while !MANY && done < count && post_group::<F, 1>(packets.add(done), to.at(done), simple, address) {
            done += 1;
        }
        while MANY && done < count && post_one::<F>(&*packets.add(done), to.at(done), simple, address) {
            done += 1;
        }
    }
    done
}

/// Writes descriptors and places of `N` packets, if all are [simple](Simple). Returns `true` if they are.
///
/// They are written before the answer is known. Until then the packets own the buffers, and the device does not own the
/// descriptors, because no doorbell has given it these.
///
/// # Safety
///
/// There must be as many packets, and descriptors in one piece, none of which is posted. If the answer is `true`, the
/// caller counts the descriptors as posted, and forgets the packets. `address` is as for [`post_run`].
#[inline(always)]
unsafe fn post_group<F: Kind, const N: usize>(
    packets: *const Packet,
    to: Cursor,
    simple: Simple,
    address: impl Fn(NonNull<u8>) -> Option<DmaAddr>,
) -> bool {
    let mut numbers = 0;
    for n in 0..N {
        // SAFETY: there are as many of each. The data of a simple packet are at its buffer's default address; of any
        // other, the place is not used.
        unsafe {
            let packet = &*packets.add(n);
            let number = simple.look(packet.extent());
            numbers |= number;
            let Some(address) = address(packet.data()) else { return false };
            to.at(n).post(simple.descriptor::<F>(number, address), Buffer::from_data(packet.data()));
        }
    }
    simple.is_good(numbers)
}

/// Writes descriptor and place of a packet, if it is [simple](Simple) but for where its data are in the buffer. Returns
/// `true` if it is.
///
/// # Safety
///
/// As for [`post_group`], of one.
#[inline(always)]
unsafe fn post_one<F: Kind>(
    packet: &Packet,
    to: Cursor,
    simple: Simple,
    address: impl Fn(NonNull<u8>) -> Option<DmaAddr>,
) -> bool {
    let (number, moved) = simple.look_at_moved(packet.extent());
    if !simple.is_good(number) {
        return false;
    }
    // SAFETY: the packet's data were moved so far from its buffer's default address. The descriptor is vacant.
    unsafe {
        let Some(address) = address(packet.data()) else { return false };
        to.post(simple.descriptor::<F>(number, address), Buffer::from_data(packet.data().offset(-moved)));
    }
    true
}

/// Returns the descriptor of a segment of a packet with `total` bytes. The last of a packet ends it, and requests a report.
#[inline(always)]
fn segment<F: Kind>(address: DmaAddr, len: u16, total: u16, is_last: bool) -> Written<F::Descriptor> {
    let flags = if is_last { value!(Data { EOP: true, IFCS: true, RS: true }) } else { value!(Data { IFCS: true }) };
    // What the packet as a whole has, with the segment's length in place of the packet's.
    let word = F::second_word(flags.bits()[1] | u64::from(total)) & !0xffff;
    Written::new(address, word | u64::from(len))
}

/// A transmit queue, borrowed from its running device.
#[derive(Debug)]
pub struct TransmitQueue<'a, H, F = Physical> {
    pub(super) ring: &'a mut TxRing<F>,
    hardware: &'a H,
}

impl<'a, H: Dma, F: Function<H>> TransmitQueue<'a, H, F> {
    pub(crate) fn new(ring: &'a mut TxRing<F>, hardware: &'a H) -> Self {
        Self { ring, hardware }
    }

    /// Sends packets from the front of `batch`, as many as there is room for. Returns their number. It never waits.
    ///
    /// Sent packets leave the batch. Packets without room stay in it.
    ///
    /// The ring keeps the buffers of sent packets until the device is done with them. A later call reclaims all of
    /// these buffers once a quarter of the ring is posted (or of the smallest attached pool, if that is smaller), and
    /// at least 32. A call with an empty batch, or with more packets than the ring has room for, reclaims them at once,
    /// and so does [`reclaim`](Self::reclaim).
    ///
    /// # Errors
    ///
    /// [`Refused`] with a packet that cannot be sent. Those before it were sent, those behind it stay in the batch.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/TransmitQueue.transmit.md")))]
    #[inline(always)]
    pub fn transmit(&mut self, batch: &mut Batch) -> Result<usize, Refused> {
        let Posted { packets, all } = self.ring.post(batch);
        self.announce_new();
        if all { Ok(packets) } else { self.ring.take_refused(batch, packets, TxRing::<F>::examine_packet) }
    }

    /// Sends packets with requests, as [`transmit`](Self::transmit) does.
    ///
    /// The ring needs a descriptor more for a packet whose request is of another kind than the two kinds before it.
    ///
    /// # Errors
    ///
    /// As [`transmit`](Self::transmit); the packet comes back without its request, but as the request has
    /// [changed](Requested::into_packet) it. If it is to be cut, the frames that it is cut into must not be too long.
    #[inline(always)]
    pub fn transmit_with_requests(&mut self, batch: &mut Batch<Requested>) -> Result<usize, Refused> {
        let Posted { packets, all } = self.ring.post_requested(batch);
        self.announce_new();
        if all { Ok(packets) } else { self.ring.take_refused(batch, packets, TxRing::<F>::examine_request) }
    }

    /// Tells the device of what it does not know of yet.
    #[inline(always)]
    pub(super) fn announce_new(&mut self) {
        if self.ring.announced != self.ring.ring.end() {
            self.announce();
        }
    }

    /// Tells the device of all that was posted.
    #[inline(always)]
    fn announce(&mut self) {
        self.ring.announced = self.ring.ring.end();
        let tail = self.ring.ring.wrap(self.ring.ring.end());
        // SAFETY: the queue was enabled before there was a handle to it, and this handle alone writes its tail. Up to
        // the tail, all descriptors were posted with buffers that the ring keeps until the device reports them, or has
        // stopped. If the device was dropped while an owned queue is borrowed, the queue is disabled, and nobody
        // enables it: then its tail is a number without effect.
        unsafe { F::ring_transmit(self.hardware, self.ring.queue, tail as u32) };
    }

    /// Makes this queue able to send packets of `pool`.
    ///
    /// # Errors
    ///
    /// [`DmaError`] if the pool's memory cannot be mapped for the device.
    pub fn attach(&mut self, pool: &Pool) -> Result<(), DmaError> {
        self.ring.attach(self.hardware, pool)
    }

    /// Reclaims the buffers of packets that were sent. Returns the number of free descriptors.
    pub fn reclaim(&mut self) -> usize {
        self.ring.report();
        self.announce_new();
        self.ring.reclaim();
        self.ring.ring.free()
    }

    /// Returns `true` if all posted packets were sent.
    pub fn is_drained(&mut self) -> bool {
        self.ring.report();
        self.announce_new();
        self.ring.is_drained()
    }

    /// Waits until all posted packets were sent, at most for `limit`. Returns `true` if they were.
    ///
    /// Without a link, nothing is sent, and the ring keeps its packets until the link is back or the device is
    /// [stopped](crate::device::Device::stop).
    pub fn drain(&mut self, limit: Duration) -> bool
    where
        H: Clock,
    {
        self.ring.report();
        self.announce_new();
        let ring = &mut *self.ring;
        clock::poll(self.hardware, limit, DRAIN_POLL, || ring.is_drained().then_some(())).is_ok()
    }

    /// Unmasks the queue's interrupt for one interrupt, also for packets that the device has sent already.
    ///
    /// The device raises it when it has reported packets as sent, so that there may be room for others. See
    /// [`Control::set_up_interrupts`](crate::device::Control::set_up_interrupts).
    pub fn enable_interrupt(&mut self) {
        // SAFETY: there are queues only while the device runs, or after it was dropped while an owned queue is
        // borrowed: then its queue is disabled.
        unsafe { F::unmask(self.hardware, self.vector()) };
    }

    /// Returns the number of the queue's interrupt vector.
    #[must_use]
    pub fn vector(&self) -> usize {
        self.ring.vector.into()
    }

    /// Returns the index of the queue.
    #[must_use]
    pub fn index(&self) -> TxQueue {
        self.ring.queue
    }
}

impl<H: Dma, F: Function<H>> Transmit for TransmitQueue<'_, H, F> {
    #[inline(always)]
    fn transmit(&mut self, batch: &mut Batch) -> Result<usize, TransmitError> {
        Ok(TransmitQueue::transmit(self, batch)?)
    }

    fn attach(&mut self, pool: &Pool) -> Result<(), AttachError> {
        Ok(TransmitQueue::attach(self, pool)?)
    }
}

impl<H: Dma, F: Function<H>> TransmitRequests for TransmitQueue<'_, H, F> {
    fn offers(&self, offload: Offload) -> bool {
        F::CLOCK || offload != Offload::TimeStamp
    }

    #[inline(always)]
    fn transmit_with_requests(&mut self, batch: &mut Batch<Requested>) -> Result<usize, TransmitError> {
        Ok(TransmitQueue::transmit_with_requests(self, batch)?)
    }
}

impl<H: Dma, F: Function<H>> InterruptSource for TransmitQueue<'_, H, F> {
    fn vector(&self) -> usize {
        TransmitQueue::vector(self)
    }

    fn enable_interrupt(&mut self) -> Result<(), Down> {
        TransmitQueue::enable_interrupt(self);
        Ok(())
    }
}
