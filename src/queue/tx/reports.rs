//! The reports that a transmit ring waits for.

use alloc::boxed::Box;
use alloc::vec;

use crate::sync::LINE;

/// A report that was requested: of the run of descriptors from the one before up to `end`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Report {
    /// The descriptor after the last of the run, which has the report.
    pub(super) end: u64,
    /// The attachment that the buffers of the run are of.
    pub(super) owner: usize,
}

/// A queue of reports, with room for one of each descriptor.
#[derive(Debug)]
pub(super) struct Reports {
    /// One entry for each descriptor, and a cache line that keeps other queues' data away.
    entries: Box<[Report]>,
    mask: u64,
    first: u64,
    next: u64,
    /// The end of the last report, or how many descriptors were reclaimed, if that is more.
    end: u64,
}

impl Reports {
    /// Makes an empty queue for a ring of `len` descriptors, a power of two.
    pub(super) fn new(len: usize) -> Self {
        let entries = vec![Report::default(); len + LINE / size_of::<Report>()].into();
        Self { entries, mask: len as u64 - 1, first: 0, next: 0, end: 0 }
    }

    /// Where in memory the entries are.
    #[cfg(test)]
    pub(super) fn footprint(&self) -> core::ops::Range<usize> {
        let entries = self.entries.as_ptr() as usize;
        entries..entries + (self.mask as usize + 1) * size_of::<Report>()
    }

    /// Returns the descriptor after the last that was reported, or that a report is waited for.
    #[inline(always)]
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Counts all descriptors before `end` as reported. The queue is empty.
    #[inline(always)]
    pub(super) fn skip_to(&mut self, end: u64) {
        self.end = end;
    }

    /// Adds a report at the end.
    #[inline(never)]
    pub(super) fn push(&mut self, report: Report) {
        // There are at most as many reports as descriptors that are posted.
        if let Some(entry) = self.entries.get_mut((self.next & self.mask) as usize) {
            *entry = report;
            self.next += 1;
            self.end = report.end;
        }
    }

    /// Removes the first reports, as long as `is_made` says that the report before a descriptor is made, and the owner is the
    /// same. Returns the last that it removes.
    #[inline(always)]
    pub(super) fn pop_made(&mut self, is_made: impl Fn(u64) -> bool) -> Option<Report> {
        let (mut first, mut last) = (self.first, None::<Report>);
        while first != self.next
            && let Some(report) = self.entries.get((first & self.mask) as usize)
            && last.is_none_or(|last| last.owner == report.owner)
            && is_made(report.end)
        {
            last = Some(*report);
            first += 1;
        }
        self.first = first;
        last
    }
}
