//! A split virtqueue (specification 2.7): descriptors, the ring of those that are available to the device, and the ring
//! of those that it has used.

use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU16, AtomicU64, Ordering, fence};

use datasheet_runtime::value;
use ixgbe::dma::{Dma, DmaAddr, DmaError};

use crate::descriptors::SplitDescriptorRead as Descriptor;
use crate::ring::{Area, Fault, MAX_SIZE, Part, Ring, Used};

/// The available ring's flag that asks for no interrupts. Without EVENT_IDX alone.
const NO_INTERRUPT: u16 = 1;
/// The used ring's flag that asks for no doorbells. Without EVENT_IDX alone.
const NO_NOTIFY: u16 = 1;

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
        unsafe { self.from(index).as_ref() }
    }

    /// Returns where entry `index` is, modulo the number of entries.
    #[inline(always)]
    fn from(&self, index: u16) -> NonNull<T> {
        // SAFETY: as in `at`, there is such an entry.
        unsafe { self.first.add((index & self.mask).into()) }
    }

    /// Returns how many entries there are from `index` on, in one piece.
    #[inline(always)]
    fn to_wrap(&self, index: u16) -> usize {
        usize::from(self.mask) + 1 - usize::from(index & self.mask)
    }
}

/// A split virtqueue of which the device knows.
pub(crate) struct SplitRing {
    descriptors: Shared<[AtomicU64; 2]>,
    /// Flags and index of the available ring, then its entries, then the index at which the driver wants an interrupt.
    available: Shared<AtomicU16>,
    available_head: Shared<AtomicU16>,
    /// Each of its entries has the id with its own number, so that nobody has to write it there.
    is_plain: bool,
    used_event: NonNull<AtomicU16>,
    /// Entries of the used ring: the id in the lower half, the length in the upper one.
    used: Shared<AtomicU64>,
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
    /// The number of descriptors that are free.
    free: u16,
    area: Area,
}

// SAFETY: a ring owns its memory, and accesses it as atomics.
unsafe impl Send for SplitRing {}
// SAFETY: as for `Send`; whatever changes needs a unique reference.
unsafe impl Sync for SplitRing {}

/// Returns the offsets of the available and the used ring in the memory of a ring of `size` descriptors, and its length.
///
/// The entries of the used ring begin a cache line, and have no line in common with what the driver writes.
const fn layout(size: usize) -> (usize, usize, usize) {
    let available = 16 * size;
    let used = (available + 6 + 2 * size).next_multiple_of(64) + 60;
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
        let area = Area::new(dma, len, [0, available, used])?;
        let [base, available, used] = area.parts();
        let mask = size - 1;
        // SAFETY: all of these are inside of the `len` bytes: `layout` gives each ring 4 bytes, its entries and 2 bytes.
        // Memory is aligned to 4 KiB, the available ring to 16 bytes, and the used ring to 4 and its entries to 64 bytes.
        let mut ring = unsafe {
            Self {
                descriptors: Shared { first: base.cast(), mask },
                available: Shared { first: available.add(4).cast(), mask },
                available_head: Shared { first: available.cast(), mask: 1 },
                is_plain: true,
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
                free: size,
                area,
            }
        };
        (0..size).for_each(|id| ring.available.at(id).store(id.to_le(), Ordering::Relaxed));
        ring.suppress_interrupts();
        Ok(ring)
    }

    fn used_event(&self) -> &AtomicU16 {
        // SAFETY: `new` placed it in the ring's memory, aligned, and it is an atomic.
        unsafe { self.used_event.as_ref() }
    }

    fn available_event(&self) -> &AtomicU16 {
        // SAFETY: as for `used_event`.
        unsafe { self.available_event.as_ref() }
    }

    /// Returns what reads a used entry by its number.
    #[inline(always)]
    fn used_entries(&self) -> impl Fn(usize) -> u64 {
        let entries = self.used.from(self.seen);
        // SAFETY: the number is below `waiting`, and as many entries follow in one piece, for which the ring is borrowed
        // here. They are atomics.
        move |number| u64::from_le(unsafe { entries.add(number).as_ref() }.load(Ordering::Relaxed))
    }
}

impl Ring for SplitRing {
    fn renew(&self, dma: &impl Dma) -> Result<Self, DmaError> {
        Self::new(dma, self.size(), self.event_index)
    }

    #[inline(always)]
    fn size(&self) -> u16 {
        self.descriptors.mask + 1
    }

    fn addresses(&self) -> [DmaAddr; 3] {
        self.area.addresses()
    }

    #[inline(always)]
    fn free(&self) -> usize {
        self.free.into()
    }

    #[inline(always)]
    fn posted(&self) -> u16 {
        self.posted
    }

    #[inline(always)]
    fn suppress_interrupts(&mut self) {
        if self.event_index {
            // The index farthest from the next one. It is renewed with each sweep, so it is never reached.
            self.used_event().store(self.seen.wrapping_sub(1).to_le(), Ordering::Relaxed);
        } else {
            self.available_head.at(0).store(NO_INTERRUPT.to_le(), Ordering::Relaxed);
        }
    }

    fn request_interrupt(&mut self) {
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
    fn room(&self) -> usize {
        self.free().min(self.available.to_wrap(self.next))
    }

    #[inline(always)]
    unsafe fn poster<const WRITE: bool>(&mut self) -> impl Fn(usize, usize, DmaAddr, u64) {
        const WRITTEN: u64 = value!(Descriptor { WRITE: true }).bits()[1];
        let descriptors = self.descriptors.first;
        move |_, id, address, len| {
            // SAFETY: the caller promises that the id is below the size. The descriptors are initialised memory that the
            // ring keeps, which is borrowed here, and are atomics.
            let [low, high] = unsafe { descriptors.add(id).as_ref() };
            low.store(address.get().to_le(), Ordering::Relaxed);
            high.store((len | if WRITE { WRITTEN } else { 0 }).to_le(), Ordering::Relaxed);
        }
    }

    #[inline(always)]
    fn advance(&mut self, ids: &[u16], are_sorted: bool) {
        self.is_plain &= are_sorted && ids.first().is_none_or(|id| *id == self.next & self.available.mask);
        if !self.is_plain {
            let entries = self.available.from(self.next).cast::<u16>();
            for (number, id) in ids.iter().take(self.room()).enumerate() {
                // SAFETY: as many entries as there is room for follow in one piece. The device reads them after it has read
                // an index that counts them, so until then they are no memory that it shares, and need no atomics.
                unsafe { entries.add(number).write(id.to_le()) };
            }
        }
        let count = ids.len() as u16;
        self.next = self.next.wrapping_add(count);
        self.posted += count;
        self.free -= count;
    }

    #[inline]
    unsafe fn post_chain(&mut self, parts: &[Part], readable: usize) -> bool {
        const NEXT: u64 = value!(Descriptor { NEXT: true }).bits()[1];
        const WRITE: u64 = value!(Descriptor { WRITE: true }).bits()[1];
        const NEXT_INDEX: u32 = 48;
        let Some((head, ..)) = parts.first().filter(|_| parts.len() <= self.free()) else { return false };
        let mut link = 0;
        // From the last one on, as each names the next.
        for (index, (id, address, len)) in parts.iter().enumerate().rev() {
            let write = if index < readable { 0 } else { WRITE };
            let [low, high] = self.descriptors.at(*id);
            low.store(address.get().to_le(), Ordering::Relaxed);
            high.store((u64::from(*len) | write | link).to_le(), Ordering::Relaxed);
            link = NEXT | u64::from(*id) << NEXT_INDEX;
        }
        self.is_plain &= *head == self.next & self.available.mask;
        self.available.at(self.next).store(head.to_le(), Ordering::Relaxed);
        self.next = self.next.wrapping_add(1);
        self.posted += 1;
        self.free -= parts.len() as u16;
        true
    }

    #[inline(always)]
    fn publish(&mut self) -> bool {
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

    #[inline(always)]
    fn refresh(&mut self) -> Result<(), Fault> {
        // What the device wrote before the index is read after it.
        let index = u16::from_le(self.used_head.at(1).load(Ordering::Acquire));
        if index.wrapping_sub(self.seen) > self.posted {
            return Err(Fault::IndexJump { index, seen: self.seen, posted: self.posted });
        }
        self.ready = index;
        Ok(())
    }

    #[inline(always)]
    fn waiting(&self) -> (usize, usize) {
        let count = usize::from(self.ready.wrapping_sub(self.seen)).min(self.used.to_wrap(self.seen));
        (count, self.size().into())
    }

    #[inline(always)]
    fn returned(&self) -> impl Fn(usize, usize, usize) -> bool {
        let used = self.used_entries();
        move |number, _descriptors, id| used(number) as u32 == id as u32
    }

    #[inline(always)]
    fn written<const MIN: u32>(&self, max: u32) -> impl Fn(usize, usize) -> Option<u64> {
        let (used, more) = (self.used_entries(), max.saturating_sub(MIN));
        move |number, id| {
            // The length, if the lower half is the id. Otherwise something is left of that, and is in the upper half: more than
            // any length.
            let len = used(number).wrapping_sub(id as u64).rotate_left(32);
            (len.wrapping_sub(MIN.into()) <= more.into()).then_some(len)
        }
    }

    #[inline(always)]
    fn skip(&mut self, count: u16, descriptors: u16) {
        self.seen = self.seen.wrapping_add(count);
        self.posted -= count;
        self.free += descriptors;
    }

    #[inline(always)]
    fn look(&self) -> Result<Option<Used>, Fault> {
        if self.seen == self.ready {
            return Ok(None);
        }
        let entry = u64::from_le(self.used.at(self.seen).load(Ordering::Relaxed));
        let (id, len) = (entry as u32, (entry >> 32) as u32);
        if id > u32::from(self.used.mask) {
            return Err(Fault::NoSuchId { id, size: self.size() });
        }
        Ok(Some(Used { id: id as u16, len }))
    }
}

impl fmt::Debug for SplitRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SplitRing({} descriptors, {} buffers posted)", self.size(), self.posted)
    }
}
