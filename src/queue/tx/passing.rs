//! Passing on what a receive queue received, in place: see [`InPlaceForwarder`](crate::queue::InPlaceForwarder).

use super::{Block, TxRing, Uniform};
use crate::pool::BLOCK;
use crate::queue::ring::{BlockPassage, Passable, Ring, Step, pass};
use crate::queue::rx::RxRing;

impl TxRing {
    /// Takes back whole blocks that the device has reported as done: into `rx` as long as they are of its pool and fit, and
    /// to their pools otherwise.
    #[inline(always)]
    pub(in crate::queue) fn take_back_into(&mut self, rx: &mut RxRing) {
        let (to, attachment) = rx.parts();
        let pool = attachment.pool().id();
        let Some(of_pool) = self.owner_of(pool) else { return self.take_back() };
        let uniform = attachment.uniform();
        while let Some(owner) = self.done_block() {
            // SAFETY: the device has reported the block as done. Its buffers are of the pool of `owner`, which is that of `rx`; the
            // attachment of `rx` finds addresses in it, and `rx`'s device was set up for buffers of its size.
            let handed_over = of_pool == owner
                && unsafe {
                    match uniform {
                        Some(delta) => self.ring.hand_over_block(to, |data| Some(delta.address(data))),
                        None => self.ring.hand_over_block(to, |data| attachment.address(data)),
                    }
                };
            if !handed_over {
                let count = Ring::to_block_end(self.ring.first());
                // SAFETY: the device has reported the rest of the block as done, and its buffers are of `owner`.
                unsafe { self.take_done(owner, count) };
            }
        }
    }

    /// Passes packets on from `rx`, at most `most`, as [`pass`] does, and says how many; none if the last
    /// [`guess`](Self::guess) was not its pool. A function of its own, because the loop needs all registers.
    #[inline(never)]
    pub(in crate::queue) fn pass(
        &mut self,
        rx: &mut RxRing,
        most: usize,
        decide: impl FnMut(&mut [u8]) -> Step,
    ) -> usize {
        self.pass_here(rx, most, decide)
    }

    /// [Passes](Self::pass) packets on, by the block where that can be.
    #[inline(never)]
    pub(in crate::queue) fn pass_many(
        &mut self,
        rx: &mut RxRing,
        most: usize,
        mut decide: impl FnMut(&mut [u8]) -> Step,
    ) -> usize {
        if most >= BLOCK
            && let Some(count) = self.pass_block(rx, &mut decide)
        {
            return count;
        }
        self.pass(rx, most, decide)
    }

    /// [Passes](Self::pass) on a block, if there is a whole one, and room for it.
    #[inline(always)]
    fn pass_block(&mut self, rx: &mut RxRing, decide: impl FnMut(&mut [u8]) -> Step) -> Option<usize> {
        let Uniform { passable, delta } = self.uniform?;
        if !rx.is_between_frames() {
            return None;
        }
        let (from, _) = rx.parts();
        let index = self.ring.end();
        let number = self.ring.wrap(index) / BLOCK;
        let noted = self.blocks.get_mut(number)?;
        // SAFETY: `passable` is of the pool whose buffers the ring passes on, and has its buffer size; `from` receives, and this ring
        // sends.
        let passage = unsafe { BlockPassage::new(from, &mut self.ring, passable) }?;
        *noted = Block { report: index + (BLOCK as u64 - 1), owner: self.owner };
        // SAFETY: `guess` set `delta` together with `passable`: it is of the same pool, as this ring's device sees it.
        Some(unsafe { passage.pass(decide, |data| Some(delta.address(data))) })
    }

    /// [Passes](Self::pass) packets on without a call of a function, which is worth it for one.
    #[inline(always)]
    pub(in crate::queue) fn pass_here(
        &mut self,
        rx: &mut RxRing,
        most: usize,
        decide: impl FnMut(&mut [u8]) -> Step,
    ) -> usize {
        let Some(Uniform { passable, delta }) = self.uniform else { return self.pass_by_page(rx, most, decide) };
        if !rx.is_between_frames() {
            return 0;
        }
        let (from, _) = rx.parts();
        let noted = Noted { index: self.ring.end(), tx: self };
        // SAFETY: `passable` is of the pool whose buffers the ring passes on, and has its buffer size; `from` receives, and this
        // ring sends; `guess` set `delta` together with `passable`.
        unsafe { pass(from, &mut noted.tx.ring, most, passable, decide, |data| Some(delta.address(data))) }
    }

    /// [Passes](Self::pass) packets on whose addresses have to be looked up.
    #[inline(never)]
    fn pass_by_page(&mut self, rx: &mut RxRing, most: usize, decide: impl FnMut(&mut [u8]) -> Step) -> usize {
        if !rx.is_between_frames() {
            return 0;
        }
        let (from, attachment) = rx.parts();
        let pool = attachment.pool();
        let passable = Passable::new(pool, self.max_len);
        let noted = Noted { index: self.ring.end(), tx: self };
        let TxRing { ring, attachments, owner, .. } = &mut *noted.tx;
        let Some(to) = attachments.get(*owner).filter(|to| to.pool().id() == pool.id()) else { return 0 };
        // SAFETY: `passable` is made of the pool that `from` is filled from; `from` receives, and this ring sends. `to` is that pool's
        // attachment to this ring's device.
        unsafe { pass(from, ring, most, passable, decide, |data| to.address(data)) }
    }
}

/// Notes what was posted from `index` on when it is dropped: also when the caller's code panics.
struct Noted<'a> {
    tx: &'a mut TxRing,
    index: u64,
}

impl Drop for Noted<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.tx.ring.end() != self.index {
            if Ring::begins_block(self.tx.ring.end()) {
                // SAFETY: the counts differ, so something was posted, and no doorbell was rung since.
                unsafe { self.tx.report_last() };
            }
            self.tx.note(self.index);
        }
    }
}
