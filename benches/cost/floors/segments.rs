//! With a pool, for frames that lie in several buffers: a handle per buffer, and the last of a frame marked.

use super::pool::{Handle, PoolFloor, is_due, post, reclaim};
use super::{EOP, IFCS, Identity, LOOKED_AT, Ring, frame};
use crate::drive::{Counted, Rig, drive};
use crate::rows::Row;
use crate::traffic::LONGEST;
use crate::work::{Touch, Work};

/// The length and the EOP bit of what was received into the descriptor at `words`, as its transmit descriptor has
/// them, if it is good.
///
/// # Safety
///
/// It must be a descriptor.
#[inline(always)]
unsafe fn good_segment(words: *const [u64; 2]) -> Option<u64> {
    // SAFETY: as the caller says.
    let word = unsafe { words.cast::<u64>().add(1).read_volatile() };
    let end = word & 2;
    let len = (word.wrapping_sub(1 | end) & LOOKED_AT).rotate_left(32);
    (len <= LONGEST as u64).then_some(len + (end << 23))
}

/// Forwards up to `most` frames.
#[inline(always)]
fn forward(floor: &mut PoolFloor<Identity>, tx: &mut Ring, most: usize) {
    let PoolFloor { rx, batch, .. } = floor;
    let (packets, mut frames, mut first, mut is_first) = (batch.as_mut_ptr(), 0, rx.first, true);
    // SAFETY: the rings are ours; the batch has room for as many as a ring.
    unsafe {
        let mut count = 0;
        while frames < most && first < rx.end {
            let (words, buffers) = rx.at(first);
            let Some(len) = good_segment(words) else { break };
            let buffer = *buffers;
            if is_first {
                Touch::decide(frame(buffer, len & 0xffff));
            }
            packets.add(count).write((buffer, len));
            count += 1;
            first += 1;
            is_first = len & EOP != 0;
            frames += usize::from(is_first);
        }
        batch.set_len(count);
    }
    rx.first = first;
    floor.refill_here();
    let packets: &[Handle] = &floor.batch;
    // SAFETY: as the pool's floor does it.
    unsafe {
        if is_due(tx) {
            reclaim(tx, &mut floor.free);
        }
        post::<0, IFCS>(tx, packets, &Identity);
    }
    floor.batch.clear();
}

#[inline(never)]
fn measured_segments_floor(floor: &mut PoolFloor<Identity>, tx: &mut Ring, most: usize) {
    forward(floor, tx, most);
}

/// Forwards frames of several buffers.
pub fn segments(row: &Row) -> usize {
    let mut rig = Rig::start(row);
    let mut floor = PoolFloor::new(&rig.arriving[0], &rig.leaving[0], row.ring);
    let mut tx = Ring::sent_by(&rig.leaving[0], row.ring);
    drive::<Touch>(row, &mut rig.arriving, &mut rig.leaving, |_, counted| match counted {
        Counted::Yes => measured_segments_floor(&mut floor, &mut tx, row.most),
        Counted::No => forward(&mut floor, &mut tx, row.most),
    })
}
