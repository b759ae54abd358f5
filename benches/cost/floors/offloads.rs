//! What the device says of each packet is kept, and each packet has a request of its own.

use super::{Identity, SEND, by_eights, good};
use crate::drive::{Counted, Rig, drive};
use crate::rows::Row;
use crate::work::{Ipv4, Touch};

use super::pool::PoolFloor;

/// A pool, and beside each packet of its batch two words of the device.
struct Described {
    pool: PoolFloor<Identity>,
    words: Vec<[u64; 2]>,
}

impl Described {
    fn new(rig: &Rig, len: usize) -> Self {
        let pool = PoolFloor::new(&rig.arriving[0], &rig.leaving[0], len);
        Self { pool, words: Vec::with_capacity(len) }
    }

    /// Receives into the empty batch, and keeps the write-backs.
    #[inline(always)]
    fn receive(&mut self, most: usize) {
        let Self { pool: PoolFloor { rx, batch, .. }, words: kept } = self;
        let (packets, kept_words) = (batch.as_mut_ptr(), kept.as_mut_ptr());
        let most = most.min(rx.end - rx.first);
        let mut count = 0;
        while count < most {
            let (words, buffers) = rx.at(rx.first);
            let run = rx.to_end(rx.first).min(most - count);
            // SAFETY: the ring is ours; batch and words have room for as many as a ring.
            let received = by_eights(run, |n| unsafe {
                let Some(more) = good::<1>(words.add(n)) else { return false };
                packets.add(count + n).write((*buffers.add(n), more + 1));
                kept_words.add(count + n).write(words.add(n).read());
                true
            });
            count += received;
            rx.first += received;
            if received < run {
                break;
            }
        }
        // SAFETY: as many were received.
        unsafe {
            batch.set_len(count);
            kept.set_len(count);
        }
        self.pool.refill_here();
    }

    /// Transmits the batch, each packet with its own flags.
    #[inline(always)]
    fn transmit(&mut self) -> usize {
        let Self { pool, words } = self;
        pool.transmit_with(|n| {
            // SAFETY: there are words for each packet of the batch.
            unsafe { words.get_unchecked(n)[1] }
        })
    }
}

#[inline(never)]
fn measured_metadata_floor(floor: &mut Described, most: usize) {
    floor.receive(most);
}

/// Receives with metadata.
pub fn metadata(row: &Row) -> usize {
    let mut rig = Rig::start(row);
    let mut floor = Described::new(&rig, row.ring);
    drive::<Touch>(row, &mut rig.arriving, &mut rig.leaving, |_, counted| {
        match counted {
            Counted::Yes => measured_metadata_floor(&mut floor, row.most),
            Counted::No => floor.receive(row.most),
        }
        floor.pool.work::<Touch>();
        floor.pool.transmit::<0>();
    })
}

#[inline(never)]
fn measured_requests_floor(floor: &mut Described) -> usize {
    floor.transmit()
}

/// Transmits with flags of their own for each packet, and without contexts.
pub fn requests(row: &Row) -> usize {
    let mut rig = Rig::start(row);
    let mut floor = Described::new(&rig, row.ring);
    drive::<Ipv4>(row, &mut rig.arriving, &mut rig.leaving, |_, counted| {
        floor.pool.receive(row.most);
        floor.pool.work::<Ipv4>();
        floor.words.clear();
        floor.words.extend(floor.pool.batch.iter().map(|_| [0, SEND]));
        match counted {
            Counted::Yes => measured_requests_floor(&mut floor),
            Counted::No => floor.transmit(),
        };
    })
}
