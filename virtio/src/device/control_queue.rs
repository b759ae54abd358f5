//! The control queue: commands to the device, one at a time (specification 5.1.6.5).

use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicU8, Ordering};
use core::time::Duration;

use datasheet_runtime::bus::Bus;
use datasheet_runtime::clock::{self, Clock};
use ixgbe::dma::{Dma, DmaAddr, DmaError, Mapping, Memory};

use crate::error::Error;
use crate::queue::Doorbell;
use crate::registers::notify;
use crate::ring::{AnyRing, Fault, Part, Ring, RingTerms, Used, either};
use crate::transport::QueuePlace;

/// A command, and what it tells the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    Promiscuous(bool),
    AllMulticast(bool),
    /// Addresses to receive: unicast and multicast.
    MacTable(&'a [[u8; 6]], &'a [[u8; 6]]),
    SetMac([u8; 6]),
    AddVlan(u16),
    RemoveVlan(u16),
    Announced,
    QueuePairs(u16),
}

/// Space for a command, in bytes, and behind it the answer.
const SPACE: usize = 4095;
const ANSWER: usize = SPACE;
/// What the answer holds before the device has written it. It is no answer.
const NO_ANSWER: u8 = 0xff;
/// The answer of a device that has obeyed.
const OK: u8 = 0;
/// The pause between two looks at the answer.
const POLL: Duration = Duration::from_micros(20);
/// The descriptors of a command.
const SIZE: u16 = 4;
/// The ids of a command and of its answer.
const IDS: [u16; 2] = [0, 1];

impl Command<'_> {
    /// Returns what the command does, for errors.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Promiscuous(_) => "change the promiscuous mode",
            Self::AllMulticast(_) => "change the reception of multicasts",
            Self::MacTable(..) => "set the table of MAC addresses",
            Self::SetMac(_) => "set the MAC address",
            Self::AddVlan(_) => "receive a VLAN",
            Self::RemoveVlan(_) => "receive a VLAN no more",
            Self::Announced => "note the announcement",
            Self::QueuePairs(_) => "use several queue pairs",
        }
    }

    /// Returns class, command and data.
    fn bytes(&self) -> Vec<u8> {
        let with = |class: u8, command: u8, data: &[u8]| [&[class, command], data].concat();
        match self {
            Self::Promiscuous(on) => with(0, 0, &[u8::from(*on)]),
            Self::AllMulticast(on) => with(0, 1, &[u8::from(*on)]),
            Self::MacTable(unicast, multicast) => {
                let table = |list: &[[u8; 6]]| [&(list.len() as u32).to_le_bytes(), list.as_flattened()].concat();
                with(1, 0, &[table(unicast), table(multicast)].concat())
            }
            Self::SetMac(mac) => with(1, 1, mac),
            Self::AddVlan(id) => with(2, 0, &id.to_le_bytes()),
            Self::RemoveVlan(id) => with(2, 1, &id.to_le_bytes()),
            Self::Announced => with(3, 0, &[]),
            Self::QueuePairs(count) => with(4, 0, &count.to_le_bytes()),
        }
    }
}

/// The control queue of a device.
pub(crate) struct ControlQueue<B> {
    ring: AnyRing,
    doorbell: Doorbell<B>,
    /// The device has a command that it did not answer in time. Its memory is not used again before a reset.
    stuck: bool,
    address: DmaAddr,
    _mapping: Mapping,
    memory: Memory,
}

impl<B: Bus<notify::RegisterSpace, u16>> ControlQueue<B> {
    pub(crate) fn new(dma: &impl Dma, max: u16, rings: RingTerms, doorbell: Doorbell<B>) -> Result<Self, DmaError> {
        let ring = rings.make(dma, rings.size(SIZE, max))?;
        let memory = dma.allocate(SPACE + 1)?;
        let mapping = dma.map(&memory)?;
        let apart = DmaError::NotMappable { len: SPACE + 1, reason: "a command must be in one piece" };
        let address = mapping.address(memory.base()).filter(|_| mapping.is_contiguous(memory.base(), SPACE + 1));
        Ok(Self { ring, doorbell, stuck: false, address: address.ok_or(apart)?, _mapping: mapping, memory })
    }

    /// Returns the index of the queue.
    pub(crate) fn queue(&self) -> u16 {
        self.doorbell.queue
    }

    /// Returns how the device finds the ring.
    pub(crate) fn place(&self) -> QueuePlace {
        either!(&self.ring, ring => QueuePlace::of(ring))
    }

    /// Returns byte `index` of the memory, below 4096.
    fn byte(&self, index: usize) -> &AtomicU8 {
        // SAFETY: the memory has 4096 bytes, lives as long as the queue, and is accessed as atomics alone.
        unsafe { self.memory.base().add(index % (SPACE + 1)).cast().as_ref() }
    }

    /// Has the device obey `command`, and waits for its answer for at most `limit`.
    pub(crate) fn command<E>(
        &mut self,
        clock: &impl Clock,
        limit: Duration,
        command: &Command<'_>,
    ) -> Result<(), Error<E>> {
        let (bytes, name) = (command.bytes(), command.name());
        let too_late = |waited| Error::TimedOut { doing: "a command of the control queue", waited };
        if self.stuck {
            return Err(too_late(Duration::ZERO));
        }
        if bytes.len() > SPACE {
            return Err(Error::Refused { command: name });
        }
        for (index, byte) in bytes.iter().enumerate() {
            self.byte(index).store(*byte, Ordering::Relaxed);
        }
        self.byte(ANSWER).store(NO_ANSWER, Ordering::Relaxed);
        // SAFETY: `ANSWER` is inside of the memory, which is in one piece for the device.
        let answer = unsafe { DmaAddr::new(self.address.get() + ANSWER as u64) };
        let parts = [(IDS[0], self.address, bytes.len() as u32), (IDS[1], answer, 1)];
        self.stuck = true;
        // SAFETY: the device reads the command and writes the answer, in memory that is lent to it as the ring is. The
        // memory is written again only after the device has answered. Commands exist only while the device is live.
        let given = either!(&mut self.ring, ring => unsafe { give(ring, &self.doorbell, &parts, clock, limit) });
        if !given.map_err(too_late)?? {
            self.stuck = false;
            return Err(Error::Refused { command: name });
        }
        self.stuck = false;
        // How much the device says that it wrote is nothing here; some say absurd numbers.
        match self.byte(ANSWER).load(Ordering::Relaxed) {
            OK => Ok(()),
            _ => Err(Error::Refused { command: name }),
        }
    }
}

/// Gives the device a command, in the first of `parts`, and waits until it has answered, in the others. Returns `false`
/// if there is no room for it.
///
/// # Errors
///
/// How long it has waited in vain, or what rule the device broke.
///
/// # Safety
///
/// As for [`Ring::post_chain`]; the device is live.
unsafe fn give<B: Bus<notify::RegisterSpace, u16>>(
    ring: &mut impl Ring,
    doorbell: &Doorbell<B>,
    parts: &[Part],
    clock: &impl Clock,
    limit: Duration,
) -> Result<Result<bool, Fault>, Duration> {
    // SAFETY: as the caller says. There is one command at a time, so all ids are free.
    if !unsafe { ring.post_chain(parts, 1) } {
        return Ok(Ok(false));
    }
    if ring.publish() {
        // SAFETY: as the caller says.
        unsafe { doorbell.ring() };
    }
    let look = || match ring.refresh().and_then(|()| ring.look()) {
        Ok(used) => used.map(Ok),
        Err(fault) => Some(Err(fault)),
    };
    Ok(clock::poll(clock, limit, POLL, look)?.and_then(|Used { id: used, .. }| {
        if used != IDS[0] {
            return Err(Fault::NotPosted { id: used });
        }
        ring.skip(1, parts.len() as u16);
        ring.suppress_interrupts();
        Ok(true)
    }))
}

impl<B> fmt::Debug for ControlQueue<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlQueue").field("ring", &self.ring).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_what_the_specification_says() {
        assert_eq!(Command::Promiscuous(true).bytes(), [0, 0, 1]);
        assert_eq!(Command::AllMulticast(false).bytes(), [0, 1, 0]);
        assert_eq!(Command::SetMac([1, 2, 3, 4, 5, 6]).bytes(), [1, 1, 1, 2, 3, 4, 5, 6]);
        assert_eq!(Command::AddVlan(0x123).bytes(), [2, 0, 0x23, 1]);
        assert_eq!(Command::RemoveVlan(0x123).bytes(), [2, 1, 0x23, 1]);
        assert_eq!(Command::Announced.bytes(), [3, 0]);
        assert_eq!(Command::QueuePairs(0x123).bytes(), [4, 0, 0x23, 1]);
        let table = Command::MacTable(&[], &[[0x33, 0x33, 0, 0, 0, 1]]).bytes();
        assert_eq!(table, [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x33, 0x33, 0, 0, 0, 1]);
    }
}
