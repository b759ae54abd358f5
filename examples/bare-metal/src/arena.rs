//! The memory of all devices: one region, from which pages are allocated.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::ptr::NonNull;

use ixgbe::dma::{DmaError, Memory};

use crate::pages::{PAGE, Pages, Run};

/// A region of memory for DMA. It never grows: what does not fit is an error.
pub struct Arena {
    base: NonNull<u8>,
    physical: u64,
    pages: Arc<Pages>,
}

// SAFETY: an arena gives out each byte once, and uses bytes only while nobody has them.
unsafe impl Send for Arena {}
// SAFETY: as for `Send`; a lock guards which pages are in use.
unsafe impl Sync for Arena {}

impl Arena {
    /// Makes an arena of the `len` bytes at `base`, whose physical address is `physical`. Bytes before the first multiple
    /// of 4 KiB and behind the last are left out.
    ///
    /// # Safety
    ///
    /// - The bytes can be read and written for as long as the program runs, and nothing else uses them.
    /// - They are contiguous in physical memory, from `physical` on, which is aligned to 4 KiB as `base` is.
    /// - They are coherent for the device, as [`Dma`](ixgbe::dma::Dma) asks: where it does not look into the CPU's caches,
    ///   they are mapped as non-cacheable.
    #[must_use]
    pub unsafe fn new(base: NonNull<u8>, len: usize, physical: u64) -> Self {
        let skipped = base.align_offset(PAGE).min(len);
        // SAFETY: at most `len` bytes are skipped.
        let base = unsafe { base.add(skipped) };
        Self { base, physical: physical + skipped as u64, pages: Pages::new((len - skipped) / PAGE) }
    }

    /// Allocates zeroed pages of at least `len` bytes, contiguous in physical memory.
    ///
    /// # Errors
    ///
    /// [`DmaError::OutOfMemory`] if no free pages in a row are left.
    pub fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        let run = self.pages.take(len.div_ceil(PAGE)).ok_or(DmaError::OutOfMemory { len })?;
        let len = run.count * PAGE;
        // SAFETY: the pages lie in the arena, and nobody else has them until the run is dropped. So they may be written,
        // which initialises them. They begin at a multiple of 4 KiB, as the arena does.
        unsafe {
            let base = self.base.add(run.first * PAGE);
            base.write_bytes(0, len);
            Ok(Memory::new(base, len, Box::new(run)))
        }
    }

    /// Returns the physical address of `memory`, and keeps its pages from being freed until the second result is dropped.
    ///
    /// # Errors
    ///
    /// [`DmaError::NotMappable`] if the memory is not of this arena.
    pub fn hold(&self, memory: &Memory) -> Result<(u64, Run), DmaError> {
        let distance = memory.base().addr().get().wrapping_sub(self.base.addr().get());
        let foreign = DmaError::NotMappable { len: memory.len(), reason: "the memory is not of the platform's arena" };
        let held = self.pages.share(distance / PAGE, memory.len().div_ceil(PAGE)).ok_or(foreign)?;
        Ok((self.physical + distance as u64, held))
    }

    /// Returns the number of bytes that are free.
    #[must_use]
    pub fn free(&self) -> usize {
        self.pages.free() * PAGE
    }
}
