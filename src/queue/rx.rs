//! A receive queue (datasheet 7.1).
//!
//! The ring is filled with buffers of one pool. Receiving takes buffers out at the front. Once a quarter of the ring's
//! descriptors are vacant, and at least 32, free buffers of the pool are posted with them at the end.
//!
//! A call that finds one packet takes it on its own. Two or three are taken one by one in a loop, more in groups of 8
//! and 4. Whatever is not simple, or due only now and then, is in [`RxRing::receive_more`].

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::descriptors::{AdvancedReceiveWriteBack as WriteBack, Expected};
use crate::dma::Dma;
use crate::offload;
use crate::offload::Arrival;
use crate::packet::{Batch, Packet};
use crate::pool::{Attachment, Buffer, Link, Pool, PoolError, PoolId};
use crate::port::{Down, Receive, ReceiveInterrupt};
use crate::queue::in_place::SHORTEST;
use crate::queue::ring::{Cursor, Ring, exchange_threshold};
use crate::queue::{Function, Physical};
use crate::registers::RxQueue;

/// No frame has more buffers than this: 16 KiB in the smallest ones.
const MOST_SEGMENTS: usize = 16;

/// The treatment of frames larger than a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LongFrames {
    /// Deliver them as packets of several segments.
    #[default]
    Deliver,
    /// Drop and count them.
    Drop,
}

/// Counters of a receive queue since the device was started: dropped frames by reason, and missing buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceiveCounters {
    /// Frames larger than a buffer, under [`LongFrames::Drop`], or larger than any frame can be.
    pub long: u64,
    /// Frames with an invalid length in the write-back: 0, or more than the buffer has.
    pub bad_length: u64,
    /// Frames that the MAC found damaged (RXE).
    pub damaged: u64,
    /// Refills that found fewer free buffers in the pool than the ring had room for. They drop nothing: packets wait in
    /// the ring, and the device drops and counts packets that find no descriptor.
    pub no_buffer: u64,
}

/// [`ReceiveCounters`] as they are counted: by the queue alone, and read by whoever asks for statistics.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct DropCounters {
    long: AtomicU64,
    bad_length: AtomicU64,
    damaged: AtomicU64,
    no_buffer: AtomicU64,
}

impl DropCounters {
    #[cold]
    #[inline(never)]
    fn pool_was_empty(&self) {
        self.no_buffer.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> ReceiveCounters {
        ReceiveCounters {
            long: self.long.load(Ordering::Relaxed),
            bad_length: self.bad_length.load(Ordering::Relaxed),
            damaged: self.damaged.load(Ordering::Relaxed),
            no_buffer: self.no_buffer.load(Ordering::Relaxed),
        }
    }
}

/// What the next descriptor belongs to.
#[derive(Debug)]
enum Frame {
    /// A new frame.
    Next,
    /// A frame whose first segments are here, and the last buffer of these, to be looked at only.
    Partial(Packet, Buffer),
    /// A frame that is dropped.
    Dropped,
}

/// The ring of a receive queue.
#[derive(Debug)]
pub(crate) struct RxRing {
    queue: RxQueue,
    pub(super) ring: Ring,
    // In a place of its own, so that what each call reads lies close together.
    attachment: Box<Attachment>,
    /// Buffers are posted once this many descriptors are vacant.
    threshold: usize,
    /// The pool's, and the size of its buffers in bytes: here, where each call reads them.
    pool_id: PoolId,
    buffer_size: u64,
    /// What is expected of a packet in one buffer, and of one to forward in place.
    simple: Expected<WriteBack, 1>,
    forwarded: Expected<WriteBack, SHORTEST>,
    /// The end of the [straight](Self::straight) descriptors.
    straight_end: u64,
    /// Once the first descriptor is this, buffers are to be found for the vacant ones. At most `straight_end`.
    due_at: u64,
    /// The tail that the device has received: the descriptors before it are the device's.
    announced: u64,
    long_frames: LongFrames,
    frame: Frame,
    drops: Arc<DropCounters>,
}

impl RxRing {
    /// Makes a ring of `len` descriptors, a power of two, filled with buffers of `pool`.
    pub(crate) fn new(
        device: &impl Dma,
        queue: RxQueue,
        len: usize,
        pool: &Pool,
        long_frames: LongFrames,
    ) -> Result<Self, PoolError> {
        let available = pool.available();
        let mut ring = Self {
            queue,
            ring: Ring::new(device, len)?,
            attachment: Box::new(Attachment::new(device, pool)?),
            threshold: exchange_threshold(len),
            pool_id: pool.id(),
            buffer_size: pool.buffer_size() as u64,
            simple: expected(pool),
            forwarded: expected(pool),
            straight_end: 0,
            due_at: 0,
            announced: 0,
            long_frames,
            frame: Frame::Next,
            drops: Arc::default(),
        };
        ring.refill();
        if ring.ring.posted() < len {
            // SAFETY: the ring was just made, and no device has its address.
            unsafe { ring.empty() };
            return Err(PoolError::Exhausted { needed: len, available });
        }
        Ok(ring)
    }

    /// As [`Ring::count_from`].
    #[cfg(test)]
    pub(crate) fn count_from(&mut self, by: u64) {
        self.ring.count_from(by);
        self.straight_end += by;
        self.due_at += by;
        self.announced += by;
    }

    pub(crate) fn queue(&self) -> RxQueue {
        self.queue
    }

    pub(crate) fn ring(&self) -> &Ring {
        &self.ring
    }

    pub(crate) fn pool(&self) -> &Pool {
        self.attachment.pool()
    }

    pub(crate) fn drops(&self) -> Arc<DropCounters> {
        Arc::clone(&self.drops)
    }

    /// Gives all buffers back to the pool.
    ///
    /// # Safety
    ///
    /// The device must have stopped, or never have received the ring's address.
    pub(crate) unsafe fn empty(mut self) {
        self.frame = Frame::Next;
        let (first, end) = (self.ring.first(), self.ring.end());
        // SAFETY: all buffers of the ring are of this pool, and a device that has stopped is done with them.
        unsafe {
            self.ring.copy_to(&mut self.attachment.pool().free(), first, end);
            self.ring.forget(self.ring.posted());
        }
    }

    /// Posts the buffers of the ring again, from descriptor 0 on. Returns the number of packets that were in them.
    ///
    /// # Safety
    ///
    /// The device must have stopped.
    pub(crate) unsafe fn restart(&mut self) -> u64 {
        let ends =
            |index: &u64| self.ring.slot(*index).done::<WriteBack>().is_some_and(|done| done.field(WriteBack::EOP));
        let packets = (self.ring.first()..self.ring.end()).filter(ends).count() as u64;
        // What is left of a frame that is dropped was counted with its start.
        let counted = matches!(self.frame, Frame::Dropped) && packets > 0;
        self.frame = Frame::Next;
        let (delta, pages) = (self.attachment.uniform(), self.attachment.pages());
        // SAFETY: the device has stopped, as the caller promises. The buffers are of the attachment's pool, so `delta` and
        // `pages` find where the device sees them, and the queue is set up for buffers of that size.
        unsafe {
            match delta {
                Some(delta) => self.ring.post_again(|data| Some(delta.address(data))),
                None => self.ring.post_again(|data| Some(pages.address(data))),
            }
        }
        self.announced = self.ring.first();
        self.refill();
        self.straight_end = self.ring.first();
        self.make_due();
        packets - u64::from(counted)
    }

    /// Posts free buffers of the pool, as many as there is room for.
    #[inline(never)]
    pub(super) fn refill(&mut self) {
        let (pages, pool) = (self.attachment.pages(), self.attachment.pool());
        // SAFETY: the buffers are of the attachment's pool, so `delta` and `pages` find where the device sees them. The
        // queue is set up for buffers of the size that this pool has, before it is enabled.
        let is_full = unsafe {
            match self.attachment.uniform() {
                Some(delta) => self.ring.refill(pool, |data| Some(delta.address(data))),
                None => self.ring.refill(pool, |data| Some(pages.address(data))),
            }
        };
        if !is_full {
            self.drops.pool_was_empty();
        }
    }

    /// Receives packets as long as there are some, and room in `batch`, and posts buffers in their place.
    #[inline(always)]
    fn receive<T: Arrival>(&mut self, batch: &mut Batch<T>) -> Received {
        let count = self.straight().min(batch.free());
        let first = self.ring.first();
        if count == 0 || count > 1 && self.ring.slot(first + 1).is_done::<WriteBack>() {
            return if count >= FEW && self.ring.slot(first + (FEW as u64 - 1)).is_done::<WriteBack>() {
                self.receive_many(batch, count)
            } else {
                self.receive_few(batch, count)
            };
        }
        // There is one, or none. On its own, it needs few registers.
        let (from, room) = (self.ring.cursor(first), batch.room().as_mut_ptr());
        // SAFETY: the descriptor was posted, and the batch has room. The packet is written there, and its buffer moves
        // to it, as the ring forgets it.
        unsafe {
            if !receive_one(from, room, self.pool_id, &self.simple) {
                let is_due = from.slot().is_done::<WriteBack>() || self.is_due();
                return if is_due { self.receive_more(batch, 0) } else { Received::NONE };
            }
            self.ring.forget(1);
            batch.grow(1);
        }
        if self.is_due() { self.receive_more(batch, 1) } else { Received { packets: 1, has_refilled: false } }
    }

    /// Receives up to `count` packets, at least [`FEW`], as [`receive`](Self::receive) does.
    #[inline(never)]
    fn receive_many<T: Arrival>(&mut self, batch: &mut Batch<T>, count: usize) -> Received {
        self.receive_run_of::<T, true>(batch, count)
    }

    /// Receives up to `count` packets, usually less than [`FEW`], as [`receive`](Self::receive) does.
    #[inline(never)]
    fn receive_few<T: Arrival>(&mut self, batch: &mut Batch<T>, count: usize) -> Received {
        self.receive_run_of::<T, false>(batch, count)
    }

    /// Receives up to `count` packets, which follow in one piece, in groups if they are `MANY`.
    #[inline(always)]
    fn receive_run_of<T: Arrival, const MANY: bool>(&mut self, batch: &mut Batch<T>, count: usize) -> Received {
        let packets = self.receive_run::<T, MANY>(batch, count);
        let ends_early = packets < count && self.ring.slot(self.ring.first()).is_done::<WriteBack>();
        if ends_early || self.is_due() {
            return self.receive_more(batch, packets);
        }
        Received { packets, has_refilled: false }
    }

    /// Goes on after a run of `packets`, where a closer look is due: at a descriptor that is not simple, or at the
    /// [straight](Self::straight) ones' end.
    #[inline(never)]
    fn receive_more<T: Arrival>(&mut self, batch: &mut Batch<T>, mut packets: usize) -> Received {
        // A device that writes back faster than this goes on must not keep the caller for ever.
        let until = self.until() - packets as u64;
        loop {
            if self.vacant() >= self.threshold {
                self.refill();
            }
            if batch.is_full() || self.ring.first() >= until || !self.is_front_done() {
                self.look_ahead(self.threshold);
                return Received { packets, has_refilled: true };
            }
            let most = (until - self.ring.first()) as usize;
            packets += if self.is_between_frames() && self.is_front_simple() {
                self.receive_run::<T, true>(batch, self.piece().min(batch.free()).min(most))
            } else {
                self.push_frames(batch, most)
            };
        }
    }

    /// Returns how many descriptors follow the first in one piece, each with a buffer: none, if the first goes on with
    /// a frame.
    #[inline]
    pub(super) fn piece(&self) -> usize {
        if self.is_between_frames() { self.ring.posted().min(self.ring.to_wrap(self.ring.first())) } else { 0 }
    }

    /// Returns how many of these are known to be there.
    #[inline(always)]
    pub(super) fn straight(&self) -> usize {
        (self.straight_end - self.ring.first()) as usize
    }

    /// Returns `true` if buffers are to be found for the vacant descriptors, or none is [straight](Self::straight).
    #[inline(always)]
    pub(super) fn is_due(&self) -> bool {
        self.ring.first() >= self.due_at
    }

    /// Makes the next call find buffers, look ahead, and tell the device, whatever it finds.
    pub(super) fn make_due(&mut self) {
        self.due_at = self.ring.first();
    }

    /// Finds anew how many descriptors are [straight](Self::straight), if buffers are to be found once `vacant` have
    /// none.
    #[inline]
    pub(super) fn look_ahead(&mut self, vacant: usize) {
        let (first, straight) = (self.ring.first(), self.piece());
        self.straight_end = first + straight as u64;
        self.due_at = first + straight.min(vacant.saturating_sub(self.vacant())) as u64;
    }

    /// Returns how many descriptors have no buffer.
    #[inline(always)]
    pub(super) fn vacant(&self) -> usize {
        self.ring.len() - self.ring.posted()
    }

    /// Moves up to `count` packets to the end of `batch`, as long as the device is done with them and each is simple:
    /// one buffer, with a length that it can have. Returns how many. `count` is at most the [piece](Self::piece), and
    /// the room.
    #[inline(always)]
    fn receive_run<T: Arrival, const MANY: bool>(&mut self, batch: &mut Batch<T>, count: usize) -> usize {
        let (id, simple) = (self.pool_id, self.simple);
        let (from, room) = (self.ring.cursor(self.ring.first()), batch.room().as_mut_ptr());
        let mut done = 0;
        // SAFETY: `count` descriptors were posted, in one piece, so their places hold buffers, all of the attachment's
        // pool, and the batch has as much room. `done` packets were received: their buffers are moved out, as the ring
        // forgets them, and they were written to the start of the room.
        unsafe {
            while MANY && done + GROUP <= count && receive_group::<T, GROUP>(from.at(done), room.add(done), id, &simple)
            {
                done += GROUP;
            }
            if MANY && done + FEW <= count && receive_group::<T, FEW>(from.at(done), room.add(done), id, &simple) {
                done += FEW;
            }
            while done < count && receive_one(from.at(done), room.add(done), id, &simple) {
                done += 1;
            }
            self.ring.forget(done);
            batch.grow(done);
        }
        done
    }

    /// Returns `true` if half of the ring has no buffers.
    pub(super) fn is_short(&self) -> bool {
        self.ring.posted() <= self.ring.len() / 2
    }

    /// Posts free buffers of the pool, if half of the ring has none: what other rings hand over comes later.
    #[inline(always)]
    pub(super) fn refill_if_short(&mut self) {
        if self.is_short() {
            self.refill();
        }
    }

    /// Returns the descriptor at which a call ends: it takes at most as many as the ring has.
    #[inline(always)]
    pub(super) fn until(&self) -> u64 {
        self.ring.first() + self.ring.len() as u64
    }

    /// Returns `true` if the next descriptor begins a frame.
    #[inline(always)]
    pub(super) fn is_between_frames(&self) -> bool {
        matches!(self.frame, Frame::Next)
    }

    /// Returns what is expected of a packet in one buffer that is forwarded in place.
    #[inline(always)]
    pub(super) fn forwarded(&self) -> Expected<WriteBack, SHORTEST> {
        self.forwarded
    }

    #[inline(always)]
    pub(super) fn pool_id(&self) -> PoolId {
        self.pool_id
    }

    /// Returns the cursor of the first descriptor.
    #[inline(always)]
    pub(super) fn front_cursor(&mut self) -> Cursor {
        self.ring.cursor(self.ring.first())
    }

    /// Posts the first `count` buffers of a transmit ring.
    ///
    /// # Safety
    ///
    /// They are of this ring's pool, and their device is done with them. There is room for them.
    pub(super) unsafe fn take_over(&mut self, from: &mut Ring, count: usize) {
        let (delta, pages, mut left) = (self.attachment.uniform(), self.attachment.pages(), count);
        while left > 0 {
            // SAFETY: the caller's promise; the pool is the attachment's, so `delta` and `pages` find where the device
            // sees its buffers, and the queue is set up for buffers of that size.
            left -= unsafe {
                match delta {
                    Some(delta) => from.hand_over(&mut self.ring, left, |data| Some(delta.address(data))),
                    None => from.hand_over(&mut self.ring, left, |data| Some(pages.address(data))),
                }
            };
        }
    }

    #[inline(always)]
    pub(super) fn is_front_done(&self) -> bool {
        self.ring.posted() > 0 && self.ring.slot(self.ring.first()).is_done::<WriteBack>()
    }

    /// Takes a descriptor that cannot be passed on out of the way, if there is one. Returns how many packets ended with
    /// it: one, or none.
    #[inline(never)]
    pub(super) fn skip(&mut self) -> Option<usize> {
        self.is_front_done().then(|| usize::from(self.segment::<Packet>().is_some()))
    }

    /// Returns the packet at the front, with its length, if the device is done with it, and it is in one buffer and has
    /// at least [`SHORTEST`] and at most `max_len` bytes.
    #[inline(always)]
    pub(super) fn front(&mut self, max_len: u16) -> Option<(&mut [u8], u64)> {
        if !self.is_between_frames() || self.ring.posted() == 0 {
            return None;
        }
        let expected = self.forwarded.at_most(max_len);
        let at = self.front_cursor();
        // SAFETY: the descriptor is posted, so there is one, and its place holds a buffer, which stays there. Expected
        // lengths are at most a buffer's, so the slice lies in it, and it borrows the ring.
        unsafe {
            let len = expected.count(at.slot(), WriteBack::PKT_LEN)?;
            Some((core::slice::from_raw_parts_mut(at.buffer().data().as_ptr(), len as usize), len))
        }
    }

    /// Returns the buffer at the front to its pool.
    #[inline(always)]
    pub(super) fn drop_front(&mut self) {
        if let Some(buffer) = self.ring.take() {
            self.straight_end = self.straight_end.max(self.ring.first());
            self.attachment.pool().free().push(buffer);
        }
    }

    /// Moves frames of one or more buffers to the end of `batch`, as long as all of each is there and is good. Returns
    /// how many. It takes at most `most` descriptors, which follow in one piece.
    #[inline(always)]
    fn receive_frames<T: Arrival>(&mut self, batch: &mut Batch<T>, most: usize) -> usize {
        let delivers = self.long_frames == LongFrames::Deliver;
        let count = if delivers { self.piece().min(most) } else { 0 };
        let (pool, id, expected) = (self.attachment.pool().inner(), self.pool_id, self.simple);
        let (from, free) = (self.ring.cursor(self.ring.first()), batch.free());
        let (mut taken, mut frames) = (0, 0);
        'frames: for place in batch.room().iter_mut().take(free) {
            let (mut more, mut head, mut last) = (0, 0, None);
            loop {
                if more == MOST_SEGMENTS || taken + more == count {
                    break 'frames;
                }
                // SAFETY: `count` descriptors were posted, in one piece, so there is one, and its place holds a buffer,
                // of the pool. Until the frame is whole, the place owns it, and the link that is its own, which nobody
                // reads.
                let (slot, buffer) = unsafe { (from.at(taken + more).slot(), from.at(taken + more).buffer()) };
                let Some((len, is_end)) = expected.count_with(slot, WriteBack::PKT_LEN, WriteBack::EOP) else {
                    break 'frames;
                };
                match &last {
                    None => head = len as u16,
                    Some(last) => pool.follow(last, Link { next: Some(buffer.data()), len: len as u16 }),
                }
                last = Some(buffer);
                more += 1;
                if is_end {
                    // SAFETY: the first buffer of `more`, which are linked, each with a length that it has. The packet
                    // owns them, as the ring forgets them.
                    let packet = unsafe { Packet::of_several(from.at(taken).buffer(), id, head, more - 1) };
                    place.write(T::arrived(packet, slot, None));
                    break;
                }
            }
            taken += more;
            frames += 1;
        }
        // SAFETY: `frames` packets were written to the start of the room, and have the first `taken` buffers.
        unsafe {
            self.ring.forget(taken);
            batch.grow(frames);
        }
        frames
    }

    /// Returns `true` if a packet in one buffer is at the front.
    #[inline]
    fn is_front_simple(&self) -> bool {
        self.simple.count(self.ring.slot(self.ring.first()), WriteBack::PKT_LEN).is_some()
    }

    /// Takes frames that are not simple, for a batch with room, or one descriptor of such a frame. Returns how many
    /// packets it adds. It takes at most `most` descriptors.
    #[inline(never)]
    fn push_frames<T: Arrival>(&mut self, batch: &mut Batch<T>, most: usize) -> usize {
        match self.receive_frames(batch, most) {
            0 => self.segment::<T>().map_or(0, |packet| usize::from(batch.push(packet).is_ok())),
            frames => frames,
        }
    }

    /// Takes one completed descriptor: usually a segment of a frame larger than a buffer, or an invalid one. Returns
    /// the frame with its last segment.
    #[cold]
    pub(super) fn segment<T: Arrival>(&mut self) -> Option<T> {
        let done = self.ring.slot(self.ring.first()).done::<WriteBack>()?;
        let (len, last) = (done.field(WriteBack::PKT_LEN), done.field(WriteBack::EOP));
        let damaged = done.field(WriteBack::RXE);
        let buffer = self.ring.take()?;
        // The next may not be the start of a frame: it needs a look before more are taken.
        self.straight_end = self.ring.first();
        self.make_due();
        let fits = len != 0 && len <= self.buffer_size;
        let good = fits && !damaged;
        // SAFETY: only looked at, as the end of a frame that has it.
        let end = unsafe { Buffer::from_data(buffer.data()) };
        let packet = match core::mem::replace(&mut self.frame, Frame::Next) {
            Frame::Partial(mut packet, before) if good && packet.segment_count() < MOST_SEGMENTS => {
                packet.push_segment(&before, buffer, len as u16).map(|()| packet)
            }
            Frame::Next if good && (last || self.long_frames == LongFrames::Deliver) => {
                // SAFETY: the buffer is of this pool, and has that many bytes.
                Ok(unsafe { Packet::new(buffer, self.pool_id, len as u16) })
            }
            Frame::Dropped => Err(buffer),
            // The segments before this one return to the pool.
            Frame::Next | Frame::Partial(..) => {
                let reason = match fits {
                    _ if damaged => &self.drops.damaged,
                    true => &self.drops.long,
                    false => &self.drops.bad_length,
                };
                reason.fetch_add(1, Ordering::Relaxed);
                Err(buffer)
            }
        };
        self.frame = match packet {
            Ok(packet) if last => return Some(T::arrived(packet, self.ring.slot(self.ring.first() - 1), None)),
            Ok(packet) => Frame::Partial(packet, end),
            Err(buffer) => {
                self.attachment.pool().free().push(buffer);
                if last { Frame::Next } else { Frame::Dropped }
            }
        };
        None
    }
}

/// What [`RxRing::receive`] did.
struct Received {
    packets: usize,
    /// Whether there may be buffers that the device does not know of.
    has_refilled: bool,
}

impl Received {
    const NONE: Self = Self { packets: 0, has_refilled: false };
}

/// The numbers of packets that are moved, and then checked, without a branch between them.
const GROUP: usize = 8;
const FEW: usize = 4;

/// Makes `N` packets in `room` of what was received, if the device is done with all and each is simple. Returns `true`
/// if so.
///
/// They are written before the answer is known. Until then the places own the buffers, and the room counts as empty.
///
/// # Safety
///
/// There must be as many descriptors in one piece, whose places hold buffers of `pool`, and as much room. `simple`
/// expects no more bytes than these buffers have. The caller uses only the packets, if the answer is `true`, or only
/// the places.
#[inline(always)]
unsafe fn receive_group<T: Arrival, const N: usize>(
    from: Cursor,
    room: *mut MaybeUninit<T>,
    pool: PoolId,
    simple: &Expected<WriteBack, 1>,
) -> bool {
    // The device goes by the order: if it is not done with the last, the group is not complete.
    // SAFETY: there are as many descriptors.
    if unsafe { !from.at(N - 1).slot().is_done::<WriteBack>() } {
        return false;
    }
    let mut differences = 0;
    for n in 0..N {
        // SAFETY: there are as many of all three, and a place holds a buffer of the pool. A length beyond the buffer's
        // makes no packet, as the caller uses none unless all lengths are good.
        unsafe {
            let slot = from.at(n).slot();
            let (len, second) = simple.count_of(slot, WriteBack::PKT_LEN, &mut differences);
            let packet = Packet::new(from.at(n).buffer(), pool, len as u16);
            room.add(n).write(MaybeUninit::new(T::arrived(packet, slot, Some(second))));
        }
    }
    // The device is not trusted to keep within the buffers that it was given.
    simple.are_good(differences, WriteBack::PKT_LEN)
}

/// As [`receive_group`], of one packet, which is as `simple` says.
///
/// # Safety
///
/// As for [`receive_group`], of one. `simple` expects no more bytes than a buffer of the pool has.
#[inline(always)]
unsafe fn receive_one<T: Arrival>(
    from: Cursor,
    room: *mut MaybeUninit<T>,
    pool: PoolId,
    simple: &Expected<WriteBack, 1>,
) -> bool {
    // SAFETY: there is one of all three, and the place holds a buffer of the pool, with that many bytes.
    unsafe {
        let Some(len) = simple.count(from.slot(), WriteBack::PKT_LEN) else { return false };
        let packet = Packet::new(from.buffer(), pool, len as u16);
        room.write(MaybeUninit::new(T::arrived(packet, from.slot(), None)));
    }
    true
}

/// Returns what is expected of a packet that lies in one buffer of `pool`, and has at least `LEAST` bytes.
fn expected<const LEAST: u64>(pool: &Pool) -> Expected<WriteBack, LEAST> {
    Expected::new(WriteBack::EOP, WriteBack::RXE, WriteBack::PKT_LEN, pool.buffer_size() as u16)
}

/// A receive queue, borrowed from its running device.
#[derive(Debug)]
pub struct ReceiveQueue<'a, H, F = Physical> {
    pub(super) ring: &'a mut RxRing,
    pub(super) hardware: &'a H,
    kind: PhantomData<fn() -> F>,
}

impl<'a, H, F: Function<H>> ReceiveQueue<'a, H, F> {
    pub(crate) fn new(ring: &'a mut RxRing, hardware: &'a H) -> Self {
        Self { ring, hardware, kind: PhantomData }
    }

    /// Moves packets that have arrived into `batch`, as many as it has room for. Returns their number.
    ///
    /// It never waits, and takes no more descriptors than the ring has.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/ReceiveQueue.receive.md")))]
    #[inline(always)]
    pub fn receive(&mut self, batch: &mut Batch) -> usize {
        let Received { packets, has_refilled } = self.ring.receive(batch);
        if has_refilled { self.announce_after(packets) } else { packets }
    }

    /// Moves packets that have arrived into `batch`, each with what the device says of it.
    ///
    /// As [`receive`](Self::receive) otherwise.
    #[inline(always)]
    pub fn receive_with_metadata(&mut self, batch: &mut Batch<offload::Received>) -> usize {
        let Received { packets, has_refilled } = self.ring.receive(batch);
        if has_refilled { self.announce_after(packets) } else { packets }
    }

    /// Tells the device of buffers that it does not know of. Returns `packets`, so that its caller has nothing to keep.
    #[inline(never)]
    fn announce_after(&mut self, packets: usize) -> usize {
        self.announce_new();
        packets
    }

    /// Tells the device of buffers that it does not know of.
    #[inline(always)]
    pub(super) fn announce_new(&mut self) {
        if self.ring.announced != self.ring.ring.end() {
            self.announce();
        }
    }

    /// Tells the device of all buffers but the last, which it must not reach: an empty and a full ring would look
    /// alike.
    #[inline]
    pub(super) fn announce(&mut self) {
        self.ring.announced = self.ring.ring.end();
        let tail = self.ring.ring.wrap(self.ring.announced.wrapping_sub(1));
        // SAFETY: the queue was enabled before there was a handle to it, and this handle alone writes its tail. Up to
        // the tail, all descriptors were posted with buffers that the ring keeps until the device has stopped. If the
        // device was dropped while an owned queue is borrowed, the queue is disabled, and nobody enables it: then its
        // tail is a number without effect.
        unsafe { F::ring_receive(self.hardware, self.ring.queue, tail as u32) };
    }

    /// Tells the device of all buffers for the first time, after the queue was enabled.
    pub(crate) fn start(&mut self) {
        self.announce();
    }

    /// Unmasks the queue's interrupt for one interrupt, also for packets that have arrived already.
    ///
    /// See [`Control::set_up_interrupts`](crate::device::Control::set_up_interrupts).
    pub fn enable_interrupt(&mut self) {
        // SAFETY: there are queues only while the device runs, or after it was dropped while an owned queue is
        // borrowed: then its queue is disabled.
        unsafe { F::unmask(self.hardware, self.ring.queue) };
    }

    /// Returns the index of the queue.
    #[must_use]
    pub fn index(&self) -> RxQueue {
        self.ring.queue
    }

    /// Returns the pool of the queue's buffers.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        self.ring.pool()
    }

    /// Returns the queue's counters since the device was started.
    #[must_use]
    pub fn drops(&self) -> ReceiveCounters {
        self.ring.drops.read()
    }
}

impl<H, F: Function<H>> Receive for ReceiveQueue<'_, H, F> {
    #[inline(always)]
    fn receive(&mut self, batch: &mut Batch) -> Result<usize, Down> {
        Ok(ReceiveQueue::receive(self, batch))
    }
}

impl<H, F: Function<H>> ReceiveInterrupt for ReceiveQueue<'_, H, F> {
    fn vector(&self) -> usize {
        F::vector(self.index())
    }

    fn enable_interrupt(&mut self) {
        ReceiveQueue::enable_interrupt(self);
    }
}
