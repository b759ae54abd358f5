//! A transmit queue (datasheet 7.2).
//!
//! Packets are posted in runs: of one buffer each, of one pool, in one [`BLOCK`] of descriptors. The device is asked
//! to report (RS) on the last descriptor of each run, and so on the last of each call. Buffers go back to their pools by
//! the block, when the device has reported the last of the block as done: TDH says nothing about that (8.2.3.9.8).

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::ptr::NonNull;

use crate::descriptors::{AdvancedTransmitDataRead as Data, AdvancedTransmitDataWriteBack as WriteBack, Written};
use crate::dma::{Dma, DmaAddr, DmaError};
use crate::mmio::Bus;
use crate::packet::{Batch, Outgoing, Packet};
use crate::pool::{Attachment, BLOCK, Pool};
use crate::queue::ring::{GROUP, Ring};
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
    /// The pools whose packets can be sent. None is ever taken away.
    attachments: Vec<Attachment>,
    /// The attachment of the last packet: a guess at the next one's.
    owner: usize,
    max_len: u32,
}

impl TxRing {
    /// A ring of `len` descriptors, a power of two, for packets of up to `max_len` bytes.
    pub(crate) fn new(device: &impl Dma, queue: TxQueue, len: usize, max_len: usize) -> Result<Self, DmaError> {
        Ok(Self {
            queue,
            ring: Ring::new(device, len)?,
            blocks: vec![Block::default(); len / BLOCK],
            attachments: vec![],
            owner: 0,
            // A segment's length has 16 bits.
            max_len: max_len.min(usize::from(u16::MAX)) as u32,
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
        self.take_back_reported(true);
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
            self.take_back_reported(false);
        }
    }

    /// Takes back whole blocks that the device has reported as done; with `partly`, also what was reported of the last.
    #[inline(never)]
    fn take_back_reported(&mut self, partly: bool) {
        while self.ring.posted() > 0 {
            let whole = BLOCK - self.ring.first() % BLOCK;
            let count = whole.min(self.ring.posted());
            let Some(&mut Block { report, owner }) = self.block(self.ring.first()) else { return };
            if (count < whole && !partly) || self.ring.words(report).done::<WriteBack>().is_none() {
                return;
            }
            match self.attachments.get(owner) {
                Some(attachment) => self.ring.give_back(attachment.pool(), count),
                None => self.give_back_mixed(count),
            }
        }
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

    /// Notes that descriptors were posted from `index` on in its block, with buffers of attachment `owner`, and asks the
    /// device to report the last of them.
    #[inline(always)]
    fn note(&mut self, index: usize, owner: usize) {
        let report = self.ring.end().wrapping_sub(1);
        self.ring.words(report).add(value!(Data { RS: true }));
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

    /// The attachment of `packet`'s pool.
    #[inline(always)]
    fn owner(&mut self, packet: &Packet) -> Option<usize> {
        let guess = self.attachments.get(self.owner);
        if guess.is_none_or(|guess| guess.pool().id() != packet.pool()) {
            self.owner = self.attachments.iter().position(|attachment| attachment.pool().id() == packet.pool())?;
        }
        Some(self.owner)
    }

    /// Posts the first packet of `batch`, unless it is unusual.
    #[inline(always)]
    fn post_one(&mut self, batch: &mut Batch) {
        let mut packets = batch.outgoing();
        let Some(owner) = packets.first().and_then(|first| self.owner(first)) else { return };
        let Some(attachment) = self.attachments.get(owner) else { return };
        let Some(delta) = attachment.uniform() else { return };
        let from = self.ring.end();
        let describe = |packet: &Packet| Some(single(packet, delta.address(packet.data())));
        if self.ring.post_one(&mut packets, attachment.pool(), self.max_len, describe) {
            self.note(from, owner);
        }
    }

    /// Posts packets of one segment from the front of `batch`, up to one that is unusual.
    #[inline(never)]
    fn post_many(&mut self, batch: &mut Batch) {
        let mut packets = batch.outgoing();
        while let Some(owner) = packets.first().and_then(|first| self.owner(first)) {
            let Some(attachment) = self.attachments.get(owner) else { return };
            let Some(delta) = attachment.uniform() else { return };
            let from = self.ring.end();
            post_run(&mut self.ring, &mut packets, attachment.pool(), self.max_len, |packet| {
                Some(single(packet, delta.address(packet.data())))
            });
            if self.ring.end() == from {
                return;
            }
            self.note(from, owner);
        }
    }

    /// Posts packets from the front of `batch`; says what was wrong with the one that is first then.
    #[inline(never)]
    fn post_any(&mut self, batch: &mut Batch) -> Result<(), TransmitError> {
        let mut packets = batch.outgoing();
        while let Some(first) = packets.first() {
            let owner = self.owner(first).ok_or(TransmitError::NotAttached)?;
            let Some(attachment) = self.attachments.get(owner) else { break };
            let from = self.ring.end();
            post_run(&mut self.ring, &mut packets, attachment.pool(), self.max_len, |packet| {
                Some(single(packet, attachment.address(packet.data())?))
            });
            if self.ring.end() == from && !self.post_unusual(&mut packets, owner)? {
                break;
            }
            self.note(from, owner);
        }
        Ok(())
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
        // The caller notes the first block.
        for index in (from.next_multiple_of(BLOCK)..self.ring.end()).step_by(BLOCK) {
            self.note(index, owner);
        }
        Ok(true)
    }
}

/// Posts packets of one segment and of `pool`, to the end of the block at most.
#[inline(always)]
fn post_run(
    ring: &mut Ring,
    packets: &mut Outgoing<'_>,
    pool: &Pool,
    max_len: u32,
    describe: impl Fn(&Packet) -> Option<Written<Data>>,
) {
    if ring.post_groups(packets, pool, max_len, &describe) > 0 && ring.end().is_multiple_of(BLOCK) {
        return;
    }
    // What makes no group, but not what comes then.
    for _ in 1..GROUP {
        if !ring.post_one(packets, pool, max_len, &describe) || ring.end().is_multiple_of(BLOCK) {
            return;
        }
    }
}

/// The descriptor of a packet of one segment, which the device finds at `address`.
#[inline(always)]
fn single(packet: &Packet, address: DmaAddr) -> Written<Data> {
    let len = packet.len() as u16;
    let value = value!(Data { EOP: true, IFCS: true }).with(Data::ADDR, address);
    value.with(Data::DTALEN, len).with(Data::PAYLEN, len).into()
}

/// A transmit queue, borrowed from its running device.
#[derive(Debug)]
pub struct Transmit<'a, H> {
    ring: &'a mut TxRing,
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
        self.ring.take_back();
        // Part of a block is taken back only where there is time, or no room.
        if batch.is_empty() || self.ring.ring.free() < batch.len() {
            self.ring.take_back_reported(true);
        }
        let before = batch.len();
        if before == 1 {
            self.ring.post_one(batch);
        } else {
            self.ring.post_many(batch);
        }
        let result = if batch.is_empty() { Ok(()) } else { self.ring.post_any(batch) };
        let sent = before - batch.len();
        if sent > 0 {
            let tail = self.ring.ring.wrap(self.ring.ring.end());
            let registers: Registers<'_, H, Driver<QueueEnabled>> = Registers::with_permission(self.hardware);
            registers.tdt(self.ring.queue).ring(tail as u32);
        }
        result.map(|()| sent)
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
        self.ring.take_back_reported(true);
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
