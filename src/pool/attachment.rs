//! Pools as devices see them.

use core::ptr::NonNull;

use crate::dma::{Delta, Dma, DmaAddr, DmaError, Mapping};
use crate::pool::{Buffer, Pool, is_within_page};

/// A pool that a device has been made to reach.
///
/// It is dropped only when the device holds no buffer of the pool, or has stopped.
#[derive(Debug)]
pub(crate) struct Attachment {
    // First, so that the device loses sight of the memory before it can be freed.
    mapping: Mapping,
    pool: Pool,
}

impl Attachment {
    /// Makes the device of `dma` reach the buffers of `pool`.
    pub(crate) fn new(dma: &impl Dma, pool: &Pool) -> Result<Self, DmaError> {
        let inner = pool.inner();
        let mapping = dma.map(&inner.memory)?;
        let places = 0..inner.links.len();
        for index in places.filter(|index| is_within_page(index * inner.stride, inner.stride, inner.page)) {
            // SAFETY: the memory has room for that many strides.
            let start = unsafe { inner.first.add(index * inner.stride) };
            if !mapping.is_contiguous(start, inner.stride) {
                return Err(DmaError::NotMappable { len: inner.stride, reason: "a buffer is not in one piece" });
            }
        }
        Ok(Self { mapping, pool: pool.clone() })
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Whether `buffer` is of this pool.
    pub(crate) fn owns(&self, buffer: &Buffer) -> bool {
        let inner = self.pool.inner();
        let at = (buffer.data().as_ptr() as usize).wrapping_sub(inner.first.as_ptr() as usize);
        at < inner.links.len() * inner.stride
    }

    /// What to add to addresses in this pool to get the device's, if it is the same for all.
    #[inline(always)]
    pub(crate) fn uniform(&self) -> Option<Delta> {
        self.mapping.uniform()
    }

    /// The device's address of `data`, which must lie in a buffer of this pool.
    #[inline(always)]
    pub(crate) fn address(&self, data: NonNull<u8>) -> Option<DmaAddr> {
        self.mapping.address(data)
    }
}
