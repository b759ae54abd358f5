//! Passing on what a receive queue received, in place: see [`InPlace`](crate::queue::InPlace).

use super::TxRing;
use crate::pool::{BLOCK, Uniform};
use crate::queue::ring::{Step, pass};
use crate::queue::rx::RxRing;

impl TxRing {
    /// Takes back whole blocks that the device has reported as done: into `rx` as long as they are of its pool and fit, and
    /// to their pools otherwise.
    #[inline(always)]
    pub(in crate::queue) fn take_back_into(&mut self, rx: &mut RxRing) {
        let (to, attachment) = rx.parts();
        let of_pool = self.attachments.iter().position(|own| own.pool().id() == attachment.pool().id());
        while self.ring.first() | (BLOCK - 1) < self.ring.end() {
            let Some(owner) = self.done_block() else { return };
            let handed_over = of_pool == Some(owner)
                && match attachment.uniform() {
                    Some(delta) => self.ring.hand_over_block(to, |data| Some(delta.address(data))),
                    None => self.ring.hand_over_block(to, |data| attachment.address(data)),
                };
            if !handed_over {
                self.take_done(owner, BLOCK - self.ring.first() % BLOCK);
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

    /// [Passes](Self::pass) packets on without a call of a function, which is worth it for one.
    #[inline(always)]
    pub(in crate::queue) fn pass_here(
        &mut self,
        rx: &mut RxRing,
        most: usize,
        decide: impl FnMut(&mut [u8]) -> Step,
    ) -> usize {
        let Some(Uniform { pool, delta }) = self.uniform else { return self.pass_by_page(rx, most, decide) };
        let is_next = rx.is_between_frames();
        let (from, attachment) = rx.parts();
        if !is_next || pool != attachment.pool().id() {
            return 0;
        }
        let max_len = self.max_len;
        let noted = Noted { index: self.ring.end(), tx: self };
        pass(from, &mut noted.tx.ring, most, attachment.pool(), max_len, decide, |data| Some(delta.address(data)))
    }

    /// [Passes](Self::pass) packets on whose addresses have to be looked up.
    #[inline(never)]
    fn pass_by_page(&mut self, rx: &mut RxRing, most: usize, decide: impl FnMut(&mut [u8]) -> Step) -> usize {
        if !rx.is_between_frames() {
            return 0;
        }
        let (from, attachment) = rx.parts();
        let pool = attachment.pool();
        let max_len = self.max_len;
        let noted = Noted { index: self.ring.end(), tx: self };
        let TxRing { ring, attachments, owner, .. } = &mut *noted.tx;
        let Some(to) = attachments.get(*owner).filter(|to| to.pool().id() == pool.id()) else { return 0 };
        pass(from, ring, most, pool, max_len, decide, |data| to.address(data))
    }
}

/// Notes what was posted from `index` on when it is dropped: also when the caller's code panics.
struct Noted<'a> {
    tx: &'a mut TxRing,
    index: usize,
}

impl Drop for Noted<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.tx.ring.end() != self.index {
            if self.tx.ring.end().is_multiple_of(BLOCK) {
                self.tx.report_last();
            }
            self.tx.note(self.index);
        }
    }
}
