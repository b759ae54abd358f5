//! A receive queue (datasheet 7.1).
//!
//! Every descriptor of the ring has a buffer posted, except the one at the tail. Receiving a packet takes its
//! buffer out and posts a free one in its place, so a full ring is the only state between two calls.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::descriptors::{AdvancedReceiveRead, AdvancedReceiveWriteBack as WriteBack};
use crate::dma::{Dma, DmaError};
use crate::field::Value;
use crate::mmio::Bus;
use crate::packet::{Batch, Packet};
use crate::pool::{Attachment, BLOCK, Buffer, Pool, PoolError};
use crate::queue::ring::Ring;
use crate::register::Driver;
use crate::registers::permission::QueueEnabled;
use crate::registers::{Registers, RxQueue};

/// The tail is moved on after that many packets at the least.
const DOORBELL_STRIDE: usize = 32;

/// No frame has more buffers than this: 16 KiB in the smallest ones.
const MOST_SEGMENTS: usize = 16;

/// What to do with frames that are longer than a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LongFrames {
    /// Deliver them as packets of several segments.
    #[default]
    Deliver,
    /// Drop and count them.
    Drop,
}

/// Packets that a receive queue dropped, by reason, and what held it up. Counted since the device was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceiveDrops {
    /// Frames longer than a buffer, where these are not wanted, or longer than any frame can be.
    pub long: u64,
    /// Frames with a length that the device cannot mean: 0, or more than the buffer has.
    pub bad_length: u64,
    /// Calls that found no free buffer in the pool. Nothing is dropped by this alone: packets wait
    /// in the ring, and the device drops and counts what finds no room there.
    pub pool_empty: u64,
}

/// [`ReceiveDrops`] as they are counted: by the queue alone, and read by whoever asks for statistics.
#[derive(Debug, Default)]
pub(crate) struct DropCounters {
    long: AtomicU64,
    bad_length: AtomicU64,
    pool_empty: AtomicU64,
}

impl DropCounters {
    pub(crate) fn read(&self) -> ReceiveDrops {
        ReceiveDrops {
            long: self.long.load(Ordering::Relaxed),
            bad_length: self.bad_length.load(Ordering::Relaxed),
            pool_empty: self.pool_empty.load(Ordering::Relaxed),
        }
    }
}

/// The ring of a receive queue.
#[derive(Debug)]
pub(crate) struct RxRing {
    queue: RxQueue,
    ring: Ring<Buffer>,
    attachment: Attachment,
    /// Free buffers at hand.
    spare: Vec<Buffer>,
    /// The descriptor that the device fills next, counted without wrapping.
    next: usize,
    /// The descriptor up to which the device was told of new buffers.
    announced: usize,
    long_frames: LongFrames,
    /// The first segments of a frame whose last has not come yet.
    partial: Option<Packet>,
    /// Whether the rest of the current frame is to be dropped.
    skipping: bool,
    drops: Arc<DropCounters>,
}

impl RxRing {
    /// A ring of `len` descriptors, a power of two, filled with buffers of `pool`.
    pub(crate) fn new(
        device: &impl Dma,
        queue: RxQueue,
        len: usize,
        pool: &Pool,
        long_frames: LongFrames,
    ) -> Result<Self, PoolError> {
        let attachment = Attachment::new(device, pool)?;
        let mut buffers = Vec::with_capacity(len + BLOCK);
        while buffers.len() < len {
            let before = buffers.len();
            pool.take_block(&mut buffers);
            if buffers.len() == before {
                pool.give_back(buffers.into_iter());
                return Err(PoolError::Exhausted { needed: len, had: before });
            }
        }
        pool.give_back(buffers.drain(len..));
        let mut ring = Ring::new(device, buffers)?;
        for index in 0..len {
            let (words, buffer) = ring.at(index);
            let address = attachment.address(buffer.data()).ok_or(NOT_ATTACHED)?;
            words.vacant_in_ring().write(Value::EMPTY.with(AdvancedReceiveRead::PKT_ADDR, address));
        }
        Ok(Self {
            queue,
            ring,
            attachment,
            spare: Vec::with_capacity(BLOCK),
            next: 0,
            announced: 0,
            long_frames,
            partial: None,
            skipping: false,
            drops: Arc::default(),
        })
    }

    pub(crate) fn queue(&self) -> RxQueue {
        self.queue
    }

    pub(crate) fn ring(&self) -> &Ring<Buffer> {
        &self.ring
    }

    pub(crate) fn pool(&self) -> &Pool {
        self.attachment.pool()
    }

    pub(crate) fn drops(&self) -> Arc<DropCounters> {
        Arc::clone(&self.drops)
    }

    /// Gives all buffers back to the pool.
    pub(crate) fn empty(mut self) {
        self.partial = None;
        let pool = self.attachment.pool().clone();
        pool.give_back(self.spare.drain(..));
        pool.give_back(self.ring.into_slots().into_iter());
    }

    #[inline(always)]
    fn receive(&mut self, batch: &mut Batch) -> usize {
        let before = batch.len();
        let size = self.attachment.pool().buffer_size();
        while batch.len() < batch.capacity() {
            let (words, posted) = self.ring.at(self.next);
            let Some(done) = words.done::<WriteBack>() else { break };
            let Some(free) = self.spare.pop() else {
                self.attachment.pool().take_block(&mut self.spare);
                if self.spare.is_empty() {
                    self.drops.pool_empty.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                continue;
            };
            let len = done.field(WriteBack::PKT_LEN);
            let last = done.field(WriteBack::EOP);
            let Some(address) = self.attachment.address(free.data()) else {
                self.spare.push(free);
                break;
            };
            done.rewrite(Value::EMPTY.with(AdvancedReceiveRead::PKT_ADDR, address));
            let buffer = mem::replace(posted, free);
            self.next += 1;
            // The device is not trusted to keep within the buffer it was given.
            if last && !self.skipping && self.partial.is_none() && len.wrapping_sub(1) < size as u64 {
                let packet = Packet::new(buffer, self.attachment.pool(), len as u16);
                if batch.push(packet).is_err() {
                    break;
                }
            } else {
                self.segment(buffer, len, last, batch);
            }
        }
        batch.len() - before
    }

    /// A segment of a longer frame, or one that is wrong.
    #[cold]
    fn segment(&mut self, buffer: Buffer, len: u64, last: bool, batch: &mut Batch) {
        let pool = self.attachment.pool();
        let fits = len != 0 && len <= pool.buffer_size() as u64;
        let too_many = self.partial.as_ref().is_some_and(|packet| packet.segment_count() >= MOST_SEGMENTS);
        let refused = !fits || too_many || self.long_frames == LongFrames::Drop;
        if self.skipping || refused {
            pool.give_back(core::iter::once(buffer));
            if !self.skipping {
                self.partial = None;
                let reason = if fits { &self.drops.long } else { &self.drops.bad_length };
                reason.fetch_add(1, Ordering::Relaxed);
            }
            self.skipping = !last;
            return;
        }
        match &mut self.partial {
            None => self.partial = Some(Packet::new(buffer, pool, len as u16)),
            Some(packet) => packet.append(buffer, len as u16),
        }
        if last && let Some(packet) = self.partial.take() {
            // There is room: the caller looked before it took the descriptor.
            let _ = batch.push(packet);
        }
    }
}

const NOT_ATTACHED: PoolError =
    PoolError::Dma(DmaError::NotMappable { len: 0, reason: "a buffer is outside its pool's mapping" });

/// A receive queue, borrowed from its running device.
#[derive(Debug)]
pub struct Receive<'a, H> {
    ring: &'a mut RxRing,
    hardware: &'a H,
}

impl<'a, H: Bus> Receive<'a, H> {
    pub(crate) fn new(ring: &'a mut RxRing, hardware: &'a H) -> Self {
        Self { ring, hardware }
    }

    /// Moves packets that have arrived into `batch`, as many as it has room for; says how many. It never waits.
    #[inline]
    pub fn receive(&mut self, batch: &mut Batch) -> usize {
        let received = self.ring.receive(batch);
        if self.ring.next - self.ring.announced >= DOORBELL_STRIDE {
            self.announce();
        }
        received
    }

    /// Tells the device of all buffers but the last, which it must not reach: an empty and a full ring would look alike.
    #[inline]
    fn announce(&mut self) {
        self.ring.announced = self.ring.next;
        let tail = self.ring.ring.wrap(self.ring.next.wrapping_sub(1));
        let registers: Registers<'_, H, Driver<QueueEnabled>> = Registers::with_permission(self.hardware);
        registers.rdt(self.ring.queue).ring(tail as u32);
    }

    /// Tells the device of all buffers for the first time, after the queue was enabled.
    pub(crate) fn start(&mut self) {
        self.announce();
    }

    /// Which queue it is.
    #[must_use]
    pub fn index(&self) -> RxQueue {
        self.ring.queue
    }

    /// The pool that the packets come from.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        self.ring.pool()
    }

    /// What the queue dropped since the device was started.
    #[must_use]
    pub fn drops(&self) -> ReceiveDrops {
        self.ring.drops.read()
    }
}
