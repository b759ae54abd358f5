//! A transmit queue (datasheet 7.2).
//!
//! Packets are posted in runs: of one buffer each, of one pool, in one [`BLOCK`] of descriptors. The device is asked
//! to report (RS) on the last descriptor of each run, and so on the last of each block and of each call. Buffers go back to
//! their pools by the block, some at once, when the device has reported the last of the block as done: TDH says nothing about that
//! (8.2.3.9.8).

mod passing;
mod unusual;

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use crate::clock::{self, Clock};
use crate::descriptors::{LegacyTransmitRead as Data, LegacyTransmitWriteBack as WriteBack};
use crate::dma::{Delta, Dma, DmaError};
use crate::mmio::Bus;
use crate::packet::Batch;
use crate::pool::{Attachment, BLOCK, Pool, PoolId, Usual};
use crate::port::{AttachError, Refused, Transmit, TransmitError};
use crate::queue::ring::{Passable, Ring, portion};
use crate::register::Driver;
use crate::registers::permission::QueueEnabled;
use crate::registers::{Registers, TxQueue};
use crate::sync::LINE;
use crate::value;

/// The pause between two looks at a ring that drains.
const DRAIN_POLL: Duration = Duration::from_micros(50);

/// Instead of an attachment: the buffers of a block are not all of one pool.
const MIXED: usize = usize::MAX;

/// What is known of a block of descriptors, noted when the first of them is posted.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    /// The descriptor that the device reports when it is done with the block: its last, unless that is in the middle of
    /// a packet.
    report: u64,
    /// Which attachment's pool the buffers are of, or [`MIXED`].
    owner: usize,
}

/// What is needed of an attached pool to send its packets, if the device's addresses are as far from the CPU's for all of it.
#[derive(Debug, Clone, Copy)]
struct Uniform {
    passable: Passable,
    delta: Delta,
}

/// The ring of a transmit queue.
#[derive(Debug)]
pub(crate) struct TxRing {
    queue: TxQueue,
    ring: Ring,
    blocks: Vec<Block>,
    /// The tail that the device has received: the packets before it are the device's.
    announced: u64,
    /// The pools whose packets can be sent. None is ever taken away.
    attachments: Vec<Attachment>,
    /// The attachment of the last packet that needed a search for it: a guess at the next one's. A block that is not full
    /// is of the same, or [`MIXED`].
    owner: usize,
    /// That attachment's pool and the distance to the device's addresses, if that is the same for all of it.
    uniform: Option<Uniform>,
    /// Packets of that pool.
    usual: Usual,
    /// So many are taken back at once, or more: fewer than the pool can do without.
    portion: usize,
    max_len: u64,
}

impl TxRing {
    /// A ring of `len` descriptors, a power of two, for packets of up to `max_len` bytes.
    pub(crate) fn new(device: &impl Dma, queue: TxQueue, len: usize, max_len: usize) -> Result<Self, DmaError> {
        Ok(Self {
            queue,
            ring: Ring::new(device, len)?,
            blocks: vec![Block::default(); len / BLOCK + LINE / size_of::<Block>()],
            announced: 0,
            attachments: vec![],
            owner: 0,
            uniform: None,
            usual: Usual::NONE,
            portion: portion(len),
            // A segment's length has 16 bits.
            max_len: max_len.min(usize::from(u16::MAX)) as u64,
        })
    }

    /// As [`Ring::count_from`], of an empty ring.
    #[cfg(test)]
    pub(crate) fn count_from(&mut self, by: u64) {
        assert!(self.ring.posted() == 0);
        self.ring.count_from(by);
        self.announced += by;
    }

    pub(crate) fn queue(&self) -> TxQueue {
        self.queue
    }

    pub(crate) fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Where in memory the ring writes, beside its own fields.
    #[cfg(test)]
    pub(crate) fn footprint(&self) -> Vec<core::ops::Range<usize>> {
        let blocks = self.blocks.as_ptr() as usize;
        let blocks = blocks..blocks + self.ring.len() / BLOCK * size_of::<Block>();
        self.ring.footprint().into_iter().chain([blocks]).collect()
    }

    /// Makes the device reach the packets of `pool`.
    pub(crate) fn attach(&mut self, device: &impl Dma, pool: &Pool) -> Result<(), DmaError> {
        if self.owner_of(pool.id()).is_none() {
            let attachment = Attachment::new(device, pool)?;
            if attachment.domain() != self.ring.domain() {
                let len = pool.buffer_size();
                return Err(DmaError::NotMappable { len, reason: "the ring is another device's" });
            }
            self.attachments.push(attachment);
            if self.attachments.len() == 1 {
                self.guess(pool.id());
            }
        }
        Ok(())
    }

    /// Whether everything posted was reported as done.
    pub(crate) fn is_drained(&mut self) -> bool {
        self.take_back_partly();
        self.ring.posted() == 0
    }

    /// Gives all packets back to their pools.
    ///
    /// # Safety
    ///
    /// The device must have stopped.
    pub(crate) unsafe fn empty(mut self) {
        // SAFETY: a device that has stopped is done with all of them.
        unsafe { self.give_back_mixed(self.ring.posted()) };
    }

    #[inline(always)]
    fn block(&mut self, index: u64) -> Option<&mut Block> {
        let block = self.ring.wrap(index) / BLOCK;
        self.blocks.get_mut(block)
    }

    /// Which attachment's pool the first block is of, or [`MIXED`], if it is complete and the device is done with it.
    #[inline(always)]
    fn done_block(&self) -> Option<usize> {
        done_block(&self.ring, &self.blocks)
    }

    /// The same, if its report is yet to be posted: it is not complete, or its end is in use again already, in a ring that is nearly
    /// full. What was posted last is reported in any case.
    fn done_part(&mut self) -> Option<usize> {
        let last = self.ring.end().wrapping_sub(1);
        let &mut Block { report, owner } = self.block(self.ring.first())?;
        let is_done = self.ring.posted() > 0 && report > last && self.ring.words(last).is_done::<WriteBack>();
        is_done.then_some(owner)
    }

    /// Takes back whole blocks that the device has reported as done.
    #[inline(always)]
    fn take_back(&mut self) {
        while let Some(owner) = self.done_block() {
            // SAFETY: just returned.
            if !unsafe { self.take_back_of(owner) } {
                let count = Ring::to_block_end(self.ring.first());
                // SAFETY: the device has reported the rest of the block as done, and its buffers are of `owner`.
                unsafe { self.take_done(owner, count) };
            }
        }
    }

    /// Takes back whole blocks of attachment `owner`'s pool as long as they are done. Says whether there were any.
    ///
    /// # Safety
    ///
    /// [`done_block`](Self::done_block) must have returned `owner`.
    #[inline(always)]
    unsafe fn take_back_of(&mut self, owner: usize) -> bool {
        let Self { ring, blocks, attachments, .. } = self;
        let Some(attachment) = attachments.get(owner) else { return false };
        let mut free = attachment.pool().free();
        let first = ring.first();
        // SAFETY: each time, and by whoever calls for the first time, `done_block` has said that the device is done with the first
        // block, and that its buffers are of attachment `owner`.
        while unsafe { ring.give_block_back(&mut free) } && done_block(ring, blocks) == Some(owner) {}
        ring.first() != first
    }

    /// Takes back all that the device has reported as done, also part of a block.
    #[inline(never)]
    pub(super) fn take_back_partly(&mut self) {
        while let Some(owner) = self.done_block().or_else(|| self.done_part()) {
            let count = self.ring.posted().min(Ring::to_block_end(self.ring.first()));
            // SAFETY: the device has reported the rest of the block, or all that was posted, as done; its buffers are of `owner`.
            unsafe { self.take_done(owner, count) };
        }
    }

    /// Takes back the `count` descriptors at the front, of one block.
    ///
    /// # Safety
    ///
    /// The device must be done with them, and their buffers must be of attachment `owner`, if that is one.
    #[inline(never)]
    unsafe fn take_done(&mut self, owner: usize, count: usize) {
        match self.attachments.get(owner) {
            // SAFETY: the device is done with them, and they are of that attachment's pool: both by the caller's promise.
            Some(attachment) => unsafe { self.ring.give_back(attachment.pool(), count) },
            // SAFETY: the device is done with them, by the caller's promise; each buffer's pool is looked up.
            None => unsafe { self.give_back_mixed(count) },
        }
    }

    /// Gives the first `count` buffers back, each to the pool that it is of.
    ///
    /// # Safety
    ///
    /// The device must be done with them, or have stopped.
    #[cold]
    unsafe fn give_back_mixed(&mut self, count: usize) {
        for _ in 0..count {
            let Some(buffer) = self.ring.front() else { return };
            match self.attachments.iter().find(|attachment| attachment.owns(buffer)) {
                // SAFETY: the buffer lies in the pool's memory; the rest is the caller's promise.
                Some(attachment) => unsafe { self.ring.give_back(attachment.pool(), 1) },
                None => drop(self.ring.take()),
            }
        }
    }

    /// Asks the device to report the last descriptor that was posted.
    ///
    /// # Safety
    ///
    /// Something must have been posted since the last doorbell.
    #[inline(always)]
    unsafe fn report_last(&mut self) {
        let last = self.ring.words(self.ring.end().wrapping_sub(1));
        // SAFETY: it was posted in format `Data` since the last doorbell, as whoever calls has just posted. RS makes the device write
        // back to the descriptor alone.
        unsafe { last.add(value!(Data { RS: true })) };
    }

    /// Notes that descriptors were posted from `index` on in its block, with buffers of the usual pool.
    #[inline(always)]
    fn note(&mut self, index: u64) {
        if !Ring::begins_block(index) {
            return;
        }
        let (owner, room) = (self.owner, self.ring.first() + self.ring.len() as u64);
        if let Some(block) = self.block(index) {
            block.report = index + (BLOCK as u64 - 1);
            if block.owner != owner {
                // When the ring is nearly full, the block may still have buffers from the round before.
                block.owner = if room >= index + BLOCK as u64 { owner } else { MIXED };
            }
        }
    }

    /// Notes that the buffers of a block are not all of one pool.
    fn mix(&mut self, index: u64) {
        if let Some(block) = self.block(index) {
            block.owner = MIXED;
        }
    }

    /// Returns the index of the attachment of `pool`, usually the selected one.
    #[inline(always)]
    fn owner_of(&self, pool: PoolId) -> Option<usize> {
        if self.usual == Usual::of(pool) { Some(self.owner) } else { self.search(pool) }
    }

    #[inline(never)]
    fn search(&self, pool: PoolId) -> Option<usize> {
        self.attachments.iter().position(|attachment| attachment.pool().id() == pool)
    }

    /// Guesses from now on that packets are of `pool`, if that is attached.
    #[cold]
    pub(super) fn guess(&mut self, pool: PoolId) -> Option<()> {
        let owner = self.owner_of(pool)?;
        let end = self.ring.end();
        if owner != self.owner && !Ring::begins_block(end) {
            self.mix(end);
        }
        self.ring.forbid_alone();
        self.owner = owner;
        self.usual = Usual::of(pool);
        let attachment = self.attachments.get(owner)?;
        self.portion = portion(self.ring.len().min(attachment.pool().capacity()));
        let passable = Passable::new(attachment.pool(), self.max_len);
        self.uniform = attachment.uniform().map(|delta| Uniform { passable, delta });
        Some(())
    }

    /// Posts the only packet of `batch`, if it is a usual one and the block goes on with it: with all else, there is more
    /// to do.
    #[inline(always)]
    fn post_only(&mut self, batch: &mut Batch) -> bool {
        let Some(Uniform { delta, .. }) = self.uniform else { return false };
        // SAFETY: the device reads what a transmit ring posts. A usual packet is of the pool that `delta` is of, and `guess` changes
        // both together; its data lie in a buffer of that pool.
        unsafe { self.ring.post_only(batch, self.usual, self.max_len, |data| Some(delta.address(data))) }
    }

    /// Posts packets from the front of `batch`; says whether these were all.
    #[inline(never)]
    fn post_many(&mut self, batch: &mut Batch) -> bool {
        if self.ring.posted() >= self.portion {
            self.take_back();
        }
        // Part of a block is taken back only where there is time, or no room.
        if batch.is_empty() || self.ring.free() < batch.len() {
            self.take_back_partly();
        }
        if self.announced != self.ring.end() {
            // A panic of the caller's code came before the doorbell. Else there could be more descriptors without a report than
            // the device takes: 40.
            // SAFETY: the counts differ, so something was posted since the last doorbell.
            unsafe { self.report_last() };
        }
        let mut packets = batch.outgoing();
        let is_alone = packets.len() == 1;
        while !packets.is_empty() {
            if let Some(Uniform { delta, .. }) = self.uniform {
                let from = self.ring.end();
                // SAFETY: the device reads what a transmit ring posts. A usual packet is of the pool that `delta` is of: `guess`
                // changes both together; its data lie in a buffer of that pool.
                let posted =
                    unsafe { self.ring.post(&mut packets, self.usual, self.max_len, |data| Some(delta.address(data))) };
                if posted > 0 {
                    // SAFETY: just posted.
                    unsafe { self.report_last() };
                    self.note(from);
                    continue;
                }
            }
            // Handed over whole, so that it needs no place in memory otherwise.
            match self.post_others(packets) {
                Some(rest) => packets = rest,
                None => return false,
            }
        }
        if is_alone {
            self.ring.let_post_alone();
        }
        true
    }
}

/// As [`TxRing::done_block`], for the time in which a pool is locked.
#[inline(always)]
fn done_block(ring: &Ring, blocks: &[Block]) -> Option<usize> {
    if ring.first() | (BLOCK as u64 - 1) >= ring.end() {
        return None;
    }
    let &Block { report, owner } = blocks.get(ring.wrap(ring.first()) / BLOCK)?;
    ring.words(report).is_done::<WriteBack>().then_some(owner)
}

/// A transmit queue, borrowed from its running device.
#[derive(Debug)]
pub struct TransmitQueue<'a, H> {
    pub(super) ring: &'a mut TxRing,
    hardware: &'a H,
}

impl<'a, H: Bus + Dma> TransmitQueue<'a, H> {
    pub(crate) fn new(ring: &'a mut TxRing, hardware: &'a H) -> Self {
        Self { ring, hardware }
    }

    /// Sends packets from the front of `batch`, as many as there is room for. Returns their number. It never waits.
    ///
    /// Sent packets leave the batch. Packets without room stay in it.
    ///
    /// The ring keeps the buffers of sent packets until the device is done with them. Later calls reclaim them: whole
    /// blocks of 32 once an eighth of the ring (or pool, if smaller) is posted. They reclaim all completed buffers if the
    /// batch is empty, if the ring is short of room, or on [`reclaim`](Self::reclaim).
    ///
    /// # Errors
    ///
    /// [`Refused`] with a packet that cannot be sent. Those before it were sent, those behind it stay in the batch.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/TransmitQueue.transmit.md")))]
    #[inline(always)]
    pub fn transmit(&mut self, batch: &mut Batch) -> Result<usize, Refused> {
        if self.ring.post_only(batch) {
            self.announce();
            return Ok(1);
        }
        let before = batch.len();
        let all = self.ring.post_many(batch);
        let sent = before - batch.len();
        // Also what a panic in a route has left, which was reported first.
        if self.ring.announced != self.ring.ring.end() {
            self.announce();
        }
        if all { Ok(sent) } else { self.ring.take_refused(batch, sent) }
    }

    /// Tells the device of what was posted and not told yet, and asks it to report the last of that.
    #[inline(always)]
    pub(super) fn announce_new(&mut self) {
        if self.ring.announced != self.ring.ring.end() {
            // The last of a block was asked for already.
            if !Ring::begins_block(self.ring.ring.end()) {
                // SAFETY: the counts differ, so something was posted since the last doorbell.
                unsafe { self.ring.report_last() };
            }
            self.announce();
        }
    }

    /// Tells the device of all that was posted.
    #[inline(always)]
    fn announce(&mut self) {
        self.ring.announced = self.ring.ring.end();
        let tail = self.ring.ring.wrap(self.ring.ring.end());
        // SAFETY: the queue was enabled before there was a handle to it, and this handle alone writes its tail. Up to the tail, all
        // descriptors were posted with buffers that the ring keeps until the device reports them, or has stopped. If the device
        // was dropped while an owned queue is borrowed, the queue is disabled, and nobody enables it: then its tail is a number
        // without effect.
        let registers: Registers<'_, H, Driver<QueueEnabled>> = unsafe { Registers::assume_permission(self.hardware) };
        registers.tdt(self.ring.queue).ring_doorbell(tail as u32);
    }

    /// Makes this queue able to send packets of `pool`.
    ///
    /// # Errors
    ///
    /// [`DmaError`] if the pool's memory cannot be mapped for the device.
    pub fn attach(&mut self, pool: &Pool) -> Result<(), DmaError> {
        self.ring.attach(self.hardware, pool)
    }

    /// Reclaims the buffers of packets that were sent. Returns the number of free descriptors.
    pub fn reclaim(&mut self) -> usize {
        self.announce_new();
        self.ring.take_back_partly();
        self.ring.ring.free()
    }

    /// Returns `true` if all posted packets were sent.
    pub fn is_drained(&mut self) -> bool {
        self.ring.is_drained()
    }

    /// Waits until all posted packets were sent, at most for `limit`. Returns `true` if they were.
    ///
    /// Without a link, nothing is sent, and the ring keeps its packets until the link is back or the device is
    /// [stopped](crate::device::Device::stop).
    pub fn drain(&mut self, limit: Duration) -> bool
    where
        H: Clock,
    {
        self.announce_new();
        let ring = &mut *self.ring;
        clock::poll(self.hardware, limit, DRAIN_POLL, || ring.is_drained().then_some(())).is_ok()
    }

    /// Returns the index of the queue.
    #[must_use]
    pub fn index(&self) -> TxQueue {
        self.ring.queue
    }
}

impl<H: Bus + Dma> Transmit for TransmitQueue<'_, H> {
    #[inline(always)]
    fn transmit(&mut self, batch: &mut Batch) -> Result<usize, TransmitError> {
        Ok(TransmitQueue::transmit(self, batch)?)
    }

    fn attach(&mut self, pool: &Pool) -> Result<(), AttachError> {
        Ok(TransmitQueue::attach(self, pool)?)
    }
}
