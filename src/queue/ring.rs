//! A ring of descriptors with the buffers that were posted with them, and how long its memory must live.
//!
//! All of the data path's `unsafe` on rings is here and in the modules below: [`Ring::receive`] and [`Ring::post`] move
//! packets in bulk between a ring and a [`Batch`], by [`groups`], or [`alone`]; [`blocks`] of buffers go between a pool
//! and a ring; and in a [`passage`] they go from ring to ring.

mod alone;
mod blocks;
mod groups;
mod passage;

#[cfg(test)]
use alloc::vec::Vec;
use core::fmt;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::NonNull;

use crate::descriptors::{Descriptor, Words};
use crate::dma::{Dma, DmaAddr, DmaError, Domain, Mapping, Memory};
use crate::field::Value;
use crate::packet::{Batch, Outgoing, Usual};
use crate::pool::{BLOCK, Buffer, Pool, PoolId, Tray, Trays};
use alone::Alone;
use groups::{Ends, GROUP, post_groups, post_rest, receive_groups, receive_rest};

pub(crate) use passage::{BlockPassage, Passable, Step, pass};

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
/// belongs to the ring, and lies in its place in the tray of its block. That holds nothing otherwise. A ring has a power of two
/// descriptors, at least a [`BLOCK`] of them, so that the blocks into which the count falls lie in one piece.
pub(crate) struct Ring {
    words: NonNull<Words>,
    trays: Trays,
    mask: usize,
    first: usize,
    end: usize,
    receive_alone: Alone,
    post_alone: Alone,
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

/// How many buffers are taken from a pool, or given back, at once, of so many that go about: the pool's lock costs as much as some
/// packets do.
pub(crate) fn portion(of: usize) -> usize {
    BLOCK.max(of / 8)
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
        Ok(Self {
            words: words.cast(),
            trays: Trays::new(count / BLOCK),
            mask: count - 1,
            first: 0,
            end: 0,
            receive_alone: Alone::FORBIDDEN,
            post_alone: Alone::FORBIDDEN,
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
    pub(crate) fn footprint(&self) -> Vec<core::ops::Range<usize>> {
        let words = self.words.as_ptr() as usize;
        let mut all = self.trays.footprint();
        all.push(words..words + self.bytes());
        all
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

    /// How many descriptors there are from `index` to the end of its block.
    #[inline(always)]
    fn to_block_end(index: usize) -> usize {
        BLOCK - index % BLOCK
    }

    /// The tray of the block that descriptor `index` is in.
    #[inline(always)]
    fn tray(&mut self, index: usize) -> &mut Tray {
        let index = index & self.mask;
        // SAFETY: the index is masked to the descriptors that there are, whose blocks have a tray each.
        unsafe { self.trays.tray_unchecked(index) }
    }

    /// The places of the buffers from descriptor `index` on: `most`, or as many as there are to the end of the block.
    #[inline(always)]
    fn places(&mut self, index: usize, most: usize) -> &mut [MaybeUninit<Buffer>] {
        let (from, most) = (index % BLOCK, most.min(Self::to_block_end(index)));
        &mut self.tray(index).places()[from..from + most]
    }

    /// Where descriptor `index` and its buffer's place are, and what follows of the block.
    #[inline(always)]
    fn ends(&mut self, index: usize) -> Ends {
        let words: *const Words = self.words(index);
        // SAFETY: the place is in the tray.
        let buffers = unsafe { self.tray(index).places().as_mut_ptr().add(index % BLOCK) };
        Ends { words, buffers }
    }

    /// Moves packets from the front of a ring filled from `pool` to the end of `batch`: as many as there is room for, to the
    /// end of the block, as long as the device is done with them, and each is one buffer with a length that it can have. Says
    /// whether it moved any.
    #[inline(always)]
    pub(crate) fn receive(&mut self, pool: &Pool, batch: &mut Batch) -> bool {
        let count = self.posted().min(batch.free()).min(Self::to_block_end(self.first));
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

    /// Takes the buffer at the front, if there is one.
    pub(crate) fn take(&mut self) -> Option<Buffer> {
        let most = self.posted().min(1);
        // SAFETY: the descriptor was posted, so its place holds a buffer; it is taken once, as `first` moves past it.
        let buffer = unsafe { self.places(self.first, most).first()?.assume_init_read() };
        self.first += 1;
        Some(buffer)
    }

    /// The buffer at the front, if there is one.
    pub(crate) fn front(&mut self) -> Option<&Buffer> {
        let most = self.posted().min(1);
        // SAFETY: as in `take`.
        self.places(self.first, most).first().map(|buffer| unsafe { buffer.assume_init_ref() })
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
        let count = most.min(self.free()).min(Self::to_block_end(self.end));
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

    /// Posts one buffer at the end, if the ring is not full.
    pub(crate) fn post_buffer<D: Descriptor>(&mut self, value: Value<D>, buffer: Buffer) -> Result<(), Buffer> {
        if self.posted() == self.len() {
            return Err(buffer);
        }
        let end = self.end;
        self.words(end).vacant_in_ring().write(value);
        self.tray(end).places()[end % BLOCK].write(buffer);
        self.end = end + 1;
        Ok(())
    }

    /// Gives the first `count` buffers, which must be of `pool`, back to it: at most to the end of the block.
    pub(crate) fn give_back(&mut self, pool: &Pool, count: usize) {
        let count = count.min(self.posted());
        // SAFETY: these descriptors were posted, so their places hold buffers; they are given away, as `first` moves
        // past them.
        let buffers = unsafe { self.places(self.first, count).assume_init_ref() };
        let given = buffers.len();
        // SAFETY: as above.
        unsafe { pool.put(buffers) };
        self.first += given;
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({} of {} descriptors posted, at {:?})", self.posted(), self.len(), self.address)
    }
}
