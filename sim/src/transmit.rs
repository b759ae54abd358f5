//! Transmission: from the rings to the wire (datasheet 7.2).

use crate::chip::Chip;
use crate::fault::Fault;
use crate::filter::cast;
use crate::iommu::Access;
use crate::offsets::{self, *};
use crate::receive::{LONGEST, SHORTEST};
use crate::ring::{Ring, State};
use crate::statistics::CRC;
use crate::violation::Rule;

/// Number of queues.
const QUEUES: usize = 128;
/// The most descriptors of one queue that one step works on.
const BURST: usize = 256;

/// Bits of a descriptor's second word (7.2.3.2).
const EOP: u64 = 1 << 24;
const IFCS: u64 = 1 << 25;
const INSERT_CHECKSUM: u64 = 1 << 26;
const RS: u64 = 1 << 27;
const DEXT: u64 = 1 << 29;
const VLE: u64 = 1 << 30;
const TSE: u64 = 1 << 31;
const DD: u64 = 1 << 32;
const CHECK_CONTEXT: u64 = 1 << 39;
const DTYP: u64 = 0xF << 20;
const DTYP_CONTEXT: u64 = 2 << 20;
const DTYP_DATA: u64 = 3 << 20;
/// LinkSec, time stamps, and all of POPTS.
const UNPLAYED: u64 = 3 << 18 | 7 << 40;
/// Reserved bits of an advanced data descriptor, with DD.
const DATA_RESERVED: u64 = 3 << 16 | 1 << 26 | 1 << 28 | 0xF << 32 | 3 << 37 | 7 << 43;
/// Reserved bits of a legacy descriptor, with DD.
const LEGACY_RESERVED: u64 = 1 << 28 | 1 << 31 | 0xFF << 32;

/// Whether a descriptor is a context descriptor: without a buffer.
pub(crate) fn is_context(descriptor: [u64; 2]) -> bool {
    descriptor[1] & (DEXT | DTYP) == DEXT | DTYP_CONTEXT
}

/// One transmit queue.
pub(crate) struct TxQueue {
    pub(crate) ring: Ring,
    /// Where the head is written instead of DD.
    pub(crate) head_write_back: Option<u64>,
    pub(crate) write_back_threshold: usize,
    /// Whether waiting write-backs are due (TXDCTL.SWFLSH, or nothing more to do).
    pub(crate) flush: bool,
    /// Descriptors that are done and wait for their write-back.
    pending: Vec<usize>,
    /// Which contexts were loaded.
    contexts: [bool; 2],
    buffer_hint: usize,
}

impl TxQueue {
    fn new() -> Self {
        Self {
            ring: Ring::new(),
            head_write_back: None,
            write_back_threshold: 0,
            flush: false,
            pending: Vec::new(),
            contexts: [false; 2],
            buffer_hint: 0,
        }
    }
}

/// All of transmission.
pub(crate) struct Transmitter {
    pub(crate) queues: Vec<Option<Box<TxQueue>>>,
    stale: bool,
    working: Vec<usize>,
    sending: bool,
    loopback: bool,
    pad: bool,
    longest: usize,
    /// The queue whose turn it is.
    turn: usize,
    packet: Vec<u8>,
}

impl Default for Transmitter {
    fn default() -> Self {
        Self {
            queues: (0..QUEUES).map(|_| None).collect(),
            stale: true,
            working: Vec::new(),
            sending: false,
            loopback: false,
            pad: true,
            longest: 0,
            turn: 0,
            packet: Vec::with_capacity(16 * 1024),
        }
    }
}

impl Transmitter {
    /// The queue, made on first use.
    pub(crate) fn queue(&mut self, queue: usize) -> &mut TxQueue {
        self.queues[queue % QUEUES].get_or_insert_with(|| Box::new(TxQueue::new()))
    }

    pub(crate) fn ring(&mut self, queue: usize) -> Option<&mut Ring> {
        self.queues.get_mut(queue)?.as_deref_mut().map(|queue| &mut queue.ring)
    }

    fn working(&self) -> impl Iterator<Item = usize> {
        let works = |queue: &Option<Box<TxQueue>>| queue.as_ref().is_some_and(|queue| queue.ring.works());
        self.queues.iter().enumerate().filter(move |(_, queue)| works(queue)).map(|(index, _)| index)
    }

    pub(crate) fn first_working(&self) -> Option<usize> {
        self.working().next()
    }

    pub(crate) fn config_changed(&mut self) {
        self.stale = true;
    }

    pub(crate) fn reset(&mut self) {
        *self = Self { packet: std::mem::take(&mut self.packet), ..Self::default() };
    }
}

/// What is wrong with a packet's descriptors.
struct Unfit {
    rule: Rule,
    detail: String,
}

/// A packet in a ring.
struct Found {
    /// Its last descriptor.
    last: usize,
    descriptors: usize,
    /// Whether a descriptor of it wants a report.
    report: bool,
    unfit: Option<Unfit>,
}

impl Chip {
    fn update_transmitter(&mut self) {
        let registers = &self.registers;
        let enabled = registers.get(DMATXCTL) & DMATXCTL_TE != 0;
        let mac = registers.get(HLREG0);
        let sending = enabled && registers.get(SECTXCTRL) & SEC_DIS == 0;
        let longest = self.longest_frame();
        let transmitter = &mut self.transmitter;
        transmitter.sending = sending;
        transmitter.loopback = mac & HLREG0_LPBK != 0;
        transmitter.pad = mac & HLREG0_TXPADEN != 0;
        transmitter.longest = longest;
        transmitter.working = transmitter.working().collect();
        transmitter.stale = false;
    }

    /// A tail was moved: it must lie between packets.
    pub(crate) fn check_packet_complete(&mut self, queue: usize) {
        let Some(ring) = self.transmitter.ring(queue).filter(|ring| ring.works() && ring.owned() > 0) else { return };
        let before = ring.tail.checked_sub(1).unwrap_or(ring.count() - 1);
        let last = ring.handed_over(before);
        if !is_context(last) && last[1] & EOP == 0 {
            let at = offsets::tx(queue, TDT);
            self.violation(Rule::PacketIncomplete, at, || format!("descriptor {before} has no EOP"));
        }
    }

    /// Sends what the rings hold. Returns how many packets were taken from them.
    pub(crate) fn transmit(&mut self, dma: &Access<'_>) -> usize {
        if self.transmitter.stale {
            self.update_transmitter();
        }
        let ready = self.transmitter.sending && (self.is_link_up() || self.transmitter.loopback);
        if !ready || self.transmitter.working.is_empty() || self.faults.has(Fault::TxStalls) {
            return 0;
        }
        let Some(mut wire) = self.wire.take() else { return 0 };
        let mut room = wire.room();
        let mut taken = 0;
        let count = self.transmitter.working.len();
        self.transmitter.turn = (self.transmitter.turn + 1) % count;
        for nth in 0..count {
            let index = self.transmitter.working[(self.transmitter.turn + nth) % count];
            taken += self.transmit_queue(index, &mut room, wire.as_mut(), dma);
        }
        wire.flush();
        self.wire = Some(wire);
        taken
    }

    fn transmit_queue(
        &mut self,
        index: usize,
        room: &mut usize,
        wire: &mut dyn crate::wire::Wire,
        dma: &Access<'_>,
    ) -> usize {
        let (mut budget, mut taken) = (BURST, 0);
        let mut packet = std::mem::take(&mut self.transmitter.packet);
        while budget > 0 && *room > 0 {
            packet.clear();
            let Some(queue) = self.transmitter.queues[index].as_deref_mut() else { break };
            let Some(found) = find_packet(queue, &mut packet, self.transmitter.longest, dma) else { break };
            budget = budget.saturating_sub(found.descriptors);
            taken += 1;
            if found.report || queue.write_back_threshold > 0 {
                let mut at = queue.ring.head;
                for _ in 0..found.descriptors {
                    if queue.ring.handed_over(at)[1] & RS != 0 {
                        queue.pending.push(at);
                    }
                    at = queue.ring.next(at);
                }
            }
            queue.ring.head = queue.ring.next(found.last);
            let head = queue.ring.head;
            if !queue.pending.is_empty()
                && (queue.write_back_threshold == 0 || queue.pending.len() >= queue.write_back_threshold)
            {
                // The packet leaves before its descriptors come back.
                self.send(index, &mut packet, &found, room, wire, dma);
                self.report(index, head, dma);
            } else {
                self.send(index, &mut packet, &found, room, wire, dma);
            }
            if let Some(Unfit { rule, detail }) = found.unfit {
                self.counters.transmit_dropped += 1;
                self.violation(rule, offsets::tx(index, TDBAL), || format!("transmit queue {index}: {detail}"));
            }
        }
        self.transmitter.packet = packet;
        if let Some(queue) = self.transmitter.queues[index].as_deref_mut() {
            let head = queue.ring.head;
            let flush = std::mem::take(&mut queue.flush) || taken == 0;
            if flush && !queue.pending.is_empty() {
                self.report(index, head, dma);
            }
            if taken > 0 {
                self.registers.set(offsets::tx(index, TDH), head as u32);
            }
        }
        taken
    }

    /// Sends a packet that is fit for it.
    #[inline]
    fn send(
        &mut self,
        index: usize,
        packet: &mut Vec<u8>,
        found: &Found,
        room: &mut usize,
        wire: &mut dyn crate::wire::Wire,
        dma: &Access<'_>,
    ) {
        if packet.is_empty() || found.unfit.is_some() {
            return;
        }
        if packet.len() < SHORTEST {
            if self.transmitter.pad {
                packet.resize(SHORTEST, 0);
            } else {
                let len = packet.len();
                self.violation(Rule::TransmitTooShort, HLREG0, || format!("a packet of {len} bytes"));
            }
        }
        self.count_sent(index, packet.len(), cast(packet));
        self.counters.transmitted += 1;
        self.counters.transmitted_bytes += packet.len() as u64;
        *room = room.saturating_sub(1);
        if self.transmitter.loopback {
            self.arrive(packet, dma);
        } else {
            wire.transmit(packet);
        }
    }

    /// Writes back what is due: the head, or DD in each descriptor that asked for it.
    fn report(&mut self, index: usize, head: usize, dma: &Access<'_>) {
        let lost = self.faults.has(Fault::TxWriteBackLost);
        let Some(queue) = self.transmitter.queues[index].as_deref_mut() else { return };
        let mut written = true;
        if lost {
            queue.pending.clear();
        } else if let Some(address) = queue.head_write_back {
            queue.pending.clear();
            written = dma.write_half(address, head as u32, &mut 0);
        } else {
            let TxQueue { ring, pending, .. } = queue;
            for at in pending.drain(..) {
                let descriptor = ring.handed_over(at);
                // A legacy descriptor keeps its words, an advanced one does not (7.2.3.2.4).
                let legacy = descriptor[1] & DEXT == 0;
                if !legacy {
                    ring.write_back(at, 0, 0, dma);
                }
                written &= ring.write_back(at, 1, if legacy { descriptor[1] | DD } else { DD }, dma);
            }
        }
        self.queue_cause(index, true);
        if !written {
            let at = offsets::tx(index, TDBAL);
            self.violation(Rule::DmaOutsideMapping, at, || format!("transmit queue {index}: a write-back"));
        }
    }
}

/// Gathers the packet at the head of a ring, if it is all there.
fn find_packet(queue: &mut TxQueue, packet: &mut Vec<u8>, longest: usize, dma: &Access<'_>) -> Option<Found> {
    let ring = &mut queue.ring;
    if ring.state != State::Enabled && ring.state != State::Disabling {
        return None;
    }
    let mut at = ring.head;
    let mut found = Found { last: at, descriptors: 0, report: false, unfit: None };
    let mut payload = 0;
    while at != ring.tail {
        let first = found.descriptors == 0;
        found.last = at;
        found.descriptors += 1;
        let Some((now, handed_over)) = ring.fetch(at, dma) else {
            found.spoil(Rule::DmaOutsideMapping, || format!("descriptor {at} cannot be read"));
            return Some(found);
        };
        if now != handed_over {
            found.spoil(Rule::DescriptorChanged, || {
                format!("descriptor {at} was {handed_over:#x?} when handed over and is {now:#x?}")
            });
        }
        let word = handed_over[1];
        if is_context(handed_over) {
            if !first {
                found.spoil(Rule::TransmitDescriptorMalformed, || format!("a context at {at} within a packet"));
            }
            queue.contexts[(word >> 36 & 1) as usize] = true;
            return Some(found);
        }
        if first {
            payload = (word >> 46) as usize;
        }
        let len = (word & 0xFFFF) as usize;
        if let Some((rule, detail)) = judge(word, len, queue.contexts) {
            found.spoil(rule, || format!("descriptor {at}: {detail} ({word:#x})"));
        }
        if packet.len() + len > LONGEST {
            found.spoil(Rule::TransmitTooLong, || format!("{} bytes", packet.len() + len));
        } else if !dma.read(handed_over[0], len, packet, &mut queue.buffer_hint) {
            found.spoil(Rule::DmaOutsideMapping, || {
                format!("descriptor {at}: {len} bytes at {:#x} are not mapped", handed_over[0])
            });
        }
        found.report |= word & RS != 0;
        if word & EOP != 0 {
            let sum = packet.len();
            if found.unfit.is_none() && word & DEXT != 0 && payload != sum {
                found.spoil(Rule::TransmitLengthMismatch, || format!("descriptor {at}: PAYLEN {payload}, sum {sum}"));
            }
            if sum + CRC > longest + 4 || (sum + CRC > longest && crate::packet::vlan_tag(packet).is_none()) {
                found.spoil(Rule::TransmitTooLong, || format!("{sum} bytes, {} with CRC are allowed", longest));
            }
            return Some(found);
        }
        at = ring.next(at);
    }
    // The rest is still to come.
    None
}

impl Found {
    #[cold]
    fn spoil(&mut self, rule: Rule, detail: impl FnOnce() -> String) {
        if self.unfit.is_none() {
            self.unfit = Some(Unfit { rule, detail: detail() });
        }
    }
}

/// What is wrong with the second word of a data descriptor.
#[inline]
fn judge(word: u64, len: usize, contexts: [bool; 2]) -> Option<(Rule, &'static str)> {
    let malformed = |what| Some((Rule::TransmitDescriptorMalformed, what));
    let advanced = word & DEXT != 0;
    if advanced && word & DTYP != DTYP_DATA {
        malformed("a reserved DTYP")
    } else if word & (if advanced { DATA_RESERVED } else { LEGACY_RESERVED }) != 0 {
        malformed("reserved bits or DD are set")
    } else if len == 0 {
        malformed("no bytes")
    } else if word & IFCS == 0 && word & EOP != 0 {
        malformed("no CRC is to be inserted")
    } else if advanced && word & CHECK_CONTEXT != 0 && !contexts[(word >> 36 & 1) as usize] {
        malformed("its context was not loaded")
    } else if advanced && word & (TSE | VLE | UNPLAYED) != 0 {
        Some((Rule::NotModelled, "segmentation, VLAN insertion or another offload"))
    } else if !advanced && word & (VLE | INSERT_CHECKSUM) != 0 {
        Some((Rule::NotModelled, "VLAN or checksum insertion"))
    } else {
        None
    }
}
