//! The receive queue and the transmit queue.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ptr::NonNull;

use datasheet_runtime::descriptor::{DescriptorFormat, WriteBack};
use datasheet_runtime::field::Value;
use datasheet_runtime::value;
use ixgbe::descriptors::{CompletedDescriptor, DescriptorSlot};
use ixgbe::dma::{DmaAddr, DmaError, Mapping, Memory};
use ixgbe::packet::{Batch, Packet};
use ixgbe::pci::Function;
use ixgbe::pool::{Attachment, Pool};
use ixgbe::port::{AttachError, Down, Receive, Refusal, Refused, Transmit, TransmitError};

use crate::descriptors::{LegacyReceiveRead, LegacyReceiveWriteBack, LegacyTransmitRead, LegacyTransmitWriteBack};
use crate::device::Chip;

/// Size of a receive buffer in bytes, which is that of RCTL.
pub(crate) const BUFFER_SIZE: usize = 2048;
/// The number of descriptors of a ring, so that every index of 8 bits is one of them, and wraps by itself.
pub(crate) const RING_SIZE: usize = 256;
/// Length of a ring in bytes.
pub(crate) const RING_BYTES: u64 = (RING_SIZE * size_of::<DescriptorSlot>()) as u64;
/// The shortest frame in bytes: an Ethernet header.
const SHORTEST: usize = 14;
/// The longest frame in bytes: with a VLAN tag, without CRC.
const LONGEST: usize = 1518;

/// A ring of descriptors that the chip accesses.
pub(crate) struct Ring {
    slots: NonNull<DescriptorSlot>,
    /// For each descriptor that the chip has, the packet whose buffer it names.
    packets: Box<[Option<Packet>; RING_SIZE]>,
    /// The chip has the descriptors from `next` to before `tail`: none, if they are equal.
    next: u8,
    tail: u8,
    /// Whether the chip broke a rule.
    broken: bool,
    attachments: Vec<Attachment>,
    pub(crate) address: DmaAddr,
    // Dropped in this order: the chip loses sight of the memory before it is freed.
    _mapping: Mapping,
    _memory: Memory,
}

// SAFETY: a ring owns its memory.
unsafe impl Send for Ring {}

impl Ring {
    pub(crate) fn new<H: Function>(chip: &Chip<H>) -> Result<Self, DmaError> {
        let len = RING_BYTES as usize;
        let memory = chip.function.allocate(len)?;
        let mapping = chip.function.map(&memory)?;
        let address = mapping.address(memory.base()).filter(|_| mapping.is_contiguous(memory.base(), len));
        Ok(Self {
            slots: memory.base().cast(),
            packets: Box::new([const { None }; RING_SIZE]),
            next: 0,
            tail: 0,
            broken: false,
            attachments: [Attachment::new(&chip.function, &chip.pool)?].into(),
            address: address.ok_or(DmaError::NotMappable { len, reason: "a ring must be in one piece" })?,
            _mapping: mapping,
            _memory: memory,
        })
    }

    /// Returns the device's address of a packet whose pool is attached.
    fn address_of(&self, packet: &Packet) -> Option<DmaAddr> {
        self.attachments.iter().find_map(|attachment| attachment.address_of(packet))
    }

    fn is_full(&self) -> bool {
        self.tail.wrapping_add(1) == self.next
    }

    /// Writes the next descriptor of a ring that is not full, and keeps `packet` until the chip is done with it.
    ///
    /// # Safety
    ///
    /// The chip may access the buffer that `value` names as long as `packet` exists.
    unsafe fn post<D: DescriptorFormat>(&mut self, value: Value<D>, packet: Packet) {
        // SAFETY: the memory has 256 slots, is aligned to 4 KiB and initialised. The chip does not have this slot, so nothing
        // else refers to it.
        unsafe { self.slots.add(self.tail.into()).as_mut() }.vacant().write(value);
        self.packets[usize::from(self.tail)] = Some(packet);
        self.tail = self.tail.wrapping_add(1);
    }

    /// Takes back the oldest packet, if the chip is done with it, and what `look` finds in its descriptor.
    fn take<D: WriteBack, T>(&mut self, look: impl FnOnce(CompletedDescriptor<'_, D>) -> T) -> Option<(Packet, T)> {
        if self.next == self.tail {
            return None;
        }
        // SAFETY: as in `post`; the chip may have this slot, which consists of atomics.
        let found = look(unsafe { self.slots.add(self.next.into()).as_ref() }.done()?);
        let packet = self.packets[usize::from(self.next)].take()?;
        self.next = self.next.wrapping_add(1);
        Some((packet, found))
    }
}

/// The receive queue of a running device.
pub struct ReceiveQueue<'a, H: Function> {
    pub(crate) ring: &'a mut Ring,
    pub(crate) chip: &'a Chip<H>,
}

impl<H: Function> ReceiveQueue<'_, H> {
    /// Gives the chip free buffers, as far as there are any.
    pub(crate) fn fill(&mut self) {
        let before = self.ring.tail;
        while !self.ring.is_full() {
            let Some(packet) = self.chip.pool.take() else { break };
            let Some(address) = self.ring.address_of(&packet) else { break };
            // SAFETY: an empty packet has room for the `BUFFER_SIZE` bytes that the chip writes at most.
            unsafe { self.ring.post(Value::EMPTY.with(LegacyReceiveRead::ADDRESS, address), packet) };
        }
        if self.ring.tail != before {
            // SAFETY: the borrowed device runs, and what was posted stays in the ring.
            unsafe { self.chip.registers() }.rdt().ring_doorbell(self.ring.tail.into());
        }
    }
}

impl<H: Function> Receive for ReceiveQueue<'_, H> {
    fn receive(&mut self, batch: &mut Batch) -> Result<usize, Down> {
        use LegacyReceiveWriteBack as Received;
        let before = batch.len();
        while !self.ring.broken && !batch.is_full() {
            let taken = self.ring.take(|descriptor: CompletedDescriptor<'_, Received>| {
                let good = descriptor.field(Received::EOP) && descriptor.field(Received::ERRORS) == 0;
                Some(descriptor.field(Received::LENGTH) as usize).filter(|len| good && *len >= SHORTEST)
            });
            let Some((mut packet, len)) = taken else { break };
            // The chip accepts only frames without errors that fit a buffer.
            self.ring.broken = !len.is_some_and(|len| packet.append(len).is_ok() && batch.push(packet).is_ok());
        }
        self.fill();
        match batch.len() - before {
            0 if self.ring.broken => Err(Down::Broken),
            received => Ok(received),
        }
    }
}

/// The transmit queue of a running device.
pub struct TransmitQueue<'a, H: Function> {
    pub(crate) ring: &'a mut Ring,
    pub(crate) chip: &'a Chip<H>,
}

impl<H: Function> Transmit for TransmitQueue<'_, H> {
    fn transmit(&mut self, batch: &mut Batch) -> Result<usize, TransmitError> {
        // What was sent returns to its pool.
        while self.ring.take::<LegacyTransmitWriteBack, _>(|_| ()).is_some() {}
        let (before, mut sent, mut refused) = (self.ring.tail, 0, None);
        while refused.is_none() && !self.ring.is_full() {
            let Some(packet) = batch.pop_front() else { break };
            let (len, count) = (packet.len(), packet.segment_count());
            let reason = match self.ring.address_of(&packet) {
                _ if len == 0 => Refusal::Empty,
                _ if len < SHORTEST => Refusal::TooShort { len, min: SHORTEST },
                _ if len > LONGEST => Refusal::TooLong { len, max: LONGEST },
                _ if count > 1 => Refusal::TooManySegments { count, max: 1 },
                None => Refusal::NotAttached,
                Some(address) => {
                    let whole = value!(LegacyTransmitRead { EOP: true, IFCS: true, RS: true });
                    let bytes = whole.with(LegacyTransmitRead::ADDRESS, address);
                    // SAFETY: these are the bytes of the packet's only segment, which the mapping has the chip reach.
                    unsafe { self.ring.post(bytes.with(LegacyTransmitRead::LENGTH, len as u16), packet) };
                    sent += 1;
                    continue;
                }
            };
            refused = Some(Refused { packet, reason, sent });
        }
        if self.ring.tail != before {
            // SAFETY: the borrowed device runs, and what was posted stays in the ring.
            unsafe { self.chip.registers() }.tdt().ring_doorbell(self.ring.tail.into());
        }
        refused.map_or(Ok(sent), |refused| Err(refused.into()))
    }

    fn attach(&mut self, pool: &Pool) -> Result<(), AttachError> {
        if !self.ring.attachments.iter().any(|attachment| attachment.pool() == pool) {
            self.ring.attachments.push(Attachment::new(&self.chip.function, pool)?);
        }
        Ok(())
    }
}
