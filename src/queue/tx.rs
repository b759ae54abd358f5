//! A transmit queue (datasheet 7.2).
//!
//! Packets are posted in runs: of one buffer each, of one pool, in one [`BLOCK`] of descriptors. The device is asked
//! to report (RS) on the last descriptor of each run, and so on the last of each call. Buffers go back to their pools by
//! the block, when the device has reported the last of the block as done: TDH says nothing about that (8.2.3.9.8).

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::ptr::NonNull;

use crate::descriptors::{
    AdvancedReceiveRead, AdvancedTransmitDataRead as Data, AdvancedTransmitDataWriteBack as WriteBack,
    LegacyTransmitRead as Legacy, Written,
};
use crate::dma::{Delta, Dma, DmaAddr, DmaError};
use crate::field::Value;
use crate::mmio::Bus;
use crate::packet::{Batch, Outgoing, Packet};
use crate::pool::{Attachment, BLOCK, Pool, PoolId, Uniform};
use crate::queue::ring::{Ring, Step, pass};
use crate::queue::rx::RxRing;
use crate::register::Driver;
use crate::registers::permission::QueueEnabled;
use crate::registers::{Registers, TxQueue};
use crate::value;

/// Instead of an attachment: the buffers of a block are not all of one pool.
const MIXED: usize = usize::MAX;

/// Why a packet was not sent. It is handed back: the first of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransmitError {
    /// The device has not been made to reach the packet's pool: `attach` it.
    NotAttached,
    /// The packet has no bytes, or one of its segments has none.
    Empty,
    /// The packet is longer than the largest frame the device was configured for.
    TooLong {
        /// Its length in bytes, without CRC.
        len: usize,
        /// The largest length, in bytes without CRC.
        max: usize,
    },
}

impl fmt::Display for TransmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAttached => f.write_str("the packet's pool is not attached to this device"),
            Self::Empty => f.write_str("the packet has a segment without bytes"),
            Self::TooLong { len, max } => {
                write!(f, "the packet has {len} bytes, the device was configured for at most {max}")
            }
        }
    }
}

impl core::error::Error for TransmitError {}

/// What is known of a block of descriptors.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    /// The descriptor that the device reports when it is done with the block so far.
    report: usize,
    /// Which attachment's pool the buffers are of, or [`MIXED`].
    owner: usize,
}

/// The ring of a transmit queue.
#[derive(Debug)]
pub(crate) struct TxRing {
    queue: TxQueue,
    ring: Ring,
    blocks: Vec<Block>,
    /// The descriptor up to which the device was told of packets.
    announced: usize,
    /// The pools whose packets can be sent. None is ever taken away.
    attachments: Vec<Attachment>,
    /// The attachment of the last packet that needed a search for it: a guess at the next one's.
    owner: usize,
    /// That attachment's pool and the distance to the device's addresses, if that is the same for all of it.
    usual: Option<Uniform>,
    max_len: u64,
}

impl TxRing {
    /// A ring of `len` descriptors, a power of two, for packets of up to `max_len` bytes.
    pub(crate) fn new(device: &impl Dma, queue: TxQueue, len: usize, max_len: usize) -> Result<Self, DmaError> {
        Ok(Self {
            queue,
            ring: Ring::new(device, len)?,
            blocks: vec![Block::default(); len / BLOCK],
            announced: 0,
            attachments: vec![],
            owner: 0,
            usual: None,
            // A segment's length has 16 bits.
            max_len: max_len.min(usize::from(u16::MAX)) as u64,
        })
    }

    pub(crate) fn queue(&self) -> TxQueue {
        self.queue
    }

    pub(crate) fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Makes the device reach the packets of `pool`.
    pub(crate) fn attach(&mut self, device: &impl Dma, pool: &Pool) -> Result<(), DmaError> {
        if self.attachments.iter().all(|attachment| attachment.pool().id() != pool.id()) {
            self.attachments.push(Attachment::new(device, pool)?);
        }
        Ok(())
    }

    /// Whether everything posted was reported as done.
    pub(crate) fn is_drained(&mut self) -> bool {
        self.take_back_partly();
        self.ring.posted() == 0
    }

    /// Gives all packets back to their pools.
    pub(crate) fn empty(mut self) {
        self.give_back_mixed(self.ring.posted());
    }

    #[inline(always)]
    fn block(&mut self, index: usize) -> Option<&mut Block> {
        let block = self.ring.wrap(index) / BLOCK;
        self.blocks.get_mut(block)
    }

    /// Takes back whole blocks that the device has reported as done.
    #[inline(always)]
    fn take_back(&mut self) {
        if self.ring.first() | (BLOCK - 1) < self.ring.end() {
            self.take_back_blocks();
        }
    }

    #[inline(never)]
    fn take_back_blocks(&mut self) {
        while self.ring.first() | (BLOCK - 1) < self.ring.end() {
            let Some(&mut Block { report, owner }) = self.block(self.ring.first()) else { return };
            if self.ring.words(report).done::<WriteBack>().is_none() {
                return;
            }
            let attachment = self.attachments.get(owner);
            if !attachment.is_some_and(|attachment| self.ring.give_block_back(attachment.pool())) {
                self.take_block(BLOCK - self.ring.first() % BLOCK);
            }
        }
    }

    /// Takes back all that the device has reported as done, also part of a block.
    #[inline(never)]
    pub(super) fn take_back_partly(&mut self) {
        while self.ring.posted() > 0 {
            let whole = BLOCK - self.ring.first() % BLOCK;
            if !self.take_block(whole.min(self.ring.posted())) {
                return;
            }
        }
    }

    /// Takes back the `count` descriptors at the front, which are of one block, if the device has reported them.
    #[inline(never)]
    fn take_block(&mut self, count: usize) -> bool {
        let Some(&mut Block { report, owner }) = self.block(self.ring.first()) else { return false };
        if self.ring.words(report).done::<WriteBack>().is_none() {
            return false;
        }
        match self.attachments.get(owner) {
            Some(attachment) => self.ring.give_back(attachment.pool(), count),
            None => self.give_back_mixed(count),
        }
        true
    }

    /// Gives the first `count` buffers back, each to the pool that it is of.
    #[cold]
    fn give_back_mixed(&mut self, count: usize) {
        for _ in 0..count {
            let Some(buffer) = self.ring.front() else { return };
            match self.attachments.iter().find(|attachment| attachment.owns(buffer)) {
                Some(attachment) => self.ring.give_back(attachment.pool(), 1),
                None => drop(self.ring.take()),
            }
        }
    }

    /// Asks the device to report the last descriptor that was posted.
    #[inline(always)]
    fn report_last(&mut self) {
        self.ring.words(self.ring.end().wrapping_sub(1)).add(value!(Data { RS: true }));
    }

    /// Notes that descriptors were posted from `index` on in its block, with buffers of attachment `owner`; the device
    /// reports the last of them.
    #[inline(always)]
    fn note(&mut self, index: usize, owner: usize) {
        let report = self.ring.end().wrapping_sub(1);
        // When the ring is nearly full, the block may still have buffers from the round before.
        let is_new = index.is_multiple_of(BLOCK) && self.ring.first() + self.ring.len() >= index + BLOCK;
        if let Some(block) = self.block(index) {
            block.report = report;
            if is_new {
                block.owner = owner;
            } else if block.owner != owner {
                block.owner = MIXED;
            }
        }
    }

    /// Guesses from now on that packets are of `pool`, if that is attached.
    #[cold]
    pub(super) fn guess(&mut self, pool: PoolId) -> Option<()> {
        let owner = self.attachments.iter().position(|attachment| attachment.pool().id() == pool)?;
        self.owner = owner;
        let attachment = self.attachments.get(owner)?;
        self.usual = attachment.uniform().map(|delta| Uniform { pool, delta });
        Some(())
    }

    /// Posts the only packet of `batch`, and says whether it did: if it is a usual one, and there is room.
    fn post_only(&mut self, batch: &mut Batch) -> bool {
        self.take_back();
        let Some(Uniform { pool, delta }) = self.usual else { return false };
        let from = self.ring.end();
        let describe = |packet: &Packet| Some(single(packet, delta, true));
        let posted = self.ring.post_only(batch, pool, self.max_len, describe);
        if posted {
            self.note(from, self.owner);
        }
        posted
    }

    /// Posts usual packets from the front of `batch`, in groups, and says whether these were all.
    fn post_groups(&mut self, batch: &mut Batch) -> bool {
        self.take_back();
        let mut packets = batch.outgoing();
        while !packets.is_empty() {
            if self.post_block(&mut packets) == 0 {
                return false;
            }
        }
        true
    }

    /// Posts usual packets from the front of `packets`, in groups and to the end of the block at most, and says how many.
    #[inline(never)]
    fn post_block(&mut self, packets: &mut Outgoing<'_>) -> usize {
        let Some(Uniform { pool, delta }) = self.usual else { return 0 };
        let from = self.ring.end();
        let describe = |packet: &Packet| Some(single(packet, delta, false));
        let count = self.ring.post_groups(packets, pool, self.max_len, describe);
        if count > 0 {
            self.report_last();
            self.note(from, self.owner);
        }
        count
    }

    /// Posts packets from the front of `batch` one by one; says what was wrong with the one that is first then.
    #[inline(never)]
    fn post_any(&mut self, batch: &mut Batch) -> Result<(), TransmitError> {
        // Part of a block is taken back only where there is time, or no room.
        if batch.is_empty() || self.ring.free() < batch.len() {
            self.take_back_partly();
        }
        let from = self.ring.end();
        let result = self.post_each(batch);
        if self.ring.end() != from {
            self.report_last();
        }
        result
    }

    fn post_each(&mut self, batch: &mut Batch) -> Result<(), TransmitError> {
        let mut packets = batch.outgoing();
        while let Some(first) = packets.first() {
            if self.usual.is_none_or(|usual| usual.pool != first.pool()) {
                self.guess(first.pool()).ok_or(TransmitError::NotAttached)?;
            }
            let Some(attachment) = self.attachments.get(self.owner) else { break };
            let (pool, from) = (attachment.pool().id(), self.ring.end());
            let describe = |packet: &Packet| {
                let address = attachment.address(packet.data())?;
                Some(described(address, packet.len() as u16, false))
            };
            if !self.ring.post_first(&mut packets, pool, self.max_len, describe)
                && !self.post_unusual(&mut packets, self.owner)?
            {
                break;
            }
            if self.ring.end().is_multiple_of(BLOCK) {
                self.report_last();
            }
            self.note(from, self.owner);
        }
        Ok(())
    }

    /// Takes back whole blocks that the device has reported as done: into `rx` as long as they are of its pool and fit, and
    /// to their pools otherwise.
    #[inline(always)]
    pub(super) fn take_back_into(&mut self, rx: &mut RxRing) {
        let (to, attachment) = rx.parts();
        let of_pool = self.attachments.iter().position(|own| own.pool().id() == attachment.pool().id());
        let posted = |address: DmaAddr| Value::EMPTY.with(AdvancedReceiveRead::PKT_ADDR, address);
        while self.ring.first() | (BLOCK - 1) < self.ring.end() {
            let Some(&mut Block { report, owner }) = self.block(self.ring.first()) else { return };
            if self.ring.words(report).done::<WriteBack>().is_none() {
                return;
            }
            let handed_over = of_pool == Some(owner)
                && match attachment.uniform() {
                    Some(delta) => self.ring.hand_over_block(to, |data| Some(posted(delta.address(data)))),
                    None => self.ring.hand_over_block(to, |data| attachment.address(data).map(posted)),
                };
            if !handed_over {
                self.take_block(BLOCK - self.ring.first() % BLOCK);
            }
        }
    }

    /// Passes packets on from `rx`, at most `most`, as [`pass`] does, and says how many; none if the last
    /// [`guess`](Self::guess) was not its pool. A function of its own, because the loop needs all registers.
    #[inline(never)]
    pub(super) fn pass(&mut self, rx: &mut RxRing, most: usize, decide: impl FnMut(&mut [u8]) -> Step) -> usize {
        self.pass_here(rx, most, decide)
    }

    /// [Passes](Self::pass) packets on without a call of a function, which is worth it for one.
    #[inline(always)]
    pub(super) fn pass_here(&mut self, rx: &mut RxRing, most: usize, decide: impl FnMut(&mut [u8]) -> Step) -> usize {
        let Some(Uniform { pool, delta }) = self.usual else { return self.pass_by_page(rx, most, decide) };
        let is_next = rx.is_between_frames();
        let (from, attachment) = rx.parts();
        if !is_next || pool != attachment.pool().id() {
            return 0;
        }
        let max_len = self.max_len;
        let noted = Noted { index: self.ring.end(), tx: self };
        let describe = |data, less_one| Some(passed_on(delta.address(data), less_one));
        pass::<Legacy>(from, &mut noted.tx.ring, most, attachment.pool(), max_len, decide, describe)
    }

    /// [Passes](Self::pass) packets on whose addresses have to be looked up.
    #[inline(never)]
    fn pass_by_page(&mut self, rx: &mut RxRing, most: usize, decide: impl FnMut(&mut [u8]) -> Step) -> usize {
        if !rx.is_between_frames() {
            return 0;
        }
        let (from, attachment) = rx.parts();
        let pool = attachment.pool();
        let max_len = self.max_len;
        let noted = Noted { index: self.ring.end(), tx: self };
        let TxRing { ring, attachments, owner, .. } = &mut *noted.tx;
        let Some(to) = attachments.get(*owner).filter(|to| to.pool().id() == pool.id()) else { return 0 };
        let describe = |data, less_one| Some(passed_on(to.address(data)?, less_one));
        pass::<Legacy>(from, ring, most, pool, max_len, decide, describe)
    }

    /// Posts a packet that is none of the usual ones, or says what is wrong with it. Says whether there was room.
    #[cold]
    fn post_unusual(&mut self, packets: &mut Outgoing<'_>, owner: usize) -> Result<bool, TransmitError> {
        let (Some(packet), Some(attachment)) = (packets.first(), self.attachments.get(owner)) else {
            return Ok(false);
        };
        let (len, max) = (packet.total_len(), self.max_len as usize);
        if len > max {
            return Err(TransmitError::TooLong { len, max });
        }
        if packet.segments().any(<[u8]>::is_empty) {
            return Err(TransmitError::Empty);
        }
        if packet.segment_count() > self.ring.free() {
            return Ok(false);
        }
        let segments = packet.segments().enumerate().map(|(index, bytes)| {
            let value = value!(Data { IFCS: true })
                .with(Data::ADDR, attachment.address(NonNull::from(bytes).cast())?)
                .with(Data::DTALEN, bytes.len() as u16)
                .with(Data::EOP, index + 1 == packet.segment_count());
            // Only the first says how long the packet is: at most `max`, which has 16 bits.
            Some(value.with(Data::PAYLEN, if index == 0 { len as u16 } else { 0 }))
        });
        let Some(values) = segments.collect::<Option<Vec<_>>>() else { return Err(TransmitError::NotAttached) };
        let from = self.ring.end();
        let mut values = values.into_iter();
        if let Some(packet) = packets.next() {
            packet.into_buffers(|buffer| {
                // There is room, and as many values as segments.
                if let Some(value) = values.next() {
                    let _ = self.ring.post_buffer(value, buffer);
                }
            });
        }
        self.report_last();
        // The caller notes the first block.
        for index in (from.next_multiple_of(BLOCK)..self.ring.end()).step_by(BLOCK) {
            self.note(index, owner);
        }
        Ok(true)
    }
}

/// Notes what was posted from `index` on when it is dropped: also when the caller's code panics.
struct Noted<'a> {
    tx: &'a mut TxRing,
    index: usize,
}

impl Drop for Noted<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.tx.ring.end() != self.index {
            if self.tx.ring.end().is_multiple_of(BLOCK) {
                self.tx.report_last();
            }
            self.tx.note(self.index, self.tx.owner);
        }
    }
}

/// The descriptor of a packet of one segment, which the device finds `delta` away; it reports it, if `report`.
#[inline(always)]
fn single(packet: &Packet, delta: Delta, report: bool) -> Written<Data> {
    described(delta.address(packet.data()), packet.len() as u16, report)
}

/// The descriptor of a packet of one segment, which the device finds at `address`; it reports it, if `report`.
#[inline(always)]
fn described(address: DmaAddr, len: u16, report: bool) -> Written<Data> {
    let value = value!(Data { EOP: true, IFCS: true }).with(Data::ADDR, address).with(Data::RS, report);
    value.with(Data::DTALEN, len).with(Data::PAYLEN, len).into()
}

/// The descriptor of a packet of one segment that is passed on, of one byte and `more`. The legacy format says the length once;
/// what asks for a report, and what that is, are the same bits in both (datasheet 7.2.3.2.2).
#[inline(always)]
fn passed_on(address: DmaAddr, more: u64) -> Written<Legacy> {
    let value = value!(Legacy { EOP: true, IFCS: true, LENGTH: 1 }).with(Legacy::BUFFER_ADDR, address);
    Written::from(value).plus(Legacy::LENGTH, more)
}

/// A transmit queue, borrowed from its running device.
#[derive(Debug)]
pub struct Transmit<'a, H> {
    pub(super) ring: &'a mut TxRing,
    hardware: &'a H,
}

impl<'a, H: Bus + Dma> Transmit<'a, H> {
    pub(crate) fn new(ring: &'a mut TxRing, hardware: &'a H) -> Self {
        Self { ring, hardware }
    }

    /// Sends packets from the front of `batch`, as many as there is room for; says how many. It never waits.
    ///
    /// What is sent leaves the batch. Its buffers come back to their pools in later calls, once the device is done with
    /// them: 32 at a time, or all of them when the batch is empty or room is short, or by [`reclaim`](Self::reclaim).
    /// What found no room stays in the batch.
    ///
    /// # Errors
    ///
    /// [`TransmitError`] if a packet cannot be sent. All before it were; it is the first in the batch now.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Transmit.transmit.md")))]
    #[inline]
    pub fn transmit(&mut self, batch: &mut Batch) -> Result<usize, TransmitError> {
        let before = batch.len();
        let done = match before {
            0 => false,
            1 => self.ring.post_only(batch),
            _ => self.ring.post_groups(batch),
        };
        let result = if done { Ok(()) } else { self.ring.post_any(batch) };
        let sent = before - batch.len();
        if sent > 0 {
            self.announce();
        }
        result.map(|()| sent)
    }

    /// Tells the device of what was posted and not told yet, and asks it to report the last of that.
    #[inline(always)]
    pub(super) fn announce_new(&mut self) {
        if self.ring.announced != self.ring.ring.end() {
            // The last of a block was asked for already.
            if !self.ring.ring.end().is_multiple_of(BLOCK) {
                self.ring.report_last();
            }
            self.announce();
        }
    }

    /// Tells the device of all that was posted.
    #[inline(always)]
    fn announce(&mut self) {
        self.ring.announced = self.ring.ring.end();
        let tail = self.ring.ring.wrap(self.ring.ring.end());
        let registers: Registers<'_, H, Driver<QueueEnabled>> = Registers::with_permission(self.hardware);
        registers.tdt(self.ring.queue).ring(tail as u32);
    }

    /// Makes this queue able to send packets of `pool`.
    ///
    /// # Errors
    ///
    /// [`DmaError`] if the device cannot reach the pool's memory.
    pub fn attach(&mut self, pool: &Pool) -> Result<(), DmaError> {
        self.ring.attach(self.hardware, pool)
    }

    /// Takes back packets that were sent, and says how many descriptors are free.
    pub fn reclaim(&mut self) -> usize {
        self.ring.take_back_partly();
        self.ring.ring.free()
    }

    /// Whether everything was sent.
    pub fn is_drained(&mut self) -> bool {
        self.ring.is_drained()
    }

    /// Which queue it is.
    #[must_use]
    pub fn index(&self) -> TxQueue {
        self.ring.queue
    }
}
