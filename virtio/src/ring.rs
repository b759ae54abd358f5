//! A split virtqueue (specification 2.7): descriptors, the ring of those that are available to the device, and the ring
//! of those that it has used.
//!
//! The memory is shared with the device, so it is accessed as atomics alone, and nothing that the device could write is
//! read back to find out what the driver itself did: which descriptors follow each other, and how many are posted, the
//! driver keeps in memory of its own.

use alloc::boxed::Box;
use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering, fence};

use datasheet_runtime::value;
use ixgbe::dma::{Dma, DmaAddr, DmaError, Mapping, Memory};

use crate::descriptors::SplitDescriptorRead as Descriptor;

/// The greatest number of descriptors of a queue that this driver uses.
pub const MAX_SIZE: u16 = 1 << 15;

/// The available ring's flag that asks for no interrupts. Without EVENT_IDX alone.
const NO_INTERRUPT: u16 = 1;
/// The used ring's flag that asks for no doorbells. Without EVENT_IDX alone.
const NO_NOTIFY: u16 = 1;
/// No descriptor.
const NONE: u16 = u16::MAX;

/// A rule of the ring that the device broke. The queue is not used any more until the device is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The index of the used ring counts more buffers than the device has.
    IndexJump {
        /// The index.
        index: u16,
        /// The index up to which the driver has seen buffers.
        seen: u16,
        /// The number of buffers that the device has.
        posted: u16,
    },
    /// A used buffer has an id that no descriptor has.
    NoSuchId {
        /// The id.
        id: u32,
        /// The number of descriptors.
        size: u16,
    },
    /// A used buffer was not posted, or came back already.
    NotPosted {
        /// The id.
        id: u16,
    },
    /// The device says that it wrote more than the buffer holds.
    TooLong {
        /// The length in bytes.
        len: u32,
        /// The size of the buffer in bytes.
        max: u32,
    },
    /// The device says that it wrote less than must be there.
    TooShort {
        /// The length in bytes.
        len: u32,
        /// The shortest length in bytes.
        min: u32,
    },
    /// The device did not reset the queue, or does not take it again: it is out of use until that succeeds.
    NotReset,
    /// The header of a frame counts no receive buffer, or more than the device has.
    BufferCount {
        /// The number of buffers.
        count: u16,
        /// The number of buffers that the device has.
        posted: u16,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the device broke a rule: ")?;
        match self {
            Self::IndexJump { index, seen, posted } => {
                write!(f, "its used index went from {seen} to {index}, but it has only {posted} buffers")
            }
            Self::NoSuchId { id, size } => write!(f, "it used descriptor {id}, and there are {size}"),
            Self::NotPosted { id } => write!(f, "it used descriptor {id}, which it does not have"),
            Self::TooLong { len, max } => write!(f, "it wrote {len} bytes into a buffer of {max}"),
            Self::TooShort { len, min } => write!(f, "it wrote {len} bytes, and at least {min} must be there"),
            Self::NotReset => f.write_str("it did not reset the queue, or does not take it again"),
            Self::BufferCount { count, posted } => {
                write!(f, "a frame fills {count} buffers, and the device has {posted}")
            }
        }
    }
}

impl core::error::Error for Fault {}

/// A used buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    /// Its first descriptor. There is such a descriptor.
    pub(crate) id: u16,
    /// How many bytes the device says that it wrote.
    pub(crate) len: u32,
}

/// Entries of a part of the ring, as many as it has descriptors, which the device accesses too.
struct Shared<T> {
    first: NonNull<T>,
    mask: u16,
}

impl<T> Shared<T> {
    /// Returns entry `index`, modulo the number of entries.
    #[inline(always)]
    fn at(&self, index: u16) -> &T {
        // SAFETY: `SplitRing::new` made this of `mask + 1` entries in memory that the ring keeps, aligned for them and
        // initialised. They are atomics, so shared references to them may exist while the device writes.
        unsafe { self.first.add((index & self.mask).into()).as_ref() }
    }
}

/// A split virtqueue of which the device knows.
pub(crate) struct SplitRing {
    descriptors: Shared<[AtomicU64; 2]>,
    /// Flags and index of the available ring, then its entries, then the index at which the driver wants an interrupt.
    available: Shared<AtomicU16>,
    available_head: Shared<AtomicU16>,
    used_event: NonNull<AtomicU16>,
    /// Entries of the used ring: id and length.
    used: Shared<[AtomicU32; 2]>,
    used_head: Shared<AtomicU16>,
    available_event: NonNull<AtomicU16>,
    /// Whether each side says at which index it wants to be notified.
    event_index: bool,
    /// The next entry of the available ring, and the index that the device knows.
    next: u16,
    published: u16,
    /// The next entry of the used ring.
    seen: u16,
    /// The index of the used ring when the driver looked last.
    ready: u16,
    /// The number of buffers that were posted and did not come back.
    posted: u16,
    /// Descriptors that are free: the first `free_len`.
    free: Box<[u16]>,
    free_len: u16,
    /// The descriptor that follows each one in its chain, or `NONE`.
    links: Box<[u16]>,
    addresses: [DmaAddr; 3],
    // Dropped in this order: the device loses sight of the memory before it is freed.
    _mapping: Mapping,
    _memory: Memory,
}

// SAFETY: a ring owns its memory, and accesses it as atomics.
unsafe impl Send for SplitRing {}
// SAFETY: as for `Send`; whatever changes needs a unique reference.
unsafe impl Sync for SplitRing {}

/// Returns the offsets of the available and the used ring in the memory of a ring of `size` descriptors, and its length.
const fn layout(size: usize) -> (usize, usize, usize) {
    let available = 16 * size;
    let used = (available + 6 + 2 * size).next_multiple_of(64);
    (available, used, used + 6 + 8 * size)
}

impl SplitRing {
    /// Makes an empty ring of `size` descriptors: a power of two, at most [`MAX_SIZE`]. Its memory is zero.
    pub(crate) fn new(dma: &impl Dma, size: u16, event_index: bool) -> Result<Self, DmaError> {
        let count = usize::from(size);
        let (available, used, len) = layout(count);
        if !size.is_power_of_two() || size > MAX_SIZE {
            return Err(DmaError::NotMappable { len, reason: "a ring has a power of two of descriptors" });
        }
        let memory = dma.allocate(len)?;
        let mapping = dma.map(&memory)?;
        let base = memory.base();
        let in_one_piece = memory.len() >= len && mapping.is_contiguous(base, len);
        // SAFETY: the memory has `len` bytes, which these offsets are below.
        let (available, used) = unsafe { (base.add(available), base.add(used)) };
        let address = |part| mapping.address(part).filter(|_| in_one_piece);
        let (Some(first), Some(second), Some(third)) = (address(base), address(available), address(used)) else {
            return Err(DmaError::NotMappable { len, reason: "a ring must be in one piece" });
        };
        let mask = size - 1;
        // SAFETY: all of these are inside of the `len` bytes: `layout` gives each ring 4 bytes, its entries and 2 bytes.
        // Memory is aligned to 4 KiB, the available ring to 16 and the used ring to 64 bytes.
        let ring = unsafe {
            Self {
                descriptors: Shared { first: base.cast(), mask },
                available: Shared { first: available.add(4).cast(), mask },
                available_head: Shared { first: available.cast(), mask: 1 },
                used_event: available.add(4 + 2 * count).cast(),
                used: Shared { first: used.add(4).cast(), mask },
                used_head: Shared { first: used.cast(), mask: 1 },
                available_event: used.add(4 + 8 * count).cast(),
                event_index,
                next: 0,
                published: 0,
                seen: 0,
                ready: 0,
                posted: 0,
                // The lowest is taken first.
                free: (0..size).rev().collect(),
                free_len: size,
                links: (0..size).map(|_| NONE).collect(),
                addresses: [first, second, third],
                _mapping: mapping,
                _memory: memory,
            }
        };
        ring.suppress_interrupts();
        Ok(ring)
    }

    /// Returns the number of descriptors.
    pub(crate) fn size(&self) -> u16 {
        self.descriptors.mask + 1
    }

    /// Returns where the device finds the descriptors, the available ring and the used ring.
    pub(crate) fn addresses(&self) -> [DmaAddr; 3] {
        self.addresses
    }

    /// Returns the number of free descriptors.
    #[inline(always)]
    pub(crate) fn free(&self) -> usize {
        self.free_len.into()
    }

    /// Returns the number of buffers that were posted and did not come back.
    #[inline(always)]
    pub(crate) fn posted(&self) -> u16 {
        self.posted
    }

    fn used_event(&self) -> &AtomicU16 {
        // SAFETY: `new` placed it in the ring's memory, aligned, and it is an atomic.
        unsafe { self.used_event.as_ref() }
    }

    fn available_event(&self) -> &AtomicU16 {
        // SAFETY: as for `used_event`.
        unsafe { self.available_event.as_ref() }
    }

    /// Asks the device for no interrupt: a driver that polls needs none, and one that waits asks for the next one.
    #[inline(always)]
    pub(crate) fn suppress_interrupts(&self) {
        if self.event_index {
            // The index farthest from the next one. It is renewed with each sweep, so it is never reached.
            self.used_event().store(self.seen.wrapping_sub(1).to_le(), Ordering::Relaxed);
        } else {
            self.available_head.at(0).store(NO_INTERRUPT.to_le(), Ordering::Relaxed);
        }
    }

    /// Asks the device for an interrupt when it has used the next buffer.
    ///
    /// It asks for none about buffers that it has used before: look for them after this.
    pub(crate) fn request_interrupt(&self) {
        if self.event_index {
            self.used_event().store(self.seen.to_le(), Ordering::Relaxed);
        } else {
            self.available_head.at(0).store(0, Ordering::Relaxed);
        }
        // The request is visible before the driver looks at the used ring. Else both sides could sleep: the driver has seen
        // no buffer, and the device uses one, and reads what the driver asked before.
        fence(Ordering::SeqCst);
    }

    #[inline(always)]
    fn take_free(&mut self) -> Option<u16> {
        let last = self.free_len.checked_sub(1)?;
        let descriptor = *self.free.get(usize::from(last))?;
        self.free_len = last;
        Some(descriptor)
    }

    /// Writes descriptor `index`.
    #[inline(always)]
    fn describe(&self, index: u16, address: DmaAddr, len: u32, flags: u64) {
        let [low, high] = self.descriptors.at(index);
        low.store(address.get().to_le(), Ordering::Relaxed);
        high.store((u64::from(len) | flags).to_le(), Ordering::Relaxed);
    }

    /// Makes the chain that begins with descriptor `head` available.
    #[inline(always)]
    fn offer(&mut self, head: u16) {
        self.available.at(self.next).store(head.to_le(), Ordering::Relaxed);
        self.next = self.next.wrapping_add(1);
        self.posted += 1;
    }

    /// Posts one buffer, which the device writes if `WRITE`, else reads. Returns its id, or `None` if no descriptor is
    /// free.
    ///
    /// # Safety
    ///
    /// The device may access `len` bytes at `address` until the id comes back, or the device was reset.
    #[inline(always)]
    pub(crate) unsafe fn post<const WRITE: bool>(&mut self, address: DmaAddr, len: u32) -> Option<u16> {
        const WRITTEN: u64 = value!(Descriptor { WRITE: true }).bits()[1];
        let head = self.take_free()?;
        self.describe(head, address, len, if WRITE { WRITTEN } else { 0 });
        self.offer(head);
        Some(head)
    }

    /// Posts several buffers as one: the first `readable` of them for the device to read, the others to write. Returns
    /// their id, or `None` if too few descriptors are free, or if there are no parts.
    ///
    /// # Safety
    ///
    /// As for [`post`](Self::post), for all parts.
    pub(crate) unsafe fn post_chain(
        &mut self,
        parts: impl ExactSizeIterator<Item = (DmaAddr, u32)>,
        readable: usize,
    ) -> Option<u16> {
        const NEXT: u64 = value!(Descriptor { NEXT: true }).bits()[1];
        const WRITE: u64 = value!(Descriptor { WRITE: true }).bits()[1];
        const NEXT_INDEX: u32 = 48;
        let count = parts.len();
        if count == 0 || count > self.free() {
            return None;
        }
        let (mut head, mut current) = (NONE, self.take_free()?);
        for (index, (address, len)) in parts.enumerate() {
            let write = if index < readable { 0 } else { WRITE };
            let next = if index + 1 < count { self.take_free()? } else { NONE };
            let link = if next == NONE { 0 } else { NEXT | u64::from(next) << NEXT_INDEX };
            self.describe(current, address, len, write | link);
            if let Some(place) = self.links.get_mut(usize::from(current)) {
                *place = next;
            }
            if index == 0 {
                head = current;
            }
            current = next;
        }
        self.offer(head);
        Some(head)
    }

    /// Shows the device what was posted. Returns `true` if the device wants its doorbell rung for that.
    #[inline(always)]
    pub(crate) fn publish(&mut self) -> bool {
        let (old, new) = (self.published, self.next);
        if old == new {
            return false;
        }
        self.published = new;
        // Descriptors and entries come before the index.
        self.available_head.at(1).store(new.to_le(), Ordering::Release);
        // The index is visible before the driver reads what the device wants. Else both sides could sleep: the device has
        // read the old index before it asked for a doorbell, and the driver reads what it asked before.
        fence(Ordering::SeqCst);
        if self.event_index {
            let event = u16::from_le(self.available_event().load(Ordering::Relaxed));
            new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
        } else {
            u16::from_le(self.used_head.at(0).load(Ordering::Relaxed)) & NO_NOTIFY == 0
        }
    }

    /// Returns the number of used buffers that wait.
    #[inline(always)]
    pub(crate) fn waiting(&mut self) -> Result<u16, Fault> {
        // What the device wrote before the index is read after it.
        let index = u16::from_le(self.used_head.at(1).load(Ordering::Acquire));
        let waiting = index.wrapping_sub(self.seen);
        if waiting > self.posted {
            return Err(Fault::IndexJump { index, seen: self.seen, posted: self.posted });
        }
        self.ready = index;
        Ok(waiting)
    }

    /// Returns used buffer `ahead`, of those that [wait](Self::waiting), without taking it.
    #[inline(always)]
    pub(crate) fn look(&self, ahead: u16) -> Result<Used, Fault> {
        let [id, len] = self.used.at(self.seen.wrapping_add(ahead));
        let (id, len) = (u32::from_le(id.load(Ordering::Relaxed)), u32::from_le(len.load(Ordering::Relaxed)));
        if id > u32::from(self.used.mask) {
            return Err(Fault::NoSuchId { id, size: self.size() });
        }
        Ok(Used { id: id as u16, len })
    }

    /// Takes the used buffer at the front, whose first descriptor is `id`: its descriptors are free again.
    ///
    /// The caller knows that `id` was posted and did not come back.
    #[inline(always)]
    pub(crate) fn take(&mut self, id: u16) {
        debug_assert!(self.ready != self.seen);
        self.seen = self.seen.wrapping_add(1);
        self.posted -= 1;
        let mut descriptor = id;
        // A chain that was posted ends, and has no more descriptors than are free after it.
        while let Some(link) = self.links.get_mut(usize::from(descriptor)) {
            let next = core::mem::replace(link, NONE);
            if let Some(place) = self.free.get_mut(usize::from(self.free_len)) {
                *place = descriptor;
                self.free_len += 1;
            }
            descriptor = next;
        }
    }
}

impl fmt::Debug for SplitRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SplitRing({} descriptors, {} buffers posted)", self.size(), self.posted)
    }
}
