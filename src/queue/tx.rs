//! A transmit queue (datasheet 7.2).
//!
//! Descriptors between `clean` and `next` are the device's, or were its; the others are free. The device is
//! asked to report (RS) on every 32nd descriptor and on the last of a call, and descriptors are taken
//! back only up to one that it has reported: TDH says nothing about what is done (8.2.3.9.8).

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use crate::descriptors::{AdvancedTransmitDataRead as Data, AdvancedTransmitDataWriteBack as WriteBack};
use crate::dma::{Dma, DmaError};
use crate::field::Value;
use crate::mmio::Bus;
use crate::packet::{Batch, Packet};
use crate::pool::{self, Attachment, Pool};
use crate::queue::ring::Ring;
use crate::register::Driver;
use crate::registers::permission::QueueEnabled;
use crate::registers::{Registers, TxQueue};
use crate::value;

/// The device reports at least every that many descriptors.
const REPORT_STRIDE: usize = 32;

/// Descriptors that stay free, so that a full ring does not look like an empty one.
const GAP: usize = 1;

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

/// The ring of a transmit queue.
#[derive(Debug)]
pub(crate) struct TxRing {
    queue: TxQueue,
    /// A packet stands in the slot of its last descriptor.
    ring: Ring<Option<Packet>>,
    attachments: Vec<Attachment>,
    /// The next free descriptor, counted without wrapping.
    next: usize,
    /// The first descriptor that has not been taken back.
    clean: usize,
    /// Where the device was asked to report, in order.
    reports: VecDeque<usize>,
    max_len: usize,
}

impl TxRing {
    /// A ring of `len` descriptors, a power of two, for packets of up to `max_len` bytes.
    pub(crate) fn new(device: &impl Dma, queue: TxQueue, len: usize, max_len: usize) -> Result<Self, DmaError> {
        let mut slots = Vec::with_capacity(len);
        slots.resize_with(len, || None);
        Ok(Self {
            queue,
            ring: Ring::new(device, slots)?,
            attachments: vec![],
            next: 0,
            clean: 0,
            reports: VecDeque::with_capacity(len),
            max_len,
        })
    }

    pub(crate) fn queue(&self) -> TxQueue {
        self.queue
    }

    pub(crate) fn ring(&self) -> &Ring<Option<Packet>> {
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
        self.take_back();
        self.clean == self.next
    }

    /// Gives all packets back to their pools.
    pub(crate) fn empty(self) {
        let Self { ring, attachments, .. } = self;
        pool::give_back(ring.into_slots().into_iter().flatten());
        drop(attachments);
    }

    /// Takes back what the device has reported as done.
    #[inline]
    fn take_back(&mut self) {
        while let Some(&report) = self.reports.front() {
            if self.ring.words(report).done::<WriteBack>().is_none() {
                return;
            }
            self.reports.pop_front();
            let (from, ring) = (self.clean, &mut self.ring);
            pool::give_back((from..=report).filter_map(|index| ring.slot(index).take()));
            self.clean = report + 1;
        }
    }

    #[inline(always)]
    fn free(&self) -> usize {
        self.ring.len() - GAP - (self.next - self.clean)
    }

    #[inline(always)]
    fn attachment(&self, packet: &Packet) -> Option<&Attachment> {
        self.attachments.iter().find(|attachment| attachment.pool().id() == packet.pool())
    }

    /// Whether `packet` can be sent, and how many descriptors it needs.
    #[inline(always)]
    fn check(&self, packet: &Packet) -> Result<usize, TransmitError> {
        if self.attachment(packet).is_none() {
            return Err(TransmitError::NotAttached);
        }
        if packet.segment_count() == 1 {
            // Empty ones become too long by this.
            if packet.len().wrapping_sub(1) < self.max_len {
                return Ok(1);
            }
        } else if packet.total_len() <= self.max_len && packet.segments().all(|bytes| !bytes.is_empty()) {
            return Ok(packet.segment_count());
        }
        match packet.total_len() {
            len if len > self.max_len => Err(TransmitError::TooLong { len, max: self.max_len }),
            _ => Err(TransmitError::Empty),
        }
    }

    /// Posts packets from the front of `batch`; says how many, and what was wrong with the next one.
    fn post(&mut self, batch: &mut Batch) -> (usize, Result<(), TransmitError>) {
        let mut free = self.free();
        let (mut count, mut result) = (0, Ok(()));
        for packet in &*batch {
            match self.check(packet) {
                Ok(needed) if needed <= free => free -= needed,
                Ok(_) => break,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
            count += 1;
        }
        for (index, packet) in batch.take_first(count).enumerate() {
            if packet.segment_count() == 1 {
                self.post_one(packet, index + 1 == count);
            } else {
                self.post_segments(packet, index + 1 == count);
            }
        }
        (count, result)
    }

    /// Posts a packet of one segment, which was checked.
    #[inline(always)]
    fn post_one(&mut self, packet: Packet, last: bool) {
        const SINGLE: Value<Data> = value!(Data { EOP: true, IFCS: true });
        let Some(address) = self.attachment(&packet).and_then(|pool| pool.address(packet.data())) else { return };
        let len = packet.len() as u16;
        let value = SINGLE.with(Data::ADDR, address).with(Data::DTALEN, len).with(Data::PAYLEN, len);
        let report = last || self.next % REPORT_STRIDE == REPORT_STRIDE - 1;
        self.put(value.with(Data::RS, report), report);
        *self.ring.slot(self.next - 1) = Some(packet);
    }

    /// Posts a packet of several segments, a descriptor each.
    #[cold]
    fn post_segments(&mut self, packet: Packet, last: bool) {
        let (total, segments) = (packet.total_len() as u64, packet.segment_count());
        let report = last || self.next % REPORT_STRIDE + segments >= REPORT_STRIDE;
        let Some(attachment) = self.attachments.iter().find(|attachment| attachment.pool().id() == packet.pool())
        else {
            return;
        };
        let values = packet.segments().enumerate().map(|(index, bytes)| {
            let end = index + 1 == segments;
            let value = value!(Data { IFCS: true })
                .with(Data::DTALEN, bytes.len() as u16)
                .with(Data::EOP, end)
                .with(Data::RS, end && report);
            let address = attachment.address(core::ptr::NonNull::from(bytes).cast());
            let value = value.try_with(Data::PAYLEN, if index == 0 { total } else { 0 }).unwrap_or(value);
            address.map_or(value, |address| value.with(Data::ADDR, address))
        });
        let values: Vec<_> = values.collect();
        for (index, value) in values.into_iter().enumerate() {
            self.put(value, report && index + 1 == segments);
        }
        *self.ring.slot(self.next - 1) = Some(packet);
    }

    #[inline(always)]
    fn put(&mut self, value: Value<Data>, report: bool) {
        self.ring.words(self.next).vacant_in_ring().write(value);
        if report {
            self.reports.push_back(self.next);
        }
        self.next += 1;
    }
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
    /// What is sent leaves the batch and comes back to its pool once the device is done with it.
    /// What found no room stays in the batch.
    ///
    /// # Errors
    ///
    /// [`TransmitError`] if a packet cannot be sent. All before it were; it is the first in the batch now.
    #[inline]
    pub fn transmit(&mut self, batch: &mut Batch) -> Result<usize, TransmitError> {
        self.ring.take_back();
        let (sent, result) = self.ring.post(batch);
        if sent > 0 {
            let tail = self.ring.ring.wrap(self.ring.next);
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
        self.ring.take_back();
        self.ring.free()
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
