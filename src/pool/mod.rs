//! Pools of packet buffers.
//!
//! A [`Pool`] is one piece of memory cut into equal buffers. A buffer is always in exactly one place: in the pool's
//! free list, in a [`Packet`](crate::packet::Packet), or in a queue's ring. So the length of the free list shows
//! whether any buffer is in use. A pool is freed when its last handle is dropped and its last buffer has returned to
//! the pool.

mod attachment;
mod extent;
mod id;

use alloc::boxed::Box;
#[cfg(test)]
use alloc::vec::Vec;
use core::cell::UnsafeCell;
use core::fmt;
use core::mem::MaybeUninit;
use core::num::NonZeroUsize;
use core::ops::DerefMut;
use core::ptr::NonNull;

pub use attachment::Attachment;
pub(crate) use extent::{Extent, MOST_MORE, SendFormat, Simple, whole};
pub use id::MAX_POOLS;
pub(crate) use id::{PoolId, SHORTEST};

use crate::dma::{Dma, DmaError, Memory};
use crate::sync::Mutex;

/// Free bytes in front of a received packet, into which headers can be [prepended](crate::packet::Packet::prepend).
pub const HEADROOM: usize = 128;

/// The step of buffer sizes, in bytes: the unit of SRRCTL.BSIZEPACKET (datasheet 8.2.3.8.7).
pub const BUFFER_SIZE_STEP: usize = 1024;

/// The maximum size of a buffer, in bytes.
pub const MAX_BUFFER_SIZE: usize = 16 * BUFFER_SIZE_STEP;

/// The number of buffers that a pool has beyond those that fill its receive ring, at least.
pub(crate) const SPARE_BUFFERS: usize = 32;

/// A failure to make a pool, or to fill a ring from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolError {
    /// The buffer size is not a multiple of [`BUFFER_SIZE_STEP`] from that to [`MAX_BUFFER_SIZE`].
    BufferSize {
        /// The requested size in bytes.
        size: usize,
    },
    /// The number of buffers is not 1 to 2^24.
    Count {
        /// The number of buffers requested.
        count: usize,
    },
    /// There are [`MAX_POOLS`] pools already. A dropped pool counts as long as one of its packets exists.
    TooManyPools,
    /// The pool has too few free buffers to fill a queue's ring.
    Exhausted {
        /// The number of buffers needed.
        needed: usize,
        /// The number of free buffers.
        available: usize,
    },
    /// The pool's memory cannot be allocated or mapped.
    Dma(DmaError),
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferSize { size } => write!(
                f,
                "invalid buffer size {size}: it must be a multiple of {BUFFER_SIZE_STEP} from {BUFFER_SIZE_STEP} to \
                 {MAX_BUFFER_SIZE}"
            ),
            Self::Count { count } => write!(f, "invalid number of buffers {count}: it must be 1 to {MOST_BUFFERS}"),
            Self::TooManyPools => write!(f, "too many pools: the maximum of {MAX_POOLS} is in use"),
            Self::Exhausted { needed, available } => {
                write!(f, "the pool has {available} free buffers, the ring needs {needed}")
            }
            Self::Dma(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for PoolError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Dma(error) => Some(error),
            _ => None,
        }
    }
}

impl From<DmaError> for PoolError {
    fn from(error: DmaError) -> Self {
        Self::Dma(error)
    }
}

pub(crate) const MOST_BUFFERS: usize = 1 << 24;

/// Returns the offsets from the start of a pool's memory at which buffers of `stride` bytes lie, none of which crosses
/// a multiple of `page`, a power of two. In 64 bits, which hold them all: the address space may not.
fn offsets(stride: usize, page: usize) -> impl Iterator<Item = u64> {
    let (stride, page) = (stride as u64, page as u64);
    (0..).map(move |index: u64| index * stride).filter(move |first| first / page == (first + stride - 1) / page)
}

/// A buffer of a pool, owned: the address of its data, `HEADROOM` behind its start.
///
/// Whoever has one must hand it on or give it back; dropping it only leaks it.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Buffer(NonNull<u8>);

// SAFETY: a buffer is owned memory.
unsafe impl Send for Buffer {}
// SAFETY: a shared buffer only says where it is.
unsafe impl Sync for Buffer {}

impl Buffer {
    #[inline(always)]
    pub(crate) const fn data(&self) -> NonNull<u8> {
        self.0
    }

    /// Makes the buffer whose data are at `data`.
    ///
    /// # Safety
    ///
    /// `data` must be the default data address of a buffer that the caller owns.
    #[inline(always)]
    pub(crate) const unsafe fn from_data(data: NonNull<u8>) -> Self {
        Self(data)
    }
}

/// What follows a buffer in a packet of several.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    pub(crate) next: Option<NonNull<u8>>,
    pub(crate) len: u16,
}

impl Link {
    /// Nothing follows.
    pub(crate) const END: Self = Self { next: None, len: 0 };
}

/// The free buffers of a pool: a stack, because the buffer returned last is likeliest to be in the cache.
pub(crate) struct Free {
    /// A place for each buffer of the pool. The first `len` places hold one.
    buffers: Box<[MaybeUninit<Buffer>]>,
    len: usize,
    /// Counted in 64 bits, so that no number of forgotten handles wraps around to none.
    handles: u64,
}

impl Free {
    /// Returns `true` if no handle and no buffer of the pool is left elsewhere.
    fn is_unused(&self) -> bool {
        self.handles == 0 && self.len == self.buffers.len()
    }

    /// Returns a buffer to the pool.
    #[inline(always)]
    pub(crate) fn push(&mut self, buffer: Buffer) {
        if let Some(place) = self.buffers.get_mut(self.len) {
            place.write(buffer);
            self.len += 1;
        }
    }

    /// Returns buffers to the pool, by copying them from their places.
    ///
    /// # Safety
    ///
    /// The places must hold buffers of this pool, and the caller gives them up.
    #[inline(always)]
    pub(crate) unsafe fn push_all(&mut self, buffers: &[MaybeUninit<Buffer>]) {
        // A call would cost more than the copy.
        if let [buffer] = buffers {
            // SAFETY: the caller's promise.
            return self.push(unsafe { buffer.assume_init_read() });
        }
        if let Some(places) = self.buffers.get_mut(self.len..).and_then(|free| free.get_mut(..buffers.len())) {
            // SAFETY: both have the same length, and one is borrowed uniquely, so they do not overlap.
            unsafe { places.as_mut_ptr().copy_from_nonoverlapping(buffers.as_ptr(), buffers.len()) };
            self.len += buffers.len();
        }
    }

    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<Buffer> {
        let last = self.len.checked_sub(1)?;
        // SAFETY: each place before `len` holds a buffer, and this one is moved out of it.
        let buffer = unsafe { self.buffers.get(last)?.assume_init_read() };
        self.len = last;
        Some(buffer)
    }

    /// Moves buffers into the first of `places`. Returns how many: as many as there are places, or as are free.
    #[inline(always)]
    pub(crate) fn pop_into(&mut self, places: &mut [MaybeUninit<Buffer>]) -> usize {
        let count = places.len().min(self.len);
        let left = self.len - count;
        if let Some(free) = self.buffers.get(left..self.len) {
            // SAFETY: there are `count` places, and as many free buffers, which are moved out; they do not overlap.
            unsafe { places.as_mut_ptr().copy_from_nonoverlapping(free.as_ptr(), count) };
            self.len = left;
        }
        count
    }
}

/// A pool that one queue alone uses shares no cache line with what others do.
#[repr(align(128))]
pub(crate) struct Inner {
    free: Mutex<Free>,
    /// For each place of a buffer, what follows it; the buffer's owner owns the entry too.
    links: Box<[UnsafeCell<Link>]>,
    // Never 0, so that no division by it can fail.
    stride: NonZeroUsize,
    /// No buffer crosses a multiple of this.
    page: usize,
    capacity: usize,
    size: usize,
    first: NonNull<u8>,
    memory: Memory,
}

// SAFETY: the free list is behind a lock; only the owner of a buffer uses its link; the rest is constant.
unsafe impl Sync for Inner {}
// SAFETY: as for `Sync`; the pointers are to memory that `memory` owns.
unsafe impl Send for Inner {}

impl Inner {
    #[inline(always)]
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    #[inline]
    fn link(&self, data: NonNull<u8>) -> *mut Link {
        let index = (data.as_ptr() as usize).wrapping_sub(self.first.as_ptr() as usize) / self.stride;
        self.links.get(index).map_or(core::ptr::null_mut(), UnsafeCell::get)
    }

    /// Returns what follows the buffer, which the caller owns.
    #[inline]
    pub(crate) fn following(&self, buffer: &Buffer) -> Link {
        let link = self.link(buffer.data());
        if link.is_null() {
            return Link::END;
        }
        // SAFETY: the caller owns the buffer, and so its entry.
        unsafe { link.read() }
    }

    /// Says what follows the buffer, which the caller owns.
    #[inline]
    pub(crate) fn follow(&self, buffer: &Buffer, link: Link) {
        let entry = self.link(buffer.data());
        if !entry.is_null() {
            // SAFETY: the caller owns the buffer, and so its entry, and `link` found the entry in the table.
            unsafe { entry.write(link) }
        }
    }

    /// Frees pool `id`, which is [unused](Free::is_unused).
    ///
    /// # Safety
    ///
    /// The caller must have seen, under the lock and after its own change, that the pool is unused. As nobody can
    /// take anything from an unused pool, exactly one caller sees the change that makes it so.
    unsafe fn free(id: PoolId) {
        let pool = id.pool();
        id.give_back();
        // SAFETY: the pool came from a box, and no handle and no buffer of it is left.
        drop(unsafe { Box::from_raw(pool) });
    }
}

/// Calls `change` with the free buffers of pool `id` locked, and frees the pool if nothing of it is left elsewhere.
///
/// # Safety
///
/// A buffer of the pool, or a handle to it, exists until `change` has ended or has given it back.
pub(crate) unsafe fn change_free(id: PoolId, change: impl FnOnce(&mut Free)) {
    let unused = {
        // SAFETY: the caller keeps the pool alive, and nobody else frees it while this lock is held.
        let mut free = unsafe { &*id.pool() }.free.lock();
        change(&mut free);
        free.is_unused()
    };
    if unused {
        // SAFETY: just seen under the lock.
        unsafe { Inner::free(id) };
    }
}

/// A pool of equal packet buffers in memory that devices can reach.
///
/// A clone is another handle to the same pool.
pub struct Pool {
    inner: NonNull<Inner>,
    id: PoolId,
}

// SAFETY: a handle only counts; the pool itself is `Sync`.
unsafe impl Send for Pool {}
// SAFETY: as for `Send`.
unsafe impl Sync for Pool {}

impl Pool {
    /// Makes a pool of `count` buffers of `size` bytes each, in memory that `dma` allocates.
    ///
    /// Each buffer has [`HEADROOM`] bytes more in front.
    ///
    /// # Errors
    ///
    /// [`PoolError`] if a number is out of range or there is no memory.
    pub fn new(dma: &impl Dma, count: usize, size: usize) -> Result<Self, PoolError> {
        if size == 0 || size > MAX_BUFFER_SIZE || !size.is_multiple_of(BUFFER_SIZE_STEP) {
            return Err(PoolError::BufferSize { size });
        }
        if count == 0 || count > MOST_BUFFERS {
            return Err(PoolError::Count { count });
        }
        // Sizes are usually powers of two. The headroom also spreads the starts of packets over all sets of the cache.
        let Some(spaced) = NonZeroUsize::new(HEADROOM + size) else { return Err(PoolError::BufferSize { size }) };
        let stride = spaced.get();
        // A buffer that would cross the border of two pages is left out.
        let page = dma.page_size();
        if stride > page {
            return Err(DmaError::NotMappable { len: stride, reason: "a buffer is larger than a page" }.into());
        }
        let last = offsets(stride, page).nth(count - 1).unwrap_or(u64::MAX);
        let Ok(len) = usize::try_from(last.saturating_add(stride as u64)) else {
            return Err(DmaError::OutOfMemory { len: usize::MAX }.into());
        };
        let memory = dma.allocate(len)?;
        let first = memory.base();
        if memory.len() < len {
            return Err(DmaError::OutOfMemory { len }.into());
        }
        let mut free = Free { buffers: Box::new_uninit_slice(count), len: 0, handles: 1 };
        for offset in offsets(stride, page).take(count) {
            // SAFETY: the memory has `len` bytes, which is where the buffer at the last of these offsets ends; so the
            // offset, which fits a `usize` as `len` does, and the headroom behind it lie inside.
            free.push(Buffer(unsafe { first.add(offset as usize + HEADROOM) }));
        }
        let links = (0..len / stride).map(|_| UnsafeCell::new(Link::END)).collect();
        let inner = Inner { free: Mutex::new(free), links, stride: spaced, page, capacity: count, size, first, memory };
        let inner = NonNull::from(Box::leak(Box::new(inner)));
        let Some(id) = PoolId::take(inner) else {
            // SAFETY: from a box, just now.
            drop(unsafe { Box::from_raw(inner.as_ptr()) });
            return Err(PoolError::TooManyPools);
        };
        Ok(Self { inner, id })
    }

    /// Makes a pool of about `bytes` of data, in the largest buffers that fit in a page of `dma`'s memory.
    ///
    /// They are for large packets that the device [cuts into frames](crate::offload::Request::segments). Buffers have
    /// [`MAX_BUFFER_SIZE`], unless the device's addresses of small pages have nothing to do with each other: 3 KiB in
    /// pages of 4 KiB.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new): [`PoolError::Count`] if `bytes` are less than a buffer.
    pub fn with_large_buffers(dma: &impl Dma, bytes: usize) -> Result<Self, PoolError> {
        let room = dma.page_size().saturating_sub(HEADROOM).min(MAX_BUFFER_SIZE);
        let size = (room / BUFFER_SIZE_STEP).max(1) * BUFFER_SIZE_STEP;
        Self::new(dma, bytes / size, size)
    }

    #[inline(always)]
    pub(crate) fn inner(&self) -> &Inner {
        // SAFETY: a handle keeps the pool alive.
        unsafe { self.inner.as_ref() }
    }

    #[inline(always)]
    pub(crate) fn id(&self) -> PoolId {
        self.id
    }

    /// Takes a free buffer, if there is one.
    pub(crate) fn take_buffer(&self) -> Option<Buffer> {
        self.inner().free.lock().pop()
    }

    /// Locks the free buffers.
    #[inline(always)]
    pub(crate) fn free(&self) -> impl DerefMut<Target = Free> + '_ {
        self.inner().free.lock()
    }

    /// Returns where in memory the pool writes beside its buffers.
    #[cfg(test)]
    pub(crate) fn footprint(&self) -> Vec<core::ops::Range<usize>> {
        let buffers = self.inner().free.lock().buffers.as_ptr_range();
        let inner = self.inner.as_ptr() as usize;
        vec![buffers.start as usize..buffers.end as usize, inner..inner + size_of::<Inner>()]
    }

    /// Returns the number of buffers.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.inner().capacity
    }

    /// Returns the number of buffers that are not in use.
    #[must_use]
    pub fn available(&self) -> usize {
        self.inner().free.lock().len
    }

    /// Returns the size of a buffer in bytes, without the headroom.
    #[must_use]
    #[inline(always)]
    pub fn buffer_size(&self) -> usize {
        self.inner().size
    }
}

impl Clone for Pool {
    fn clone(&self) -> Self {
        self.inner().free.lock().handles += 1;
        Self { ..*self }
    }
}

/// Two handles are equal if they are of the same pool.
impl PartialEq for Pool {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Pool {}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: this handle exists until it is counted off.
        unsafe { change_free(self.id, |free| free.handles -= 1) };
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({} of {} buffers of {} bytes free)", self.available(), self.capacity(), self.buffer_size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_of_the_largest_pool_fit_64_bits_and_cross_no_page() {
        for page in [1 << 12, 1 << 21, 1 << 31, 1 << 62] {
            for stride in [HEADROOM + BUFFER_SIZE_STEP, HEADROOM + 3 * BUFFER_SIZE_STEP, HEADROOM + MAX_BUFFER_SIZE] {
                if stride > page {
                    continue;
                }
                let all: Vec<u64> = offsets(stride, page).take(10_000).collect();
                let [stride, page] = [stride, page].map(|bytes| bytes as u64);
                assert!(all.windows(2).all(|pair| pair[0] + stride <= pair[1]), "buffers overlap");
                assert!(all.iter().all(|first| first / page == (first + stride - 1) / page), "a page is crossed");
                assert!(all.iter().all(|first| first % stride == 0), "a buffer is not where its link is");
            }
        }
        // More than an address space of 32 bits has.
        let last = offsets(HEADROOM + MAX_BUFFER_SIZE, 1 << 31).nth(MOST_BUFFERS - 1).unwrap();
        assert!(last > u64::from(u32::MAX));
    }
}
