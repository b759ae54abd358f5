//! A ring of descriptors, and how long its memory must live.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use crate::descriptors::Words;
use crate::dma::{Dma, DmaAddr, DmaError, Domain, Mapping, Memory};

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

/// A ring of a power of two descriptors, each with a slot in which the driver keeps what it posted.
pub(crate) struct Ring<S> {
    words: NonNull<Words>,
    slots: NonNull<S>,
    mask: usize,
    address: DmaAddr,
    // Dropped in this order: the device loses sight of the memory before it is freed.
    _mapping: Mapping,
    _memory: Memory,
}

// SAFETY: a ring owns its memory and its slots; descriptors are accessed as atomics.
unsafe impl<S: Send> Send for Ring<S> {}
// SAFETY: as for `Send`; slots change only through a unique reference.
unsafe impl<S: Sync> Sync for Ring<S> {}

impl<S> Ring<S> {
    /// A ring that `device` can reach, of as many descriptors as there are `slots`: a power of two.
    pub(crate) fn new(device: &impl Dma, slots: Vec<S>) -> Result<Self, DmaError> {
        let count = slots.len();
        let len = count * DESCRIPTOR;
        if !count.is_power_of_two() {
            return Err(DmaError::OutOfMemory { len });
        }
        let memory = device.allocate(len)?;
        let mapping = device.map(&memory)?;
        let words = memory.base();
        let address = match mapping.address(words) {
            Some(address) if memory.len() >= len && mapping.is_contiguous(words, len) => address,
            _ => return Err(DmaError::NotMappable { len, reason: "a ring must be in one piece" }),
        };
        // Never null: a box of a slice. The slice comes back in `drop`.
        let slots = NonNull::from(Box::leak(slots.into_boxed_slice())).cast();
        Ok(Self { words: words.cast(), slots, mask: count - 1, address, _mapping: mapping, _memory: memory })
    }

    /// What the slots hold; the device must not use the ring any more.
    pub(crate) fn into_slots(mut self) -> Vec<S> {
        let slots = core::ptr::slice_from_raw_parts_mut(self.slots.as_ptr(), self.mask + 1);
        (self.slots, self.mask) = (NonNull::dangling(), usize::MAX);
        // SAFETY: made from such a box in `new`; `drop` sees that it is gone.
        unsafe { Box::from_raw(slots) }.into_vec()
    }

    /// Number of descriptors.
    pub(crate) fn len(&self) -> usize {
        self.mask + 1
    }

    /// Size of the descriptors in memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.len() * DESCRIPTOR
    }

    /// Where the device finds the ring.
    pub(crate) fn address(&self) -> DmaAddr {
        self.address
    }

    /// `index` brought into the ring.
    #[inline(always)]
    pub(crate) fn wrap(&self, index: usize) -> usize {
        index & self.mask
    }

    /// Descriptor `index`, counted around the ring.
    #[inline(always)]
    pub(crate) fn words(&self, index: usize) -> &Words {
        // SAFETY: the index is masked to the descriptors that the memory has; it is aligned to
        // 4 KiB, was zeroed, and any bits are valid as two atomics.
        unsafe { self.words.add(index & self.mask).as_ref() }
    }

    /// Slot `index`, counted around the ring.
    #[inline(always)]
    pub(crate) fn slot(&mut self, index: usize) -> &mut S {
        // SAFETY: the index is masked to the slots there are, which belong to the ring.
        unsafe { self.slots.add(index & self.mask).as_mut() }
    }

    /// The descriptor and the slot at `index`.
    #[inline(always)]
    pub(crate) fn at(&mut self, index: usize) -> (&Words, &mut S) {
        let index = index & self.mask;
        // SAFETY: as in `words` and `slot`; the two do not overlap.
        unsafe { (self.words.add(index).as_ref(), self.slots.add(index).as_mut()) }
    }
}

impl<S> Drop for Ring<S> {
    fn drop(&mut self) {
        if self.mask == usize::MAX {
            return;
        }
        let slots = core::ptr::slice_from_raw_parts_mut(self.slots.as_ptr(), self.mask + 1);
        // SAFETY: made from such a box in `new`.
        drop(unsafe { Box::from_raw(slots) });
    }
}

impl<S> fmt::Debug for Ring<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({} descriptors at {:?})", self.len(), self.address)
    }
}
