//! A transmit queue (specification 5.1.6.2).

use alloc::vec::Vec;
use core::fmt;

use datasheet_runtime::bus::Bus;
use ixgbe::dma::{Dma, DmaAddr, DmaError, Mapping, Memory};
use ixgbe::offload::Requested;
use ixgbe::packet::{Batch, Leaving, Packet, PostedPackets};
use ixgbe::pool::{Attachment, Pool};
use ixgbe::port::{AttachError, Down, Offload, Refusal, Refused, Transmit, TransmitError, TransmitRequests};

use crate::feature::Features;
use crate::lent::StoppedQueue;
use crate::queue::header::{Header, NO_REQUESTS, Outgoing, feature_of};
use crate::queue::{Doorbell, HEADER, Restart, SHORTEST, SharedCounts, add};
use crate::registers::notify;
use crate::ring::{AnyRing, Either, Fault, PackedRing, Part, Ring, SplitRing, Used, either};
use crate::transport::QueuePlace;

/// What was agreed on for a transmit queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TxTerms {
    /// The longest frame that is sent, in bytes.
    pub(crate) max_len: usize,
    /// The features, which say what can be requested.
    pub(crate) features: Features,
}

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
#[derive(Debug)]
pub(crate) struct TxRing<B>(pub(crate) Either<TxOver<SplitRing, B>, TxOver<PackedRing, B>>);

impl<B: Bus<notify::RegisterSpace, u16>> TxRing<B> {
    pub(crate) fn new(dma: &impl Dma, ring: AnyRing, doorbell: Doorbell<B>, terms: TxTerms) -> Result<Self, DmaError> {
        Ok(Self(either!(map ring, ring => TxOver::new(dma, ring, doorbell, terms)?)))
    }

    pub(crate) fn counts(&self) -> &SharedCounts {
        either!(&self.0, queue => &queue.counts)
    }

    /// Returns the index of the queue.
    pub(crate) fn queue(&self) -> u16 {
        either!(&self.0, queue => queue.doorbell.queue)
    }

    /// Returns how the device finds the ring.
    pub(crate) fn place(&self) -> QueuePlace {
        either!(&self.0, queue => QueuePlace::of(&queue.ring))
    }

    fn fault(&self) -> Option<Fault> {
        either!(&self.0, queue => queue.fault)
    }

    fn features(&self) -> Features {
        either!(&self.0, queue => queue.terms.features)
    }

    /// Makes the device reach the packets of `pool`.
    pub(crate) fn attach(&mut self, dma: &impl Dma, pool: &Pool) -> Result<(), DmaError> {
        either!(&mut self.0, queue => queue.attach(dma, pool))
    }

    /// Sends packets from the front of `batch`.
    #[inline]
    fn transmit<T: Outgoing>(&mut self, batch: &mut Batch<T>) -> Result<usize, Failure> {
        either!(&mut self.0, queue => queue.transmit(batch))
    }

    /// Takes back packets that were sent, and returns them to their pools. Returns the number of those that the device
    /// still has.
    fn reclaim(&mut self) -> Result<usize, Fault> {
        either!(&mut self.0, queue => queue.reclaim().map(|()| queue.ring.posted().into()))
    }
}

/// Returns how many descriptors the header of a packet takes: none if the packet has room for it.
fn descriptors_apart(packet: &Packet) -> usize {
    usize::from(packet.headroom() < HEADER)
}

/// A transmit queue over a ring of one kind.
pub(crate) struct TxOver<R, B> {
    ring: R,
    packets: PostedPackets,
    /// The parts of the packet that is being posted. They are kept so that no packet needs an allocation.
    parts: Vec<Part>,
    /// The pools whose packets can be sent. None is ever taken away.
    attachments: Vec<Attachment>,
    /// The attachment that the last packet was of.
    selected: usize,
    header: SharedHeader,
    doorbell: Doorbell<B>,
    /// Packets are reclaimed once this many are posted.
    threshold: u16,
    terms: TxTerms,
    fault: Option<Fault>,
    counts: SharedCounts,
}

impl<R: Ring, B: Bus<notify::RegisterSpace, u16>> TxOver<R, B> {
    fn new(dma: &impl Dma, ring: R, doorbell: Doorbell<B>, terms: TxTerms) -> Result<Self, DmaError> {
        let size = ring.size();
        Ok(Self {
            ring,
            packets: PostedPackets::new(size),
            parts: Vec::new(),
            attachments: Vec::new(),
            selected: 0,
            header: SharedHeader::new(dma)?,
            doorbell,
            threshold: (size / 4).max(1),
            terms,
            fault: None,
            counts: SharedCounts::default(),
        })
    }

    fn attach(&mut self, dma: &impl Dma, pool: &Pool) -> Result<(), DmaError> {
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

    /// Returns the header of a packet, and its length in bytes, or why it cannot be sent.
    fn examine<T: Outgoing>(&mut self, entry: &T) -> Result<(Header, usize), Refusal> {
        let packet = entry.packet();
        // A header of its own takes a descriptor.
        let max = usize::from(self.ring.size()) - descriptors_apart(packet);
        let count = packet.segment_count();
        let (mut len, mut is_empty) = (0, false);
        for segment in packet.segment_lens() {
            (len, is_empty) = (len + segment, is_empty | (segment == 0));
        }
        if is_empty {
            return Err(Refusal::Empty);
        }
        if len < SHORTEST {
            return Err(Refusal::TooShort { len, min: SHORTEST });
        }
        match entry.header(self.terms.features, self.terms.max_len)? {
            (_, longest) if len > longest => Err(Refusal::TooLong { len, max: longest }),
            _ if count > max => Err(Refusal::TooManySegments { count, max }),
            _ if self.select(packet).is_none() => Err(Refusal::NotAttached),
            (header, _) => Ok((header, len)),
        }
    }

    /// Takes back packets that were sent, and returns them to their pools.
    fn reclaim(&mut self) -> Result<(), Fault> {
        self.fault.map_or(Ok(()), Err)?;
        self.take_sent().inspect_err(|fault| self.fault = Some(*fault))
    }

    fn take_sent(&mut self) -> Result<(), Fault> {
        self.ring.refresh()?;
        let result = loop {
            // How much the device wrote is nothing here; some say absurd numbers.
            let (count, descriptors) = self.packets.reclaim(self.ring.waiting(), self.ring.returned());
            self.ring.skip(count as u16, descriptors as u16);
            // What is next has come out of order, or is something else, or nothing.
            match self.ring.look() {
                Ok(Some(used)) => {
                    if let Err(fault) = self.take_any(used) {
                        break Err(fault);
                    }
                }
                Ok(None) => break Ok(()),
                Err(fault) => break Err(fault),
            }
        };
        self.ring.suppress_interrupts();
        result
    }

    /// Takes back the packet at the front, whatever it is.
    #[cold]
    #[inline(never)]
    fn take_any(&mut self, Used { id, .. }: Used) -> Result<(), Fault> {
        let descriptors = self.packets.take(id).ok_or(Fault::NotPosted { id })?;
        self.ring.skip(1, descriptors as u16);
        Ok(())
    }

    #[inline]
    fn transmit<T: Outgoing>(&mut self, batch: &mut Batch<T>) -> Result<usize, Failure> {
        if let Some(fault) = self.fault {
            return Err(fault.into());
        }
        if self.ring.posted() >= self.threshold || self.ring.free() < batch.len() || batch.is_empty() {
            self.reclaim()?;
        }
        let mut leaving = batch.leaving();
        let sent = self.post_alike(&mut leaving);
        if leaving.left() > 0 {
            return self.transmit_rest(leaving, sent);
        }
        drop(leaving);
        self.show();
        Ok(sent)
    }

    /// Sends what is unlike the packets in front of it, `sent` of which were posted, and all others behind it.
    #[cold]
    #[inline(never)]
    fn transmit_rest<T: Outgoing>(&mut self, mut leaving: Leaving<'_, T>, sent: usize) -> Result<usize, Failure> {
        let result = self.post_rest(&mut leaving, sent);
        self.show();
        if result.is_ok() && leaving.left() > 0 {
            // The next call finds the room that came back, however few packets of several segments have filled the ring.
            // It returns a fault, too.
            _ = self.reclaim();
        }
        result
    }

    /// Counts packets that were posted.
    #[inline(always)]
    fn count(&self, packets: usize, octets: u64) {
        add(&self.counts.packets, packets as u64);
        add(&self.counts.octets, octets);
    }

    /// Posts all packets, `sent` of which were posted before, as long as there is room.
    fn post_rest<T: Outgoing>(&mut self, leaving: &mut Leaving<'_, T>, mut sent: usize) -> Result<usize, Failure> {
        loop {
            let count = self.post_alike(leaving);
            sent += count;
            let (Some(entry), free) = (leaving.first(), self.ring.free()) else { return Ok(sent) };
            if count > 0 {
                continue;
            }
            // A full ring is the usual reason to be here.
            if free == 0 {
                return Ok(sent);
            }
            let packet = entry.packet();
            let descriptors = packet.segment_count() + descriptors_apart(packet);
            let examined = self.examine(entry);
            if free < descriptors && examined.is_ok() {
                return Ok(sent);
            }
            let Some(entry) = leaving.take() else { return Ok(sent) };
            match examined {
                Ok((header, len)) => self.post_any(entry, &header, len),
                Err(reason) => return Err(Failure::Refused(Refused { packet: entry.into(), reason, sent })),
            }
            sent += 1;
        }
    }

    /// Posts packets from the front, as long as they are like the first: one segment of the selected pool, with room for the
    /// header, and with the same request. Returns their number.
    #[inline(always)]
    fn post_alike<T: Outgoing>(&mut self, leaving: &mut Leaving<'_, T>) -> usize {
        let (Some(attachment), Some(first)) = (self.attachments.get(self.selected), leaving.first()) else { return 0 };
        if first.packet().segment_count() > 1 {
            return 0;
        }
        let Ok((header, longest)) = first.header(self.terms.features, self.terms.max_len) else { return 0 };
        let limits = (self.ring.room(), u16::try_from(longest).unwrap_or(u16::MAX));
        // SAFETY: `post_alike` numbers packets up to the room, with free ids below the size of the ring. The bytes of each,
        // the header in front of it among them, are in a buffer that the mapping has the device reach. The packet stays
        // there until its id comes back, and the ring is lent to the device until a reset.
        let post = unsafe { self.ring.poster::<false>() };
        let is_sorted = self.packets.is_sorted();
        let (ids, bytes) = self.packets.post_alike(leaving, attachment, limits, &header, &post);
        drop(post);
        self.ring.advance(ids, is_sorted);
        let count = ids.len();
        self.count(count, bytes);
        count
    }

    /// Posts any packet of `len` bytes: of several segments, of another pool, or without headroom.
    /// [`examine`](Self::examine) finds nothing wrong with it, and there is a descriptor for each segment, and one for the
    /// header if that has no room.
    fn post_any<T: Outgoing>(&mut self, mut entry: T, header: &Header, len: usize) {
        entry.complete();
        let mut packet: Packet = entry.into();
        // With a request there is headroom.
        let apart = packet.prepend(header).is_err();
        debug_assert!(!apart || *header == NO_REQUESTS);
        let Some(attachment) = self.attachments.get(self.selected) else { return };
        let apart = apart.then_some((self.header.address, HEADER as u64));
        let parts = &mut self.parts;
        parts.clear();
        let show = |id, address, len| parts.push((id, address, len as u32));
        if self.packets.post(packet, attachment, apart, show).is_err() {
            return;
        }
        // SAFETY: as in `post_alike`, for all segments; the shared header lives as long as the ring, and nobody writes it.
        // If there were too few descriptors, the packet would stay where it is.
        _ = unsafe { self.ring.post_chain(parts, parts.len()) };
        self.count(1, len as u64);
    }

    /// Shows the device what was posted.
    #[inline(always)]
    fn show(&mut self) {
        if self.ring.publish() {
            add(&self.counts.doorbells, 1);
            // SAFETY: each handle borrows the live device. What is posted are packets that stay
            // where they are until their ids come back.
            unsafe { self.doorbell.ring() };
        }
    }
}

impl<R: Ring, B: Bus<notify::RegisterSpace, u16>> Restart for TxOver<R, B> {
    type Ring = R;

    fn queue(&self) -> u16 {
        self.doorbell.queue
    }

    fn ring(&self) -> &R {
        &self.ring
    }

    fn counts(&self) -> &SharedCounts {
        &self.counts
    }

    fn set_fault(&mut self, fault: Option<Fault>) {
        self.fault = fault;
    }

    fn replace(&mut self, ring: R, _proof: &StoppedQueue) {
        self.ring = ring;
        self.packets.clear();
    }

    fn begin(&mut self) {}
}

impl<R: Ring, B> fmt::Debug for TxOver<R, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TxOver").field("ring", &self.ring).field("fault", &self.fault).finish_non_exhaustive()
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

impl From<Failure> for TransmitError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Fault(_) => Down::Broken.into(),
            Failure::Refused(refused) => refused.into(),
        }
    }
}

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

    /// Sends packets with requests, as [`transmit`](Self::transmit) does.
    ///
    /// The device inserts checksums of TCP and UDP, and cuts packets of both, as far as it offers that:
    /// [`TransmitRequests::offers`]. The driver itself computes the checksum of an IPv4 header, for which VirtIO has no
    /// feature. A packet that is cut can have 65,535 bytes from its IP header on.
    ///
    /// # Errors
    ///
    /// As [`transmit`](Self::transmit). A packet whose request the device cannot do is refused with
    /// [`Refusal::NotOffered`], or [`Refusal::NoHeadroom`] if there are less than 12 bytes in front of it. It comes back
    /// without its request, but as the request has [changed](Requested::into_packet) it.
    #[inline]
    pub fn transmit_with_requests(&mut self, batch: &mut Batch<Requested>) -> Result<usize, Failure> {
        self.ring.transmit(batch)
    }

    /// Returns packets that were sent to their pools. Returns the number of those that were posted and not sent yet.
    ///
    /// # Errors
    ///
    /// [`Fault`] as for [`transmit`](Self::transmit).
    pub fn reclaim(&mut self) -> Result<usize, Fault> {
        self.ring.reclaim()
    }

    /// Returns the rule that the device broke, if it did.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.ring.fault()
    }

    /// Returns how often the queue rang its doorbell.
    #[must_use]
    pub fn doorbells(&self) -> u64 {
        self.ring.counts().doorbells.load(core::sync::atomic::Ordering::Relaxed)
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
        Ok(TransmitQueue::transmit(self, batch)?)
    }

    fn attach(&mut self, pool: &Pool) -> Result<(), AttachError> {
        Ok(TransmitQueue::attach(self, pool)?)
    }
}

impl<B: Bus<notify::RegisterSpace, u16>, H: Dma> TransmitRequests for TransmitQueue<'_, B, H> {
    fn offers(&self, offload: Offload) -> bool {
        let features = self.ring.features();
        feature_of(offload).is_some_and(|feature| features.has(feature))
    }

    #[inline(always)]
    fn transmit_with_requests(&mut self, batch: &mut Batch<Requested>) -> Result<usize, TransmitError> {
        Ok(TransmitQueue::transmit_with_requests(self, batch)?)
    }
}
