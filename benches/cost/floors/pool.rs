//! With a pool: packets are received into a batch of handles, worked on, and sent. Buffers come from a stack, and
//! return to it.

use ixgbe::queue::Route;

use super::{BLOCK, Identity, Mapping, Memory, REPORT, Ring, SEND, by_eights, frame, good, is_received};
use crate::drive::{Counted, Rig, drive};
use crate::plain::{Addresses, Player};
use crate::rows::Row;
use crate::work::{HEADER, Touch, Work};

/// A received packet: its first byte, and how many it has.
pub(super) type Handle = (u64, u64);

/// Posted buffers from which on sent ones are reclaimed, as a part of the ring.
const THRESHOLD: usize = 8;

pub struct PoolFloor<M> {
    pub(super) rx: Ring,
    pub(super) batch: Vec<Handle>,
    pub(super) free: Vec<u64>,
    tx: Ring,
    pub(super) mapping: M,
}

impl PoolFloor<Identity> {
    pub fn new(from: &Player, to: &Player, len: usize) -> Self {
        Self::with(from, to, len, Memory::new(4 * len), Identity)
    }
}

impl<M: Mapping> PoolFloor<M> {
    pub(super) fn with(from: &Player, to: &Player, len: usize, mut memory: Memory, mapping: M) -> Self {
        let rx = Ring::received_by(from, len, &mut memory, &mapping);
        Self { rx, batch: Vec::with_capacity(len), free: memory.free, tx: Ring::sent_by(to, len), mapping }
    }

    /// Receives into the empty batch.
    #[inline(always)]
    pub fn receive(&mut self, most: usize) {
        let Self { rx, batch, .. } = self;
        let (words, buffers) = rx.at(rx.first);
        let (next, _) = rx.at(rx.first + 1);
        // SAFETY: the ring is ours, and has two descriptors; the batch has room for as many as a ring.
        unsafe {
            // One packet on its own.
            if most == 1 || !is_received(next) {
                let Some(more) = good::<1>(words) else { return };
                batch.as_mut_ptr().write((*buffers, more + 1));
                batch.set_len(1);
                rx.first += 1;
                if rx.end + BLOCK <= rx.first + rx.len() {
                    self.refill();
                }
                return;
            }
        }
        self.receive_many(most);
    }

    #[inline(never)]
    fn receive_many(&mut self, most: usize) {
        let Self { rx, batch, .. } = self;
        let packets = batch.as_mut_ptr();
        let most = most.min(rx.end - rx.first);
        let mut count = 0;
        loop {
            let (words, buffers) = rx.at(rx.first);
            let run = rx.to_end(rx.first).min(most - count);
            // SAFETY: the ring is ours; the batch has room for as many as a ring.
            let received = by_eights(run, |n| unsafe {
                let Some(more) = good::<1>(words.add(n)) else { return false };
                packets.add(count + n).write((*buffers.add(n), more + 1));
                true
            });
            count += received;
            rx.first += received;
            // Only at the end of the ring there may be more.
            if count == most || received < run {
                break;
            }
        }
        // SAFETY: as many were received.
        unsafe { batch.set_len(count) }
        self.refill_here();
    }

    /// [Refills](Self::refill_here), apart from code that hardly ever does.
    #[inline(never)]
    fn refill(&mut self) {
        self.refill_here();
    }

    /// Posts buffers for what was received, by the block.
    #[inline(always)]
    pub(super) fn refill_here(&mut self) {
        let Self { rx, free, mapping, .. } = self;
        let posted = rx.end;
        while rx.end + BLOCK <= rx.first + rx.len() && free.len() >= BLOCK {
            let left = free.len() - BLOCK;
            // SAFETY: that many are there, and there is room.
            unsafe {
                rx.post_block(free.as_ptr().add(left), mapping);
                free.set_len(left);
            }
        }
        if rx.end != posted {
            // SAFETY: the ring is ours.
            unsafe { rx.notify(1) }
        }
    }

    /// Works on the batch, and returns to the stack what does not go to output 0.
    #[inline(always)]
    pub fn work<W: Work>(&mut self) {
        let Self { batch, free, .. } = self;
        let (packets, mut kept) = (batch.as_mut_ptr(), 0);
        for at in 0..batch.len() {
            // SAFETY: the packets are in the batch, with as many bytes, behind the headroom; a buffer that is in the batch
            // is not on the stack, which so has room for it.
            unsafe {
                let (data, len) = *packets.add(at);
                if W::GROWS > 0 {
                    frame(data - HEADER.len() as u64, HEADER.len() as u64).copy_from_slice(&HEADER);
                }
                let route = W::decide(frame(data, len));
                if !W::SELECTS || matches!(route, Route::Output(0)) {
                    if W::SELECTS || W::GROWS != 0 {
                        packets
                            .add(kept)
                            .write((data.wrapping_add_signed(-W::GROWS), len.wrapping_add_signed(W::GROWS)));
                    }
                    kept += 1;
                } else {
                    push(free, data);
                }
            }
        }
        // SAFETY: no more than before.
        unsafe { batch.set_len(kept) }
    }

    /// Transmits the batch, and returns how many packets it had.
    #[inline(always)]
    pub fn transmit<const GROWS: i64>(&mut self) -> usize {
        let Self { batch, free, tx, mapping, .. } = self;
        // SAFETY: what was received has buffers of the mapping's memory, whose data begin `GROWS` behind the packet's.
        unsafe {
            if is_due(tx) {
                reclaim(tx, free);
            }
            let sent = match batch[..] {
                [packet] => post_one::<GROWS>(tx, packet, mapping),
                _ => post::<GROWS, SEND>(tx, batch, mapping),
            };
            batch.set_len(0);
            sent
        }
    }

    /// Transmits the batch as [`transmit`](Self::transmit) does, with the flags that `flags` returns for each packet.
    #[inline(always)]
    pub(super) fn transmit_with(&mut self, flags: impl Fn(usize) -> u64) -> usize {
        let Self { batch, free, tx, mapping, .. } = self;
        let mut sent = 0;
        // SAFETY: what was received has buffers of the mapping's memory.
        unsafe {
            if is_due(tx) {
                reclaim(tx, free);
            }
            let count = batch.len().min(tx.room());
            while sent < count {
                let (words, buffers) = tx.at(tx.end);
                let run = (BLOCK - tx.end % BLOCK).min(count - sent);
                let from = batch.as_ptr().add(sent);
                by_eights(run, |n| {
                    let (data, len) = *from.add(n);
                    *buffers.add(n) = data;
                    words.add(n).write([mapping.address(data), len + flags(sent + n)]);
                    true
                });
                sent += run;
                tx.end += run;
                tx.report_last();
            }
            if sent > 0 {
                tx.notify(0);
            }
            batch.set_len(0);
        }
        sent
    }

    #[inline(always)]
    pub fn forward<W: Work>(&mut self, most: usize) -> usize {
        self.receive(most);
        self.work::<W>();
        match W::GROWS {
            0 => self.transmit::<0>(),
            4 => self.transmit::<4>(),
            _ => self.transmit::<-4>(),
        }
    }
}

/// Puts a buffer on the stack.
///
/// # Safety
///
/// There must be room.
#[inline(always)]
pub(super) unsafe fn push(free: &mut Vec<u64>, buffer: u64) {
    // SAFETY: as the caller says.
    unsafe {
        free.as_mut_ptr().add(free.len()).write(buffer);
        free.set_len(free.len() + 1);
    }
}

/// Returns whether it is time to reclaim what was sent.
#[inline(always)]
pub(super) const fn is_due(tx: &Ring) -> bool {
    tx.end - tx.first >= tx.len() / THRESHOLD
}

/// Reclaims blocks that were sent.
///
/// # Safety
///
/// The stack must have room for all buffers that there are.
#[inline(never)]
pub(super) unsafe fn reclaim(tx: &mut Ring, free: &mut Vec<u64>) {
    // SAFETY: as the caller says; a block of a transmit ring lies together.
    unsafe {
        while tx.is_block_sent() {
            let (_, buffers) = tx.at(tx.first);
            free.as_mut_ptr().add(free.len()).copy_from_nonoverlapping(buffers, BLOCK);
            free.set_len(free.len() + BLOCK);
            tx.first += BLOCK;
        }
    }
}

/// Posts a packet on its own, as [`post`] does.
///
/// # Safety
///
/// As for [`post`].
#[inline(always)]
unsafe fn post_one<const GROWS: i64>(tx: &mut Ring, (data, len): Handle, mapping: &impl Mapping) -> usize {
    if tx.room() == 0 {
        return 0;
    }
    let (words, buffers) = tx.at(tx.end);
    // SAFETY: as the caller says.
    unsafe {
        *buffers = data.wrapping_add_signed(GROWS);
        words.write([mapping.address(data), len + (SEND | REPORT)]);
        tx.end += 1;
        tx.notify(0);
    }
    1
}

/// Posts the packets, notifies the device, and returns how many there was room for. `SENT` is what descriptors have
/// beside the length.
///
/// # Safety
///
/// The packets must own buffers of the memory of `mapping`, whose data begin `GROWS` behind the packet's.
#[inline(never)]
pub(super) unsafe fn post<const GROWS: i64, const SENT: u64>(
    tx: &mut Ring,
    packets: &[Handle],
    mapping: &impl Mapping,
) -> usize {
    let count = packets.len().min(tx.room());
    let mut sent = 0;
    // SAFETY: as the caller says.
    unsafe {
        while sent < count {
            let (words, buffers) = tx.at(tx.end);
            let run = (BLOCK - tx.end % BLOCK).min(count - sent);
            let from = packets.as_ptr().add(sent);
            by_eights(run, |n| {
                let (data, len) = *from.add(n);
                *buffers.add(n) = data.wrapping_add_signed(GROWS);
                words.add(n).write([mapping.address(data), len + SENT]);
                true
            });
            sent += run;
            tx.end += run;
            tx.report_last();
        }
        if sent > 0 {
            tx.notify(0);
        }
    }
    sent
}

#[inline(never)]
pub fn measured_pool_floor<W: Work, M: Mapping>(floor: &mut PoolFloor<M>, most: usize) -> usize {
    floor.forward::<W>(most)
}

#[inline(never)]
fn measured_receive_floor<M: Mapping>(floor: &mut PoolFloor<M>, most: usize) {
    floor.receive(most);
}

#[inline(never)]
fn measured_transmit_floor<M: Mapping>(floor: &mut PoolFloor<M>) -> usize {
    floor.transmit::<0>()
}

/// Forwards with a pool.
pub fn pool<W: Work>(row: &Row) -> usize {
    let (mut rig, memory) = (Rig::start(row), Memory::new(4 * row.ring));
    match row.addresses {
        Addresses::Identity => run::<W, _>(row, &mut rig, memory, Identity),
        Addresses::Scattered => {
            let pages = memory.pages();
            run::<W, _>(row, &mut rig, memory, pages)
        }
    }
}

fn run<W: Work, M: Mapping>(row: &Row, rig: &mut Rig, memory: Memory, mapping: M) -> usize {
    let mut floor = PoolFloor::with(&rig.arriving[0], &rig.leaving[0], row.ring, memory, mapping);
    drive::<W>(row, &mut rig.arriving, &mut rig.leaving, |_, counted| {
        match counted {
            Counted::Yes => measured_pool_floor::<W, M>(&mut floor, row.most),
            Counted::No => floor.forward::<W>(row.most),
        };
    })
}

/// Receives with a pool.
pub fn pool_receive(row: &Row) -> usize {
    let mut rig = Rig::start(row);
    let mut floor = PoolFloor::new(&rig.arriving[0], &rig.leaving[0], row.ring);
    drive::<Touch>(row, &mut rig.arriving, &mut rig.leaving, |_, counted| {
        match counted {
            Counted::Yes => measured_receive_floor(&mut floor, row.most),
            Counted::No => floor.receive(row.most),
        }
        floor.work::<Touch>();
        floor.transmit::<0>();
    })
}

/// Transmits with a pool.
pub fn pool_transmit(row: &Row) -> usize {
    let mut rig = Rig::start(row);
    let mut floor = PoolFloor::new(&rig.arriving[0], &rig.leaving[0], row.ring);
    drive::<Touch>(row, &mut rig.arriving, &mut rig.leaving, |_, counted| {
        floor.receive(row.most);
        floor.work::<Touch>();
        match counted {
            Counted::Yes => measured_transmit_floor(&mut floor),
            Counted::No => floor.transmit::<0>(),
        };
    })
}
