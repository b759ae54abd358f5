//! A transmit queue (specification 5.1.6.2).

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use datasheet_runtime::bus::Bus;
use ixgbe::dma::{Dma, DmaAddr, DmaError, Mapping, Memory};
use ixgbe::packet::{Batch, Packet};
use ixgbe::pool::{Attachment, Pool};
use ixgbe::port::{AttachError, Refusal, Refused, Transmit, TransmitError};

use crate::lent::StoppedQueue;
use crate::queue::{Doorbell, HEADER, Restart, SHORTEST, SharedCounts, add};
use crate::registers::notify;
use crate::ring::{Fault, SplitRing, Used};

/// The header of a frame without requests. The device reads nothing from it but zeros.
const NO_REQUESTS: [u8; HEADER] = [0; HEADER];

/// A header in memory of its own, for packets without headroom.
struct SharedHeader {
    address: DmaAddr,
    _mapping: Mapping,
    _memory: Memory,
}

impl SharedHeader {
    fn new(dma: &impl Dma) -> Result<Self, DmaError> {
        // Memory is zeroed.
        let memory = dma.allocate(HEADER)?;
        let mapping = dma.map(&memory)?;
        let apart = DmaError::NotMappable { len: HEADER, reason: "a header must be in one piece" };
        let address = mapping.address(memory.base()).filter(|_| mapping.is_contiguous(memory.base(), HEADER));
        Ok(Self { address: address.ok_or(apart)?, _mapping: mapping, _memory: memory })
    }
}

/// The ring of a transmit queue, with the packets that were posted.
pub(crate) struct TxRing<B> {
    ring: SplitRing,
    slots: Box<[Option<Packet>]>,
    /// The pools whose packets can be sent. None is ever taken away.
    attachments: Vec<Attachment>,
    /// The attachment that the last packet was of.
    selected: usize,
    header: SharedHeader,
    doorbell: Doorbell<B>,
    /// Packets that were sent, on their way back to their pools.
    done: Batch,
    /// Packets are reclaimed once this many are posted.
    threshold: u16,
    max_len: usize,
    fault: Option<Fault>,
    counts: SharedCounts,
}

impl<B: Bus<notify::RegisterSpace, u16>> TxRing<B> {
    pub(crate) fn new(
        dma: &impl Dma,
        ring: SplitRing,
        doorbell: Doorbell<B>,
        max_len: usize,
    ) -> Result<Self, DmaError> {
        let size = ring.size();
        Ok(Self {
            ring,
            slots: (0..size).map(|_| None).collect(),
            attachments: Vec::new(),
            selected: 0,
            header: SharedHeader::new(dma)?,
            doorbell,
            done: Batch::with_capacity(size.into()),
            threshold: (size / 4).max(1),
            max_len,
            fault: None,
            counts: SharedCounts::default(),
        })
    }

    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Makes the device reach the packets of `pool`.
    pub(crate) fn attach(&mut self, dma: &impl Dma, pool: &Pool) -> Result<(), DmaError> {
        if !self.attachments.iter().any(|attachment| attachment.pool() == pool) {
            self.attachments.push(Attachment::new(dma, pool)?);
        }
        Ok(())
    }

    /// Returns the device's address of the packet's first byte, if its pool is attached.
    #[inline(always)]
    fn select(&mut self, packet: &Packet) -> Option<DmaAddr> {
        match self.attachments.get(self.selected).and_then(|selected| selected.address_of(packet)) {
            Some(address) => Some(address),
            None => self.select_other(packet),
        }
    }

    #[cold]
    #[inline(never)]
    fn select_other(&mut self, packet: &Packet) -> Option<DmaAddr> {
        let addresses = self.attachments.iter().map(|attachment| attachment.address_of(packet));
        let (index, address) = addresses.enumerate().find_map(|(index, address)| Some((index, address?)))?;
        self.selected = index;
        Some(address)
    }

    /// Returns why a packet cannot be sent, if so.
    #[cold]
    fn examine(&mut self, packet: &Packet) -> Option<Refusal> {
        let (len, count) = (packet.len(), packet.segment_count());
        let max = usize::from(self.ring.size());
        Some(match () {
            () if len == 0 || packet.segments().any(<[u8]>::is_empty) => Refusal::Empty,
            () if len < SHORTEST => Refusal::TooShort { len, min: SHORTEST },
            () if len > self.max_len => Refusal::TooLong { len, max: self.max_len },
            () if count >= max => Refusal::TooManySegments { count, max: max.saturating_sub(1) },
            () if self.select(packet).is_none() => Refusal::NotAttached,
            () => return None,
        })
    }

    /// Takes back packets that were sent, and returns them to their pools.
    pub(crate) fn reclaim(&mut self) -> Result<(), Fault> {
        let mut waiting = self.ring.waiting()?;
        let result = loop {
            if waiting == 0 {
                break Ok(());
            }
            waiting -= 1;
            // How much the device wrote is nothing here; some say absurd numbers.
            let Used { id, .. } = match self.ring.look(0) {
                Ok(used) => used,
                Err(fault) => break Err(fault),
            };
            let slot = self.slots.get_mut(usize::from(id));
            let Some(packet) = slot.and_then(Option::take) else { break Err(Fault::NotPosted { id }) };
            self.ring.take(id);
            // It has as many places as the ring has descriptors.
            _ = self.done.push(packet);
        };
        self.done.clear();
        self.ring.suppress_interrupts();
        result
    }

    /// Sends packets from the front of `batch`.
    #[inline]
    fn transmit(&mut self, batch: &mut Batch) -> Result<usize, Failure> {
        if let Some(fault) = self.fault {
            return Err(fault.into());
        }
        if self.ring.posted() >= self.threshold || self.ring.free() < batch.len() || batch.is_empty() {
            self.reclaim().inspect_err(|fault| self.fault = Some(*fault))?;
        }
        let result = self.post_all(batch);
        if self.ring.publish() {
            self.notify();
        }
        result
    }

    fn post_all(&mut self, batch: &mut Batch) -> Result<usize, Failure> {
        let (mut sent, mut octets) = (0, 0);
        let result = loop {
            let run = self.simple_run(batch);
            for packet in batch.drain(..run) {
                octets += packet.len() as u64;
                self.post_simple(packet);
            }
            sent += run;
            // One that is not simple, or without room, or the end.
            let Some(packet) = batch.first() else { break None };
            if let Some(reason) = self.examine(packet) {
                break Some(reason);
            }
            if self.ring.free() <= packet.segment_count() {
                break None;
            }
            let Some(packet) = batch.pop_front() else { break None };
            octets += packet.len() as u64;
            self.post_other(packet);
            sent += 1;
        };
        add(&self.counts.packets, sent as u64);
        add(&self.counts.octets, octets);
        match result.and_then(|reason| Some((reason, batch.pop_front()?))) {
            Some((reason, packet)) => Err(Failure::Refused(Refused { packet, reason, sent })),
            None => Ok(sent),
        }
    }

    /// Returns the number of packets at the front that fit, each as one descriptor: one segment with room for the header.
    #[inline(always)]
    fn simple_run(&mut self, batch: &Batch) -> usize {
        let room = self.ring.free();
        let lengths = SHORTEST..=self.max_len;
        let is_simple = |packet: &&Packet| {
            packet.segment_count() == 1
                && packet.headroom() >= HEADER
                && lengths.contains(&<[u8]>::len(packet))
                && self.select(packet).is_some()
        };
        batch.iter().take(room).take_while(is_simple).count()
    }

    /// Posts a packet that [`simple_run`](Self::simple_run) has seen.
    #[inline(always)]
    fn post_simple(&mut self, mut packet: Packet) {
        if packet.prepend(&NO_REQUESTS).is_err() {
            return;
        }
        let len = <[u8]>::len(&packet) as u32;
        let Some(address) = self.select(&packet) else { return };
        // SAFETY: the packet's bytes, its header among them, are in a buffer that the mapping has the device reach. The
        // packet stays in its slot until its id comes back, and the ring is lent to the device until a reset.
        if let Some(id) = unsafe { self.ring.post::<false>(address, len) }
            && let Some(slot) = self.slots.get_mut(usize::from(id))
        {
            *slot = Some(packet);
        }
    }

    /// Posts a packet of several segments, or without headroom. [`examine`](Self::examine) finds nothing wrong with it,
    /// and there is a descriptor more than it has segments.
    #[cold]
    #[inline(never)]
    fn post_other(&mut self, mut packet: Packet) {
        if self.select(&packet).is_none() {
            return;
        }
        let apart = packet.prepend(&NO_REQUESTS).is_err();
        let Some(attachment) = self.attachments.get(self.selected) else { return };
        let Some(segments) = attachment.segments_of(&packet) else { return };
        let header = apart.then_some((self.header.address, HEADER));
        let parts: Vec<_> = header.into_iter().chain(segments).map(|(address, len)| (address, len as u32)).collect();
        let count = parts.len();
        // SAFETY: as in `post_simple`, for all segments; the shared header lives as long as the ring, and nobody writes it.
        if let Some(id) = unsafe { self.ring.post_chain(parts.into_iter(), count) }
            && let Some(slot) = self.slots.get_mut(usize::from(id))
        {
            *slot = Some(packet);
        }
    }

    /// Tells the device to look at the ring.
    fn notify(&self) {
        add(&self.counts.doorbells, 1);
        // SAFETY: each handle borrows the live device. What is posted are packets that stay in their slots.
        unsafe { self.doorbell.ring() };
    }
}

impl<B: Bus<notify::RegisterSpace, u16>> Restart for TxRing<B> {
    fn queue(&self) -> u16 {
        self.doorbell.queue
    }

    fn ring(&self) -> &SplitRing {
        &self.ring
    }

    fn counts(&self) -> &SharedCounts {
        &self.counts
    }

    fn set_fault(&mut self, fault: Option<Fault>) {
        self.fault = fault;
    }

    fn replace(&mut self, ring: SplitRing, _proof: &StoppedQueue) {
        self.ring = ring;
        self.slots.fill_with(|| None);
    }

    fn begin(&mut self) {}
}

impl<B> fmt::Debug for TxRing<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TxRing").field("ring", &self.ring).field("fault", &self.fault).finish_non_exhaustive()
    }
}

/// A failed call of [`TransmitQueue::transmit`].
#[derive(Debug)]
pub enum Failure {
    /// The device has broken a rule. The queue does not go on until the device was reset.
    Fault(Fault),
    /// One packet cannot be sent.
    Refused(Refused),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl core::error::Error for Failure {}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A transmit queue of a live device.
#[derive(Debug)]
pub struct TransmitQueue<'a, B, H> {
    ring: &'a mut TxRing<B>,
    dma: &'a H,
}

impl<'a, B: Bus<notify::RegisterSpace, u16>, H: Dma> TransmitQueue<'a, B, H> {
    pub(crate) fn new(ring: &'a mut TxRing<B>, dma: &'a H) -> Self {
        Self { ring, dma }
    }

    pub(crate) fn ring_mut(&mut self) -> &mut TxRing<B> {
        self.ring
    }

    /// Sends packets from the front of `batch`, as many as there is room for. Returns their number. It never waits.
    ///
    /// # Errors
    ///
    /// [`Failure`]: a packet that cannot be sent has left the batch, those behind it stay.
    #[inline]
    pub fn transmit(&mut self, batch: &mut Batch) -> Result<usize, Failure> {
        self.ring.transmit(batch)
    }

    /// Returns packets that were sent to their pools. Returns the number of those that were posted and not sent yet.
    ///
    /// # Errors
    ///
    /// [`Fault`] as for [`transmit`](Self::transmit).
    pub fn reclaim(&mut self) -> Result<usize, Fault> {
        self.ring.fault.map_or(Ok(()), Err)?;
        self.ring.reclaim().inspect_err(|fault| self.ring.fault = Some(*fault))?;
        Ok(self.ring.ring.posted().into())
    }

    /// Returns the rule that the device broke, if it did.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.ring.fault()
    }

    /// Returns how often the queue rang its doorbell.
    #[must_use]
    pub fn doorbells(&self) -> u64 {
        self.ring.counts.doorbells.load(core::sync::atomic::Ordering::Relaxed)
    }

    /// Makes this queue able to send packets of `pool`.
    ///
    /// # Errors
    ///
    /// [`DmaError`] if the pool's memory cannot be mapped for the device.
    pub fn attach(&mut self, pool: &Pool) -> Result<(), DmaError> {
        self.ring.attach(self.dma, pool)
    }
}

impl<B: Bus<notify::RegisterSpace, u16>, H: Dma> Transmit for TransmitQueue<'_, B, H> {
    #[inline(always)]
    fn transmit(&mut self, batch: &mut Batch) -> Result<usize, TransmitError> {
        TransmitQueue::transmit(self, batch).map_err(|failure| match failure {
            Failure::Fault(_) => ixgbe::port::Down::Broken.into(),
            Failure::Refused(refused) => refused.into(),
        })
    }

    fn attach(&mut self, pool: &Pool) -> Result<(), AttachError> {
        Ok(TransmitQueue::attach(self, pool)?)
    }
}
