//! A receive queue (specification 5.1.6.3).

use alloc::boxed::Box;
use core::fmt;

use datasheet_runtime::bus::Bus;
use datasheet_runtime::field::Field;
use ixgbe::packet::{Batch, Packet};
use ixgbe::pool::{Attachment, Pool};
use ixgbe::port::{Down, Receive, ReceiveInterrupt};

use crate::descriptors::NetworkHeaderMemory as Header;
use crate::lent::StoppedQueue;
use crate::queue::{Doorbell, HEADER, Restart, SHORTEST, SharedCounts, add};
use crate::registers::notify;
use crate::ring::{Fault, SplitRing, Used};

/// What the features say of received frames.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RxTerms {
    /// A frame can fill several buffers.
    pub(crate) mergeable: bool,
}

/// The ring of a receive queue, with the buffers that were posted.
pub(crate) struct RxRing<B> {
    ring: SplitRing,
    slots: Box<[Option<Packet>]>,
    attachment: Attachment,
    doorbell: Doorbell<B>,
    /// Free buffers, on their way from the pool into the ring.
    spare: Batch,
    /// Buffers are posted once this many descriptors are free.
    threshold: usize,
    terms: RxTerms,
    buffer_size: u32,
    /// A frame whose last buffers are not there yet, and their number.
    partial: Option<(Packet, u16)>,
    fault: Option<Fault>,
    counts: SharedCounts,
}

impl<B: Bus<notify::RegisterSpace, u16>> RxRing<B> {
    pub(crate) fn new(ring: SplitRing, attachment: Attachment, doorbell: Doorbell<B>, terms: RxTerms) -> Self {
        let size = usize::from(ring.size());
        // A quarter of the ring, because the pool's lock costs as much as some packets do.
        let threshold = (size / 4).max(1);
        let buffer_size = attachment.pool().buffer_size() as u32;
        Self {
            ring,
            slots: (0..size).map(|_| None).collect(),
            attachment,
            doorbell,
            spare: Batch::with_capacity(threshold),
            threshold,
            terms,
            buffer_size,
            partial: None,
            fault: None,
            counts: SharedCounts::default(),
        }
    }

    pub(crate) fn pool(&self) -> &Pool {
        self.attachment.pool()
    }

    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Posts free buffers until the ring is full or the pool is empty, and shows them to the device. Returns `true` if
    /// the device wants its doorbell rung.
    pub(crate) fn fill(&mut self) -> bool {
        while self.ring.free() >= self.threshold && self.post_some() {}
        self.ring.publish()
    }

    /// Posts up to `threshold` buffers. Returns `false` if the pool is empty.
    fn post_some(&mut self) -> bool {
        let size = self.buffer_size;
        self.attachment.pool().take_into(&mut self.spare);
        let any = !self.spare.is_empty();
        while let Some(packet) = self.spare.pop() {
            // Neither is missed: the packet is of the pool, and as many descriptors are free.
            let Some(address) = self.attachment.address_of(&packet) else { break };
            // SAFETY: an empty packet has `size` bytes of room at its start, which the mapping has the device reach. The
            // packet stays in its slot until its id comes back, and the ring is lent to the device until a reset.
            let Some(id) = (unsafe { self.ring.post::<true>(address, size) }) else { break };
            if let Some(slot) = self.slots.get_mut(usize::from(id)) {
                *slot = Some(packet);
            }
        }
        self.spare.clear();
        any
    }

    /// Tells the device to look at the ring.
    pub(crate) fn notify(&self) {
        add(&self.counts.doorbells, 1);
        // SAFETY: rings are filled before the device goes live, and notified after; each handle borrows the live device.
        // What is posted are buffers that stay in their slots.
        unsafe { self.doorbell.ring() };
    }

    /// Moves frames that have arrived into `batch`, as many as it has room for.
    #[inline]
    fn receive(&mut self, batch: &mut Batch) -> Result<usize, Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let before = batch.len();
        let taken = self.take_frames(batch);
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
    fn take_frames(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        let mut waiting = self.ring.waiting()?;
        if waiting == 0 {
            return Ok(());
        }
        let mut octets = 0;
        let result = loop {
            if waiting == 0 || batch.is_full() {
                break Ok(());
            }
            waiting -= 1;
            match self.take_frame() {
                Ok(Some(packet)) => {
                    octets += packet.len() as u64;
                    // The batch has room.
                    _ = batch.push(packet);
                }
                Ok(None) => {}
                Err(fault) => break Err(fault),
            }
        };
        add(&self.counts.octets, octets);
        self.ring.suppress_interrupts();
        result
    }

    /// Takes one used buffer. Returns a frame if that completes one.
    #[inline]
    fn take_frame(&mut self) -> Result<Option<Packet>, Fault> {
        if self.partial.is_some() {
            return self.take_part();
        }
        let mut packet = self.take_buffer(HEADER as u32)?;
        let buffers = if self.terms.mergeable { buffers_of(&packet) } else { 1 };
        packet.trim_front(HEADER);
        if buffers == 1 {
            return Ok(self.whole(packet));
        }
        // The device has all other buffers of the frame, or has returned them. It cannot have more.
        if buffers == 0 || buffers - 1 > self.ring.posted() {
            return Err(Fault::BufferCount { count: buffers, posted: self.ring.posted() });
        }
        self.partial = Some((packet, buffers - 1));
        Ok(None)
    }

    /// Takes the next buffer of a frame of several. Returns the frame if that was its last.
    #[cold]
    fn take_part(&mut self) -> Result<Option<Packet>, Fault> {
        let part = self.take_buffer(1)?;
        let Some((mut packet, left)) = self.partial.take() else { return Ok(None) };
        if packet.append_segment(part).is_err() {
            // A frame of more buffers than a packet can have: it stays incomplete, and is dropped when its end comes.
            packet.truncate(0);
        }
        if left > 1 {
            self.partial = Some((packet, left - 1));
            return Ok(None);
        }
        Ok(self.whole(packet))
    }

    /// Returns the packet, or counts and drops it if it has no Ethernet header.
    #[inline(always)]
    fn whole(&self, packet: Packet) -> Option<Packet> {
        if packet.len() < SHORTEST {
            add(&self.counts.short, 1);
            return None;
        }
        Some(packet)
    }

    /// Takes the used buffer at the front, into which the device wrote at least `min` bytes.
    #[inline(always)]
    fn take_buffer(&mut self, min: u32) -> Result<Packet, Fault> {
        let Used { id, len } = self.ring.look(0)?;
        let max = self.buffer_size;
        if len > max {
            return Err(Fault::TooLong { len, max });
        }
        if len < min {
            return Err(Fault::TooShort { len, min });
        }
        let slot = self.slots.get_mut(usize::from(id));
        let Some(mut packet) = slot.and_then(Option::take) else { return Err(Fault::NotPosted { id }) };
        self.ring.take(id);
        // It fits, as `len` is at most the size of a buffer.
        _ = packet.append(len as usize);
        Ok(packet)
    }
}

/// Returns the byte of the header in which a field begins.
const fn byte_of<F: Field<Header>>(_field: F) -> usize {
    F::LSB as usize / 8
}

/// Returns how many buffers the frame fills whose header and first bytes are `bytes`.
#[inline(always)]
fn buffers_of(bytes: &[u8]) -> u16 {
    const NUM_BUFFERS: usize = byte_of(Header::NUM_BUFFERS);
    match bytes.get(NUM_BUFFERS..NUM_BUFFERS + 2) {
        Some(&[low, high]) => u16::from_le_bytes([low, high]),
        _ => 0,
    }
}

impl<B: Bus<notify::RegisterSpace, u16>> Restart for RxRing<B> {
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
        self.partial = None;
        self.slots.fill_with(|| None);
    }

    fn begin(&mut self) {
        if self.fill() {
            self.notify();
        }
    }
}

impl<B> fmt::Debug for RxRing<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RxRing").field("ring", &self.ring).field("fault", &self.fault).finish_non_exhaustive()
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
    /// # Errors
    ///
    /// [`Fault`] if the device has broken a rule: now, or before. The queue does not go on until the device was reset.
    #[inline]
    pub fn receive(&mut self, batch: &mut Batch) -> Result<usize, Fault> {
        self.ring.receive(batch)
    }

    /// Returns the MSI-X vector that the queue raises, with
    /// [`Config::interrupts`](crate::config::Config::interrupts).
    #[must_use]
    pub fn vector(&self) -> usize {
        // Receive queues have the even indices.
        usize::from(self.ring.doorbell.queue / 2)
    }

    /// Asks for one interrupt when a packet arrives.
    ///
    /// A packet that arrived before raises none: [receive](Self::receive) again before waiting.
    pub fn enable_interrupt(&mut self) {
        self.ring.ring.request_interrupt();
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
        self.ring.counts.doorbells.load(core::sync::atomic::Ordering::Relaxed)
    }
}

impl<B: Bus<notify::RegisterSpace, u16>> Receive for ReceiveQueue<'_, B> {
    #[inline(always)]
    fn receive(&mut self, batch: &mut Batch) -> Result<usize, Down> {
        ReceiveQueue::receive(self, batch).map_err(|_| Down::Broken)
    }
}

impl<B: Bus<notify::RegisterSpace, u16>> ReceiveInterrupt for ReceiveQueue<'_, B> {
    fn vector(&self) -> usize {
        ReceiveQueue::vector(self)
    }

    fn enable_interrupt(&mut self) {
        ReceiveQueue::enable_interrupt(self);
    }
}
