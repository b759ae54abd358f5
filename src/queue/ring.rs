//! A ring of descriptors with the buffers that were posted with them, and how long its memory must live.

use alloc::boxed::Box;
#[cfg(test)]
use alloc::vec::Vec;
use core::fmt;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::NonNull;

use datasheet_runtime::descriptor::DescriptorFormat;

use crate::descriptors::{AdvancedReceiveRead, DescriptorSlot, Written};
use crate::dma::{Dma, DmaAddr, DmaError, Domain, Mapping, Memory};
use crate::pool::{Buffer, Free, Pool};
use crate::sync::LINE;

/// Size of a descriptor in bytes.
const DESCRIPTOR: usize = size_of::<DescriptorSlot>();

/// The proof that a device reads and writes no memory any more: its queues are disabled and it has
/// stopped asking for the bus, or it was reset after that.
///
/// Only `device::stop` makes one, and `vf::queues` for a virtual function.
#[derive(Debug)]
pub(crate) struct Stopped(PlatformId);

impl Stopped {
    /// Makes the proof that the device on `platform` has stopped.
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
    /// Holds `value`, which the device on `platform` may access from now on.
    pub(crate) fn by<H>(platform: &H, value: T) -> Self {
        Self { value: ManuallyDrop::new(value), platform: PlatformId::of(platform) }
    }

    /// Returns what was held, now that its device has stopped. Leaks it if the proof is of another device.
    pub(crate) fn release(self, proof: &Stopped) -> Option<T> {
        (self.platform == proof.0).then(|| ManuallyDrop::into_inner(self.value))
    }

    /// Returns what was held.
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
/// Descriptors are counted in 64 bits, which do not wrap within the life of a device. Those from `first` to before
/// `end` were posted: each has a buffer, which belongs to the ring, in its place, but for the contexts of a transmit
/// ring, which lie between the runs of buffers that this ring notes. The other places hold nothing. The number of
/// descriptors is a power of two.
pub(crate) struct Ring {
    slots: NonNull<DescriptorSlot>,
    /// One place for each descriptor, and a cache line that keeps other queues' data away.
    places: Box<[MaybeUninit<Buffer>]>,
    mask: u64,
    first: u64,
    end: u64,
    domain: Domain,
    address: DmaAddr,
    // In a place of its own, so that what each call reads lies close together.
    _memory: Box<Mapped>,
}

/// Memory that a device sees.
struct Mapped {
    // Dropped in this order: the device loses sight of the memory before it is freed.
    _mapping: Mapping,
    _memory: Memory,
}

// SAFETY: a ring owns its memory and its buffers; descriptors are accessed as atomics.
unsafe impl Send for Ring {}
// SAFETY: as for `Send`; buffers come and go only through a unique reference.
unsafe impl Sync for Ring {}

/// A descriptor and its buffer's place, at the start of others in one piece.
#[derive(Clone, Copy)]
pub(super) struct Cursor {
    slot: *const DescriptorSlot,
    place: *mut MaybeUninit<Buffer>,
}

impl Cursor {
    /// Returns the cursor `count` descriptors further on.
    ///
    /// # Safety
    ///
    /// That many descriptors and places follow in one piece.
    #[inline(always)]
    pub(super) unsafe fn at(self, count: usize) -> Self {
        // SAFETY: by the caller's promise, both pointers stay in their allocations.
        unsafe { Self { slot: self.slot.add(count), place: self.place.add(count) } }
    }

    /// Returns the descriptor.
    ///
    /// # Safety
    ///
    /// There is one, and its ring exists for `'a`.
    #[inline(always)]
    pub(super) unsafe fn slot<'a>(self) -> &'a DescriptorSlot {
        // SAFETY: there is one by the caller's promise. Device and driver access it as atomics alone.
        unsafe { &*self.slot }
    }

    /// Copies the buffer out of its place.
    ///
    /// # Safety
    ///
    /// The place holds a buffer, and the caller uses only the copy or only the place.
    #[inline(always)]
    pub(super) unsafe fn buffer(self) -> Buffer {
        // SAFETY: there is one by the caller's promise.
        unsafe { self.place.read().assume_init() }
    }

    /// Writes the descriptor, and puts `buffer` into its place.
    ///
    /// # Safety
    ///
    /// There is such a descriptor, the driver's, and its place holds nothing.
    #[inline(always)]
    pub(super) unsafe fn post<D: DescriptorFormat>(self, descriptor: Written<D>, buffer: Buffer) {
        // SAFETY: there are both, and both are the driver's: the caller's promise.
        unsafe {
            self.slot().vacant_in_ring().put(descriptor);
            self.place.write(MaybeUninit::new(buffer));
        }
    }

    /// Returns the places of `count` descriptors.
    ///
    /// # Safety
    ///
    /// That many places follow in one piece, and nobody else refers to them for `'a`.
    #[inline(always)]
    unsafe fn places<'a>(self, count: usize) -> &'a mut [MaybeUninit<Buffer>] {
        // SAFETY: the caller's promise.
        unsafe { core::slice::from_raw_parts_mut(self.place, count) }
    }

    /// Writes `count` descriptors that give the device the buffers in their places to receive into, at the addresses
    /// that `address` finds. Returns how many: all, unless it found one address not.
    ///
    /// # Safety
    ///
    /// There are that many descriptors, the driver's, whose places hold buffers. `address` returns where the device
    /// sees the byte at the pointer that it is given.
    #[inline(always)]
    unsafe fn describe(self, count: usize, address: impl Fn(NonNull<u8>) -> Option<DmaAddr>) -> usize {
        let mut n = 0;
        // SAFETY: `count` descriptors and buffers are there, so eight or one follow `n` of them.
        unsafe {
            while n + 8 <= count {
                // Written out, because the compiler keeps a loop a loop.
                let from = self.at(n);
                for at in 0..8 {
                    let Some(address) = address(from.at(at).buffer().data()) else { return n + at };
                    from.at(at).describe_one(address);
                }
                n += 8;
            }
            while n < count {
                let Some(address) = address(self.at(n).buffer().data()) else { return n };
                self.at(n).describe_one(address);
                n += 1;
            }
        }
        count
    }

    /// Writes the descriptor that gives the device the buffer at `address` to receive into.
    ///
    /// # Safety
    ///
    /// There is a descriptor, the driver's, and `address` is of a buffer that stays in its place.
    #[inline(always)]
    unsafe fn describe_one(self, address: DmaAddr) {
        // SAFETY: the caller's promise.
        unsafe { self.slot().vacant_in_ring() }.put(Written::<AdvancedReceiveRead>::new(address, 0));
    }
}

/// Returns the number of buffers that are exchanged with a pool at once: a quarter of `of`, and at least 32, because
/// the pool's lock costs as much as some packets do.
pub(crate) fn exchange_threshold(of: usize) -> usize {
    32.max(of / 4)
}

impl Ring {
    /// Makes an empty ring of `count` descriptors that `device` can reach. The count is a power of two.
    pub(crate) fn new(device: &impl Dma, count: usize) -> Result<Self, DmaError> {
        let len = count.checked_mul(DESCRIPTOR).ok_or(DmaError::OutOfMemory { len: usize::MAX })?;
        if !count.is_power_of_two() {
            return Err(DmaError::OutOfMemory { len });
        }
        let memory = device.allocate(len)?;
        let mapping = device.map(&memory)?;
        let slots = memory.base();
        let address = match mapping.address(slots) {
            Some(address) if memory.len() >= len && mapping.is_contiguous(slots, len) => address,
            _ => return Err(DmaError::NotMappable { len, reason: "a ring must be in one piece" }),
        };
        Ok(Self {
            slots: slots.cast(),
            places: Box::new_uninit_slice(count + LINE / size_of::<Buffer>()),
            mask: count as u64 - 1,
            first: 0,
            end: 0,
            domain: device.domain(),
            address,
            _memory: Box::new(Mapped { _mapping: mapping, _memory: memory }),
        })
    }

    /// Returns the number of descriptors.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.mask as usize + 1
    }

    /// Returns the size of the descriptors in memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.len() * DESCRIPTOR
    }

    /// Returns where in memory descriptors and the places of buffers are.
    #[cfg(test)]
    pub(crate) fn footprint(&self) -> Vec<core::ops::Range<usize>> {
        let (slots, places) = (self.slots.as_ptr() as usize, self.places.as_ptr() as usize);
        vec![slots..slots + self.bytes(), places..places + self.len() * size_of::<Buffer>()]
    }

    /// Advances the counts by `by` descriptors, as if these had passed before. `by` is a multiple of the ring's length.
    #[cfg(test)]
    pub(crate) fn count_from(&mut self, by: u64) {
        assert!(by & self.mask == 0);
        self.first += by;
        self.end += by;
    }

    /// Moves the posted buffers to the start of the ring, in their order, and counts on from there.
    ///
    /// # Safety
    ///
    /// The device must have stopped. The caller writes the descriptors of these buffers anew.
    pub(super) unsafe fn rewind(&mut self) {
        let (posted, first, len) = (self.posted(), self.wrap(self.first), self.len());
        if let Some(places) = self.places.get_mut(..len) {
            places.rotate_left(first);
        }
        self.first = self.end.next_multiple_of(len as u64);
        self.end = self.first + posted as u64;
    }

    /// Posts the buffers again that are posted, from descriptor 0 on, to receive into, at the addresses that `address`
    /// finds.
    ///
    /// # Safety
    ///
    /// The device must have stopped. `address` is as for [`refill`](Self::refill), and finds all of these buffers.
    pub(super) unsafe fn post_again(&mut self, address: impl Fn(NonNull<u8>) -> Option<DmaAddr>) {
        // SAFETY: the device has stopped, so the descriptors are the driver's. After the rewind, as many as are posted
        // follow in one piece, and their places hold buffers.
        unsafe {
            self.rewind();
            let described = self.cursor(self.first).describe(self.posted(), address);
            // All of them, unless `address` fails to find one: then the rest leaks.
            self.end = self.first + described as u64;
        }
    }

    /// Returns what the ring's device accesses memory through.
    pub(crate) fn domain(&self) -> Domain {
        self.domain
    }

    /// Returns where the device finds the ring.
    pub(crate) fn address(&self) -> DmaAddr {
        self.address
    }

    /// Returns the first descriptor with a buffer, if any has one.
    #[inline(always)]
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// Returns the descriptor that is posted next.
    #[inline(always)]
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Returns how many descriptors have a buffer.
    #[inline(always)]
    pub(crate) fn posted(&self) -> usize {
        (self.end - self.first) as usize
    }

    /// Returns how many descriptors can be posted for transmission. One stays free, so that to the device a full ring
    /// does not look like an empty one.
    #[inline(always)]
    pub(crate) fn free(&self) -> usize {
        self.mask as usize - self.posted()
    }

    /// Returns `index` as an index of the ring.
    #[inline(always)]
    pub(crate) fn wrap(&self, index: u64) -> usize {
        (index & self.mask) as usize
    }

    /// Returns how many descriptors there are from `index` on, in one piece.
    #[inline(always)]
    pub(super) fn to_wrap(&self, index: u64) -> usize {
        self.len() - self.wrap(index)
    }

    /// Returns descriptor `index`.
    #[inline(always)]
    pub(crate) fn slot(&self, index: u64) -> &DescriptorSlot {
        // SAFETY: the index is wrapped to the descriptors that the memory has, which is there as long as the ring,
        // aligned to 4 KiB, and was zeroed. Any bits are valid as two atomics, through which alone descriptors are
        // accessed.
        unsafe { self.slots.add(self.wrap(index)).as_ref() }
    }

    /// Returns the cursor of descriptor `index`.
    #[inline(always)]
    pub(super) fn cursor(&mut self, index: u64) -> Cursor {
        let index = self.wrap(index);
        // SAFETY: the index is wrapped to the descriptors that there are, each of which has a place.
        unsafe { Cursor { slot: self.slots.add(index).as_ptr(), place: self.places.as_mut_ptr().add(index) } }
    }

    /// Counts `count` more descriptors as posted.
    ///
    /// # Safety
    ///
    /// They were written, and their places hold buffers, which belong to the ring from here on. The place of a context
    /// holds none, and the caller takes none from it.
    #[inline(always)]
    pub(super) unsafe fn grow(&mut self, count: usize) {
        self.end += count as u64;
    }

    /// Counts the first `count` descriptors as not posted any more.
    ///
    /// # Safety
    ///
    /// The caller has their buffers.
    #[inline(always)]
    pub(super) unsafe fn forget(&mut self, count: usize) {
        self.first += count as u64;
    }

    /// Posts free buffers of `pool`, as many as there is room for, at the addresses that `address` finds. Returns
    /// `true` if the ring is full.
    ///
    /// # Safety
    ///
    /// `address` must return where the device sees the byte at the pointer that it is given, and the device must not
    /// receive more into a buffer than the pool's buffers have.
    #[inline(always)]
    pub(crate) unsafe fn refill(&mut self, pool: &Pool, address: impl Fn(NonNull<u8>) -> Option<DmaAddr>) -> bool {
        loop {
            let piece = (self.len() - self.posted()).min(self.to_wrap(self.end));
            if piece == 0 {
                return true;
            }
            let to = self.cursor(self.end);
            // SAFETY: the descriptors from the end on are not posted, so they are the driver's, and `filled` of their
            // places hold buffers now. The rest is the caller's promise.
            unsafe {
                let filled = pool.free().pop_into(to.places(piece));
                self.grow(to.describe(filled, &address));
                if filled < piece {
                    return false;
                }
            }
        }
    }

    /// Copies the buffers of the descriptors from `first` to before `end` to a free list.
    ///
    /// # Safety
    ///
    /// They must be posted, and of the free list's pool, and the device must be done with them, or have stopped. The
    /// caller [forgets](Self::forget) them.
    #[inline(always)]
    pub(super) unsafe fn copy_to(&mut self, free: &mut Free, mut first: u64, end: u64) {
        while first < end {
            let piece = ((end - first) as usize).min(self.to_wrap(first));
            // SAFETY: posted descriptors have a buffer in their place, of the pool by the caller's promise.
            unsafe { free.push_all(self.cursor(first).places(piece)) };
            first += piece as u64;
        }
    }

    /// Hands the first buffers over to the end of `to`, at the addresses that `address` finds: at most `count`, and as
    /// many as lie in one piece in both. Returns how many.
    ///
    /// # Safety
    ///
    /// `count` buffers must be posted here, and the device of this ring must be done with them; `to` must have room for
    /// them, and for `to` and `address` [`refill`](Self::refill)'s promise must hold.
    #[inline(never)]
    pub(crate) unsafe fn hand_over(
        &mut self,
        to: &mut Self,
        count: usize,
        address: impl Fn(NonNull<u8>) -> Option<DmaAddr>,
    ) -> usize {
        let piece = count.min(self.to_wrap(self.first)).min(to.to_wrap(to.end));
        let (from, into) = (self.cursor(self.first), to.cursor(to.end));
        // SAFETY: `piece` places follow in both rings. Those of this ring hold buffers, which it gives up, as `first`
        // moves past them; those of `to` hold none. The two rings are not the same.
        unsafe {
            into.place.copy_from_nonoverlapping(from.place, piece);
            self.forget(piece);
            to.grow(into.describe(piece, &address));
        }
        piece
    }

    /// Takes the buffer at the front, if there is one.
    pub(crate) fn take(&mut self) -> Option<Buffer> {
        if self.posted() == 0 {
            return None;
        }
        // SAFETY: the descriptor was posted, so its place holds a buffer; it is taken once, as `first` moves past it.
        unsafe {
            let buffer = self.cursor(self.first).buffer();
            self.forget(1);
            Some(buffer)
        }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({} of {} descriptors posted, at {:?})", self.posted(), self.len(), self.address)
    }
}
