//! The yardstick for batches: the same forwarding with a pool by hand, with raw pointers, for this one case.
//!
//! It receives into an array of handles, touches the packets, and sends them. It checks what the driver checks, reports and
//! rings as rarely, refills and cleans by the block, and trusts the device for nothing more.

use crate::{Player, TOUCHED};

/// Descriptors of either ring.
const RING: usize = 1024;
const MASK: usize = RING - 1;
const BLOCK: usize = 32;
/// Bytes from one buffer to the next: packets do not begin in the same sets of the cache.
const STRIDE: usize = 2176;

/// A packet: where it is, and how long.
type Handle = (*mut u8, u64);

pub struct PoolFloor {
    rings: [*mut [u64; 2]; 2],
    tails: [*mut u32; 2],
    /// Counts of descriptors: received, refilled, sent, and cleaned.
    counts: [usize; 4],
    buffers: [Vec<*mut u8>; 2],
    free: Vec<*mut u8>,
    batch: Vec<Handle>,
    _memory: Vec<u8>,
}

impl PoolFloor {
    /// Takes over the rings of two ports that the driver has set up, and does not use any more.
    pub fn new(from: &Player, to: &Player) -> Self {
        let (([rx, _], from), ([_, tx], to)) = (from.rings(), to.rings());
        let mut memory = vec![0; 2 * RING * STRIDE];
        let mut free: Vec<_> = memory.chunks_exact_mut(STRIDE).map(<[u8]>::as_mut_ptr).collect();
        free.reserve_exact(RING);
        // SAFETY: the ring has that many descriptors, with the addresses of the buffers; the registers are in the BAR.
        unsafe {
            let buffers = (0..RING).map(|index| (*rx.add(index))[0] as *mut u8).collect();
            let tails = [from.add(0x1018).cast(), to.add(0x6018).cast()];
            let counts = [0, RING, 0, 0];
            let buffers = [buffers, vec![std::ptr::null_mut(); RING]];
            Self { rings: [rx, tx], tails, counts, buffers, free, batch: Vec::with_capacity(RING), _memory: memory }
        }
    }

    /// Forwards packets, at most `most`; says how many.
    #[inline(never)]
    pub fn forward(&mut self, most: usize) -> usize {
        let [rx, tx] = self.rings;
        let [mut received, mut refilled, mut sent, mut cleaned] = self.counts;
        let [filled, posted] = self.buffers.each_mut().map(|buffers| buffers.as_mut_ptr());
        let (batch, most) = (self.batch.as_mut_ptr(), most.min(self.batch.capacity()));
        // SAFETY: indices are masked to the rings; the free list has room for all buffers; the batch has
        // room for `most`; and a length is checked before the bytes are reached.
        unsafe {
            let mut count = 0;
            while count < most && received + count < refilled {
                let index = (received + count) & MASK;
                let status = rx.add(index).cast::<u64>().add(1).read_volatile();
                let len = status >> 32 & 0xffff;
                if status & 0x2000_0003 != 3 || len.wrapping_sub(1) >= 2048 {
                    break;
                }
                batch.add(count).write((*filled.add(index), len));
                count += 1;
            }
            received += count;
            while received + RING >= refilled + BLOCK && self.free.len() >= BLOCK {
                let left = self.free.len() - BLOCK;
                for n in 0..BLOCK {
                    let (index, buffer) = ((refilled + n) & MASK, *self.free.as_ptr().add(left + n));
                    *filled.add(index) = buffer;
                    rx.add(index).write([buffer as u64, 0]);
                }
                self.free.set_len(left);
                refilled += BLOCK;
                self.tails[0].write_volatile((refilled.wrapping_sub(1) & MASK) as u32);
            }
            for n in 0..count {
                let (data, len) = *batch.add(n);
                if len as usize > TOUCHED {
                    *data.add(TOUCHED) ^= 1;
                }
            }
            while cleaned + BLOCK <= sent && (*tx.add((cleaned + BLOCK - 1) & MASK))[1] >> 32 & 1 != 0 {
                let end = self.free.len();
                self.free.as_mut_ptr().add(end).copy_from_nonoverlapping(posted.add(cleaned & MASK), BLOCK);
                self.free.set_len(end + BLOCK);
                cleaned += BLOCK;
            }
            let (fits, before) = (count.min(MASK - (sent - cleaned)), sent);
            for n in 0..fits {
                let (index, (data, len)) = (sent & MASK, *batch.add(n));
                if len.wrapping_sub(1) >= 1518 {
                    break;
                }
                let report = if index % BLOCK == BLOCK - 1 { 1 << 27 } else { 0 };
                tx.add(index).write([data as u64, len << 46 | len | 0x2330_0000 | report]);
                *posted.add(index) = data;
                sent += 1;
            }
            if sent > before {
                (*tx.add((sent - 1) & MASK))[1] |= 1 << 27;
                self.tails[1].write_volatile((sent & MASK) as u32);
            }
            self.counts = [received, refilled, sent, cleaned];
            sent - before
        }
    }
}
