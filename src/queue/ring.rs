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

use datasheet_runtime::descriptor::DescriptorFormat;

use crate::descriptors::DescriptorSlot;
use crate::dma::{Dma, DmaAddr, DmaError, Domain, Mapping, Memory};
use crate::field::Value;
use crate::packet::{Batch, Outgoing};
use crate::pool::{BLOCK, Buffer, Pool, PoolId, Tray, Trays, Usual};
use alone::Alone;
use groups::{Ends, GROUP, post_groups, post_rest, receive_groups, receive_rest};

pub(crate) use passage::{BlockPassage, Passable, SHORTEST, Step, discard, pass};

/// Size of a descriptor in bytes.
const DESCRIPTOR: usize = size_of::<DescriptorSlot>();

/// The proof that a device reads and writes no memory any more: its queues are disabled and it has
/// stopped asking for the bus, or it was reset after that.
///
/// Only `device::stop` makes one.
#[derive(Debug)]
pub(crate) struct Stopped(PlatformId);

impl Stopped {
    /// The proof that the device on `platform` has stopped.
    ///
    /// # Safety
    ///
    /// The device accesses no memory, and will not until the driver enables a queue again.
    pub(crate) unsafe fn observed<H>(platform: &H) -> Self {
        Self(PlatformId::of(platform))
    }
}

/// Which platform, and so which device: where the platform lies. It does not move, because its device counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PlatformId(usize);

impl PlatformId {
    fn of<H>(platform: &H) -> Self {
        Self(core::ptr::from_ref(platform).addr())
    }
}

/// Something that a device may still reach. Dropping it leaks it; only [`Stopped`] gives it back.
pub(crate) struct Held<T> {
    value: ManuallyDrop<T>,
    platform: PlatformId,
}

impl<T> Held<T> {
    /// `value`, which the device on `platform` may access from now on.
    pub(crate) fn by<H>(platform: &H, value: T) -> Self {
        Self { value: ManuallyDrop::new(value), platform: PlatformId::of(platform) }
    }

    /// What was held, now that its device has stopped; leaked if the proof is of another device.
    pub(crate) fn release(self, proof: &Stopped) -> Option<T> {
        (self.platform == proof.0).then(|| ManuallyDrop::into_inner(self.value))
    }

    /// What was held.
    ///
    /// # Safety
    ///
    /// The device on its platform must have stopped.
    pub(crate) unsafe fn into_inner(self) -> T {
        ManuallyDrop::into_inner(self.value)
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
/// Descriptors are counted in 64 bits, which do not wrap within the life of a device. Those from `first` to before `end` were posted: each has a buffer, which
/// belongs to the ring, and lies in its place in the tray of its block. That holds nothing otherwise. A ring has a power of two
/// descriptors, at least a [`BLOCK`] of them, so that the blocks into which the count falls lie in one piece.
pub(crate) struct Ring {
    words: NonNull<DescriptorSlot>,
    trays: Trays,
    mask: u64,
    first: u64,
    end: u64,
    domain: Domain,
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
        let len = count.checked_mul(DESCRIPTOR).ok_or(DmaError::OutOfMemory { len: usize::MAX })?;
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
            mask: count as u64 - 1,
            first: 0,
            end: 0,
            domain: device.domain(),
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
        self.mask as usize + 1
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

    /// Advances the counts by `by` descriptors, as if these had passed before. `by` is a multiple of the ring's length.
    #[cfg(test)]
    pub(crate) fn count_from(&mut self, by: u64) {
        assert!(by & self.mask == 0);
        self.forbid_alone();
        self.first += by;
        self.end += by;
    }

    /// What the ring's device accesses memory through.
    pub(crate) fn domain(&self) -> Domain {
        self.domain
    }

    /// Where the device finds the ring.
    pub(crate) fn address(&self) -> DmaAddr {
        self.address
    }

    /// The first descriptor with a buffer, if any has one.
    #[inline(always)]
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The descriptor that is posted next.
    #[inline(always)]
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// How many descriptors have a buffer.
    #[inline(always)]
    pub(crate) fn posted(&self) -> usize {
        (self.end - self.first) as usize
    }

    /// `index` brought into the ring.
    #[inline(always)]
    pub(crate) fn wrap(&self, index: u64) -> usize {
        (index & self.mask) as usize
    }

    /// Where descriptor `index` is.
    #[inline(always)]
    fn at(&self, index: u64) -> NonNull<DescriptorSlot> {
        // SAFETY: the index is wrapped to the descriptors that the memory has.
        unsafe { self.words.add(self.wrap(index)) }
    }

    /// Descriptor `index`.
    #[inline(always)]
    pub(crate) fn words(&self, index: u64) -> &DescriptorSlot {
        // SAFETY: the memory is there as long as the ring, aligned to 4 KiB, and was zeroed. Any bits are valid as two
        // atomics, through which alone descriptors are accessed, here and by the device.
        unsafe { self.at(index).as_ref() }
    }

    /// The descriptor `index` places into its block.
    #[inline(always)]
    fn in_block(index: u64) -> usize {
        (index % BLOCK as u64) as usize
    }

    /// How many descriptors there are from `index` to the end of its block.
    #[inline(always)]
    pub(crate) fn to_block_end(index: u64) -> usize {
        BLOCK - Self::in_block(index)
    }

    /// Returns `true` if a block begins with descriptor `index`.
    #[inline(always)]
    pub(crate) fn begins_block(index: u64) -> bool {
        Self::in_block(index) == 0
    }

    /// The tray of the block that descriptor `index` is in.
    #[inline(always)]
    fn tray(&mut self, index: u64) -> &mut Tray {
        let index = self.wrap(index);
        // SAFETY: the index is wrapped to the descriptors that there are, whose blocks have a tray each.
        unsafe { self.trays.tray_unchecked(index) }
    }

    /// The places of the buffers from descriptor `index` on: `most`, or as many as there are to the end of the block.
    #[inline(always)]
    fn places(&mut self, index: u64, most: usize) -> &mut [MaybeUninit<Buffer>] {
        let (from, most) = (Self::in_block(index), most.min(Self::to_block_end(index)));
        &mut self.tray(index).places()[from..from + most]
    }

    /// Where descriptor `index` and its buffer's place are, and what follows of the block.
    #[inline(always)]
    fn ends(&mut self, index: u64) -> Ends {
        // From the memory of all descriptors: a pointer made of a reference to one must not be used for the next.
        let words = self.at(index).as_ptr();
        // SAFETY: a tray has a place for each descriptor of a block.
        let buffers = unsafe { self.tray(index).as_ptr().add(Self::in_block(index)) };
        Ends { words, buffers }
    }

    /// Moves packets from the front of a ring filled from `pool` to the end of `batch`: as many as there is room for, to the
    /// end of the block, as long as the device is done with them, and each is one buffer with a length that it can have. Says
    /// whether it moved any.
    ///
    /// # Safety
    ///
    /// All buffers of the ring must be of `pool`, and the device must receive into them by descriptors of format
    /// [`WriteBack`](crate::descriptors::AdvancedReceiveWriteBack).
    #[inline(always)]
    pub(crate) unsafe fn receive(&mut self, pool: &Pool, batch: &mut Batch) -> bool {
        let count = self.posted().min(batch.free()).min(Self::to_block_end(self.first));
        let (id, size) = (pool.id(), pool.buffer_size() as u64);
        let (from, room) = (self.ends(self.first), batch.room().as_mut_ptr());
        // SAFETY: `count` is at most what was posted, to the end of the block, so as many descriptors and places follow in one
        // piece, and the places hold buffers, of the pool by the caller's promise; it is at most what the batch has free, so
        // the room has as many elements. What was received is moved out, as `first` moves past it, and was written, from the
        // start of the room on, which is what `grow` asks for.
        unsafe {
            let mut done = receive_groups(from, room, count / GROUP, id, size);
            if done < count {
                done = receive_rest(from, room, done, count, id, size);
            }
            self.first += done as u64;
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
        // SAFETY: the descriptor was posted, so its place holds a buffer, which stays there while `self` is borrowed.
        self.places(self.first, most).first().map(|buffer| unsafe { buffer.assume_init_ref() })
    }

    /// How many descriptors can be posted. One stays free, so that to the device a full ring does not look like an empty
    /// one.
    #[inline(always)]
    pub(crate) fn free(&self) -> usize {
        self.mask as usize - self.posted()
    }

    /// Moves packets from the front of `packets` to the end of the ring: as many as are free, to the end of the [`BLOCK`], as
    /// long as they are `usual` ones with a length from 1 to `max_len`. `address` is where the device finds what is somewhere.
    /// Says how many it moved.
    ///
    /// # Safety
    ///
    /// The device must only read from the ring's buffers, and `address` must return where the device sees the byte at the
    /// pointer that it is given.
    #[inline(always)]
    pub(crate) unsafe fn post(
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
        // SAFETY: `count` is at most `packets.len()`, and at most what is free, to the end of the block: as many descriptors and
        // places follow in one piece, none of which holds a buffer. What was posted belongs to the ring, as `end` moves past it,
        // and is forgotten as packets; there are `done` of them.
        unsafe {
            let mut done = post_groups(from, to, count / GROUP, usual, max_len, address);
            if done < count {
                done = post_rest(from, to, done, count, usual, max_len, address);
            }
            packets.forget(done);
            self.end += done as u64;
            done
        }
    }

    /// Posts one buffer at the end, if the ring is not full.
    ///
    /// # Safety
    ///
    /// What `value` lets the device access must lie in `buffer`.
    pub(crate) unsafe fn post_buffer<D: DescriptorFormat>(
        &mut self,
        value: Value<D>,
        buffer: Buffer,
    ) -> Result<(), Buffer> {
        if self.posted() == self.len() {
            return Err(buffer);
        }
        let end = self.end;
        // SAFETY: the descriptor at the end is not posted, as the ring is not full, so it is the driver's.
        unsafe { self.words(end).vacant_in_ring() }.write(value);
        self.tray(end).places()[Self::in_block(end)].write(buffer);
        self.end = end + 1;
        Ok(())
    }

    /// Gives the first `count` buffers back to `pool`: at most to the end of the block.
    ///
    /// # Safety
    ///
    /// They must be of `pool`, and the device must be done with them, or have stopped.
    pub(crate) unsafe fn give_back(&mut self, pool: &Pool, count: usize) {
        let count = count.min(self.posted());
        let places: *const [MaybeUninit<Buffer>] = self.places(self.first, count);
        // SAFETY: `count` is at most what was posted, and a descriptor that was posted has a buffer in its place, which is laid
        // out as a `MaybeUninit` of it is.
        let buffers = unsafe { &*(places as *const [Buffer]) };
        let given = buffers.len();
        // SAFETY: they are of the pool by the caller's promise; the ring gives up owning them, as `first` moves past them.
        unsafe { pool.put(buffers) };
        self.first += given as u64;
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({} of {} descriptors posted, at {:?})", self.posted(), self.len(), self.address)
    }
}
