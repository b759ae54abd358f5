//! The memory that a port can access: its own address space with its mappings.
//!
//! The device accesses memory only through an [`Access`], which holds the table for reading. An unmapping on another
//! thread waits until the burst of DMA is over, as it would for a real IOMMU's invalidation. The table has its own
//! lock, below the chip's lock, so that dropping a mapping needs nothing else. Memory lives as long as its mappings.
//!
//! Only this file touches the driver's memory: by copies through raw pointers and by atomic words, never through
//! references to bytes, because the driver uses the memory too.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::any::Any;
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, Weak};

use ixgbe::dma::{DmaError, Domain, Mapping, Memory};

/// The granularity of mappings in bytes.
const PAGE: usize = 4096;
/// Memory of at least this size is aligned to it.
const LARGE_PAGE: usize = 2 << 20;
/// Distance between the address spaces of two ports, so that an address of one port is invalid at another.
const SPACE: u64 = 0x11_0000_0000;
/// The start of the first port's address space: far from all pointers.
const FIRST: u64 = 0x6B_0000_0000;

/// Memory from [`allocate`], freed when neither its owner nor a mapping needs it any more.
struct Allocation {
    base: NonNull<u8>,
    layout: Layout,
}

impl Drop for Allocation {
    fn drop(&mut self) {
        lock(&ALLOCATIONS).remove(&(self.base.as_ptr() as usize));
        // SAFETY: `allocate` got the memory with this layout, and only this drop frees it.
        unsafe { dealloc(self.base.as_ptr(), self.layout) }
    }
}

// SAFETY: an allocation owns its bytes and gives out only a pointer to them.
unsafe impl Send for Allocation {}
// SAFETY: as for `Send`.
unsafe impl Sync for Allocation {}

/// All memory allocated by any port. Memory of one port may be mapped for another, and must then outlive its owner.
static ALLOCATIONS: Mutex<BTreeMap<usize, Weak<Allocation>>> = Mutex::new(BTreeMap::new());

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A range of memory as the device sees it.
struct Region {
    start: u64,
    len: u64,
    host: NonNull<u8>,
    mapping: u64,
    _alive: Option<Arc<dyn Any + Send + Sync>>,
}

// SAFETY: the pointer is used only through `Access`, whose accesses are atomic or raw copies.
unsafe impl Send for Region {}
// SAFETY: as for `Send`.
unsafe impl Sync for Region {}

#[derive(Default)]
struct Table {
    /// By start, without overlaps.
    regions: Vec<Region>,
    next: u64,
    next_mapping: u64,
    /// Ranges unmapped since the chip last took them.
    removed: Vec<(u64, u64)>,
}

/// One port's address space.
pub(crate) struct Iommu {
    domain: Domain,
    table: RwLock<Table>,
    /// Number of unmappings so far, so that the chip sees without the lock that it must check.
    unmapped: AtomicUsize,
    /// `true` if every page is mapped at an address of its own.
    scattered: bool,
}

impl Iommu {
    pub(crate) fn new(scattered: bool) -> Arc<Self> {
        static DOMAINS: AtomicU64 = AtomicU64::new(0);
        let number = DOMAINS.fetch_add(1, Ordering::Relaxed);
        let next = FIRST + (number % 1024) * SPACE;
        let table = RwLock::new(Table { next, ..Table::default() });
        Arc::new(Self { domain: Domain(number), table, unmapped: AtomicUsize::new(0), scattered })
    }

    pub(crate) fn domain(&self) -> Domain {
        self.domain
    }

    /// Returns the number of bytes mapped now.
    pub(crate) fn mapped_bytes(&self) -> u64 {
        self.read().table.regions.iter().map(|region| region.len).sum()
    }

    /// Maps `memory` at fresh addresses. No address is ever used twice, so that a stale one is noticed.
    pub(crate) fn map(self: &Arc<Self>, memory: &Memory) -> Result<Mapping, DmaError> {
        let refused = |reason| DmaError::NotMappable { len: memory.len(), reason };
        let base = memory.base();
        if !(base.as_ptr() as usize).is_multiple_of(PAGE) || memory.len() == 0 {
            return Err(refused("not a whole number of pages"));
        }
        let alive = lock(&ALLOCATIONS).get(&(base.as_ptr() as usize)).and_then(Weak::upgrade);
        let alive = alive.map(|allocation| allocation as Arc<dyn Any + Send + Sync>);
        let len = memory.len().next_multiple_of(PAGE);
        let (shift, piece) = if self.scattered { (PAGE.trailing_zeros(), PAGE) } else { (63, len) };
        let align = if (base.as_ptr() as usize).is_multiple_of(LARGE_PAGE) { LARGE_PAGE } else { PAGE } as u64;
        let mut pages = Vec::with_capacity(len / piece);
        let mapping = {
            let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
            table.next_mapping += 1;
            let mapping = table.next_mapping;
            for at in (0..len).step_by(piece) {
                // A page stays unmapped between two ranges, so that an overrun is noticed.
                let start = (table.next + PAGE as u64).next_multiple_of(align.min(piece as u64));
                table.next = start + piece as u64;
                // SAFETY: `at` lies within the memory, or within its last page.
                let host = unsafe { base.add(at) };
                table.regions.push(Region { start, len: piece as u64, host, mapping, _alive: alive.clone() });
                pages.push(start);
            }
            mapping
        };
        let unmap = Box::new(Unmap { iommu: Arc::clone(self), mapping });
        // SAFETY: the table maps exactly these addresses to this memory until `unmap` is dropped.
        unsafe { Mapping::new(memory, self.domain, shift, &pages, unmap as Box<dyn Any + Send + Sync>) }
    }

    /// Maps the `len` bytes at `host` at the address `start`, which the caller chose. Replaces earlier mappings there.
    ///
    /// # Safety
    ///
    /// The bytes are memory that may be read and written through raw pointers as long as `alive` lives.
    pub(crate) unsafe fn map_at(&self, start: u64, len: u64, host: NonNull<u8>, alive: Arc<dyn Any + Send + Sync>) {
        self.unmap_at(start, len);
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.next_mapping += 1;
        let mapping = table.next_mapping;
        let place = table.regions.partition_point(|region| region.start < start);
        table.regions.insert(place, Region { start, len, host, mapping, _alive: Some(alive) });
    }

    /// Unmaps the mappings that lie within `len` bytes at `start`, or overlap them.
    pub(crate) fn unmap_at(&self, start: u64, len: u64) {
        let end = start.saturating_add(len);
        let gone: Vec<Region> = {
            let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
            let table = &mut *table;
            let overlaps = |region: &mut Region| region.start < end && start < region.start.saturating_add(region.len);
            let gone: Vec<Region> = table.regions.extract_if(.., overlaps).collect();
            table.removed.extend(gone.iter().map(|region| (region.start, region.len)));
            gone
        };
        if !gone.is_empty() {
            self.unmapped.fetch_add(1, Ordering::Release);
        }
    }

    /// Locks the table for one burst of DMA.
    pub(crate) fn read(&self) -> Access<'_> {
        Access { table: self.table.read().unwrap_or_else(PoisonError::into_inner) }
    }

    /// Returns the number of unmappings so far.
    pub(crate) fn unmapped(&self) -> usize {
        self.unmapped.load(Ordering::Acquire)
    }

    /// Takes the addresses and lengths that were unmapped since the last call.
    pub(crate) fn take_removed(&self) -> Vec<(u64, u64)> {
        std::mem::take(&mut self.table.write().unwrap_or_else(PoisonError::into_inner).removed)
    }
}

/// A guard that unmaps when dropped.
struct Unmap {
    iommu: Arc<Iommu>,
    mapping: u64,
}

impl Drop for Unmap {
    fn drop(&mut self) {
        let gone: Vec<Region> = {
            let mut table = self.iommu.table.write().unwrap_or_else(PoisonError::into_inner);
            let table = &mut *table;
            let gone: Vec<Region> = table.regions.extract_if(.., |region| region.mapping == self.mapping).collect();
            table.removed.extend(gone.iter().map(|region| (region.start, region.len)));
            gone
        };
        self.iommu.unmapped.fetch_add(1, Ordering::Release);
        // Frees the memory only now, after the table's lock is released.
        drop(gone);
    }
}

/// Allocates zeroed memory, aligned to 4 KiB, or to 2 MiB if it is at least that large.
pub(crate) fn allocate(len: usize) -> Result<Memory, DmaError> {
    let out = DmaError::OutOfMemory { len };
    let size = len.max(1).checked_next_multiple_of(PAGE).ok_or(out)?;
    let align = if size >= LARGE_PAGE { LARGE_PAGE } else { PAGE };
    let layout = Layout::from_size_align(size, align).map_err(|_| out)?;
    // SAFETY: the size is at least a page.
    let base = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(out)?;
    let allocation = Arc::new(Allocation { base, layout });
    lock(&ALLOCATIONS).insert(base.as_ptr() as usize, Arc::downgrade(&allocation));
    // SAFETY: the memory is zeroed, aligned to a page or more, and not freed before the last `Arc` is dropped.
    Ok(unsafe { Memory::new(base, size, Box::new(allocation)) })
}

/// The device's access to memory during one burst. Every access is translated. An access to unmapped memory does
/// nothing and reports the failure to the caller.
pub(crate) struct Access<'a> {
    table: RwLockReadGuard<'a, Table>,
}

impl Access<'_> {
    /// Returns the host address of the `len` bytes at `address`. `hint` caches the region for the next call.
    #[inline]
    fn host(&self, address: u64, len: usize, hint: &mut usize) -> Option<NonNull<u8>> {
        let regions = &self.table.regions;
        let fits = |region: &Region| {
            let at = address.wrapping_sub(region.start);
            (at < region.len && len as u64 <= region.len - at).then_some(at)
        };
        let found = match regions.get(*hint).and_then(fits) {
            Some(at) => (*hint, at),
            None => {
                // Regions are pushed at rising addresses and removed in place: they stay sorted.
                let index = regions.partition_point(|region| region.start <= address).checked_sub(1)?;
                *hint = index;
                (index, fits(&regions[index])?)
            }
        };
        // SAFETY: the bytes lie within the region, whose memory lives while it is mapped.
        Some(unsafe { regions[found.0].host.add(found.1 as usize) })
    }

    /// Returns `true` if the `len` bytes at `address` are mapped, in any number of regions.
    pub(crate) fn is_mapped(&self, address: u64, len: usize) -> bool {
        let mut hint = 0;
        let end = address.saturating_add(len as u64);
        let mut at = address;
        while at < end {
            let step = (end - at).min(PAGE as u64 - at % PAGE as u64);
            if self.host(at, step as usize, &mut hint).is_none() {
                return false;
            }
            at += step;
        }
        true
    }

    /// Reads the descriptor at `address`, a multiple of 16. Reads the high word first, because that word gives the
    /// descriptor to the device.
    #[inline]
    pub(crate) fn descriptor(&self, address: u64, hint: &mut usize) -> Option<[u64; 2]> {
        let words = self.host(address, 16, hint)?.cast::<AtomicU64>();
        if !words.as_ptr().is_aligned() {
            return None;
        }
        // SAFETY: 16 mapped, aligned bytes; the driver accesses them as atomic words too.
        let words = unsafe { [words.as_ref(), words.add(1).as_ref()] };
        let high = words[1].load(Ordering::Acquire);
        Some([u64::from_le(words[0].load(Ordering::Relaxed)), u64::from_le(high)])
    }

    /// Writes one word of a descriptor, after all earlier writes.
    #[inline]
    pub(crate) fn write_word(&self, address: u64, value: u64, hint: &mut usize) -> bool {
        let Some(word) = self.host(address, 8, hint).map(NonNull::cast::<AtomicU64>) else { return false };
        if !word.as_ptr().is_aligned() {
            return false;
        }
        // SAFETY: 8 mapped, aligned bytes; the driver accesses them as an atomic word too.
        unsafe { word.as_ref() }.store(value.to_le(), Ordering::Release);
        true
    }

    /// Writes 32 bits, after all earlier writes.
    pub(crate) fn write_half(&self, address: u64, value: u32, hint: &mut usize) -> bool {
        let Some(half) = self.host(address, 4, hint).map(NonNull::cast::<AtomicU32>) else { return false };
        if !half.as_ptr().is_aligned() {
            return false;
        }
        // SAFETY: 4 mapped, aligned bytes; the driver accesses them as an atomic word too.
        unsafe { half.as_ref() }.store(value.to_le(), Ordering::Release);
        true
    }

    /// Copies `bytes` to `address`.
    #[inline]
    pub(crate) fn write(&self, address: u64, bytes: &[u8], hint: &mut usize) -> bool {
        if let Some(host) = self.host(address, bytes.len(), hint) {
            // SAFETY: the bytes are mapped. The driver gave them to the device and does not use them until the
            // descriptor is written back. They do not overlap `bytes`, which is the model's own memory.
            unsafe { host.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
            return true;
        }
        self.is_mapped(address, bytes.len())
            && pieces(address, bytes.len()).all(|(at, from, len)| self.write(at, &bytes[from..from + len], hint))
    }

    /// Appends the `len` bytes at `address` to `buffer`.
    #[inline]
    pub(crate) fn read(&self, address: u64, len: usize, buffer: &mut Vec<u8>, hint: &mut usize) -> bool {
        if let Some(host) = self.host(address, len, hint) {
            buffer.reserve(len);
            // SAFETY: the bytes are mapped, `reserve` made room for them, and the driver does not write
            // them while the device owns them.
            unsafe {
                let end = buffer.as_mut_ptr().add(buffer.len());
                host.as_ptr().copy_to_nonoverlapping(end, len);
                buffer.set_len(buffer.len() + len);
            }
            return true;
        }
        self.is_mapped(address, len) && pieces(address, len).all(|(at, _, len)| self.read(at, len, buffer, hint))
    }
}

/// Splits bytes at `address` at page borders: address, position in the whole, length.
fn pieces(address: u64, len: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = address + done as u64;
        let step = (len - done).min(PAGE - (at % PAGE as u64) as usize);
        let piece = (at, done, step);
        done += step;
        (step > 0).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_not_pointers_and_end_with_the_mapping() {
        let iommu = Iommu::new(false);
        let memory = allocate(3 * PAGE).unwrap();
        let mapping = iommu.map(&memory).unwrap();
        let address = mapping.address(memory.base()).unwrap().get();
        assert_ne!(address, memory.base().as_ptr() as u64);
        assert!(iommu.read().is_mapped(address, 3 * PAGE));
        assert!(!iommu.read().is_mapped(address, 3 * PAGE + 1));
        assert!(!iommu.read().is_mapped(address - 1, 1));
        assert!(iommu.read().write(address + 5, b"hello", &mut 0));
        assert!(!iommu.read().write(address + 3 * PAGE as u64 - 2, b"hello", &mut 0));
        assert!(!iommu.read().read(address + 3 * PAGE as u64 - 2, 5, &mut Vec::new(), &mut 0));
        assert_eq!(iommu.read().descriptor(address + 3 * PAGE as u64 - 8, &mut 0), None);
        assert_eq!(iommu.read().descriptor(address + 4, &mut 0), None);
        let mut read = Vec::new();
        assert!(iommu.read().read(address + 5, 5, &mut read, &mut 9));
        assert_eq!(read, b"hello");
        assert_eq!(iommu.mapped_bytes(), 3 * PAGE as u64);
        drop(mapping);
        assert_eq!(iommu.mapped_bytes(), 0);
        assert_eq!(iommu.take_removed(), [(address, 3 * PAGE as u64)]);
        assert!(!iommu.read().write(address + 5, b"hello", &mut 0));
    }

    #[test]
    fn scattered_pages_have_separate_addresses() {
        let iommu = Iommu::new(true);
        let memory = allocate(2 * PAGE).unwrap();
        let mapping = iommu.map(&memory).unwrap();
        assert!(!mapping.is_contiguous(memory.base(), 2 * PAGE));
        let address = mapping.address(memory.base()).unwrap().get();
        assert!(iommu.read().is_mapped(address, PAGE));
        assert!(!iommu.read().is_mapped(address, PAGE + 1));
    }

    #[test]
    fn accesses_cross_the_borders_of_mappings_at_chosen_addresses() {
        let iommu = Iommu::new(false);
        let memory = allocate(4 * PAGE).unwrap();
        let alive: Arc<dyn Any + Send + Sync> = Arc::new(());
        // SAFETY: the page lies within the memory.
        let at = |page: usize| unsafe { memory.base().add(page * PAGE) };
        // Consecutive for the device, reversed in memory, mapped in no order.
        for (page, host) in [(2_u64, 0), (0, 2), (1, 1)] {
            // SAFETY: this test alone uses the pages, until its end.
            unsafe { iommu.map_at(0x1000 * (page + 1), PAGE as u64, at(host), Arc::clone(&alive)) };
        }
        let text: Vec<u8> = (0..=255).cycle().take(PAGE + 100).collect();
        assert!(iommu.read().write(0x1FCE, &text, &mut 0));
        let mut read = Vec::new();
        assert!(iommu.read().read(0x1FCE, text.len(), &mut read, &mut 7));
        assert_eq!(read, text);
        assert!(!iommu.read().is_mapped(0x1000, 3 * PAGE + 1));
        iommu.unmap_at(0x2000, PAGE as u64);
        assert!(!iommu.read().write(0x1FCE, &text, &mut 0));
        assert_eq!(iommu.take_removed(), [(0x2000, PAGE as u64)]);
    }

    #[test]
    fn memory_lives_as_long_as_a_mapping_of_it() {
        let (first, second) = (Iommu::new(false), Iommu::new(false));
        let memory = allocate(PAGE).unwrap();
        let base = memory.base().as_ptr() as usize;
        let one = first.map(&memory).unwrap();
        let two = second.map(&memory).unwrap();
        assert_ne!(one.domain(), two.domain());
        let address = two.address(memory.base()).unwrap().get();
        drop(memory);
        drop(one);
        assert!(second.read().write(address, b"still there", &mut 0));
        assert!(lock(&ALLOCATIONS).get(&base).and_then(Weak::upgrade).is_some());
        drop(two);
        assert!(lock(&ALLOCATIONS).get(&base).and_then(Weak::upgrade).is_none());
    }
}
