//! A ring of descriptors with the buffers that were posted with them, and how long its memory must live.
//!
//! All of the data path's `unsafe` on rings is here and in [`groups`]: [`Ring::receive`] and [`Ring::post`] move
//! packets in bulk between a ring and a [`Batch`], [`Ring::refill`] and [`Ring::give_back`] move buffers in bulk between a pool
//! and a ring, and `passage` moves them between two rings.

mod groups;
mod passage;

use alloc::boxed::Box;
use core::fmt;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::NonNull;

use crate::descriptors::{AdvancedReceiveRead, Descriptor, Words, Written};
use crate::dma::{Dma, DmaAddr, DmaError, Domain, Mapping, Memory};
use crate::field::Value;
use crate::packet::{Batch, Outgoing, Usual};
use crate::pool::{BLOCK, Buffer, Pool, PoolId};
use crate::sync::LINE;
use groups::{Ends, GROUP, post_groups, post_one, post_rest, receive_groups, receive_one, receive_rest};

pub(crate) use passage::{Step, pass};

/// Size of a descriptor in bytes.
const DESCRIPTOR: usize = size_of::<Words>();

/// The proof that a device reads and writes no memory any more: its queues are disabled and it has
/// stopped asking for the bus, or it was reset after that.
///
/// Only `device::stop` makes one.
#[derive(Debug)]
pub(crate) struct Stopped(Domain);

impl Stopped {
    /// The caller has seen the device of `domain` stop.
    pub(crate) fn seen(domain: Domain) -> Self {
        Self(domain)
    }
}

/// Something that a device may still reach. Dropping it leaks it; only [`Stopped`] gives it back.
pub(crate) struct Held<T> {
    value: ManuallyDrop<T>,
    domain: Domain,
}

impl<T> Held<T> {
    pub(crate) fn by(device: &impl Dma, value: T) -> Self {
        Self { value: ManuallyDrop::new(value), domain: device.domain() }
    }

    /// What was held, now that its device has stopped; leaked if the proof is of another device.
    pub(crate) fn release(self, proof: &Stopped) -> Option<T> {
        (self.domain == proof.0).then(|| ManuallyDrop::into_inner(self.value))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> &T {
        &self.value
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Held<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// A ring of descriptors, and a queue of the buffers that were posted with them.
///
/// Descriptors are counted without wrapping. Those from `first` to before `end` were posted: each has a buffer, which
/// belongs to the ring. Its place holds nothing otherwise. A ring has a power of two descriptors, at least a [`BLOCK`]
/// of them, so that the blocks into which the count falls lie in one piece.
pub(crate) struct Ring {
    words: NonNull<Words>,
    buffers: NonNull<MaybeUninit<Buffer>>,
    mask: usize,
    first: usize,
    end: usize,
    /// Before which descriptor a packet may be received alone, and posted.
    receive_alone: usize,
    post_alone: usize,
    /// The pool that a receive ring is filled from.
    filled_from: Option<PoolId>,
    address: DmaAddr,
    // Dropped in this order: the device loses sight of the memory before it is freed.
    _mapping: Mapping,
    _memory: Memory,
}

// SAFETY: a ring owns its memory and its buffers; descriptors are accessed as atomics.
unsafe impl Send for Ring {}
// SAFETY: as for `Send`; buffers come and go only through a unique reference.
unsafe impl Sync for Ring {}

/// The descriptor that gives the device a buffer at `address` to receive into, without one for headers.
#[inline(always)]
fn to_receive(address: DmaAddr) -> Written<AdvancedReceiveRead> {
    Written::new(address, 0)
}

/// The places for the buffers of `count` descriptors, with a [`LINE`] unused.
const fn places(count: usize) -> usize {
    count + LINE / size_of::<Buffer>()
}

impl Ring {
    /// An empty ring of `count` descriptors that `device` can reach: a power of two, at least a block.
    pub(crate) fn new(device: &impl Dma, count: usize) -> Result<Self, DmaError> {
        let len = count * DESCRIPTOR;
        if !count.is_power_of_two() || count < BLOCK {
            return Err(DmaError::OutOfMemory { len });
        }
        let memory = device.allocate(len)?;
        let mapping = device.map(&memory)?;
        let words = memory.base();
        let address = match mapping.address(words) {
            Some(address) if memory.len() >= len && mapping.is_contiguous(words, len) => address,
            _ => return Err(DmaError::NotMappable { len, reason: "a ring must be in one piece" }),
        };
        let buffers: Box<[MaybeUninit<Buffer>]> = (0..places(count)).map(|_| MaybeUninit::uninit()).collect();
        Ok(Self {
            words: words.cast(),
            buffers: NonNull::from(Box::leak(buffers)).cast(),
            mask: count - 1,
            first: 0,
            end: 0,
            receive_alone: 0,
            post_alone: 0,
            filled_from: None,
            address,
            _mapping: mapping,
            _memory: memory,
        })
    }

    /// Number of descriptors.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.mask + 1
    }

    /// Size of the descriptors in memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.len() * DESCRIPTOR
    }

    /// Where in memory descriptors and the places of buffers are.
    #[cfg(test)]
    pub(crate) fn footprint(&self) -> [core::ops::Range<usize>; 2] {
        let (words, places) = (self.words.as_ptr() as usize, self.buffers.as_ptr() as usize);
        [words..words + self.bytes(), places..places + self.len() * size_of::<Buffer>()]
    }

    /// Where the device finds the ring.
    pub(crate) fn address(&self) -> DmaAddr {
        self.address
    }

    /// The first descriptor with a buffer, if any has one.
    #[inline(always)]
    pub(crate) fn first(&self) -> usize {
        self.first
    }

    /// The descriptor that is posted next.
    #[inline(always)]
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// How many descriptors have a buffer.
    #[inline(always)]
    pub(crate) fn posted(&self) -> usize {
        self.end - self.first
    }

    /// `index` brought into the ring.
    #[inline(always)]
    pub(crate) fn wrap(&self, index: usize) -> usize {
        index & self.mask
    }

    /// Descriptor `index`.
    #[inline(always)]
    pub(crate) fn words(&self, index: usize) -> &Words {
        // SAFETY: the index is masked to the descriptors that the memory has; it is aligned to
        // 4 KiB, was zeroed, and any bits are valid as two atomics.
        unsafe { self.words.add(index & self.mask).as_ref() }
    }

    /// The descriptors from `index` on and their buffers' places: `most`, or as many as there are to the end of the ring.
    #[inline(always)]
    fn run(&mut self, index: usize, most: usize) -> (&[Words], &mut [MaybeUninit<Buffer>]) {
        let start = index & self.mask;
        let count = most.min(self.len() - start);
        // SAFETY: that many descriptors, and places, follow in one piece; else as in `words`.
        unsafe {
            (
                core::slice::from_raw_parts(self.words.add(start).as_ptr(), count),
                core::slice::from_raw_parts_mut(self.buffers.add(start).as_ptr(), count),
            )
        }
    }

    /// Where descriptor `index` and its buffer's place are.
    #[inline(always)]
    fn ends(&self, index: usize) -> Ends {
        let index = index & self.mask;
        // SAFETY: the index is masked to the descriptors, and places, that there are.
        unsafe { Ends { words: self.words.add(index).as_ptr(), buffers: self.buffers.add(index).as_ptr() } }
    }

    /// Moves packets from the front of a ring filled from `pool` to the end of `batch`: as many as there is room for, to the
    /// end of the ring, as long as the device is done with them, and each is one buffer with a length that it can have. Says
    /// whether it moved any.
    #[inline(always)]
    pub(crate) fn receive(&mut self, pool: &Pool, batch: &mut Batch) -> bool {
        let count = self.posted().min(batch.free()).min(self.len() - self.wrap(self.first));
        let (id, size) = (pool.id(), pool.buffer_size() as u64);
        let (from, room) = (self.ends(self.first), batch.room().as_mut_ptr());
        // SAFETY: all three have `count` elements, and the buffers are of the pool. What was received is moved out, as `first`
        // moves past it, and was written, from the start of the room on.
        unsafe {
            let mut done = receive_groups(from, room, count / GROUP, id, size);
            if done < count {
                done = receive_rest(from, room, done, count, id, size);
            }
            self.first += done;
            batch.grow(done);
            done > 0
        }
    }

    /// Lets packets be [received alone](Self::receive_only) as far as there is nothing else to do: there is with the last of a block.
    pub(crate) fn let_receive_alone(&mut self) {
        self.receive_alone = (self.first | (BLOCK - 1)).min(self.end);
    }

    /// Lets packets be [posted alone](Self::post_only) as far as there is nothing else to do: there is with the first of a block, and
    /// where the ring is full.
    pub(crate) fn let_post_alone(&mut self) {
        self.post_alone = self.end.next_multiple_of(BLOCK).min(self.first + self.mask);
    }

    /// Forbids it.
    pub(crate) fn forbid_alone(&mut self) {
        (self.receive_alone, self.post_alone) = (0, 0);
    }

    /// Moves one packet, as [`receive`](Self::receive) does, if that is [allowed](Self::let_receive_alone) and the batch has room for no
    /// more. Says whether it did.
    #[inline(always)]
    pub(crate) fn receive_only(&mut self, pool: &Pool, batch: &mut Batch) -> bool {
        let first = self.first;
        if batch.free() != 1 || first >= self.receive_alone {
            return false;
        }
        // SAFETY: all three have an element, as the descriptor was posted when it was allowed; else as above.
        unsafe {
            let room = batch.room().as_mut_ptr();
            let received = receive_one(self.ends(first), room, pool.id(), pool.buffer_size() as u64);
            if received {
                self.first = first + 1;
                batch.grow(1);
            }
            received
        }
    }

    /// Takes the buffer at the front, if there is one.
    pub(crate) fn take(&mut self) -> Option<Buffer> {
        let (_, buffers) = self.run(self.first, self.posted().min(1));
        // SAFETY: the descriptor was posted, so its place holds a buffer; it is taken once, as `first` moves past it.
        let buffer = unsafe { buffers.first()?.assume_init_read() };
        self.first += 1;
        Some(buffer)
    }

    /// The buffer at the front, if there is one.
    pub(crate) fn front(&mut self) -> Option<&Buffer> {
        let (_, buffers) = self.run(self.first, self.posted().min(1));
        // SAFETY: as in `take`.
        buffers.first().map(|buffer| unsafe { buffer.assume_init_ref() })
    }

    /// How many descriptors can be posted. One stays free, so that to the device a full ring does not look like an empty
    /// one.
    #[inline(always)]
    pub(crate) fn free(&self) -> usize {
        self.mask - self.posted()
    }

    /// Moves packets from the front of `packets` to the end of the ring: as many as are free, to the end of the [`BLOCK`], as
    /// long as they are `usual` ones with a length from 1 to `max_len`. `address` is where the device finds what is somewhere.
    /// Says how many it moved.
    #[inline(always)]
    pub(crate) fn post(
        &mut self,
        packets: &mut Outgoing<'_>,
        usual: Usual,
        max_len: u64,
        address: impl Fn(NonNull<u8>) -> Option<DmaAddr> + Copy,
    ) -> usize {
        // With the first of them, the run would be for nothing.
        if packets.first().is_none_or(|first| !first.sent(usual).is_good(max_len)) {
            return 0;
        }
        // Nor is it for one alone.
        let most =
            if packets.get(1).is_some_and(|second| !second.sent(usual).is_good(max_len)) { 1 } else { packets.len() };
        let count = most.min(self.free()).min(BLOCK - self.end % BLOCK);
        let (from, to) = (packets.as_ptr(), self.ends(self.end));
        // SAFETY: there are `count` packets; and as many descriptors, and places, in one piece, as the ring consists of
        // whole blocks. What was posted belongs to the ring, as `end` moves past it, and is forgotten as packets.
        unsafe {
            let mut done = post_groups(from, to, count / GROUP, usual, max_len, address);
            if done < count {
                done = post_rest(from, to, done, count, usual, max_len, address);
            }
            packets.forget(done);
            self.end += done;
            done
        }
    }

    /// Moves the only packet of `batch`, as [`post`](Self::post) does, if that is [allowed](Self::let_post_alone), and asks for a
    /// report. Says whether it did.
    #[inline(always)]
    pub(crate) fn post_only(
        &mut self,
        batch: &mut Batch,
        usual: Usual,
        max_len: u64,
        address: impl Fn(NonNull<u8>) -> Option<DmaAddr> + Copy,
    ) -> bool {
        let end = self.end;
        let [only] = &**batch else { return false };
        if end >= self.post_alone {
            return false;
        }
        // SAFETY: there is a descriptor, and a place, as there was when it was allowed. What was posted belongs to the ring, as
        // `end` moves past it, and is forgotten as a packet.
        unsafe {
            let posted = post_one(only, self.ends(end), usual, max_len, true, address);
            if posted {
                batch.forget_all();
                self.end = end + 1;
            }
            posted
        }
    }

    /// Posts one buffer at the end, if the ring is not full.
    pub(crate) fn post_buffer<D: Descriptor>(&mut self, value: Value<D>, buffer: Buffer) -> Result<(), Buffer> {
        if self.posted() == self.len() {
            return Err(buffer);
        }
        let (words, buffers) = self.run(self.end, 1);
        match (words, buffers) {
            ([words], [place]) => {
                words.vacant_in_ring().write(value);
                place.write(buffer);
            }
            _ => return Err(buffer),
        }
        self.end += 1;
        Ok(())
    }

    /// Posts a block of `pool`'s buffers at the end of a ring that is only ever filled so, at the addresses that `address`
    /// finds. Says whether there was room, and a block in the pool.
    #[inline(always)]
    pub(crate) fn refill(&mut self, pool: &Pool, address: impl Fn(NonNull<u8>) -> Option<DmaAddr>) -> bool {
        if self.posted() + BLOCK > self.len() || !self.end.is_multiple_of(BLOCK) {
            return false;
        }
        if *self.filled_from.get_or_insert(pool.id()) != pool.id() {
            return false;
        }
        let to = self.ends(self.end);
        // SAFETY: there is a block of descriptors, and of places, in one piece, as the ring consists of whole blocks.
        let (words, places) = unsafe { (&*to.words.cast::<[Words; BLOCK]>(), &mut *to.buffers.cast()) };
        let Some(buffers) = pool.take_block(places) else { return false };
        for (words, buffer) in words.iter().zip(&*buffers) {
            let Some(address) = address(buffer.data()) else {
                // SAFETY: they were taken just now, and stay outside of what counts as posted.
                unsafe { pool.put(buffers) };
                return false;
            };
            words.vacant_in_ring().put(to_receive(address));
        }
        self.end += BLOCK;
        true
    }

    /// Gives the first block of buffers, which must be of `pool`, back to it. Says whether it did: it does not if the front
    /// is in the middle of a block, or the end is in the same.
    #[inline(always)]
    pub(crate) fn give_block_back(&mut self, pool: &Pool) -> bool {
        if !self.first.is_multiple_of(BLOCK) || self.posted() < BLOCK {
            return false;
        }
        // SAFETY: the ring consists of whole blocks; these descriptors were posted, so their places hold buffers, which are
        // given away, as `first` moves past them.
        unsafe { pool.put_block(&*self.ends(self.first).buffers.cast()) };
        self.first += BLOCK;
        true
    }

    /// Gives the first `count` buffers, which must be of `pool`, back to it: at most to the end of the ring.
    pub(crate) fn give_back(&mut self, pool: &Pool, count: usize) {
        let (_, buffers) = self.run(self.first, count.min(self.posted()));
        // SAFETY: these descriptors were posted, so their places hold buffers; they are given away, as `first` moves
        // past them.
        let buffers = unsafe { buffers.assume_init_ref() };
        let given = buffers.len();
        // SAFETY: as above.
        unsafe { pool.put(buffers) };
        self.first += given;
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let buffers = core::ptr::slice_from_raw_parts_mut(self.buffers.as_ptr(), places(self.len()));
        // SAFETY: made from such a box in `new`.
        drop(unsafe { Box::from_raw(buffers) });
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({} of {} descriptors posted, at {:?})", self.posted(), self.len(), self.address)
    }
}
