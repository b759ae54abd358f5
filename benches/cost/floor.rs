//! The yardsticks: forwarding by hand, with raw pointers, for one case each. They check what the driver checks, report and
//! ring as rarely, and trust the device for nothing more.

use crate::TOUCHED;
use crate::plain::Player;

/// Descriptors of each ring.
pub const RING: usize = 1024;
const MASK: usize = RING - 1;
/// How many buffers change hands at once.
const BLOCK: usize = 32;
/// DD of what was sent, and RS, which asks for it.
const DONE: u64 = 1 << 32;
const REPORT: u64 = 1 << 27;

/// The rings and tails of two ports that the driver has set up, and does not use any more.
struct Rings {
    rx: *mut [u64; 2],
    tx: *mut [u64; 2],
    tails: [*mut u32; 2],
    /// The buffers that were posted with the descriptors of both.
    buffers: [Vec<u64>; 2],
}

impl Rings {
    fn take(from: &Player, to: &Player) -> Self {
        let (([rx, _], from), ([_, tx], to)) = (from.rings(), to.rings());
        // SAFETY: the ring has that many descriptors, with the addresses of the buffers; the registers are in the BAR.
        unsafe {
            let buffers = (0..RING).map(|index| (*rx.add(index))[0]).collect();
            let tails = [from.add(0x1018).cast(), to.add(0x6018).cast()];
            Self { rx, tx, tails, buffers: [buffers, vec![0; RING]] }
        }
    }

    /// The buffer and the length of the packet at `received`, if there is a good one.
    ///
    /// # Safety
    ///
    /// The rings must be those that were taken.
    #[inline(always)]
    unsafe fn received(&self, received: usize) -> Option<(u64, u64)> {
        let index = received & MASK;
        // SAFETY: indices are masked to the rings.
        unsafe {
            let status = self.rx.add(index).cast::<u64>().add(1).read_volatile();
            let len = status >> 32 & 0xffff;
            let good = status & 0x2000_0003 == 3 && len.wrapping_sub(1) < 1514;
            good.then(|| (*self.buffers[0].as_ptr().add(index), len))
        }
    }

    /// # Safety
    ///
    /// As for [`received`](Self::received); `buffer` must have `len` bytes.
    #[inline(always)]
    unsafe fn touch(buffer: u64, len: u64) {
        if len as usize > TOUCHED {
            // SAFETY: the length was looked at.
            unsafe { *(buffer as *mut u8).add(TOUCHED) ^= 1 }
        }
    }

    /// # Safety
    ///
    /// As for [`touch`](Self::touch), and descriptor `sent` must be free.
    #[inline(always)]
    unsafe fn send(&mut self, sent: usize, buffer: u64, len: u64) {
        let index = sent & MASK;
        let report = if index % BLOCK == BLOCK - 1 { REPORT } else { 0 };
        // SAFETY: as for `received`.
        unsafe {
            self.tx.add(index).write([buffer, len << 46 | len | 0x2330_0000 | report]);
            *self.buffers[1].as_mut_ptr().add(index) = buffer;
        }
    }

    /// # Safety
    ///
    /// As for [`received`](Self::received), and descriptor `posted` must be free.
    #[inline(always)]
    unsafe fn post(&mut self, posted: usize, buffer: u64) {
        let index = posted & MASK;
        // SAFETY: as for `received`.
        unsafe {
            *self.buffers[0].as_mut_ptr().add(index) = buffer;
            self.rx.add(index).write([buffer, 0]);
        }
    }

    /// Whether the block of descriptors from `home` on was sent.
    ///
    /// # Safety
    ///
    /// As for [`received`](Self::received).
    #[inline(always)]
    unsafe fn is_block_sent(&self, home: usize, sent: usize) -> bool {
        // SAFETY: as for `received`.
        home + BLOCK <= sent && unsafe { (*self.tx.add((home + BLOCK - 1) & MASK))[1] & DONE != 0 }
    }

    /// Asks for a report of the last packet, and tells the device of all up to `sent`.
    ///
    /// # Safety
    ///
    /// As for [`received`](Self::received).
    #[inline(always)]
    unsafe fn ring_sent(&mut self, sent: usize) {
        // SAFETY: as for `received`; the registers are in the BAR.
        unsafe {
            (*self.tx.add(sent.wrapping_sub(1) & MASK))[1] |= REPORT;
            self.tails[1].write_volatile((sent & MASK) as u32);
        }
    }

    /// # Safety
    ///
    /// As for [`ring_sent`](Self::ring_sent).
    #[inline(always)]
    unsafe fn ring_posted(&mut self, posted: usize) {
        // SAFETY: the registers are in the BAR.
        unsafe { self.tails[0].write_volatile((posted.wrapping_sub(1) & MASK) as u32) }
    }
}

/// In place: the buffers go from ring to ring.
pub struct InPlaceFloor {
    rings: Rings,
    received: usize,
    sent: usize,
    home: usize,
}

impl InPlaceFloor {
    pub fn new(from: &Player, to: &Player) -> Self {
        Self { rings: Rings::take(from, to), received: 0, sent: 0, home: 0 }
    }

    #[inline(never)]
    pub fn forward(&mut self, most: usize) -> usize {
        // SAFETY: the rings are ours; what is posted is what was sent, and what is sent is what was received.
        unsafe {
            while self.rings.is_block_sent(self.home, self.sent) {
                for index in self.home..self.home + BLOCK {
                    let buffer = *self.rings.buffers[1].as_ptr().add(index & MASK);
                    self.rings.post(index, buffer);
                }
                self.home += BLOCK;
                self.rings.ring_posted(self.home);
            }
            let before = self.received;
            while self.received - before < most && self.received - self.home < RING {
                let Some((buffer, len)) = self.rings.received(self.received) else { break };
                Rings::touch(buffer, len);
                self.rings.send(self.received, buffer, len);
                self.received += 1;
            }
            if self.received != self.sent {
                self.sent = self.received;
                self.rings.ring_sent(self.sent);
            }
            self.received - before
        }
    }
}

/// With a pool: packets are received into a batch of handles, worked on, and sent; buffers come from a stack, and go back there.
pub struct PoolFloor {
    rings: Rings,
    batch: Vec<(u64, u64)>,
    free: Vec<u64>,
    received: usize,
    posted: usize,
    sent: usize,
    home: usize,
}

impl PoolFloor {
    pub fn new(from: &Player, to: &Player) -> Self {
        // As far apart as the driver's.
        const STRIDE: usize = 2048 + 128;
        let memory = Vec::leak(vec![0_u8; RING * STRIDE]);
        let mut free = Vec::with_capacity(2 * RING);
        free.extend(memory.chunks_exact_mut(STRIDE).map(|buffer| buffer.as_mut_ptr().expose_provenance() as u64));
        let batch = Vec::with_capacity(RING);
        Self { rings: Rings::take(from, to), batch, free, received: 0, posted: RING, sent: 0, home: 0 }
    }

    #[inline(never)]
    pub fn forward(&mut self, most: usize) -> usize {
        let most = most.min(self.batch.capacity());
        // SAFETY: as for the floor in place; the batch has room for as many as are received, and the stack for what is put there.
        unsafe {
            let (batch, mut count) = (self.batch.as_mut_ptr(), 0);
            while count < most && self.received + count < self.posted {
                let Some(packet) = self.rings.received(self.received + count) else { break };
                batch.add(count).write(packet);
                count += 1;
            }
            self.received += count;
            let before = self.posted;
            while self.posted + BLOCK <= self.received + RING && self.free.len() >= BLOCK {
                let left = self.free.len() - BLOCK;
                for at in 0..BLOCK {
                    let buffer = *self.free.as_ptr().add(left + at);
                    self.rings.post(self.posted + at, buffer);
                }
                self.free.set_len(left);
                self.posted += BLOCK;
            }
            if self.posted != before {
                self.rings.ring_posted(self.posted);
            }
            for at in 0..count {
                let (buffer, len) = *batch.add(at);
                Rings::touch(buffer, len);
            }
            while self.rings.is_block_sent(self.home, self.sent) && self.free.len() + BLOCK <= self.free.capacity() {
                let len = self.free.len();
                for at in 0..BLOCK {
                    let buffer = *self.rings.buffers[1].as_ptr().add((self.home + at) & MASK);
                    self.free.as_mut_ptr().add(len + at).write(buffer);
                }
                self.free.set_len(len + BLOCK);
                self.home += BLOCK;
            }
            let room = RING - 1 - (self.sent - self.home);
            for at in 0..count.min(room) {
                let (buffer, len) = *batch.add(at);
                self.rings.send(self.sent + at, buffer, len);
            }
            if count > 0 {
                self.sent += count.min(room);
                self.rings.ring_sent(self.sent);
            }
            count.min(room)
        }
    }
}
