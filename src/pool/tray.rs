//! Buffers by the block: what pools and rings keep them in, and exchange.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::pool::{BLOCK, Buffer};
use crate::sync::LINE;

/// Places for a [`BLOCK`] of buffers. Who has it knows which of them hold one.
///
/// A full one is exchanged for an empty one, so that whoever has some has as many afterwards.
pub(crate) struct Tray(NonNull<Places>);

#[repr(align(128))]
struct Places([MaybeUninit<Buffer>; BLOCK]);

impl Tray {
    fn new() -> Self {
        Self(NonNull::from(Box::leak(Box::new(Places([const { MaybeUninit::uninit() }; BLOCK])))))
    }

    /// The first of its places, which stay where they are as long as there is the tray.
    #[inline(always)]
    pub(crate) fn as_ptr(&self) -> *mut MaybeUninit<Buffer> {
        self.0.as_ptr().cast()
    }

    /// Its places.
    #[inline(always)]
    pub(crate) fn places(&mut self) -> &mut [MaybeUninit<Buffer>; BLOCK] {
        // SAFETY: they are this tray's alone.
        unsafe { &mut self.0.as_mut().0 }
    }
}

impl Drop for Tray {
    fn drop(&mut self) {
        // SAFETY: from a box, in `new`.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// A row of trays, whose places are counted through.
pub(crate) struct Trays(Vec<Tray>);

impl Trays {
    /// A row of `count` empty ones.
    pub(crate) fn new(count: usize) -> Self {
        // The row is written too, with each exchange.
        let mut trays = Vec::with_capacity(count + LINE / size_of::<Tray>());
        trays.extend((0..count).map(|_| Tray::new()));
        Self(trays)
    }

    /// The tray that place `index` is in.
    #[inline(always)]
    pub(crate) fn tray(&mut self, index: usize) -> Option<&mut Tray> {
        self.0.get_mut(index / BLOCK)
    }

    /// The tray that place `index` is in.
    ///
    /// # Safety
    ///
    /// There must be that many.
    #[inline(always)]
    pub(crate) unsafe fn tray_unchecked(&mut self, index: usize) -> &mut Tray {
        debug_assert!(index / BLOCK < self.0.len());
        // SAFETY: by the caller's promise there are more than `index` places, and each `BLOCK` of them is a tray.
        unsafe { self.0.get_unchecked_mut(index / BLOCK) }
    }

    /// The tray that place `index` is in, and the one after that.
    #[inline(always)]
    pub(crate) fn two(&mut self, index: usize) -> Option<[&mut Tray; 2]> {
        let [first, second] = self.0.get_mut(index / BLOCK..)?.first_chunk_mut()?;
        Some([first, second])
    }

    /// Place `index`.
    #[inline(always)]
    pub(crate) fn place(&mut self, index: usize) -> Option<&mut MaybeUninit<Buffer>> {
        Some(&mut self.tray(index)?.places()[index % BLOCK])
    }

    /// Where in memory they are.
    #[cfg(test)]
    pub(crate) fn footprint(&self) -> Vec<core::ops::Range<usize>> {
        let row = self.0.as_ptr_range();
        let trays = self.0.iter().map(|tray| tray.as_ptr() as usize);
        let mut all: Vec<_> = trays.map(|tray| tray..tray + size_of::<Places>()).collect();
        all.push(row.start as usize..row.end as usize);
        all
    }
}
