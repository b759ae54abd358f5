//! To several outputs, or with drops: in place, and with a pool and a batch per output.

use ixgbe::queue::Route;

use super::pool::{Handle, PoolFloor, is_due, post, push, reclaim};
use super::{BLOCK, HEADER, Identity, Memory, REPORT, Ring, SEND, by_eights, frame, good};
use crate::drive::{Counted, Rig, drive};
use crate::rows::Row;
use crate::work::{Byte, Work};

/// In place: sent buffers return to the receive ring, and those of dropped packets over a stack.
struct Outputs {
    rx: Ring,
    tx: Vec<Ring>,
    free: Vec<u64>,
    /// The number of posted receive buffers at which sent buffers are taken back.
    low: usize,
}

impl Outputs {
    fn new(rig: &Rig, len: usize) -> Self {
        // The stack that is left has room for all buffers.
        let mut memory = Memory::new(len);
        let rx = Ring::received_by(&rig.arriving[0], len, &mut memory, &Identity);
        let tx = rig.leaving.iter().map(|wire| Ring::sent_by(wire, len)).collect();
        Self { rx, tx, free: memory.free, low: len - BLOCK.max(len / 4) }
    }

    /// Takes back what was sent, by the block, and what was dropped.
    #[inline(never)]
    fn take_back(&mut self) {
        let Self { rx, tx, free, .. } = self;
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
            rx.notify(1);
        }
    }

    /// Forwards to any number of outputs. The one of the last packet is at hand for the next.
    #[inline(always)]
    fn forward<W: Work>(&mut self, most: usize) {
        if self.rx.end - self.rx.first <= self.low {
            self.take_back();
        }
        let Self { rx, tx: outputs, free, .. } = self;
        let mut first = rx.first;
        let last = rx.end.min(first + most);
        let mut current = usize::MAX;
        let (mut words, mut buffers, mut mask) = (std::ptr::null_mut::<[u64; 2]>(), std::ptr::null_mut::<u64>(), 0);
        let (mut end, mut full) = (0, 0);
        // SAFETY: the rings are ours; what is sent or dropped is what was received. The pointers are the current
        // output's.
        unsafe {
            while first < last {
                let (received, slot) = rx.at(first);
                let Some((buffer, len, output)) = decide::<W>(received, slot) else { break };
                first += 1;
                if output != current {
                    if let Some(before) = outputs.get_mut(current) {
                        before.end = end;
                    }
                    current = output;
                    (end, full) = (0, 0);
                    if let Some(tx) = outputs.get_mut(output) {
                        (words, buffers, mask) = (tx.words, tx.buffers.as_mut_ptr(), tx.mask);
                        (end, full) = (tx.end, tx.first + tx.mask);
                    }
                }
                // Full, or no output.
                if end == full {
                    push(free, buffer);
                    continue;
                }
                let index = end & mask;
                *buffers.add(index) = buffer;
                words.add(index).write([buffer, len + SEND]);
                end += 1;
                if end % BLOCK == 0 {
                    (*words.add(index))[1] |= REPORT;
                }
            }
            if let Some(before) = outputs.get_mut(current) {
                before.end = end;
            }
        }
        rx.first = first;
        self.notify();
    }

    /// Requests status of the last descriptors, and notifies the device.
    #[inline(always)]
    fn notify(&mut self) {
        for tx in self.tx.iter_mut().filter(|tx| tx.end != tx.first) {
            // SAFETY: the rings are ours, and something is posted.
            unsafe {
                tx.report_last();
                tx.notify(0);
            }
        }
    }

    /// Forwards to any number of outputs, in runs for the same one: for runs that are long.
    #[inline(always)]
    fn forward_runs<W: Work>(&mut self, most: usize) {
        if self.rx.end - self.rx.first <= self.low {
            self.take_back();
        }
        let Self { rx, tx: outputs, free, .. } = self;
        let last = rx.end.min(rx.first + most);
        // The packet that ended a run, which begins the next.
        let mut known = None;
        // SAFETY: the rings are ours; what is sent or dropped is what was received.
        unsafe {
            while let Some((buffer, len, output)) = known.take().or_else(|| {
                let (words, buffers) = rx.at(rx.first);
                let decided = if rx.first < last { decide::<W>(words, buffers) } else { None }?;
                rx.first += 1;
                Some(decided)
            }) {
                let tx = outputs.get_mut(output).filter(|tx| tx.room() > 0);
                let Some(tx) = tx else {
                    push(free, buffer);
                    continue;
                };
                let ((from, buffers), (to, slots)) = (rx.at(rx.first), tx.at(tx.end));
                let most = tx.room().min(BLOCK - tx.end % BLOCK) - 1;
                let most = most.min(last - rx.first).min(rx.to_end(rx.first));
                *slots = buffer;
                to.write([buffer, len + SEND]);
                let (mut taken, mut posted) = (0, 1);
                while taken < most {
                    let Some((buffer, len, next)) = decide::<W>(from.add(taken), buffers.add(taken)) else { break };
                    taken += 1;
                    if next != output {
                        known = Some((buffer, len, next));
                        break;
                    }
                    *slots.add(posted) = buffer;
                    to.add(posted).write([buffer, len + SEND]);
                    posted += 1;
                }
                rx.first += taken;
                tx.end += posted;
                if tx.end % BLOCK == 0 {
                    tx.report_last();
                }
            }
        }
        self.notify();
    }

    /// Forwards to the only output, or drops.
    #[inline(always)]
    fn forward_or_drop<W: Work>(&mut self, most: usize) {
        if self.rx.end - self.rx.first <= self.low {
            self.take_back();
        }
        let Self { rx, tx, free, .. } = self;
        // SAFETY: there is an output.
        let tx = unsafe { tx.get_unchecked_mut(0) };
        let before = tx.end;
        let mut left = most.min(rx.end - rx.first).min(tx.room());
        while left > 0 {
            let ((from, buffers), (to, slots)) = (rx.at(rx.first), tx.at(tx.end));
            let run = left.min(rx.to_end(rx.first)).min(BLOCK - tx.end % BLOCK);
            let mut kept = 0;
            // SAFETY: the rings are ours; what is sent or dropped is what was received.
            let passed = by_eights(run, |n| unsafe {
                let Some(more) = good::<HEADER>(from.add(n)) else { return false };
                let buffer = *buffers.add(n);
                if matches!(W::decide(frame(buffer, more + HEADER)), Route::Output(0)) {
                    *slots.add(kept) = buffer;
                    to.add(kept).write([buffer, more + (SEND + HEADER)]);
                    kept += 1;
                } else {
                    push(free, buffer);
                }
                true
            });
            rx.first += passed;
            tx.end += kept;
            left -= passed;
            if kept > 0 {
                // SAFETY: just posted.
                unsafe { tx.report_last() }
            }
            if passed < run {
                break;
            }
        }
        if tx.end != before {
            // SAFETY: as above.
            unsafe { tx.notify(0) }
        }
    }
}

/// Returns buffer, length and output of the packet that was received into the descriptor at `words`, if it is good.
///
/// # Safety
///
/// It must be a descriptor, and its buffer at `buffer`.
#[inline(always)]
unsafe fn decide<W: Work>(words: *const [u64; 2], buffer: *const u64) -> Option<(u64, u64, usize)> {
    // SAFETY: as the caller says; a good packet has its length.
    unsafe {
        let len = good::<HEADER>(words)? + HEADER;
        let buffer = *buffer;
        match W::decide(frame(buffer, len)) {
            Route::Output(output) => Some((buffer, len, output)),
            _ => Some((buffer, len, usize::MAX)),
        }
    }
}

#[inline(never)]
fn measured_outputs_floor<W: Work>(floor: &mut Outputs, most: usize) {
    floor.forward::<W>(most);
}

#[inline(never)]
fn measured_runs_floor(floor: &mut Outputs, most: usize) {
    floor.forward_runs::<Byte>(most);
}

#[inline(never)]
fn measured_drops_floor<W: Work>(floor: &mut Outputs, most: usize) {
    floor.forward_or_drop::<W>(most);
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

/// Forwards in place, in long runs for the same output.
pub fn in_place_runs(row: &Row) -> usize {
    let mut rig = Rig::start(row);
    let mut floor = Outputs::new(&rig, row.ring);
    drive::<Byte>(row, &mut rig.arriving, &mut rig.leaving, |_, counted| match counted {
        Counted::Yes => measured_runs_floor(&mut floor, row.most),
        Counted::No => floor.forward_runs::<Byte>(row.most),
    })
}

/// Forwards in place to one output, or drops.
pub fn in_place_or_drop<W: Work>(row: &Row) -> usize {
    let mut rig = Rig::start(row);
    let mut floor = Outputs::new(&rig, row.ring);
    drive::<W>(row, &mut rig.arriving, &mut rig.leaving, |_, counted| match counted {
        Counted::Yes => measured_drops_floor::<W>(&mut floor, row.most),
        Counted::No => floor.forward_or_drop::<W>(row.most),
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
