//! Pools as devices see them.

use core::ptr::NonNull;

use crate::dma::{Delta, Dma, DmaAddr, DmaError, Domain, Mapping, Pages};
use crate::pool::{Pool, offsets};

/// A pool that is mapped for a device: where the device sees the bytes of the pool's packets.
///
/// A driver drops it only when the device holds no buffer of the pool, or has stopped.
#[derive(Debug)]
pub struct Attachment {
    // First, so that the device loses sight of the memory before it can be freed.
    mapping: Mapping,
    pool: Pool,
}

impl Attachment {
    /// Maps `pool` for the device of `dma`.
    ///
    /// # Errors
    ///
    /// [`DmaError`] if the memory cannot be mapped, or if a buffer is not contiguous for the device.
    pub fn new(dma: &impl Dma, pool: &Pool) -> Result<Self, DmaError> {
        let inner = pool.inner();
        let mapping = dma.map(&inner.memory)?;
        for offset in offsets(inner.stride.get(), inner.page).take(inner.capacity) {
            // SAFETY: a buffer of the pool lies at this offset in its memory, as `Pool::new` made it there.
            let start = unsafe { inner.first.add(offset as usize) };
            if !mapping.is_contiguous(start, inner.stride.get()) {
                return Err(DmaError::NotMappable {
                    len: inner.stride.get(),
                    reason: "a buffer is not contiguous for the device",
                });
            }
        }
        Ok(Self { mapping, pool: pool.clone() })
    }

    /// Returns the address space through which the device accesses the pool's memory.
    #[must_use]
    pub fn domain(&self) -> Domain {
        self.mapping.domain()
    }

    /// Returns the pool.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Returns what to add to addresses in this pool to get the device's, if it is the same for all.
    #[inline(always)]
    pub(crate) fn uniform(&self) -> Option<Delta> {
        self.mapping.uniform()
    }

    /// Returns where the device sees the pages of the pool's memory.
    #[inline(always)]
    pub(crate) fn pages(&self) -> Pages {
        self.mapping.pages()
    }

    /// Returns the device's address of `data`.
    ///
    /// # Safety
    ///
    /// `data` must lie in a buffer of this pool.
    #[inline(always)]
    pub(crate) unsafe fn address(&self, data: NonNull<u8>) -> Option<DmaAddr> {
        // SAFETY: buffers lie in the pool's memory, which the mapping is of.
        unsafe { self.mapping.address_within(data) }
    }
}
