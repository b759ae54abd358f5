//! To several outputs, or with drops: in place, and with a pool and a batch per output.

use ixgbe::queue::Route;

use super::pool::{Handle, PoolFloor, is_due, post, push, reclaim};
use super::{BLOCK, HEADER, Identity, Memory, Ring, SEND, frame, good};
use crate::drive::{Counted, Rig, drive};
use crate::rows::Row;
use crate::work::{Byte, Work};

/// In place: sent buffers return to the receive ring, and those of dropped packets over a stack.
struct Outputs {
    rx: Ring,
    tx: Vec<Ring>,
    free: Vec<u64>,
}

/// A packet at the front of the receive ring, that was decided about.
struct Decided {
    buffer: u64,
    len: u64,
    output: usize,
}

impl Outputs {
    fn new(rig: &Rig, len: usize) -> Self {
        let mut memory = Memory::new(len);
        let rx = Ring::received_by(&rig.arriving[0], len, &mut memory, &Identity);
        let tx = rig.leaving.iter().map(|wire| Ring::sent_by(wire, len)).collect();
        // Room for all buffers, so that none needs asking.
        memory.free.reserve(len);
        Self { rx, tx, free: memory.free }
    }

    /// Takes back what was sent, by the block, and what was dropped.
    #[inline(never)]
    fn take_back(&mut self) {
        let Self { rx, tx, free } = self;
        let posted = rx.end;
        // SAFETY: the rings are ours; what is posted is what was sent or dropped.
        unsafe {
            for tx in tx {
                while tx.is_block_sent() && rx.end + BLOCK <= rx.first + rx.len() {
                    let (_, buffers) = tx.at(tx.first);
                    rx.post_block(buffers, &Identity);
                    tx.first += BLOCK;
                }
            }
            while free.len() >= BLOCK && rx.end + BLOCK <= rx.first + rx.len() {
                let left = free.len() - BLOCK;
                rx.post_block(free.as_ptr().add(left), &Identity);
                free.set_len(left);
            }
            if rx.end != posted {
                rx.notify(1);
            }
        }
    }

    #[inline(always)]
    fn forward<W: Work>(&mut self, most: usize) {
        self.take_back();
        let Self { rx, tx, free } = self;
        let (words, buffers, mask, mut first) = (rx.words, rx.buffers.as_ptr(), rx.mask, rx.first);
        let end = rx.end.min(first + most);
        // SAFETY: the rings are ours; what is sent or dropped is what was received.
        let mut next = || unsafe {
            if first == end {
                return None;
            }
            let more = good::<HEADER>(words.add(first & mask))?;
            let (buffer, len) = (*buffers.add(first & mask), more + HEADER);
            first += 1;
            let output = match W::decide(frame(buffer, len)) {
                Route::Output(output) => output,
                _ => usize::MAX,
            };
            Some(Decided { buffer, len, output })
        };
        let mut packet = next();
        while let Some(Decided { mut buffer, mut len, output }) = packet {
            let Some(tx) = tx.get_mut(output).filter(|tx| tx.room() > 0) else {
                // SAFETY: there is room for all buffers.
                unsafe { push(free, buffer) }
                packet = next();
                continue;
            };
            // A run for one output, at most to the end of its block.
            let (words, buffers) = tx.at(tx.end);
            let most = tx.room().min(BLOCK - tx.end % BLOCK);
            let mut count = 0;
            packet = loop {
                // SAFETY: there is room for `most`.
                unsafe {
                    *buffers.add(count) = buffer;
                    words.add(count).write([buffer, len + SEND]);
                }
                count += 1;
                let packet = next();
                match packet {
                    Some(next) if next.output == output && count < most => (buffer, len) = (next.buffer, next.len),
                    other => break other,
                }
            };
            tx.end += count;
            // SAFETY: just posted.
            unsafe { tx.report_last() }
        }
        rx.first = first;
        for tx in tx {
            // SAFETY: as above.
            unsafe { tx.notify(0) }
        }
    }
}

#[inline(never)]
fn measured_outputs_floor<W: Work>(floor: &mut Outputs, most: usize) {
    floor.forward::<W>(most);
}

/// Forwards in place, to any number of outputs.
pub fn in_place_outputs<W: Work>(row: &Row) -> usize {
    let mut rig = Rig::start(row);
    let mut floor = Outputs::new(&rig, row.ring);
    drive::<W>(row, &mut rig.arriving, &mut rig.leaving, |_, counted| match counted {
        Counted::Yes => measured_outputs_floor::<W>(&mut floor, row.most),
        Counted::No => floor.forward::<W>(row.most),
    })
}

/// With a pool and a batch per output.
struct PoolOutputs {
    pool: PoolFloor<Identity>,
    outputs: Vec<(Ring, Vec<Handle>)>,
}

impl PoolOutputs {
    #[inline(always)]
    fn forward(&mut self, most: usize) {
        let Self { pool, outputs } = self;
        pool.receive(most);
        // SAFETY: the packets are in the batch, with as many bytes; the batch of an output has room for as many.
        unsafe {
            for at in 0..pool.batch.len() {
                let (data, len) = *pool.batch.as_ptr().add(at);
                match Byte::decide(frame(data, len)) {
                    Route::Output(output) if output < outputs.len() => {
                        let (_, batch) = outputs.get_unchecked_mut(output);
                        batch.as_mut_ptr().add(batch.len()).write((data, len));
                        batch.set_len(batch.len() + 1);
                    }
                    _ => push(&mut pool.free, data),
                }
            }
            pool.batch.clear();
            for (tx, batch) in outputs {
                if !batch.is_empty() {
                    if is_due(tx) {
                        reclaim(tx, &mut pool.free);
                    }
                    post::<0, SEND>(tx, batch, &Identity);
                    batch.clear();
                }
            }
        }
    }
}

#[inline(never)]
fn measured_pool_outputs_floor(floor: &mut PoolOutputs, most: usize) {
    floor.forward(most);
}

/// Forwards with a pool and a batch per output.
pub fn pool_outputs(row: &Row) -> usize {
    let mut rig = Rig::start(row);
    let pool = PoolFloor::new(&rig.arriving[0], &rig.leaving[0], row.ring);
    let outputs =
        rig.leaving.iter().map(|wire| (Ring::sent_by(wire, row.ring), Vec::with_capacity(row.ring))).collect();
    let mut floor = PoolOutputs { pool, outputs };
    drive::<Byte>(row, &mut rig.arriving, &mut rig.leaving, |_, counted| match counted {
        Counted::Yes => measured_pool_outputs_floor(&mut floor, row.most),
        Counted::No => floor.forward(row.most),
    })
}
