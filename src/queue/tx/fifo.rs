//! A queue of what a ring notes of its descriptors.

use alloc::boxed::Box;
use alloc::vec;

use crate::sync::LINE;

/// A queue with room for one entry of each descriptor of a ring.
#[derive(Debug)]
pub(super) struct Fifo<T> {
    /// The entries, and a cache line that keeps other queues' data away.
    entries: Box<[T]>,
    mask: u64,
    /// The first entry, and the one behind the last, as counts that do not wrap.
    first: u64,
    next: u64,
}

impl<T: Copy + Default> Fifo<T> {
    /// Makes an empty queue for a ring of `len` descriptors, a power of two.
    pub(super) fn new(len: usize) -> Self {
        let entries = vec![T::default(); len + LINE / size_of::<T>()].into();
        Self { entries, mask: len as u64 - 1, first: 0, next: 0 }
    }

    /// Returns where in memory the entries are.
    #[cfg(test)]
    pub(super) fn footprint(&self) -> core::ops::Range<usize> {
        let entries = self.entries.as_ptr() as usize;
        entries..entries + (self.mask as usize + 1) * size_of::<T>()
    }

    /// Returns `true` if there are no entries.
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.first == self.next
    }

    /// Removes all entries.
    pub(super) fn clear(&mut self) {
        self.first = self.next;
    }

    /// Adds an entry behind the others, if there is room.
    #[inline(always)]
    pub(super) fn push(&mut self, entry: T) {
        if self.next - self.first <= self.mask
            && let Some(place) = self.entries.get_mut((self.next & self.mask) as usize)
        {
            *place = entry;
            self.next += 1;
        }
    }

    /// Returns the first entry.
    #[inline(always)]
    pub(super) fn first(&self) -> Option<T> {
        if self.is_empty() { None } else { self.entries.get((self.first & self.mask) as usize).copied() }
    }

    /// Removes the first entry, if there is one.
    #[inline(always)]
    pub(super) fn drop_first(&mut self) {
        self.first = self.next.min(self.first + 1);
    }
}
