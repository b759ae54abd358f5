//! The receive queue and the transmit queue.

use alloc::boxed::Box;
use alloc::vec::Vec;

use datasheet_runtime::descriptor::{DescriptorFormat, WriteBack};
use datasheet_runtime::field::Value;
use datasheet_runtime::register::Driver;
use datasheet_runtime::value;
use ixgbe::descriptors::{CompletedDescriptor, DescriptorSlot};
use ixgbe::dma::{DmaAddr, DmaError, Mapping, Memory};
use ixgbe::packet::{Batch, Packet};
use ixgbe::pci::Function;
use ixgbe::pool::{Attachment, Pool};
use ixgbe::port::{AttachError, Down, Receive, Refusal, Refused, Transmit, TransmitError};

use crate::Chip;
use crate::descriptors::{LegacyReceiveRead, LegacyReceiveWriteBack, LegacyTransmitRead, LegacyTransmitWriteBack};
use crate::registers::{Registers, permission::Running};

/// Size of a receive buffer in bytes, to which RCTL is set.
pub(crate) const BUFFER_SIZE: usize = 2048;
/// The number of descriptors of a ring, so that every index of 8 bits is one of them, and wraps by itself.
pub(crate) const RING_SIZE: usize = 256;
/// The shortest and the longest frame in bytes without CRC: an Ethernet header, and one with a VLAN tag and 1500 bytes.
const SHORTEST: usize = 14;
const LONGEST: usize = 1518;

/// A ring of descriptors that the chip accesses.
pub(crate) struct Ring {
    /// For each descriptor that the chip has, the packet whose buffer it names.
    packets: Box<[Option<Packet>; RING_SIZE]>,
    /// The chip has the descriptors from `next` to before `tail`: none if they are equal, so at most all but one.
    next: u8,
    tail: u8,
    /// Whether the chip broke a rule.
    broken: bool,
    attachments: Vec<Attachment>,
    pub(crate) address: DmaAddr,
    // Dropped in this order: the chip loses sight of the memory before it is freed.
    _mapping: Mapping,
    memory: Memory,
}

impl Ring {
    pub(crate) fn new<H: Function>(chip: &Chip<H>) -> Result<Self, DmaError> {
        let len = size_of::<[DescriptorSlot; RING_SIZE]>();
        let memory = chip.function.allocate(len)?;
        let mapping = chip.function.map(&memory)?;
        let address = mapping.address(memory.base()).filter(|_| mapping.is_contiguous(memory.base(), len));
        let apart = DmaError::NotMappable { len, reason: "a ring must be in one piece" };
        Ok(Self {
            packets: Box::new([const { None }; RING_SIZE]),
            next: 0,
            tail: 0,
            broken: false,
            attachments: [Attachment::new(&chip.function, &chip.pool)?].into(),
            address: address.ok_or(apart)?,
            _mapping: mapping,
            memory,
        })
    }

    /// Returns the device's address of a packet whose pool is attached.
    fn address_of(&self, packet: &Packet) -> Option<DmaAddr> {
        self.attachments.iter().find_map(|attachment| attachment.address_of(packet))
    }

    /// Writes the next descriptor of a ring that is not full, and keeps `packet` until the chip is done with it.
    ///
    /// # Safety
    ///
    /// The chip may access the buffer that `value` names as long as `packet` exists.
    unsafe fn post<D: DescriptorFormat>(&mut self, value: Value<D>, packet: Packet) {
        let slots = self.memory.base().cast::<DescriptorSlot>();
        // SAFETY: the memory, aligned to 4 KiB, has 256 slots. The chip does not have this one: nothing else refers to it.
        unsafe { slots.add(self.tail.into()).as_mut() }.vacant().write(value);
        self.packets[usize::from(self.tail)] = Some(packet);
        self.tail = self.tail.wrapping_add(1);
    }

    /// Takes back the oldest packet, if the chip is done with it, and what `look` finds in its descriptor.
    fn take<D: WriteBack, T>(&mut self, look: impl FnOnce(CompletedDescriptor<'_, D>) -> T) -> Option<(Packet, T)> {
        (self.next != self.tail).then_some(())?;
        let slots = self.memory.base().cast::<DescriptorSlot>();
        // SAFETY: as in `post`; the chip may have this slot, which consists of atomics.
        let found = look(unsafe { slots.add(self.next.into()).as_ref() }.done()?);
        let packet = self.packets[usize::from(self.next)].take()?;
        self.next = self.next.wrapping_add(1);
        Some((packet, found))
    }
}

/// The receive queue of a running device.
pub struct ReceiveQueue<'a, H: Function>(pub(crate) &'a mut Ring, pub(crate) &'a Chip<H>);

impl<H: Function> Receive for ReceiveQueue<'_, H> {
    fn receive(&mut self, batch: &mut Batch) -> Result<usize, Down> {
        use LegacyReceiveWriteBack as Received;
        let Self(ring, chip) = self;
        let (before, tail) = (batch.len(), ring.tail);
        while !ring.broken && !batch.is_full() {
            let taken = ring.take(|descriptor: CompletedDescriptor<'_, Received>| {
                let good = descriptor.field(Received::EOP) && descriptor.field(Received::ERRORS) == 0;
                Some(descriptor.field(Received::LENGTH) as usize).filter(|len| good && *len >= SHORTEST)
            });
            let Some((mut packet, len)) = taken else { break };
            // The chip accepts only frames without errors that fit a buffer.
            ring.broken = !len.is_some_and(|len| packet.append(len).is_ok() && batch.push(packet).is_ok());
        }
        while ring.tail.wrapping_add(1) != ring.next {
            let Some(packet) = chip.pool.take() else { break };
            let Some(address) = ring.address_of(&packet) else { break };
            // SAFETY: an empty packet has room for the `BUFFER_SIZE` bytes that the chip writes at most.
            unsafe { ring.post(Value::EMPTY.with(LegacyReceiveRead::ADDRESS, address), packet) };
        }
        if ring.tail != tail {
            // SAFETY: the borrowed device runs, and what was posted stays in the ring.
            let registers: Registers<'_, _, Driver<Running>> = unsafe { Registers::assume_permission(&chip.bus) };
            registers.rdt().ring_doorbell(ring.tail.into());
        }
        let received = batch.len() - before;
        if ring.broken && received == 0 { Err(Down::Broken) } else { Ok(received) }
    }
}

/// The transmit queue of a running device.
pub struct TransmitQueue<'a, H: Function>(pub(crate) &'a mut Ring, pub(crate) &'a Chip<H>);

impl<H: Function> Transmit for TransmitQueue<'_, H> {
    fn transmit(&mut self, batch: &mut Batch) -> Result<usize, TransmitError> {
        let Self(ring, chip) = self;
        // What was sent returns to its pool.
        while ring.take::<LegacyTransmitWriteBack, _>(|_| ()).is_some() {}
        let (tail, mut sent) = (ring.tail, 0);
        let result = loop {
            let next = if ring.tail.wrapping_add(1) == ring.next { None } else { batch.pop_front() };
            let Some(packet) = next else { break Ok(sent) };
            let (len, count) = (packet.len(), packet.segment_count());
            let reason = match ring.address_of(&packet) {
                _ if len < SHORTEST => Refusal::TooShort { len, min: SHORTEST },
                _ if len > LONGEST => Refusal::TooLong { len, max: LONGEST },
                _ if count > 1 => Refusal::TooManySegments { count, max: 1 },
                None => Refusal::NotAttached,
                Some(address) => {
                    let whole = value!(LegacyTransmitRead { EOP: true, IFCS: true, RS: true });
                    let bytes = whole.with(LegacyTransmitRead::LENGTH, len as u16);
                    // SAFETY: these are the bytes of the packet's only segment, which the mapping has the chip reach.
                    unsafe { ring.post(bytes.with(LegacyTransmitRead::ADDRESS, address), packet) };
                    sent += 1;
                    continue;
                }
            };
            break Err(Refused { packet, reason, sent }.into());
        };
        if ring.tail != tail {
            // SAFETY: the borrowed device runs, and what was posted stays in the ring.
            let registers: Registers<'_, _, Driver<Running>> = unsafe { Registers::assume_permission(&chip.bus) };
            registers.tdt().ring_doorbell(ring.tail.into());
        }
        result
    }

    fn attach(&mut self, pool: &Pool) -> Result<(), AttachError> {
        if !self.0.attachments.iter().any(|attachment| attachment.pool() == pool) {
            self.0.attachments.push(Attachment::new(&self.1.function, pool)?);
        }
        Ok(())
    }
}
