//! Memory that the device may access by DMA.
//!
//! A [`Dma`] allocates [`Memory`] for the CPU, and makes a [`Mapping`] of it for the device. Only a mapping makes a
//! [`DmaAddr`], so the device never receives an address that was not made for it. Dropping a memory or a mapping frees
//! it. The driver drops what it has posted to a device only with the proof that the device has stopped.

use alloc::boxed::Box;
use core::any::Any;
use core::fmt;
use core::ptr::NonNull;

pub use datasheet_runtime::address::DmaAddr;

/// A DMA address space: two devices in the same domain access the same memory at the same addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Domain(pub u64);

/// A failure to allocate or map memory for the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DmaError {
    /// The system has no such memory left.
    OutOfMemory {
        /// The number of bytes requested.
        len: usize,
    },
    /// The memory cannot be mapped for the device.
    NotMappable {
        /// The number of bytes to map.
        len: usize,
        /// The cause.
        reason: &'static str,
    },
    /// The operating system refused the request.
    System {
        /// The number of bytes requested.
        len: usize,
        /// The cause and the remedy.
        reason: &'static str,
        /// The system's error number.
        errno: i32,
    },
}

impl fmt::Display for DmaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::OutOfMemory { len } => write!(f, "cannot allocate {len} bytes of DMA memory"),
            Self::NotMappable { len, reason } => write!(f, "cannot map {len} bytes for DMA: {reason}"),
            Self::System { len, reason, errno } => {
                write!(f, "cannot get {len} bytes of DMA memory: {reason} (os error {errno})")
            }
        }
    }
}

impl core::error::Error for DmaError {}

/// Memory for the DMA of one device.
///
/// # Safety
///
/// - [`allocate`](Self::allocate) must return memory that nothing else uses.
/// - [`map`](Self::map) must make the device access exactly that memory under the addresses of the mapping, until the
///   mapping is dropped. The memory must not move meanwhile: no page of it may be migrated or swapped out.
/// - The memory must be coherent without cache maintenance. The CPU sees the device's writes in the order in which the
///   device made them. The device sees all writes that the CPU made before a doorbell.
/// - [`domain`](Self::domain) must differ for devices whose addresses differ.
pub unsafe trait Dma {
    /// Returns the address space through which the device accesses memory.
    fn domain(&self) -> Domain;

    /// Returns the chunk size within which memory is contiguous for the device. A power of two.
    ///
    /// A range is contiguous if it crosses no multiple of the chunk size, counted from the start of its [`Memory`].
    /// Without an IOMMU this is the size of a page.
    fn page_size(&self) -> usize {
        1 << (usize::BITS - 1)
    }

    /// Allocates zeroed memory of `len` bytes or a little more, aligned to 4 KiB.
    ///
    /// # Errors
    ///
    /// [`DmaError::OutOfMemory`].
    fn allocate(&self, len: usize) -> Result<Memory, DmaError>;

    /// Maps `memory` for the device. Another device's `Dma` may have allocated it.
    ///
    /// # Errors
    ///
    /// [`DmaError::NotMappable`].
    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError>;

    /// Reads the 16 bits at `offset` of the PCI configuration space of the device, which a read never changes.
    ///
    /// Returns `None` if the platform has no access to it, as by default. If it has, a device that does not stop is asked
    /// there too whether its requests are pending. The driver then keeps memory longer, never shorter.
    fn read_config(&self, offset: u16) -> Option<u16> {
        _ = offset;
        None
    }
}

/// Memory that can be mapped for devices. Dropping it frees it.
pub struct Memory {
    base: NonNull<u8>,
    len: usize,
    _release: Box<dyn Any + Send + Sync>,
}

impl Memory {
    /// Wraps the memory of `len` bytes at `base`, which dropping `release` frees.
    ///
    /// # Safety
    ///
    /// The memory must be initialised, aligned to 4 KiB, and used by nothing else until `release` is dropped.
    #[must_use]
    pub unsafe fn new(base: NonNull<u8>, len: usize, release: Box<dyn Any + Send + Sync>) -> Self {
        Self { base, len, _release: release }
    }

    /// Returns the CPU's address of the first byte.
    #[must_use]
    pub const fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Returns the length in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "memory is never empty")]
    pub const fn len(&self) -> usize {
        self.len
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({:p}, {} bytes)", self.base, self.len)
    }
}

// SAFETY: `Memory` owns its bytes and gives out only a pointer.
unsafe impl Send for Memory {}
// SAFETY: as for `Send`.
unsafe impl Sync for Memory {}

/// The difference between the device's addresses of a memory and the CPU's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delta(u64);

impl Delta {
    /// Returns the difference between the device's address of a byte and the CPU's of the byte `count` behind it.
    #[inline(always)]
    pub(crate) const fn in_front(self, count: usize) -> Self {
        Self(self.0.wrapping_sub(count as u64))
    }

    /// Returns the device's address of the byte at `pointer`.
    ///
    /// # Safety
    ///
    /// The mapping must exist still. The caller uses only addresses of bytes that lie in the memory whose
    /// [`Mapping::uniform`] distance this is.
    #[inline(always)]
    pub(crate) unsafe fn address(self, pointer: NonNull<u8>) -> DmaAddr {
        // SAFETY: the mapping has the device access the memory at this distance; if the address is used, the byte is in
        // it.
        unsafe { DmaAddr::new((pointer.as_ptr() as u64).wrapping_add(self.0)) }
    }
}

/// Where devices see the pages of a memory. It is for a [`Mapping`] what a pointer is for what it points to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pages {
    base: usize,
    shift: u32,
    deltas: *const u64,
    count: usize,
}

impl Pages {
    /// Returns what [`address`](Self::address) does, if the byte is in a page of the memory.
    ///
    /// # Safety
    ///
    /// The mapping must exist still. The caller uses only addresses of bytes that lie in the memory.
    #[inline(always)]
    pub(crate) unsafe fn find(self, pointer: NonNull<u8>) -> Option<DmaAddr> {
        let page = (pointer.as_ptr() as usize).wrapping_sub(self.base) >> (self.shift & (usize::BITS - 1));
        // SAFETY: there is such a page, so it has its difference.
        if page < self.count { Some(unsafe { self.address(pointer) }) } else { None }
    }

    /// Returns the device's address of the byte at `pointer`.
    ///
    /// # Safety
    ///
    /// The byte must lie in the memory of the mapping, which must exist still.
    #[inline(always)]
    pub(crate) unsafe fn address(self, pointer: NonNull<u8>) -> DmaAddr {
        let pointer = pointer.as_ptr() as usize;
        // SAFETY: the byte lies in the memory, each page of which has its difference. The mapping has the device access
        // the page at this distance.
        unsafe {
            let delta = *self.deltas.add(pointer.wrapping_sub(self.base) >> (self.shift & (usize::BITS - 1)));
            DmaAddr::new((pointer as u64).wrapping_add(delta))
        }
    }
}

/// The device's view of a [`Memory`]. Dropping it unmaps the memory.
///
/// The memory consists of pages of equal size, each of which is contiguous for the device.
pub struct Mapping {
    base: usize,
    len: usize,
    page_shift: u32,
    /// For each page, the difference between the device's address and the pointer.
    deltas: Box<[u64]>,
    uniform: Option<Delta>,
    domain: Domain,
    _unmap: Box<dyn Any + Send + Sync>,
}

impl Mapping {
    /// Describes how devices of `domain` access `memory`: its pages of `1 << page_shift` bytes, at the addresses
    /// `pages`.
    ///
    /// Dropping `unmap` ends the mapping. For contiguous memory, give one page and a shift of 63.
    ///
    /// # Errors
    ///
    /// [`DmaError::NotMappable`] if `pages` has too few addresses for the memory.
    ///
    /// # Safety
    ///
    /// Until `unmap` is dropped, the device must access the memory at these addresses, [coherently](Dma). `domain` must
    /// be the device's address space.
    pub unsafe fn new(
        memory: &Memory,
        domain: Domain,
        page_shift: u32,
        pages: &[u64],
        unmap: Box<dyn Any + Send + Sync>,
    ) -> Result<Self, DmaError> {
        let base = memory.base.as_ptr() as usize;
        let needed = memory.len.saturating_sub(1).checked_shr(page_shift).unwrap_or(0) + 1;
        let pages = match pages.get(..needed) {
            Some(pages) if page_shift < usize::BITS => pages,
            _ => return Err(DmaError::NotMappable { len: memory.len, reason: "addresses are missing for some pages" }),
        };
        // The last of the needed pages begins within the memory, so nothing wraps.
        let start = |page: usize| base.wrapping_add(page << page_shift) as u64;
        let deltas: Box<[u64]> =
            pages.iter().enumerate().map(|(page, address)| address.wrapping_sub(start(page))).collect();
        let uniform = match &*deltas {
            [first, rest @ ..] if rest.iter().all(|delta| delta == first) => Some(Delta(*first)),
            _ => None,
        };
        Ok(Self { base, len: memory.len, page_shift, deltas, uniform, domain, _unmap: unmap })
    }

    /// Returns the domain that this mapping belongs to.
    #[must_use]
    pub const fn domain(&self) -> Domain {
        self.domain
    }

    /// Returns the device's address of the byte at `pointer`, or `None` if that byte is not in the memory.
    #[must_use]
    #[inline(always)]
    pub fn address(&self, pointer: NonNull<u8>) -> Option<DmaAddr> {
        if (pointer.as_ptr() as usize).wrapping_sub(self.base) >= self.len {
            return None;
        }
        // SAFETY: just checked.
        unsafe { self.address_within(pointer) }
    }

    /// Returns the same as [`address`](Self::address), without checking that the byte is in the memory.
    ///
    /// The last page may be longer than the memory, so a page that exists is no such check.
    ///
    /// # Safety
    ///
    /// The byte must lie in the memory.
    #[inline(always)]
    pub(crate) unsafe fn address_within(&self, pointer: NonNull<u8>) -> Option<DmaAddr> {
        let pointer = pointer.as_ptr() as usize;
        let delta = self.deltas.get(pointer.wrapping_sub(self.base) >> self.page_shift)?;
        // SAFETY: the mapping has the device access this page at this distance, and the byte lies in the memory.
        Some(unsafe { DmaAddr::new((pointer as u64).wrapping_add(*delta)) })
    }

    /// Returns where devices see the pages.
    #[inline(always)]
    pub(crate) fn pages(&self) -> Pages {
        Pages { base: self.base, shift: self.page_shift, deltas: self.deltas.as_ptr(), count: self.deltas.len() }
    }

    /// Returns the offset from the CPU's addresses to the device's, if all pages have the same one.
    #[inline(always)]
    pub(crate) fn uniform(&self) -> Option<Delta> {
        self.uniform
    }

    /// Returns `true` if the `len` bytes at `pointer` are contiguous for the device.
    #[must_use]
    pub fn is_contiguous(&self, pointer: NonNull<u8>, len: usize) -> bool {
        let first = (pointer.as_ptr() as usize).wrapping_sub(self.base);
        let last = first.saturating_add(len.saturating_sub(1));
        if last >= self.len {
            return false;
        }
        let pages = (first >> self.page_shift)..=(last >> self.page_shift);
        match self.deltas.get(pages.clone()) {
            Some([first, rest @ ..]) => rest.iter().all(|delta| delta == first),
            _ => false,
        }
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapping({:?}, {} pages of 2^{} bytes)", self.domain, self.deltas.len(), self.page_shift)
    }
}
