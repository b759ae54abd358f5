//! Passing on what a receive queue received, in place: see [`InPlace`](crate::queue::InPlace).

use super::TxRing;
use crate::descriptors::{AdvancedReceiveRead, LegacyTransmitRead as Legacy, Written};
use crate::dma::DmaAddr;
use crate::field::Value;
use crate::pool::{BLOCK, Uniform};
use crate::queue::ring::{Step, pass};
use crate::queue::rx::RxRing;
use crate::value;

impl TxRing {
    /// Takes back whole blocks that the device has reported as done: into `rx` as long as they are of its pool and fit, and
    /// to their pools otherwise.
    #[inline(always)]
    pub(in crate::queue) fn take_back_into(&mut self, rx: &mut RxRing) {
        let (to, attachment) = rx.parts();
        let of_pool = self.attachments.iter().position(|own| own.pool().id() == attachment.pool().id());
        let posted = |address: DmaAddr| Value::EMPTY.with(AdvancedReceiveRead::PKT_ADDR, address);
        while self.ring.first() | (BLOCK - 1) < self.ring.end() {
            let Some(owner) = self.done_block() else { return };
            let handed_over = of_pool == Some(owner)
                && match attachment.uniform() {
                    Some(delta) => self.ring.hand_over_block(to, |data| Some(posted(delta.address(data)))),
                    None => self.ring.hand_over_block(to, |data| attachment.address(data).map(posted)),
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
        let describe = |data, less_one| Some(passed_on(delta.address(data), less_one));
        pass::<Legacy>(from, &mut noted.tx.ring, most, attachment.pool(), max_len, decide, describe)
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
        let describe = |data, less_one| Some(passed_on(to.address(data)?, less_one));
        pass::<Legacy>(from, ring, most, pool, max_len, decide, describe)
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

/// The descriptor of a packet of one segment that is passed on, of one byte and `more`. The legacy format says the length once;
/// what asks for a report, and what that is, are the same bits in both (datasheet 7.2.3.2.2).
#[inline(always)]
fn passed_on(address: DmaAddr, more: u64) -> Written<Legacy> {
    let value = value!(Legacy { EOP: true, IFCS: true, LENGTH: 1 }).with(Legacy::BUFFER_ADDR, address);
    Written::from(value).with_more(Legacy::LENGTH, more)
}
