//! The reports that a transmit ring waits for.

use alloc::boxed::Box;
use alloc::vec;

use crate::sync::LINE;

/// A queue of the reports that were requested, with room for one of each descriptor. A report is named by its end: the
/// descriptor after the one that has it.
#[derive(Debug)]
pub(super) struct Reports {
    /// One entry for each descriptor, and a cache line that keeps other queues' data away.
    ends: Box<[u64]>,
    mask: u64,
    first: u64,
    next: u64,
    /// The last end, or the number of descriptors that were reclaimed, if that is more.
    end: u64,
}

impl Reports {
    /// Makes an empty queue for a ring of `len` descriptors, a power of two.
    pub(super) fn new(len: usize) -> Self {
        let ends = vec![0; len + LINE / size_of::<u64>()].into();
        Self { ends, mask: len as u64 - 1, first: 0, next: 0, end: 0 }
    }

    /// Returns where in memory the entries are.
    #[cfg(test)]
    pub(super) fn footprint(&self) -> core::ops::Range<usize> {
        let ends = self.ends.as_ptr() as usize;
        ends..ends + (self.mask as usize + 1) * size_of::<u64>()
    }

    /// Returns the end of the last report, or the number of descriptors that were reclaimed, if that is more.
    #[inline(always)]
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Returns `true` if no report is waited for.
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.first == self.next
    }

    /// Counts all descriptors before `end` as reclaimed. The queue is empty.
    pub(super) fn skip_to(&mut self, end: u64) {
        self.end = end;
    }

    /// Waits for no report any more, and counts all descriptors before `end` as reclaimed.
    pub(super) fn clear(&mut self, end: u64) {
        self.first = self.next;
        self.end = end;
    }

    /// Adds a report.
    #[inline(never)]
    pub(super) fn push(&mut self, end: u64) {
        // There are at most as many reports as descriptors that are posted.
        if let Some(entry) = self.ends.get_mut((self.next & self.mask) as usize) {
            *entry = end;
            self.next += 1;
            self.end = end;
        }
    }

    /// Removes the first reports, as long as `is_made` says that the report of that end is made. Returns the last that
    /// it removes.
    #[inline(always)]
    pub(super) fn pop_made(&mut self, is_made: impl Fn(u64) -> bool) -> Option<u64> {
        let (mut first, mut last) = (self.first, None);
        while first != self.next
            && let Some(end) = self.ends.get((first & self.mask) as usize)
            && is_made(*end)
        {
            last = Some(*end);
            first += 1;
        }
        self.first = first;
        last
    }
}
