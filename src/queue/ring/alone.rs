//! Packets one by one: what need not be asked with each.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use super::Ring;
use super::groups::{Ends, post_one, receive_one};
use crate::dma::DmaAddr;
use crate::packet::Batch;
use crate::pool::{BLOCK, Buffer, Pool, Usual};

/// Which descriptors may be used one by one, with nothing else to do.
#[derive(Clone, Copy)]
pub(super) struct Alone {
    /// Those before this, from where the ring's count is.
    until: u64,
    /// Where the place of the first descriptor of all would be, if those of this block went on to there.
    places: *mut MaybeUninit<Buffer>,
}

impl Alone {
    /// None.
    pub(super) const FORBIDDEN: Self = Self { until: 0, places: core::ptr::null_mut() };
}

impl Ring {
    /// Lets packets be [received alone](Self::receive_only) as far as there is nothing else to do: there is with the last of a block.
    pub(crate) fn let_receive_alone(&mut self) {
        let until = (self.first | (BLOCK as u64 - 1)).min(self.end);
        self.receive_alone = self.alone(self.first, until);
    }

    /// Lets packets be [posted alone](Self::post_only) as far as there is nothing else to do: there is with the first of a block, and
    /// where the ring is full.
    pub(crate) fn let_post_alone(&mut self) {
        let until = self.end.next_multiple_of(BLOCK as u64).min(self.first + self.mask);
        self.post_alone = self.alone(self.end, until);
    }

    /// From descriptor `index` on, before `until`, which is not behind its block.
    fn alone(&mut self, index: u64, until: u64) -> Alone {
        let block = index - Self::in_block(index) as u64;
        Alone { until, places: self.tray(index).as_ptr().wrapping_sub(block as usize) }
    }

    /// Where descriptor `index` and its buffer's place are, which `alone` allows.
    #[inline(always)]
    fn alone_ends(&self, index: u64, alone: Alone) -> Ends {
        Ends { words: self.at(index).as_ptr(), buffers: alone.places.wrapping_add(index as usize) }
    }

    /// Forbids it.
    pub(crate) fn forbid_alone(&mut self) {
        (self.receive_alone, self.post_alone) = (Alone::FORBIDDEN, Alone::FORBIDDEN);
    }

    /// Moves one packet, as [`receive`](Self::receive) does, if that is [allowed](Self::let_receive_alone) and the batch has room for no
    /// more. Says whether it did.
    ///
    /// # Safety
    ///
    /// As for [`receive`](Self::receive).
    #[inline(always)]
    pub(crate) unsafe fn receive_only(&mut self, pool: &Pool, batch: &mut Batch) -> bool {
        let first = self.first;
        if batch.free() != 1 || first >= self.receive_alone.until {
            return false;
        }
        // SAFETY: the batch has room for one. Descriptor `first` was posted when it was allowed, in the block whose places these
        // are, and is until `first` moves past it, so its place holds a buffer, of the pool by the caller's promise. What was
        // received is moved out, as `first` moves past it, and was written to the start of the room.
        unsafe {
            let room = batch.room().as_mut_ptr();
            let received =
                receive_one(self.alone_ends(first, self.receive_alone), room, pool.id(), pool.buffer_size() as u64);
            if received {
                self.first = first + 1;
                batch.grow(1);
            }
            received
        }
    }

    /// Moves the only packet of `batch`, as [`post`](Self::post) does, if that is [allowed](Self::let_post_alone), and asks for a
    /// report. Says whether it did.
    ///
    /// # Safety
    ///
    /// As for [`post`](Self::post).
    #[inline(always)]
    pub(crate) unsafe fn post_only(
        &mut self,
        batch: &mut Batch,
        usual: Usual,
        max_len: u64,
        address: impl Fn(NonNull<u8>) -> Option<DmaAddr> + Copy,
    ) -> bool {
        let end = self.end;
        let [only] = &**batch else { return false };
        if end >= self.post_alone.until {
            return false;
        }
        // SAFETY: descriptor `end` was free when it was allowed, in the block whose places these are, and is until `end` moves
        // past it; so its place holds no buffer. What was posted belongs to the ring, as `end` moves past it, and is forgotten
        // as a packet.
        unsafe {
            let posted = post_one(only, self.alone_ends(end, self.post_alone), usual, max_len, true, address);
            if posted {
                batch.forget_all();
                self.end = end + 1;
            }
            posted
        }
    }
}
