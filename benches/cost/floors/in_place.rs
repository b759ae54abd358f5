//! In place, to one output that gets all: both rings have the same buffers, by index.

use super::{BLOCK, HEADER, Identity, Mapping, Memory, Ring, SEND, by_eights, frame, good};
use crate::drive::{Counted, Rig, drive};
use crate::plain::{Addresses, Player};
use crate::rows::Row;
use crate::work::Work;

pub struct InPlaceFloor<M> {
    rx: Ring,
    tx: Ring,
    mapping: M,
}

impl InPlaceFloor<Identity> {
    pub fn new(from: &Player, to: &Player, len: usize) -> Self {
        Self::with(from, to, len, &mut Memory::new(len), Identity)
    }
}

impl<M: Mapping> InPlaceFloor<M> {
    fn with(from: &Player, to: &Player, len: usize, memory: &mut Memory, mapping: M) -> Self {
        Self { rx: Ring::received_by(from, len, memory, &mapping), tx: Ring::sent_by(to, len), mapping }
    }

    #[inline(always)]
    pub fn forward<W: Work>(&mut self, most: usize) -> usize {
        // SAFETY: the rings are ours; what is posted is what was sent, and what is sent is what was received.
        unsafe {
            if self.tx.is_block_sent() {
                self.take_back();
            }
            let Self { rx, tx, mapping } = self;
            let before = tx.end;
            // One buffer stays out, as the device must not see a full ring as an empty one.
            let end = (before + most).min(rx.end - 1);
            while tx.end < end {
                let (from, buffers) = rx.at(tx.end);
                let (to, _) = tx.at(tx.end);
                let count = (BLOCK - tx.end % BLOCK).min(end - tx.end);
                let passed = by_eights(count, |n| {
                    let Some(more) = good::<HEADER>(from.add(n)) else { return false };
                    let buffer = *buffers.add(n);
                    W::decide(frame(buffer, more + HEADER));
                    to.add(n).write([mapping.address(buffer), more + (SEND + HEADER)]);
                    true
                });
                tx.end += passed;
                if passed == 0 {
                    break;
                }
                tx.report_last();
                if passed < count {
                    break;
                }
            }
            if tx.end != before {
                tx.notify(0);
            }
            tx.end - before
        }
    }

    /// Posts the buffers of blocks that were sent.
    ///
    /// # Safety
    ///
    /// The rings must be there still.
    #[inline(never)]
    unsafe fn take_back(&mut self) {
        let Self { rx, tx, mapping } = self;
        // SAFETY: as the caller says; a block that was sent has its buffers at the same index of the receive ring.
        unsafe {
            while tx.is_block_sent() {
                let (words, buffers) = rx.at(tx.first);
                for n in 0..BLOCK {
                    words.add(n).write([mapping.address(*buffers.add(n)), 0]);
                }
                tx.first += BLOCK;
                rx.end += BLOCK;
            }
            rx.notify(1);
        }
    }
}

#[inline(never)]
pub fn measured_in_place_floor<W: Work, M: Mapping>(floor: &mut InPlaceFloor<M>, most: usize) -> usize {
    floor.forward::<W>(most)
}

/// Forwards in place what always goes to output 0.
pub fn in_place<W: Work>(row: &Row) -> usize {
    let rig = Rig::start(row);
    let mut memory = Memory::new(row.ring);
    match row.addresses {
        Addresses::Identity => run::<W, _>(row, rig, &mut memory, Identity),
        Addresses::Scattered => {
            let pages = memory.pages();
            run::<W, _>(row, rig, &mut memory, pages)
        }
    }
}

fn run<W: Work, M: Mapping>(row: &Row, mut rig: Rig, memory: &mut Memory, mapping: M) -> usize {
    let mut floor = InPlaceFloor::with(&rig.arriving[0], &rig.leaving[0], row.ring, memory, mapping);
    drive::<W>(row, &mut rig.arriving, &mut rig.leaving, |_, counted| {
        match counted {
            Counted::Yes => measured_in_place_floor::<W, M>(&mut floor, row.most),
            Counted::No => floor.forward::<W>(row.most),
        };
    })
}
