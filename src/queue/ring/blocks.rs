//! Whole blocks of buffers: from a pool and back to it, and from ring to ring.

use core::ptr::NonNull;

use super::Ring;
use crate::descriptors::{AdvancedReceiveRead, DescriptorSlot, Written};
use crate::dma::DmaAddr;
use crate::pool::{BLOCK, Free, Pool, Tray, Trays};

/// The first block of a ring, or the next.
pub(super) struct Block<'a> {
    pub(super) words: *const DescriptorSlot,
    pub(super) tray: &'a mut Tray,
    /// The ring's count that stands at the start of the block, and moves past it.
    pub(super) count: &'a mut u64,
}

impl<'a> Block<'a> {
    /// The block that begins with descriptor `index` of those at `words`.
    ///
    /// # Safety
    ///
    /// There must be that descriptor, and a tray for its block.
    #[inline(always)]
    unsafe fn new(words: NonNull<DescriptorSlot>, trays: &'a mut Trays, index: usize, count: &'a mut u64) -> Self {
        // SAFETY: by the caller's promise `index` is of a descriptor, so the pointer stays in their allocation, and of a tray.
        unsafe { Self { words: words.add(index).as_ptr(), tray: trays.tray_unchecked(index), count } }
    }
}

/// Writes the descriptors that give the device the buffers in `tray` to receive into, without one for headers, at the addresses that
/// `address` finds. Says whether it found all.
///
/// # Safety
///
/// The tray must be full; `words` must point at a block of descriptors that are the driver's, as atomics for as long as this
/// takes; and `address` must return where the device sees the byte at the pointer that it is given.
#[inline(always)]
unsafe fn describe(
    tray: &mut Tray,
    words: *const DescriptorSlot,
    address: impl Fn(NonNull<u8>) -> Option<DmaAddr>,
) -> bool {
    for (n, buffer) in tray.places().iter().enumerate() {
        // SAFETY: the tray is full, so the place holds a buffer.
        let Some(address) = address(unsafe { buffer.assume_init_ref() }.data()) else { return false };
        // SAFETY: a tray has as many places as a block has descriptors, so there is one, and it is the driver's.
        unsafe { (*words.add(n)).vacant_in_ring() }.put(Written::<AdvancedReceiveRead>::new(address, 0));
    }
    true
}

impl Ring {
    /// The first block, if there is a whole one.
    #[inline(always)]
    pub(super) fn first_block(&mut self) -> Option<Block<'_>> {
        if !Self::begins_block(self.first) || self.posted() < BLOCK {
            return None;
        }
        let index = self.wrap(self.first);
        // SAFETY: the index is masked to the descriptors that there are, whose blocks have a tray each.
        Some(unsafe { Block::new(self.words, &mut self.trays, index, &mut self.first) })
    }

    /// The block behind the last, if a whole one can be posted, and there are `most` descriptors posted then at most.
    #[inline(always)]
    pub(super) fn next_block(&mut self, most: usize) -> Option<Block<'_>> {
        if !Self::begins_block(self.end) || self.posted() + BLOCK > most {
            return None;
        }
        let index = self.wrap(self.end);
        // SAFETY: the index is wrapped to the descriptors that there are, whose blocks have a tray each.
        Some(unsafe { Block::new(self.words, &mut self.trays, index, &mut self.end) })
    }

    /// Posts `pool`'s buffers at the end of a ring that is only ever filled so, by the block, at the addresses that `address`
    /// finds. Says whether the ring is as full as it can be.
    ///
    /// # Safety
    ///
    /// `address` must return where the device sees the byte at the pointer that it is given; and the device must not receive
    /// more into a buffer than the pool's buffers have.
    #[inline(always)]
    pub(crate) unsafe fn refill(&mut self, pool: &Pool, address: impl Fn(NonNull<u8>) -> Option<DmaAddr>) -> bool {
        if *self.filled_from.get_or_insert(pool.id()) != pool.id() || !Self::begins_block(self.end) {
            return false;
        }
        let block = BLOCK as u64;
        let (mut filled, full) = (self.end, self.first + self.mask + 1);
        {
            let mut free = pool.free();
            while filled + block <= full && free.take_tray(self.tray(filled)) {
                filled += block;
            }
        }
        while self.end < filled {
            let index = self.wrap(self.end);
            // SAFETY: the index is wrapped to the descriptors that there are, whose blocks have a tray each.
            let next = unsafe { Block::new(self.words, &mut self.trays, index, &mut self.end) };
            // SAFETY: the tray was just filled. The descriptors of this block are free, as it ends at `full` at most, so they are
            // the driver's. The rest is the caller's promise.
            if !unsafe { describe(next.tray, next.words, &address) } {
                self.give_up(pool, filled);
                return false;
            }
            *next.count += block;
        }
        filled + block > full
    }

    /// Gives back the trays from the end to before `filled`, which have no descriptors.
    #[cold]
    fn give_up(&mut self, pool: &Pool, filled: u64) {
        let mut free = pool.free();
        for index in (self.end..filled).step_by(BLOCK) {
            // SAFETY: they were taken from this pool, and stay outside of what counts as posted.
            unsafe { free.put_tray(self.tray(index)) };
        }
    }

    /// Gives the first block of buffers back to the pool whose `free` ones these are. Says whether it did: it does
    /// not if the front is in the middle of a block, or the end is in the same.
    ///
    /// # Safety
    ///
    /// As for [`give_back`](Self::give_back), of all buffers of the block.
    #[inline(always)]
    pub(crate) unsafe fn give_block_back(&mut self, free: &mut Free) -> bool {
        let Some(block) = self.first_block() else { return false };
        // SAFETY: the block was posted, so its places hold buffers, of the pool by the caller's promise; the ring gives up owning
        // them, as the count moves past them.
        let was_given = unsafe { free.put_tray(block.tray) };
        if was_given {
            *block.count += BLOCK as u64;
        }
        was_given
    }

    /// Hands the first block of buffers over to the end of `to`, at the addresses that `address` finds. Says whether it
    /// did: it does not if one is not found, or either ring is not at the start of a block with room and buffers.
    ///
    /// # Safety
    ///
    /// The device of this ring must be done with the buffers, and they must be of the pool that `to` is filled from. For `to`,
    /// [`refill`](Self::refill)'s promise.
    #[inline(always)]
    pub(crate) unsafe fn hand_over_block(
        &mut self,
        to: &mut Self,
        address: impl Fn(NonNull<u8>) -> Option<DmaAddr>,
    ) -> bool {
        let most = to.len();
        let Some(from) = self.first_block() else { return false };
        let Some(to) = to.next_block(most) else { return false };
        // SAFETY: the block was posted, so its tray is full; the block of the other is free, so its descriptors are the driver's.
        // The rest is the caller's promise.
        if !unsafe { describe(from.tray, to.words, address) } {
            return false;
        }
        core::mem::swap(from.tray, to.tray);
        *from.count += BLOCK as u64;
        *to.count += BLOCK as u64;
        true
    }
}
