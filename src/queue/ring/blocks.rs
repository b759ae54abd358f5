//! Whole blocks of buffers: from a pool and back to it, and from ring to ring.

use core::ptr::NonNull;

use super::Ring;
use crate::descriptors::{AdvancedReceiveRead, Words, Written};
use crate::dma::DmaAddr;
use crate::pool::{BLOCK, Free, Pool, Tray, Trays};

/// The first block of a ring, or the next.
pub(super) struct Block<'a> {
    pub(super) words: *const Words,
    pub(super) tray: &'a mut Tray,
    /// The ring's count that stands at the start of the block, and moves past it.
    pub(super) count: &'a mut usize,
}

impl<'a> Block<'a> {
    /// The block that begins with descriptor `index` of those at `words`.
    ///
    /// # Safety
    ///
    /// There must be that descriptor, and a tray for its block.
    #[inline(always)]
    unsafe fn new(words: NonNull<Words>, trays: &'a mut Trays, index: usize, count: &'a mut usize) -> Self {
        // SAFETY: as the caller says.
        unsafe { Self { words: words.add(index).as_ptr(), tray: trays.tray_unchecked(index), count } }
    }
}

/// Writes the descriptors that give the device the buffers in `tray` to receive into, without one for headers, at the addresses that
/// `address` finds. Says whether it found all.
///
/// # Safety
///
/// The tray must be full, and `words` have a block of descriptors.
#[inline(always)]
unsafe fn describe(tray: &mut Tray, words: *const Words, address: impl Fn(NonNull<u8>) -> Option<DmaAddr>) -> bool {
    for (n, buffer) in tray.places().iter().enumerate() {
        // SAFETY: as the caller says.
        unsafe {
            let Some(address) = address(buffer.assume_init_ref().data()) else { return false };
            (*words.add(n)).vacant_in_ring().put(Written::<AdvancedReceiveRead>::new(address, 0));
        }
    }
    true
}

impl Ring {
    /// The first block, if there is a whole one.
    #[inline(always)]
    pub(super) fn first_block(&mut self) -> Option<Block<'_>> {
        if !self.first.is_multiple_of(BLOCK) || self.posted() < BLOCK {
            return None;
        }
        let index = self.wrap(self.first);
        // SAFETY: the index is masked to the descriptors that there are, whose blocks have a tray each.
        Some(unsafe { Block::new(self.words, &mut self.trays, index, &mut self.first) })
    }

    /// The block behind the last, if a whole one can be posted, and there are `most` descriptors posted then at most.
    #[inline(always)]
    pub(super) fn next_block(&mut self, most: usize) -> Option<Block<'_>> {
        if !self.end.is_multiple_of(BLOCK) || self.posted() + BLOCK > most {
            return None;
        }
        let index = self.wrap(self.end);
        // SAFETY: as above.
        Some(unsafe { Block::new(self.words, &mut self.trays, index, &mut self.end) })
    }

    /// Posts `pool`'s buffers at the end of a ring that is only ever filled so, by the block, at the addresses that `address`
    /// finds. Says whether the ring is as full as it can be.
    #[inline(always)]
    pub(crate) fn refill(&mut self, pool: &Pool, address: impl Fn(NonNull<u8>) -> Option<DmaAddr>) -> bool {
        if *self.filled_from.get_or_insert(pool.id()) != pool.id() || !self.end.is_multiple_of(BLOCK) {
            return false;
        }
        let (mut filled, full) = (self.end, self.first + self.len());
        {
            let mut free = pool.free();
            while filled + BLOCK <= full && free.take_tray(self.tray(filled)) {
                filled += BLOCK;
            }
        }
        while self.end < filled {
            let index = self.wrap(self.end);
            // SAFETY: as in `first_block`.
            let block = unsafe { Block::new(self.words, &mut self.trays, index, &mut self.end) };
            // SAFETY: the tray was just filled.
            if !unsafe { describe(block.tray, block.words, &address) } {
                self.give_up(pool, filled);
                return false;
            }
            *block.count += BLOCK;
        }
        filled + BLOCK > full
    }

    /// Gives back the trays from the end to before `filled`, which have no descriptors.
    #[cold]
    fn give_up(&mut self, pool: &Pool, filled: usize) {
        let mut free = pool.free();
        for index in (self.end..filled).step_by(BLOCK) {
            // SAFETY: they were taken from this pool, and stay outside of what counts as posted.
            unsafe { free.put_tray(self.tray(index)) };
        }
    }

    /// Gives the first block of buffers back to the pool that they must be of, whose `free` ones these are. Says whether it did: it does
    /// not if the front is in the middle of a block, or the end is in the same.
    #[inline(always)]
    pub(crate) fn give_block_back(&mut self, free: &mut Free) -> bool {
        let Some(block) = self.first_block() else { return false };
        // SAFETY: these descriptors were posted, so their places hold buffers, which are given away, as the count moves past them.
        let was_given = unsafe { free.put_tray(block.tray) };
        if was_given {
            *block.count += BLOCK;
        }
        was_given
    }

    /// Hands the first block of buffers over to the end of `to`, at the addresses that `address` finds. Says whether it
    /// did: it does not if one is not found, or either ring is not at the start of a block with room and buffers.
    #[inline(always)]
    pub(crate) fn hand_over_block(&mut self, to: &mut Self, address: impl Fn(NonNull<u8>) -> Option<DmaAddr>) -> bool {
        let most = to.len();
        let Some(from) = self.first_block() else { return false };
        let Some(to) = to.next_block(most) else { return false };
        // SAFETY: the block was posted, so there are buffers; and the other has a descriptor for each.
        if !unsafe { describe(from.tray, to.words, address) } {
            return false;
        }
        core::mem::swap(from.tray, to.tray);
        *from.count += BLOCK;
        *to.count += BLOCK;
        true
    }
}
