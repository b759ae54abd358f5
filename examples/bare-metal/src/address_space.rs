//! How the device's addresses lead to memory: as physical addresses, or through an IOMMU.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

use ixgbe::dma::{DmaError, Domain};

use crate::pages::{PAGE, Pages, Run};

/// The addresses by which devices access memory.
///
/// # Safety
///
/// - From [`map`](Self::map) until its second result is dropped, devices of [`domain`](Self::domain) access the physical
///   memory at the address that it returns, unless that is above [`highest`](Self::highest). If there is an IOMMU, they
///   do so no more once the result is dropped.
/// - Two address spaces with one domain lead to the same memory.
pub unsafe trait AddressSpace: Send + Sync + 'static {
    /// Returns which address space this is.
    fn domain(&self) -> Domain;

    /// Returns the highest address that what lies between device and memory carries (a DMA mask).
    fn highest(&self) -> u64;

    /// Lets devices access `len` bytes of physical memory from `physical` on: whole pages, which `held` keeps allocated.
    /// Returns their address for devices, and what ends the access.
    ///
    /// # Errors
    ///
    /// [`DmaError`] if they cannot be mapped.
    fn map(&self, physical: u64, len: usize, held: Run) -> Result<(u64, Box<dyn Any + Send + Sync>), DmaError>;
}

/// No IOMMU: devices use physical addresses, and can access all memory. A mistake of the device, or of what else drives
/// it, is stopped by nothing.
#[derive(Debug)]
pub struct Physical {
    highest: u64,
}

impl Physical {
    /// Says that devices reach physical memory up to `highest`: `u64::MAX` where all bridges carry 64 bits.
    ///
    /// # Safety
    ///
    /// So it is, for all devices that get this address space, and no IOMMU translates their addresses.
    #[must_use]
    pub const unsafe fn new(highest: u64) -> Self {
        Self { highest }
    }
}

// SAFETY: the caller of `new` promised that devices use physical addresses, up to `highest`. They always do, and these
// are the same for all devices, so there is one domain.
unsafe impl AddressSpace for Physical {
    fn domain(&self) -> Domain {
        Domain(0)
    }

    fn highest(&self) -> u64 {
        self.highest
    }

    fn map(&self, physical: u64, _len: usize, held: Run) -> Result<(u64, Box<dyn Any + Send + Sync>), DmaError> {
        Ok((physical, Box::new(held)))
    }
}

/// The tables of an IOMMU for one device, or for several that share them.
///
/// # Safety
///
/// Devices access only what is mapped, where it is mapped. When [`unmap`](Self::unmap) returns, the IOMMU has answered
/// that its caches of translations are invalidated, and that accesses by them have ended.
pub unsafe trait Tables: Send + Sync + 'static {
    /// Makes the `len` bytes at `address` of the device lead to `physical`. All three are multiples of 4 KiB.
    ///
    /// # Errors
    ///
    /// [`DmaError`] if the tables cannot be extended, or the IOMMU does not translate the address, as on x86 it does not
    /// from 0xFEE0_0000 to 0xFEEF_FFFF (interrupts). Nothing is mapped then.
    fn map(&self, address: u64, physical: u64, len: usize) -> Result<(), DmaError>;

    /// Ends what `map` has begun.
    fn unmap(&self, address: u64, len: usize);
}

/// Addresses that an IOMMU translates: devices access what is mapped, and nothing else.
pub struct Translated<T> {
    domain: Domain,
    window: Arc<Pages>,
    start: u64,
    highest: u64,
    tables: Arc<T>,
}

impl<T: Tables> Translated<T> {
    /// Gives the addresses `window` of devices out to mappings. It begins at a multiple of 4 KiB, and leaves out what the
    /// IOMMU does not translate.
    #[must_use]
    pub fn new(window: Range<u64>, tables: T) -> Self {
        // 0 is the domain of physical addresses.
        static DOMAINS: AtomicU64 = AtomicU64::new(1);
        let pages = (window.end.saturating_sub(window.start) / PAGE as u64) as usize;
        let domain = Domain(DOMAINS.fetch_add(1, Ordering::Relaxed));
        Self {
            domain,
            window: Pages::new(pages),
            highest: window.end.saturating_sub(1),
            start: window.start,
            tables: Arc::new(tables),
        }
    }
}

/// A mapping in the tables.
struct Mapped<T: Tables> {
    address: u64,
    addresses: Run,
    tables: Arc<T>,
    _held: Run,
}

impl<T: Tables> Drop for Mapped<T> {
    fn drop(&mut self) {
        // The fields are dropped behind this: only then others may have the addresses, and the memory.
        self.tables.unmap(self.address, self.addresses.count * PAGE);
    }
}

// SAFETY: this value alone has the tables, and gives each address to one mapping at a time, so they lead to the physical
// memory until the mapping is dropped. No other address space has this domain.
unsafe impl<T: Tables> AddressSpace for Translated<T> {
    fn domain(&self) -> Domain {
        self.domain
    }

    fn highest(&self) -> u64 {
        self.highest
    }

    fn map(&self, physical: u64, len: usize, held: Run) -> Result<(u64, Box<dyn Any + Send + Sync>), DmaError> {
        let full = DmaError::NotMappable { len, reason: "the IOMMU's window has no addresses left" };
        let addresses = self.window.take(len.div_ceil(PAGE)).ok_or(full)?;
        let address = self.start + (addresses.first * PAGE) as u64;
        self.tables.map(address, physical, addresses.count * PAGE)?;
        Ok((address, Box::new(Mapped { address, addresses, tables: Arc::clone(&self.tables), _held: held })))
    }
}
