//! Allocation of IOMMU addresses.

use std::vec::Vec;

/// A range of addresses, from `start` to `last` inclusive, as the kernel gives it. So it can contain the last address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Range {
    pub(crate) start: u64,
    pub(crate) last: u64,
}

impl Range {
    fn intersection(self, other: Self) -> Option<Self> {
        let (start, last) = (self.start.max(other.start), self.last.min(other.last));
        (start <= last).then_some(Self { start, last })
    }
}

/// An allocator of addresses within the ranges of the IOMMU.
#[derive(Debug, Default)]
pub(crate) struct Allocator {
    /// Free ranges, sorted, neither overlapping nor adjacent.
    free: Vec<Range>,
    /// The ranges of the IOMMU.
    usable: Vec<Range>,
}

impl Allocator {
    /// Starts with all of `ranges` free, except addresses below `lowest`: address 0 could be mistaken for none.
    pub(crate) fn new(ranges: &[Range], lowest: u64) -> Self {
        let above = Range { start: lowest, last: u64::MAX };
        let usable = normalised(ranges.iter().filter_map(|range| range.intersection(above)).collect());
        Self { free: usable.clone(), usable }
    }

    /// Restricts the allocator to `ranges`. Allocated addresses are not affected.
    pub(crate) fn restrict(&mut self, ranges: &[Range]) {
        for list in [&mut self.free, &mut self.usable] {
            let both = list.iter().flat_map(|have| ranges.iter().filter_map(|range| have.intersection(*range)));
            *list = normalised(both.collect());
        }
    }

    /// Allocates `len` bytes at a multiple of `align`, a power of two.
    pub(crate) fn allocate(&mut self, len: u64, align: u64) -> Option<u64> {
        let more = len.checked_sub(1)?;
        let place = |range: &Range| {
            let start = range.start.checked_next_multiple_of(align)?;
            let last = start.checked_add(more)?;
            (last <= range.last).then_some(Range { start, last })
        };
        let (index, taken) = self.free.iter().enumerate().find_map(|(index, range)| Some((index, place(range)?)))?;
        let range = self.free.remove(index);
        if taken.last < range.last {
            self.free.insert(index, Range { start: taken.last + 1, last: range.last });
        }
        if range.start < taken.start {
            self.free.insert(index, Range { start: range.start, last: taken.start - 1 });
        }
        Some(taken.start)
    }

    /// Frees the `len` bytes at `start`, which must be allocated.
    pub(crate) fn release(&mut self, start: u64, len: u64) {
        let Some(last) = len.checked_sub(1).and_then(|more| start.checked_add(more)) else { return };
        let returned = Range { start, last };
        let mut all = core::mem::take(&mut self.free);
        all.extend(self.usable.iter().filter_map(|range| range.intersection(returned)));
        self.free = normalised(all);
    }
}

/// Returns the same addresses, sorted, in as few ranges as possible.
fn normalised(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort();
    let mut result: Vec<Range> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match result.last_mut() {
            Some(before) if before.last.checked_add(1).is_none_or(|next| range.start <= next) => {
                before.last = before.last.max(range.last);
            }
            _ => result.push(range),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec;

    const fn range(start: u64, last: u64) -> Range {
        Range { start, last }
    }

    #[test]
    fn reserved_ranges_are_skipped() {
        // As on x86: the interrupts' window is no memory.
        let mut free = Allocator::new(&[range(0, 0xfedf_ffff), range(0xfef0_0000, 0x7f_ffff_ffff)], 0x1000);
        assert_eq!(free.allocate(0x1000, 0x1000), Some(0x1000), "not 0");
        assert_eq!(free.allocate(0xfe00_0000, 0x20_0000), Some(0x20_0000));
        assert_eq!(free.allocate(0x100_0000, 0x20_0000), Some(0xff00_0000), "behind the window");
        assert_eq!(free.allocate(1 << 40, 0x1000), None);
        assert_eq!(free.allocate(0, 0x1000), None);
    }

    #[test]
    fn the_last_address_of_all_can_be_given_out() {
        let mut free = Allocator::new(&[range(0, u64::MAX)], 0x1000);
        assert_eq!(free.allocate(u64::MAX - 0xfff, 0x1000), Some(0x1000));
        assert_eq!(free.allocate(0x1000, 0x1000), None);
        free.release(0x1000, u64::MAX - 0xfff);
        assert_eq!(free.free, free.usable);
    }

    #[test]
    fn fewer_ranges_may_be_left_for_a_second_group() {
        let mut free = Allocator::new(&[range(0, 0xffff_ffff)], 0x1000);
        let start = free.allocate(0x1000, 0x1000).unwrap();
        free.restrict(&[range(0x8000, 0x1_0000_ffff)]);
        assert_eq!(free.allocate(0x1000, 0x1000), Some(0x8000));
        free.release(start, 0x1000);
        assert_eq!(free.allocate(0x1000, 0x1000), Some(0x9000), "what is no longer usable is not given out again");
    }

    proptest! {
        #[test]
        fn nothing_is_given_out_twice(
            ranges in prop::collection::vec((0u64..1 << 20, 0u64..1 << 20), 0..6),
            steps in prop::collection::vec((1u64..1 << 16, 0u32..18, any::<bool>(), any::<prop::sample::Index>()), 1..60),
        ) {
            let ranges: Vec<_> = ranges.into_iter().filter(|(a, b)| a <= b).map(|(a, b)| range(a, b)).collect();
            let mut free = Allocator::new(&ranges, 0x1000);
            let mut out = vec![];
            for (len, shift, release, which) in steps {
                if release && !out.is_empty() {
                    let (start, len) = out.swap_remove(which.index(out.len()));
                    free.release(start, len);
                } else if let Some(start) = free.allocate(len, 1 << shift) {
                    prop_assert!(start >= 0x1000 && start.is_multiple_of(1 << shift));
                    prop_assert!(free.usable.iter().any(|range| range.start <= start && start + len - 1 <= range.last));
                    prop_assert!(out.iter().all(|(other, long)| start + len <= *other || other + long <= start));
                    out.push((start, len));
                }
            }
            for (start, len) in out {
                free.release(start, len);
            }
            prop_assert_eq!(&free.free, &free.usable);
        }
    }
}
