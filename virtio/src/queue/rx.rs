//! A receive queue (specification 5.1.6.3).

use core::fmt;

use datasheet_runtime::bus::Bus;
use ixgbe::offload::Received;
use ixgbe::packet::{Batch, Packet, PostedBuffers};
use ixgbe::pool::{Attachment, Pool};
use ixgbe::port::{Down, InterruptSource, Receive, ReceiveMetadata};

use crate::feature::{Feature, Features};
use crate::lent::StoppedQueue;
use crate::queue::header::{Arrival, Completed, Header, Plain, WithMetadata, buffers_of};
use crate::queue::{Doorbell, HEADER, Restart, SHORTEST, SharedCounts, add};
use crate::registers::notify;
use crate::ring::{AnyRing, Either, Fault, PackedRing, Ring, SplitRing, Used, either};
use crate::transport::QueuePlace;

/// What the features say of received frames.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RxTerms {
    /// A frame can fill several buffers.
    mergeable: bool,
    /// The header says something of the frame.
    offloads: bool,
    features: Features,
}

impl RxTerms {
    pub(crate) fn new(features: Features) -> Self {
        let [mergeable, offloads] = [Feature::MrgRxbuf, Feature::GuestCsum].map(|feature| features.has(feature));
        Self { mergeable, offloads, features }
    }
}

/// The ring of a receive queue, with the buffers that were posted.
#[derive(Debug)]
pub(crate) struct RxRing<B>(pub(crate) Either<RxOver<SplitRing, B>, RxOver<PackedRing, B>>);

impl<B: Bus<notify::RegisterSpace, u16>> RxRing<B> {
    pub(crate) fn new(ring: AnyRing, attachment: Attachment, doorbell: Doorbell<B>, terms: RxTerms) -> Self {
        Self(either!(map ring, ring => RxOver::new(ring, attachment, doorbell, terms)))
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

    pub(crate) fn pool(&self) -> &Pool {
        either!(&self.0, queue => queue.buffers.pool())
    }

    pub(crate) fn fault(&self) -> Option<Fault> {
        either!(&self.0, queue => queue.fault)
    }

    /// Posts free buffers until the ring is full or the pool is empty, and shows them to the device. Returns `true` if
    /// the device wants its doorbell rung.
    pub(crate) fn fill(&mut self) -> bool {
        either!(&mut self.0, queue => queue.fill())
    }

    /// Asks the device for an interrupt when it has used the next buffer.
    fn enable_interrupt(&mut self) -> Result<(), Fault> {
        either!(&mut self.0, queue => {
            queue.fault.map_or(Ok(()), Err)?;
            queue.ring.request_interrupt();
        });
        Ok(())
    }

    /// Tells the device to look at the ring.
    pub(crate) fn notify(&self) {
        either!(&self.0, queue => queue.notify());
    }

    /// Moves frames that have arrived into `batch`, as many as it has room for.
    #[inline]
    fn receive(&mut self, batch: &mut Batch) -> Result<usize, Fault> {
        either!(&mut self.0, queue => match queue.terms.offloads {
            false => queue.receive::<Plain>(batch),
            true => queue.receive::<Completed>(batch),
        })
    }

    /// Moves frames that have arrived into `batch`, with what their headers say.
    #[inline]
    fn receive_with_metadata(&mut self, batch: &mut Batch<Received>) -> Result<usize, Fault> {
        either!(&mut self.0, queue => queue.receive::<WithMetadata>(batch))
    }
}

/// A frame of which some buffers are there.
#[derive(Debug)]
struct Partial {
    packet: Packet,
    header: Header,
    /// The number of buffers that are missing.
    left: u16,
}

/// A receive queue over a ring of one kind.
pub(crate) struct RxOver<R, B> {
    ring: R,
    buffers: PostedBuffers,
    doorbell: Doorbell<B>,
    /// Buffers are posted once this many descriptors are free.
    threshold: usize,
    terms: RxTerms,
    buffer_size: u32,
    /// A frame whose last buffers are not there yet.
    partial: Option<Partial>,
    fault: Option<Fault>,
    counts: SharedCounts,
}

impl<R: Ring, B: Bus<notify::RegisterSpace, u16>> RxOver<R, B> {
    fn new(ring: R, attachment: Attachment, doorbell: Doorbell<B>, terms: RxTerms) -> Self {
        // A quarter of the ring, because the pool's lock costs as much as some packets do.
        let threshold = (usize::from(ring.size()) / 4).max(1);
        let buffer_size = attachment.pool().buffer_size() as u32;
        Self {
            buffers: PostedBuffers::new(attachment, ring.size()),
            ring,
            doorbell,
            threshold,
            terms,
            buffer_size,
            partial: None,
            fault: None,
            counts: SharedCounts::default(),
        }
    }

    fn fill(&mut self) -> bool {
        while self.ring.free() >= self.threshold && self.post_some() {}
        self.ring.publish()
    }

    /// Posts buffers in one piece. Returns `false` if the pool is empty.
    fn post_some(&mut self) -> bool {
        let (most, size) = (self.ring.room(), u64::from(self.buffer_size));
        // SAFETY: `post` numbers up to `most` buffers, with free ids below the size of the ring. Each has `size` bytes,
        // which the mapping has the device reach. They stay there until their ids come back, and the ring is lent to the
        // device until a reset.
        let post = unsafe { self.ring.poster::<true>() };
        let is_sorted = self.buffers.is_sorted();
        let ids = self.buffers.post(most, |number, id, address| post(number, id, address, size));
        drop(post);
        self.ring.advance(ids, is_sorted);
        !ids.is_empty()
    }

    fn notify(&self) {
        add(&self.counts.doorbells, 1);
        // SAFETY: rings are filled before the device goes live, and notified after; each handle borrows the live device.
        // What is posted are buffers that stay where they are until their ids come back.
        unsafe { self.doorbell.ring() };
    }

    #[inline]
    fn receive<A: Arrival>(&mut self, batch: &mut Batch<A::Entry>) -> Result<usize, Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let before = batch.len();
        let taken = self.take_frames::<A>(batch);
        let received = batch.len() - before;
        if received > 0 {
            add(&self.counts.packets, received as u64);
        }
        if let Err(fault) = taken {
            self.fault = Some(fault);
            // What arrived before the fault is good.
            return if received > 0 { Ok(received) } else { Err(fault) };
        }
        if self.ring.free() >= self.threshold && self.fill() {
            self.notify();
        }
        Ok(received)
    }

    /// Takes frames until none waits or the batch is full.
    #[inline]
    fn take_frames<A: Arrival>(&mut self, batch: &mut Batch<A::Entry>) -> Result<(), Fault> {
        self.ring.refresh()?;
        let posted = self.ring.posted();
        let result = loop {
            self.take_whole_frames::<A>(batch);
            if batch.is_full() {
                break Ok(());
            }
            // What is next is something else, or nothing.
            match self.take_any::<A>(batch) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(fault) => break Err(fault),
            }
        };
        // A sweep that finds nothing leaves an interrupt that was asked for: the program is about to wait for it.
        if self.ring.posted() != posted {
            self.ring.suppress_interrupts();
        }
        result
    }

    /// Takes buffers from the front, as long as they come back in order with a whole frame each, which needs no change, as
    /// most do.
    #[inline(always)]
    fn take_whole_frames<A: Arrival>(&mut self, batch: &mut Batch<A::Entry>) {
        const MIN: u32 = (HEADER + SHORTEST) as u32;
        if self.partial.is_some() {
            return;
        }
        let ((waiting, _), written) = (self.ring.waiting(), self.ring.written::<MIN>(self.buffer_size));
        let features = self.terms.features;
        // SAFETY: `written` finds buffers that have come back, and keeps to these lengths: `buffer_size` is the pool's.
        // `unchanged` makes an entry of the packet, or returns it; it does not change its bytes, and does not panic.
        let (count, octets) = unsafe {
            match self.terms.mergeable {
                true => self.buffers.receive(batch, waiting, written, |packet, header: &Header| {
                    if buffers_of(header) == 1 { A::unchanged(packet, header, features) } else { Err(packet) }
                }),
                false => self
                    .buffers
                    .receive(batch, waiting, written, |packet, header: &Header| A::unchanged(packet, header, features)),
            }
        };
        self.ring.skip(count as u16, count as u16);
        add(&self.counts.octets, octets);
    }

    /// Takes buffers from the front, whatever is in them, until the batch is full or a frame comes that has only one. Returns
    /// `false` if there are no more.
    #[cold]
    #[inline(never)]
    fn take_any<A: Arrival>(&mut self, batch: &mut Batch<A::Entry>) -> Result<bool, Fault> {
        while !batch.is_full() {
            let (joined, is_part) = (self.take_joined(), self.partial.is_some());
            let is_long = is_part || joined.is_some();
            let entry = match joined {
                Some((packet, header, len)) => self.whole::<A>(packet, &header, len),
                None => {
                    let Some(used) = self.ring.look()? else { return Ok(false) };
                    self.take_frame::<A>(used)?
                }
            };
            let Some(entry) = entry else { continue };
            // There is room.
            _ = batch.push(entry);
            if !is_long {
                break;
            }
        }
        Ok(true)
    }

    /// Takes a frame of several buffers that have all come back, in order.
    #[inline(always)]
    fn take_joined(&mut self) -> Option<(Packet, Header, u64)> {
        if self.partial.is_some() || !self.terms.mergeable {
            return None;
        }
        let ((waiting, _), written) = (self.ring.waiting(), self.ring.written::<1>(self.buffer_size));
        // SAFETY: `written` finds buffers that have come back, and keeps to these lengths: `buffer_size` is the pool's.
        let joined = unsafe { self.buffers.join(waiting, written, |header| buffers_of(header).into()) }?;
        let count = joined.0.segment_count() as u16;
        self.ring.skip(count, count);
        Some(joined)
    }

    /// Takes the used buffer at the front. Returns a frame if that completes one.
    fn take_frame<A: Arrival>(&mut self, used: Used) -> Result<Option<A::Entry>, Fault> {
        if self.partial.is_some() {
            return self.take_part::<A>(used);
        }
        let (packet, header) = self.take_buffer::<HEADER>(used)?;
        let buffers = if self.terms.mergeable { buffers_of(&header) } else { 1 };
        if buffers == 1 {
            let len = packet.len() as u64;
            return Ok(self.whole::<A>(packet, &header, len));
        }
        // The device has all other buffers of the frame, or has returned them. It cannot have more.
        if buffers == 0 || buffers - 1 > self.ring.posted() {
            return Err(Fault::BufferCount { count: buffers, posted: self.ring.posted() });
        }
        // How the frame is handed on is asked when its end comes.
        self.partial = Some(Partial { packet, header, left: buffers - 1 });
        Ok(None)
    }

    /// Takes the next buffer of a frame of several. Returns the frame if that was its last.
    fn take_part<A: Arrival>(&mut self, used: Used) -> Result<Option<A::Entry>, Fault> {
        let (part, _) = self.take_buffer::<0>(used)?;
        let Some(Partial { mut packet, header, left }) = self.partial.take() else { return Ok(None) };
        if packet.append_segment(part).is_err() {
            // A frame of more buffers than a packet can have: without its header, it is dropped when its end comes.
            packet.truncate(0);
        }
        if left > 1 {
            self.partial = Some(Partial { packet, header, left: left - 1 });
            return Ok(None);
        }
        let len = packet.len() as u64;
        Ok(self.whole::<A>(packet, &header, len))
    }

    /// Returns the frame of `len` bytes, and counts them; or counts and drops it if its first segment has no Ethernet
    /// header, or if what the device says of it cannot be.
    fn whole<A: Arrival>(&self, packet: Packet, header: &Header, len: u64) -> Option<A::Entry> {
        if packet[..].len() < SHORTEST {
            add(&self.counts.short, 1);
            return None;
        }
        let entry = A::arrived(packet, header, self.terms.features);
        match entry {
            Some(_) => add(&self.counts.octets, len),
            None => add(&self.counts.bad_header, 1),
        }
        entry
    }

    /// Takes the used buffer at the front, into which the device wrote something, and `SKIP` bytes in front of that. Returns
    /// these apart.
    #[inline(always)]
    fn take_buffer<const SKIP: usize>(&mut self, Used { id, len }: Used) -> Result<(Packet, [u8; SKIP]), Fault> {
        let (min, max) = ((SKIP as u32).max(1), self.buffer_size);
        if len > max {
            return Err(Fault::TooLong { len, max });
        }
        if len < min {
            return Err(Fault::TooShort { len, min });
        }
        let mut packet = self.buffers.take(id).ok_or(Fault::NotPosted { id })?;
        self.ring.skip(1, 1);
        // It fits, as `len` is at most the size of a buffer.
        _ = packet.received(len as u16);
        let skipped = packet.first_chunk().copied().unwrap_or([0; SKIP]);
        packet.trim_front(SKIP);
        Ok((packet, skipped))
    }
}

impl<R: Ring, B: Bus<notify::RegisterSpace, u16>> Restart for RxOver<R, B> {
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
        self.partial = None;
        self.buffers.clear();
    }

    fn begin(&mut self) {
        if self.fill() {
            self.notify();
        }
    }
}

impl<R: Ring, B> fmt::Debug for RxOver<R, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RxOver").field("ring", &self.ring).field("fault", &self.fault).finish_non_exhaustive()
    }
}

/// A receive queue of a live device.
#[derive(Debug)]
pub struct ReceiveQueue<'a, B> {
    ring: &'a mut RxRing<B>,
}

impl<'a, B: Bus<notify::RegisterSpace, u16>> ReceiveQueue<'a, B> {
    pub(crate) fn new(ring: &'a mut RxRing<B>) -> Self {
        Self { ring }
    }

    pub(crate) fn ring_mut(&mut self) -> &mut RxRing<B> {
        self.ring
    }

    /// Moves packets that have arrived into `batch`, as many as it has room for. Returns their number. It never waits.
    ///
    /// With [`Config::receive_offloads`](crate::Config::receive_offloads), the driver computes the checksums here that are
    /// left to it, and packets can be longer than a frame.
    ///
    /// # Errors
    ///
    /// [`Fault`] if the device has broken a rule: now, or before. The queue does not go on until the device was reset.
    #[inline]
    pub fn receive(&mut self, batch: &mut Batch) -> Result<usize, Fault> {
        self.ring.receive(batch)
    }

    /// Moves packets that have arrived into `batch`, each with what the device says of it, as [`receive`](Self::receive)
    /// does.
    ///
    /// The device says something with [`Config::receive_offloads`](crate::Config::receive_offloads) alone: whether the
    /// checksum of TCP or UDP was checked, or is [partial](ixgbe::offload::Checksum::Partial), and the size of the segments
    /// that a packet is of. It never says anything of the checksum of an IPv4 header, of a hash or of the time, and takes no
    /// VLAN tag out.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    #[inline]
    pub fn receive_with_metadata(&mut self, batch: &mut Batch<Received>) -> Result<usize, Fault> {
        self.ring.receive_with_metadata(batch)
    }

    /// Returns the MSI-X vector that the queue raises, with
    /// [`Config::interrupts`](crate::config::Config::interrupts).
    #[must_use]
    pub fn vector(&self) -> usize {
        // Receive queues have the even indices.
        usize::from(self.ring.queue() / 2)
    }

    /// Asks for one interrupt when a packet arrives.
    ///
    /// A packet that arrived before raises none: [receive](Self::receive) again before waiting.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn enable_interrupt(&mut self) -> Result<(), Fault> {
        self.ring.enable_interrupt()
    }

    /// Returns the rule that the device broke, if it did.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.ring.fault()
    }

    /// Returns the pool of the queue's buffers.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        self.ring.pool()
    }

    /// Returns how often the queue rang its doorbell.
    #[must_use]
    pub fn doorbells(&self) -> u64 {
        self.ring.counts().doorbells.load(core::sync::atomic::Ordering::Relaxed)
    }
}

impl<B: Bus<notify::RegisterSpace, u16>> Receive for ReceiveQueue<'_, B> {
    #[inline(always)]
    fn receive(&mut self, batch: &mut Batch) -> Result<usize, Down> {
        ReceiveQueue::receive(self, batch).map_err(|_| Down::Broken)
    }
}

impl<B: Bus<notify::RegisterSpace, u16>> ReceiveMetadata for ReceiveQueue<'_, B> {
    #[inline(always)]
    fn receive_with_metadata(&mut self, batch: &mut Batch<Received>) -> Result<usize, Down> {
        ReceiveQueue::receive_with_metadata(self, batch).map_err(|_| Down::Broken)
    }
}

impl<B: Bus<notify::RegisterSpace, u16>> InterruptSource for ReceiveQueue<'_, B> {
    fn vector(&self) -> usize {
        ReceiveQueue::vector(self)
    }

    fn enable_interrupt(&mut self) -> Result<(), Down> {
        ReceiveQueue::enable_interrupt(self).map_err(|_| Down::Broken)
    }
}
