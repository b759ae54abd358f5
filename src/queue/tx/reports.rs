//! The reports that a transmit ring waits for.

use super::fifo::Fifo;

/// A queue of the reports that were requested. A report is named by its end: the descriptor after the one that has it.
#[derive(Debug)]
pub(super) struct Reports {
    ends: Fifo<u64>,
    /// The last end, or the number of descriptors that were reclaimed, if that is more.
    end: u64,
}

impl Reports {
    /// Makes an empty queue for a ring of `len` descriptors, a power of two.
    pub(super) fn new(len: usize) -> Self {
        Self { ends: Fifo::new(len), end: 0 }
    }

    /// Returns where in memory the entries are.
    #[cfg(test)]
    pub(super) fn footprint(&self) -> core::ops::Range<usize> {
        self.ends.footprint()
    }

    /// Returns the end of the last report, or the number of descriptors that were reclaimed, if that is more.
    #[inline(always)]
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Returns `true` if no report is waited for.
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Counts all descriptors before `end` as reclaimed. The queue is empty.
    pub(super) fn skip_to(&mut self, end: u64) {
        self.end = end;
    }

    /// Waits for no report any more, and counts all descriptors before `end` as reclaimed.
    pub(super) fn clear(&mut self, end: u64) {
        self.ends.clear();
        self.end = end;
    }

    /// Adds a report. There are at most as many as descriptors that are posted.
    #[inline(never)]
    pub(super) fn push(&mut self, end: u64) {
        self.ends.push(end);
        self.end = end;
    }

    /// Removes the first reports, as long as `is_made` says that the report of that end is made. Returns the last that
    /// it removes.
    #[inline(always)]
    pub(super) fn pop_made(&mut self, is_made: impl Fn(u64) -> bool) -> Option<u64> {
        let mut last = None;
        while let Some(end) = self.ends.first()
            && is_made(end)
        {
            last = Some(end);
            self.ends.drop_first();
        }
        last
    }
}
