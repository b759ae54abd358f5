//! The yardsticks: forwarding by hand, with raw pointers, for one case each. They check what the driver checks of a
//! write-back, report and ring as rarely, work in runs that need no mask, and trust the device for nothing more.

use crate::TOUCHED;
use crate::plain::Player;

/// Descriptors of each ring.
pub const RING: usize = 1024;
/// How many buffers change hands at once.
const BLOCK: usize = 32;
/// DD of what was sent, and RS, which asks for it.
const DONE: u64 = 1 << 32;
const REPORT: u64 = 1 << 27;
/// EOP and IFCS of a legacy descriptor.
const SEND: u64 = 3 << 24;
/// DD and EOP of what was received; and these with RXE and all bits of the length.
const RECEIVED: u64 = 3;
const LOOKED_AT: u64 = 3 | 1 << 29 | 0xffff << 32;
/// The longest frame, and the shortest that the driver passes on in place.
const LONGEST: u64 = 1514;
const SHORTEST: u64 = 14;

/// A ring that the driver has set up and does not use any more, and the buffers that were posted with its descriptors.
struct Ring {
    words: *mut [u64; 2],
    buffers: Vec<u64>,
    tail: *mut u32,
    /// The first descriptor that was posted, and the next to be.
    first: usize,
    end: usize,
}

impl Ring {
    fn received_by(player: &Player) -> Self {
        let ([words, _], bar) = player.rings();
        // SAFETY: the ring has that many descriptors, with the addresses of the buffers.
        let buffers = (0..RING).map(|index| unsafe { (*words.add(index))[0] }).collect();
        Self { words, buffers, tail: bar.wrapping_add(0x1018).cast(), first: 0, end: RING }
    }

    fn sent_by(player: &Player) -> Self {
        let ([_, words], bar) = player.rings();
        Self { words, buffers: vec![0; RING], tail: bar.wrapping_add(0x6018).cast(), first: 0, end: 0 }
    }

    /// Where descriptor `index` and its buffer are, and how many there are to the end of the block.
    #[inline(always)]
    fn at(&mut self, index: usize) -> (*mut [u64; 2], *mut u64, usize) {
        let index = index % RING;
        (self.words.wrapping_add(index), self.buffers.as_mut_ptr().wrapping_add(index), BLOCK - index % BLOCK)
    }

    /// Whether the first block is complete, and was sent.
    ///
    /// # Safety
    ///
    /// The ring must be there still.
    #[inline(always)]
    unsafe fn is_block_sent(&mut self) -> bool {
        let (words, ..) = self.at(self.first + BLOCK - 1);
        // SAFETY: as the caller says.
        self.first + BLOCK <= self.end && unsafe { (*words)[1] } & DONE != 0
    }

    /// Asks for a report of the last descriptor.
    ///
    /// # Safety
    ///
    /// As for [`is_block_sent`](Self::is_block_sent).
    #[inline(always)]
    unsafe fn report_last(&mut self) {
        let (words, ..) = self.at(self.end - 1);
        // SAFETY: as the caller says.
        unsafe { (*words)[1] |= REPORT }
    }

    /// Tells the device of all but the last `kept`.
    ///
    /// # Safety
    ///
    /// As for [`is_block_sent`](Self::is_block_sent).
    #[inline(always)]
    unsafe fn ring(&mut self, kept: usize) {
        // SAFETY: the registers are there as long as the ring.
        unsafe { self.tail.write_volatile(((self.end - kept) % RING) as u32) }
    }
}

/// By how much what was received into the descriptor at `words` is longer than `LEAST`, if it is good.
///
/// # Safety
///
/// It must be a descriptor.
#[inline(always)]
unsafe fn good<const LEAST: u64>(words: *const [u64; 2]) -> Option<u64> {
    // SAFETY: as the caller says.
    let word = unsafe { words.cast::<u64>().add(1).read_volatile() };
    let more = (word.wrapping_sub(RECEIVED | LEAST << 32) & LOOKED_AT).rotate_left(32);
    (more <= LONGEST - LEAST).then_some(more)
}

/// # Safety
///
/// `buffer` must be the address of `len` bytes.
#[inline(always)]
unsafe fn touch(buffer: u64, len: u64) {
    if len as usize > TOUCHED {
        // SAFETY: the length was looked at.
        unsafe { *(buffer as *mut u8).add(TOUCHED) ^= 1 }
    }
}

/// In place: both rings have the same buffers, by index.
pub struct InPlaceFloor {
    rx: Ring,
    tx: Ring,
}

impl InPlaceFloor {
    pub fn new(from: &Player, to: &Player) -> Self {
        Self { rx: Ring::received_by(from), tx: Ring::sent_by(to) }
    }

    #[inline(never)]
    pub fn forward(&mut self, most: usize) -> usize {
        let Self { rx, tx } = self;
        let before = tx.end;
        // SAFETY: the rings are ours; what is posted is what was sent, and what is sent is what was received.
        unsafe {
            let posted = rx.end;
            while tx.is_block_sent() {
                let (words, buffers, _) = rx.at(tx.first);
                for n in 0..BLOCK {
                    words.add(n).write([*buffers.add(n), 0]);
                }
                tx.first += BLOCK;
                rx.end += BLOCK;
            }
            if rx.end != posted {
                rx.ring(1);
            }
            // A block stays out, as the device must not see a full ring as an empty one.
            let end = (before + most).min(rx.end - BLOCK);
            'passing: while tx.end < end {
                let (from, buffers, count) = rx.at(tx.end);
                let (to, ..) = tx.at(tx.end);
                let count = count.min(end - tx.end);
                let mut n = 0;
                while n < count {
                    let Some(more) = good::<SHORTEST>(from.add(n)) else { break };
                    let buffer = *buffers.add(n);
                    *(buffer as *mut u8).add(TOUCHED) ^= 1;
                    to.add(n).write([buffer, more + (SEND + SHORTEST)]);
                    n += 1;
                }
                tx.end += n;
                if n == 0 {
                    break 'passing;
                }
                tx.report_last();
            }
            if tx.end != before {
                tx.ring(0);
            }
        }
        tx.end - before
    }
}

/// With a pool: packets are received into a batch of handles, worked on, and sent; buffers come from a stack, and go back there.
pub struct PoolFloor {
    rx: Ring,
    tx: Ring,
    batch: Vec<(u64, u64)>,
    free: Vec<u64>,
}

impl PoolFloor {
    pub fn new(from: &Player, to: &Player) -> Self {
        // As far apart as the driver's.
        const STRIDE: usize = 2048 + 128;
        let memory = Vec::leak(vec![0_u8; RING * STRIDE]);
        let mut free = Vec::with_capacity(2 * RING);
        free.extend(memory.chunks_exact_mut(STRIDE).map(|buffer| buffer.as_mut_ptr().expose_provenance() as u64));
        let batch = Vec::with_capacity(RING);
        Self { rx: Ring::received_by(from), tx: Ring::sent_by(to), batch, free }
    }

    #[inline(never)]
    pub fn forward(&mut self, most: usize) -> usize {
        let Self { rx, tx, batch, free } = self;
        let most = most.min(batch.capacity()).min(rx.end - rx.first);
        // SAFETY: as for the floor in place; the batch has room for as many as are received, and the stack for what is put there.
        unsafe {
            let (packets, mut count) = (batch.as_mut_ptr(), 0);
            while count < most {
                let (words, buffers, run) = rx.at(rx.first);
                let run = run.min(most - count);
                let mut n = 0;
                while n < run {
                    let Some(more) = good::<1>(words.add(n)) else { break };
                    packets.add(count + n).write((*buffers.add(n), more + 1));
                    n += 1;
                }
                count += n;
                rx.first += n;
                if n < run {
                    break;
                }
            }
            let posted = rx.end;
            while rx.end + BLOCK <= rx.first + RING && free.len() >= BLOCK {
                let (words, buffers, _) = rx.at(rx.end);
                let left = free.len() - BLOCK;
                let from = free.as_ptr().add(left);
                for n in 0..BLOCK {
                    let buffer = *from.add(n);
                    *buffers.add(n) = buffer;
                    words.add(n).write([buffer, 0]);
                }
                free.set_len(left);
                rx.end += BLOCK;
            }
            if rx.end != posted {
                rx.ring(1);
            }
            for at in 0..count {
                let (buffer, len) = *packets.add(at);
                touch(buffer, len);
            }
            while tx.is_block_sent() && free.len() + BLOCK <= free.capacity() {
                let (_, buffers, _) = tx.at(tx.first);
                let len = free.len();
                free.as_mut_ptr().add(len).copy_from_nonoverlapping(buffers, BLOCK);
                free.set_len(len + BLOCK);
                tx.first += BLOCK;
            }
            let count = count.min(RING - 1 - (tx.end - tx.first));
            let mut sent = 0;
            while sent < count {
                let (words, buffers, run) = tx.at(tx.end);
                let run = run.min(count - sent);
                for n in 0..run {
                    let (buffer, len) = *packets.add(sent + n);
                    *buffers.add(n) = buffer;
                    words.add(n).write([buffer, len + SEND]);
                }
                sent += run;
                tx.end += run;
                tx.report_last();
            }
            if sent > 0 {
                tx.ring(0);
            }
            sent
        }
    }
}
