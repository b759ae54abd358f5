//! Memory that the device may reach.
//!
//! A [`Dma`] gives out [`Memory`], which the CPU sees, and makes a [`Mapping`] of it, which the
//! device sees. A [`DmaAddr`] comes from a mapping alone, so the device is never told of an address
//! that was not made for it. Both are freed when dropped; who posts them to a device drops them only
//! with the proof that it has stopped.

use alloc::boxed::Box;
use core::any::Any;
use core::fmt;
use core::ptr::NonNull;

pub use datasheet_runtime::address::DmaAddr;

/// What a device reaches memory through: two devices with the same domain see the same addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Domain(pub u64);

/// Why there is no memory for the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DmaError {
    /// The system has no such memory left.
    OutOfMemory {
        /// How many bytes were asked for.
        len: usize,
    },
    /// The device cannot be made to reach the memory.
    NotMappable {
        /// How many bytes were to be mapped.
        len: usize,
        /// What the system said, in a word.
        reason: &'static str,
    },
    /// The operating system refused.
    System {
        /// How many bytes it was about.
        len: usize,
        /// Why, and what mends it.
        reason: &'static str,
        /// The system's number for the error.
        errno: i32,
    },
}

impl fmt::Display for DmaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::OutOfMemory { len } => write!(f, "no {len} bytes of memory for the device"),
            Self::NotMappable { len, reason } => write!(f, "the device cannot reach {len} bytes of memory: {reason}"),
            Self::System { len, reason, errno } => {
                write!(f, "no {len} bytes of memory for the device: {reason} (os error {errno})")
            }
        }
    }
}

impl core::error::Error for DmaError {}

/// Gives out memory that one device can reach.
///
/// # Safety
///
/// - [`allocate`](Self::allocate) must give memory that nothing else uses.
/// - [`map`](Self::map) must make the device access exactly that memory under the addresses of the mapping, until the
///   mapping is dropped. The memory must not move meanwhile: no page of it may be migrated or swapped out.
/// - The memory must be coherent: the CPU sees what the device wrote, in the order in which the device wrote it, and the
///   device sees what the CPU wrote before a doorbell, without any cache maintenance.
/// - [`domain`](Self::domain) must tell apart devices for which addresses differ.
pub unsafe trait Dma {
    /// What the device reaches memory through.
    fn domain(&self) -> Domain;

    /// Up to which size a piece of memory is seen in one piece, if it does not cross a multiple of this many bytes
    /// from the start of its memory: the size of a page without an IOMMU. A power of two.
    fn page_size(&self) -> usize {
        1 << (usize::BITS - 1)
    }

    /// Zeroed memory of `len` bytes or a little more, aligned to 4 KiB.
    ///
    /// # Errors
    ///
    /// [`DmaError::OutOfMemory`].
    fn allocate(&self, len: usize) -> Result<Memory, DmaError>;

    /// Makes the device reach `memory`, which may have been allocated for another one.
    ///
    /// # Errors
    ///
    /// [`DmaError::NotMappable`].
    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError>;
}

/// Memory that can be mapped for devices. It is freed when dropped.
pub struct Memory {
    base: NonNull<u8>,
    len: usize,
    _release: Box<dyn Any + Send + Sync>,
}

impl Memory {
    /// The memory of `len` bytes at `base`, which dropping `release` frees.
    ///
    /// # Safety
    ///
    /// The memory must be initialised, aligned to 4 KiB, and used by nothing else until `release` is dropped.
    #[must_use]
    pub unsafe fn new(base: NonNull<u8>, len: usize, release: Box<dyn Any + Send + Sync>) -> Self {
        Self { base, len, _release: release }
    }

    /// Where the memory starts, for the CPU.
    #[must_use]
    pub const fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Its length in bytes.
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

/// How far the device's addresses of a memory are from the CPU's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delta(u64);

impl Delta {
    /// The device's address of the byte at `pointer`.
    ///
    /// # Safety
    ///
    /// The byte must lie in the memory whose [`Mapping::uniform`] distance this is.
    #[inline(always)]
    pub(crate) unsafe fn address(self, pointer: NonNull<u8>) -> DmaAddr {
        // SAFETY: the mapping has the device access the memory at this distance, and the byte lies in it.
        unsafe { DmaAddr::new((pointer.as_ptr() as u64).wrapping_add(self.0)) }
    }
}

/// How one device reaches a [`Memory`]. It is unmapped when dropped.
///
/// The memory is cut into pages of equal size, each of which the device sees in one piece.
pub struct Mapping {
    base: usize,
    len: usize,
    page_shift: u32,
    /// For each page, what is added to a pointer to get the device's address.
    deltas: Box<[u64]>,
    uniform: Option<Delta>,
    domain: Domain,
    _unmap: Box<dyn Any + Send + Sync>,
}

impl Mapping {
    /// `memory` as `domain` sees it: its pages of `1 << page_shift` bytes at the addresses `pages`.
    /// Dropping `unmap` ends it. Memory in one piece is given as one page (a shift of 63).
    ///
    /// # Errors
    ///
    /// [`DmaError::NotMappable`] if the pages are too few for the memory.
    ///
    /// # Safety
    ///
    /// The device must access the memory, as [coherently](Dma) as all of it, under these addresses until `unmap` is dropped;
    /// and `domain` must be what that device accesses memory through.
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
        // The last page that is needed begins within the memory, so nothing wraps.
        let start = |page: usize| base.wrapping_add(page << page_shift) as u64;
        let deltas: Box<[u64]> =
            pages.iter().enumerate().map(|(page, address)| address.wrapping_sub(start(page))).collect();
        let uniform = match &*deltas {
            [first, rest @ ..] if rest.iter().all(|delta| delta == first) => Some(Delta(*first)),
            _ => None,
        };
        Ok(Self { base, len: memory.len, page_shift, deltas, uniform, domain, _unmap: unmap })
    }

    /// The domain that sees the memory so.
    #[must_use]
    pub const fn domain(&self) -> Domain {
        self.domain
    }

    /// The device's address of the byte at `pointer`, or `None` if it is not in the memory.
    #[must_use]
    #[inline(always)]
    pub fn address(&self, pointer: NonNull<u8>) -> Option<DmaAddr> {
        if (pointer.as_ptr() as usize).wrapping_sub(self.base) >= self.len {
            return None;
        }
        // SAFETY: just checked.
        unsafe { self.address_within(pointer) }
    }

    /// As [`address`](Self::address), of a byte that is known to be in the memory: the last page may be longer than that.
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

    /// The distance of all pages to where the device sees them, if it is the same for all.
    #[inline(always)]
    pub(crate) fn uniform(&self) -> Option<Delta> {
        self.uniform
    }

    /// Whether the device sees the `len` bytes at `pointer` in one piece.
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
