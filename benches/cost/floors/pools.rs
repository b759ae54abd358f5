//! To one transmit ring, from several pools or receive queues: a buffer's pool stands above its address.

use super::pool::{Handle, is_due, post, push};
use super::{BLOCK, Mapping, Memory, Ring, SEND, frame, good};
use crate::drive::{Counted, Rig, drive};
use crate::rows::Row;
use crate::work::{Touch, Work};

/// Where a buffer's pool stands.
const POOL_SHIFT: u32 = 48;

/// Leaves out the pool.
struct Tagged;

impl Mapping for Tagged {
    #[inline(always)]
    unsafe fn address(&self, buffer: u64) -> u64 {
        buffer & ((1 << POOL_SHIFT) - 1)
    }
}

struct Pools {
    /// One per queue; the buffers of each are of the pool with its number.
    rx: Vec<Ring>,
    tx: Ring,
    free: Vec<Vec<u64>>,
    batch: Vec<Handle>,
}

impl Pools {
    fn new(rig: &Rig, pools: usize, len: usize) -> Self {
        let mut memories: Vec<_> = (0..pools).map(|_| Memory::new(4 * len)).collect();
        for (pool, memory) in (0..).zip(&mut memories) {
            memory.free.iter_mut().for_each(|buffer| *buffer |= pool << POOL_SHIFT);
        }
        let rx = rig.arriving.iter().zip(&mut memories);
        let rx = rx.map(|(wire, memory)| Ring::received_by(wire, len, memory, &Tagged)).collect();
        let free = memories.into_iter().map(|memory| memory.free).collect();
        Self { rx, tx: Ring::sent_by(&rig.leaving[0], len), free, batch: Vec::with_capacity(len) }
    }

    #[inline(always)]
    fn receive(&mut self, queue: usize, most: usize) {
        let Self { rx, free, batch, .. } = self;
        let (rx, free, packets) = (&mut rx[queue], &mut free[queue], batch.as_mut_ptr());
        let (mut count, most) = (0, most.min(rx.end - rx.first));
        // SAFETY: the ring is ours; the batch has room for as many as a ring; what is posted is free.
        unsafe {
            while count < most {
                let (words, buffers) = rx.at(rx.first);
                let Some(more) = good::<1>(words) else { break };
                packets.add(count).write((*buffers, more + 1));
                count += 1;
                rx.first += 1;
            }
            batch.set_len(count);
            let posted = rx.end;
            while rx.end + BLOCK <= rx.first + rx.len() && free.len() >= BLOCK {
                let left = free.len() - BLOCK;
                rx.post_block(free.as_ptr().add(left), &Tagged);
                free.set_len(left);
            }
            if rx.end != posted {
                rx.notify(1);
            }
        }
    }

    /// Works on the batch, and replaces the packets that are to be of another pool.
    fn work(&mut self, mut choice: impl FnMut() -> usize) {
        for (data, len) in &mut self.batch {
            // SAFETY: a received packet has that many bytes; so has a free buffer.
            unsafe {
                let from = frame(Tagged.address(*data), *len);
                Touch::decide(from);
                let pool = choice();
                if pool != 0 {
                    let copy = self.free[pool].pop().expect("a free buffer");
                    frame(Tagged.address(copy), *len).copy_from_slice(from);
                    self.free[0].push(*data);
                    *data = copy;
                }
            }
        }
    }

    #[inline(always)]
    fn transmit(&mut self) {
        if is_due(&self.tx) {
            self.reclaim();
        }
        // SAFETY: what is sent was received or taken.
        unsafe { post::<0, SEND>(&mut self.tx, &self.batch, &Tagged) };
        self.batch.clear();
    }

    /// Reclaims blocks that were sent.
    #[inline(never)]
    fn reclaim(&mut self) {
        let Self { tx, free, .. } = self;
        // SAFETY: the stack of each pool has room for all its buffers.
        unsafe {
            while tx.is_block_sent() {
                let (_, buffers) = tx.at(tx.first);
                for n in 0..BLOCK {
                    let buffer = *buffers.add(n);
                    push(free.get_unchecked_mut((buffer >> POOL_SHIFT) as usize), buffer);
                }
                tx.first += BLOCK;
            }
        }
    }
}

#[inline(never)]
fn measured_pools_receive_floor(floor: &mut Pools, most: usize) {
    floor.receive(0, most);
}

#[inline(never)]
fn measured_pools_transmit_floor(floor: &mut Pools) {
    floor.transmit();
}

fn run(row: &Row, pools: usize, receive_counts: bool) -> usize {
    let mut rig = Rig::start(row);
    let mut floor = Pools::new(&rig, pools, row.ring);
    let mut choice = row.choice();
    drive::<Touch>(row, &mut rig.arriving, &mut rig.leaving, |queue, counted| {
        match counted {
            Counted::Yes if receive_counts => measured_pools_receive_floor(&mut floor, row.most),
            _ => floor.receive(queue, row.most),
        }
        floor.work(|| if row.pools > 1 { choice() } else { 0 });
        match counted {
            Counted::Yes => measured_pools_transmit_floor(&mut floor),
            Counted::No => floor.transmit(),
        }
    })
}

/// Forwards with packets of several pools.
pub fn pools_forward(row: &Row) -> usize {
    run(row, row.pools, true)
}

/// Transmits packets of several pools.
pub fn pools_transmit(row: &Row) -> usize {
    run(row, row.pools, false)
}

/// Transmits what several queues received.
pub fn queues_transmit(row: &Row) -> usize {
    run(row, row.queues, false)
}
