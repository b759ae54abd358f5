//! A packed virtqueue (specification 2.8): one ring of descriptors, and a structure of each side that says when it wants
//! to be notified.
//!
//! The driver writes descriptors at its place in the ring, and the device writes used ones over them, at its own place
//! and in any order. Both places go round, and a bit of each descriptor's flags says in which round it was written. A
//! buffer takes as many places as it has descriptors. So between the two places there are as many descriptors as the
//! buffers have that the device has, and the driver finds what comes next without trust in the device.

use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use datasheet_runtime::field::Field;
use datasheet_runtime::value;
use ixgbe::dma::{Dma, DmaAddr, DmaError};

use crate::descriptors::event_suppression_memory::FLAGS as When;
use crate::descriptors::{EventSuppressionMemory as Event, PackedDescriptorMemory as Descriptor};
use crate::ring::{Area, Fault, MAX_SIZE, Part, Ring, Used};

/// The flags of a descriptor, in its second word.
const NEXT: u64 = value!(Descriptor { NEXT: true }).bits()[1];
const WRITE: u64 = value!(Descriptor { WRITE: true }).bits()[1];
const AVAILABLE: u64 = value!(Descriptor { AVAILABLE: true }).bits()[1];
const USED: u64 = value!(Descriptor { USED: true }).bits()[1];

/// What the driver says about its interrupts if it wants none, the next one, or the one at a place, which is missing.
const DISABLED: u32 = value!(Event { FLAGS: When::Disable }).bits()[0] as u32;
const ENABLED: u32 = value!(Event { FLAGS: When::Enable }).bits()[0] as u32;
const AT_PLACE: u32 = value!(Event { FLAGS: When::Descriptor }).bits()[0] as u32;
const AT_WRAP: u32 = value!(Event { FLAGS: When::Descriptor, WRAP: true }).bits()[0] as u32;

/// Returns where a field begins in the second word of a descriptor.
const fn bit_of<F: Field<Descriptor>>(_field: F) -> u32 {
    F::LSB - 64
}

const ID: u32 = bit_of(Descriptor::ID);
const FLAGS: u32 = bit_of(Descriptor::NEXT);

/// Returns a field of what a side says about its notifications.
fn field_of<F: Field<Event>>(event: u32, field: F) -> F::Read {
    field.decode(u64::from(event) >> F::LSB & ((1 << F::WIDTH) - 1))
}

/// A place in the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// The descriptor: below the size of the ring.
    index: u16,
    /// What the flags `AVAILABLE` and `USED` are, if the descriptor was written in this round by the side whose place it
    /// is: equal if that is the device, and different if it is the driver. Both change from round to round.
    flags: u64,
}

impl Place {
    /// Goes on by `count` descriptors of `size`, of which there are no more.
    #[inline(always)]
    fn advance(&mut self, count: u16, size: u16) {
        // At most twice 2^15 - 1 before the next line, and less than `size` behind it.
        self.index += count.min(size);
        if self.index >= size {
            self.index -= size;
            self.flags ^= AVAILABLE | USED;
        }
    }
}

/// A packed virtqueue of which the device knows.
pub(crate) struct PackedRing {
    descriptors: NonNull<[AtomicU64; 2]>,
    size: u16,
    /// When the driver wants an interrupt, and whether that is ever.
    driver_event: NonNull<AtomicU32>,
    is_interrupt_wanted: bool,
    /// When the device wants its doorbell rung.
    device_event: NonNull<AtomicU32>,
    /// Whether each side may say at which place it wants that.
    event_index: bool,
    /// Where the next descriptor is posted, and up to where the device was asked whether it wants its doorbell rung.
    next: Place,
    published: Place,
    /// Where the next used descriptor is to come.
    seen: Place,
    /// The number of descriptors that are free.
    free: u16,
    /// The number of buffers that were posted and did not come back.
    posted: u16,
    area: Area,
}

// SAFETY: a ring owns its memory, and accesses it as atomics.
unsafe impl Send for PackedRing {}
// SAFETY: as for `Send`; whatever changes needs a unique reference.
unsafe impl Sync for PackedRing {}

impl PackedRing {
    /// Makes an empty ring of `size` descriptors: at least 1, and at most [`MAX_SIZE`]. Its memory is zero.
    pub(crate) fn new(dma: &impl Dma, size: u16, event_index: bool) -> Result<Self, DmaError> {
        let driver_event = (16 * usize::from(size)).next_multiple_of(64);
        // Each side writes a cache line of its own.
        let (device_event, len) = (driver_event + 64, driver_event + 128);
        if size == 0 || size > MAX_SIZE {
            return Err(DmaError::NotMappable { len, reason: "a ring has 1 to 32768 descriptors" });
        }
        let area = Area::new(dma, len, [0, driver_event, device_event])?;
        let [descriptors, driver_event, device_event] = area.parts();
        let first = Place { index: 0, flags: AVAILABLE };
        let ring = Self {
            descriptors: descriptors.cast(),
            size,
            driver_event: driver_event.cast(),
            is_interrupt_wanted: false,
            device_event: device_event.cast(),
            event_index,
            next: first,
            published: first,
            seen: Place { index: 0, flags: AVAILABLE | USED },
            free: size,
            posted: 0,
            area,
        };
        ring.driver_event().store(DISABLED.to_le(), Ordering::Relaxed);
        Ok(ring)
    }

    fn driver_event(&self) -> &AtomicU32 {
        // SAFETY: `new` placed it in the ring's memory, aligned, and it is an atomic.
        unsafe { self.driver_event.as_ref() }
    }

    /// Returns where the descriptor at `place` is.
    #[inline(always)]
    fn from(&self, place: Place) -> NonNull<[AtomicU64; 2]> {
        // SAFETY: the memory has `size` descriptors, and lives as long as the ring. The index is below `size`: it is 0 at
        // first, and `advance` keeps it there.
        unsafe { self.descriptors.add(place.index.into()) }
    }

    /// Returns the descriptor at `place`.
    #[inline(always)]
    fn at(&self, place: Place) -> &[AtomicU64; 2] {
        // SAFETY: there is one, aligned and initialised. They are atomics, so shared references to them may exist while the
        // device writes.
        unsafe { self.from(place).as_ref() }
    }

    /// Returns what compares a used descriptor with the one that a buffer would have. It returns the length if both are the
    /// same but for that, else at least 2^32.
    #[inline(always)]
    fn found(&self) -> impl Fn(usize, usize) -> u64 {
        const LOOKED_AT: u64 = AVAILABLE | USED | ((1 << FLAGS) - 1);
        let (first, flags) = (self.from(self.seen), self.seen.flags);
        move |number, id| {
            // SAFETY: the number of the descriptor is below `waiting`, and as many follow in one piece, for which the ring is
            // borrowed here.
            let [_, word] = unsafe { first.add(number).as_ref() };
            // What the device wrote before the flags is read after them, and so is the rest of this word, with them.
            (u64::from_le(word.load(Ordering::Acquire)) & LOOKED_AT) ^ (flags | (id as u64) << ID)
        }
    }
}

impl Ring for PackedRing {
    fn renew(&self, dma: &impl Dma) -> Result<Self, DmaError> {
        Self::new(dma, self.size, self.event_index)
    }

    #[inline(always)]
    fn size(&self) -> u16 {
        self.size
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
        // That holds until something else is written.
        if self.is_interrupt_wanted {
            self.is_interrupt_wanted = false;
            self.driver_event().store(DISABLED.to_le(), Ordering::Relaxed);
        }
    }

    fn request_interrupt(&mut self) {
        self.is_interrupt_wanted = true;
        let Place { index, flags } = self.seen;
        let event = match self.event_index {
            false => ENABLED,
            true if flags & AVAILABLE == 0 => AT_PLACE | u32::from(index),
            true => AT_WRAP | u32::from(index),
        };
        self.driver_event().store(event.to_le(), Ordering::Relaxed);
        // As in a split ring: the request is visible before the driver looks at the descriptors.
        fence(Ordering::SeqCst);
    }

    #[inline(always)]
    fn room(&self) -> usize {
        self.free.min(self.size - self.next.index).into()
    }

    #[inline(always)]
    unsafe fn poster<const WRITTEN: bool>(&mut self) -> impl Fn(usize, usize, DmaAddr, u64) {
        let (first, flags) = (self.from(self.next), self.next.flags | if WRITTEN { WRITE } else { 0 });
        move |number, id, address, len| {
            // SAFETY: the caller promises that the number is below `room`: as many descriptors follow in one piece, in
            // memory that the ring keeps, which it is borrowed for here.
            let [low, high] = unsafe { first.add(number).as_ref() };
            low.store(address.get().to_le(), Ordering::Relaxed);
            // Other bits each, so the sum is their union: the compiler adds constants in one step.
            let word = len.wrapping_add(flags).wrapping_add((id as u64) << ID);
            // The flags hand the descriptor over, so the address comes before them.
            high.store(word.to_le(), Ordering::Release);
        }
    }

    #[inline(always)]
    fn advance(&mut self, ids: &[u16], _are_sorted: bool) {
        let count = ids.len() as u16;
        self.next.advance(count, self.size);
        self.posted += count;
        self.free -= count;
    }

    #[inline]
    unsafe fn post_chain(&mut self, parts: &[Part], readable: usize) -> bool {
        let Some((id, ..)) = parts.first().filter(|_| parts.len() <= self.free()) else { return false };
        let mut more = 0;
        // From the last one on: the flags of the first hand all of them over.
        for (index, (_, address, len)) in parts.iter().enumerate().rev() {
            let mut place = self.next;
            place.advance(index as u16, self.size);
            let write = if index < readable { 0 } else { WRITE };
            let word = u64::from(*len) | u64::from(*id) << ID | write | more | place.flags;
            let [low, high] = self.at(place);
            low.store(address.get().to_le(), Ordering::Relaxed);
            high.store(word.to_le(), Ordering::Release);
            more = NEXT;
        }
        // No more than are free.
        self.next.advance(parts.len() as u16, self.size);
        self.free -= parts.len() as u16;
        self.posted += 1;
        true
    }

    #[inline(always)]
    fn publish(&mut self) -> bool {
        let (old, new) = (self.published, self.next);
        if old == new {
            return false;
        }
        self.published = new;
        // As in a split ring: the descriptors are visible before the driver reads what the device wants.
        fence(Ordering::SeqCst);
        // SAFETY: `new` placed it in the ring's memory, aligned, and it is an atomic.
        let event = u32::from_le(unsafe { self.device_event.as_ref() }.load(Ordering::Relaxed));
        match field_of(event, Event::FLAGS) {
            Some(When::Disable) => false,
            Some(When::Descriptor) if self.event_index => {
                let at = field_of(event, Event::PLACE) as u16;
                // All places as numbers of this round; the round before is negative, which wraps.
                let before = |index: u16, is_this: bool| if is_this { index } else { index.wrapping_sub(self.size) };
                let wrap = field_of(event, Event::WRAP);
                let asked = before(at, wrap == (new.flags & AVAILABLE != 0));
                let old = before(old.index, old.flags == new.flags);
                // A device that asks at a place that does not exist gets each doorbell.
                at >= self.size || new.index.wrapping_sub(asked).wrapping_sub(1) < new.index.wrapping_sub(old)
            }
            _ => true,
        }
    }

    #[inline(always)]
    fn refresh(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    #[inline(always)]
    fn waiting(&self) -> (usize, usize) {
        let in_one_piece = self.size - self.seen.index;
        (self.posted.min(in_one_piece).into(), in_one_piece.into())
    }

    #[inline(always)]
    fn returned(&self) -> impl Fn(usize, usize, usize) -> bool {
        let found = self.found();
        move |_number, descriptors, id| found(descriptors, id) >> ID == 0
    }

    #[inline(always)]
    fn written<const MIN: u32>(&self, max: u32) -> impl Fn(usize, usize) -> Option<u64> {
        let (found, more) = (self.found(), max.saturating_sub(MIN));
        move |number, id| {
            // More than 32 bits have more than any length.
            let len = found(number, id);
            (len.wrapping_sub(MIN.into()) <= more.into()).then_some(len)
        }
    }

    #[inline(always)]
    fn skip(&mut self, count: u16, descriptors: u16) {
        self.seen.advance(descriptors, self.size);
        self.posted -= count;
        self.free += descriptors;
    }

    #[inline(always)]
    fn look(&self) -> Result<Option<Used>, Fault> {
        let [_, word] = self.at(self.seen);
        // What the device wrote before the flags is read after them.
        let flags = u64::from_le(word.load(Ordering::Acquire));
        match ((flags ^ self.seen.flags) & (AVAILABLE | USED), self.posted()) {
            (0, 1..) => {}
            // It is available still. Without buffers of the device, it can be anything but used.
            (USED, 1..) | (1.., 0) => return Ok(None),
            (_, posted) => {
                let flags = (flags >> FLAGS) as u16;
                return Err(Fault::Flags { place: self.seen.index, flags, posted });
            }
        }
        // WRITE says whether the length is one. It is not looked at: QEMU never sets it.
        let word = u64::from_le(word.load(Ordering::Relaxed));
        let (id, len) = ((word >> ID) as u16, word as u32);
        if id >= self.size {
            return Err(Fault::NoSuchId { id: id.into(), size: self.size });
        }
        Ok(Some(Used { id, len }))
    }
}

impl fmt::Debug for PackedRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PackedRing({} descriptors, {} buffers posted)", self.size, self.posted())
    }
}
