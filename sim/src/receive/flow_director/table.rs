//! The table of filters: buckets, each with a list of filters (datasheet 7.1.2.7, 8.2.3.21.22).

use std::collections::HashMap;

use crate::receive::flow_director::flow::Flow;

/// One filter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filter {
    /// Signature or SW-Index. No two filters of a bucket share it.
    pub(super) id: u16,
    /// The fields of a perfect filter.
    pub(super) flow: Flow,
    /// The attributes in FDIRCMD.
    pub(super) attributes: u32,
    /// `true` once software has tried to add the filter again, without an update.
    pub(super) collision: bool,
    /// `true` if the list was too long when the filter was added. It stays so when filters before it are removed
    /// (erratum 2).
    pub(super) too_long: bool,
}

/// The result of an addition.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// The filter is the last of a list of `length` now.
    New {
        /// The number of filters in the list.
        length: usize,
    },
    /// A filter with this signature or index was there.
    Exists,
    Full,
}

/// The filters, by bucket.
#[derive(Debug, Default)]
pub(super) struct Table {
    buckets: HashMap<u16, Vec<Filter>>,
    /// Number of filters in the table, and of places that are lost.
    used: u32,
}

impl Table {
    /// Returns a table of which all `capacity` places are lost.
    pub(super) fn full(capacity: u32) -> Self {
        Self { used: capacity, ..Self::default() }
    }

    /// Returns the number of filters, and of places that are lost.
    pub(super) fn used(&self) -> u32 {
        self.used
    }

    /// Returns the filters of a bucket.
    pub(super) fn list(&self, bucket: u16) -> &[Filter] {
        self.buckets.get(&bucket).map_or(&[], Vec::as_slice)
    }

    /// Adds a filter to a table with `capacity` places. With `update`, replaces the filter that has its signature or
    /// index. Marks the filter if its list is longer than `longest`.
    pub(super) fn add(&mut self, bucket: u16, filter: Filter, update: bool, longest: usize, capacity: u32) -> Added {
        let full = self.used >= capacity;
        let list = self.buckets.entry(bucket).or_default();
        if let Some(old) = list.iter_mut().find(|old| old.id == filter.id) {
            if update {
                *old = Filter { collision: old.collision, too_long: old.too_long, ..filter };
            } else {
                old.collision = true;
            }
            return Added::Exists;
        }
        if full {
            return Added::Full;
        }
        let length = list.len() + 1;
        list.push(Filter { too_long: length > longest, ..filter });
        self.used += 1;
        Added::New { length }
    }

    /// Removes a filter. Returns `true` if it was there.
    pub(super) fn remove(&mut self, bucket: u16, id: u16) -> bool {
        let Some(list) = self.buckets.get_mut(&bucket) else { return false };
        let before = list.len();
        list.retain(|filter| filter.id != id);
        let removed = list.len() < before;
        self.used -= u32::from(removed);
        removed
    }
}
