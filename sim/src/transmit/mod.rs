//! Transmission: from the rings to the wire (datasheet 7.2).

pub(crate) mod gather;
pub(crate) mod offload;
mod segmentation;

use crate::chip::Chip;
use crate::fault::Fault;
use crate::frame::address::cast;
use crate::frame::crc::crc32;
use crate::frame::{CRC, SHORTEST};
use crate::iommu::Access;
use crate::registers::offsets::{self, *};
use crate::ring::{Ring, State};
use crate::statistics;
use crate::transmit::gather::{DD, DEXT, Found, Limits, RS, Wrong, find_packet, is_open};
use crate::transmit::offload::Context;
use crate::transmit::segmentation::{FlagMasks, Segments};
use crate::violation::Rule;

/// Number of queues.
const QUEUES: usize = 128;
/// Maximum number of descriptors of one queue that one step processes.
const BURST: usize = 256;

/// One transmit queue.
pub(crate) struct TxQueue {
    pub(crate) ring: Ring,
    /// The address for head write-back, which replaces DD.
    pub(crate) head_write_back: Option<u64>,
    pub(crate) write_back_threshold: usize,
    /// `true` if pending write-backs are due (TXDCTL.SWFLSH, or an idle queue).
    pub(crate) flush: bool,
    /// Completed descriptors that await their write-back.
    pending: Vec<usize>,
    /// The loaded contexts.
    pub(crate) contexts: [Option<Context>; 2],
    /// Number of contexts before the packet at the head.
    pub(crate) leading_contexts: usize,
    /// Number of descriptors since the last one with RS.
    pub(crate) unreported: usize,
    pub(crate) buffer_hint: usize,
}

impl TxQueue {
    fn new() -> Self {
        Self {
            ring: Ring::new(),
            head_write_back: None,
            write_back_threshold: 0,
            flush: false,
            pending: Vec::new(),
            contexts: [None; 2],
            leading_contexts: 0,
            unreported: 0,
            buffer_hint: 0,
        }
    }
}

/// The whole transmit side.
pub(crate) struct Transmitter {
    pub(crate) queues: Vec<Option<Box<TxQueue>>>,
    stale: bool,
    working: Vec<usize>,
    sending: bool,
    loopback: bool,
    pad: bool,
    limits: Limits,
    /// The index of the queue to serve next.
    turn: usize,
    packet: Vec<u8>,
    /// A segment of a packet.
    piece: Vec<u8>,
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
            limits: Limits { longest: 0, tag_type: 0 },
            turn: 0,
            packet: Vec::with_capacity(16 * 1024),
            piece: Vec::new(),
        }
    }
}

impl Transmitter {
    /// Returns the queue, and creates it on first use.
    pub(crate) fn queue(&mut self, queue: usize) -> &mut TxQueue {
        self.queues[queue % QUEUES].get_or_insert_with(|| Box::new(TxQueue::new()))
    }

    pub(crate) fn ring(&mut self, queue: usize) -> Option<&mut Ring> {
        self.queues.get_mut(queue)?.as_deref_mut().map(|queue| &mut queue.ring)
    }

    fn queues_where(&self, which: impl Fn(&Ring) -> bool) -> impl Iterator<Item = usize> {
        let found = move |queue: &Option<Box<TxQueue>>| queue.as_ref().is_some_and(|queue| which(&queue.ring));
        self.queues.iter().enumerate().filter(move |(_, queue)| found(queue)).map(|(index, _)| index)
    }

    fn working(&self) -> impl Iterator<Item = usize> {
        self.queues_where(Ring::works)
    }

    /// Returns the queues that software has enabled and that do not work yet.
    pub(crate) fn enabling(&self) -> Vec<usize> {
        self.queues_where(|ring| ring.state == State::Enabling).collect()
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

impl Chip {
    fn update_transmitter(&mut self) {
        let registers = &self.common.registers;
        let enabled = registers.get(DMATXCTL) & DMATXCTL_TE != 0;
        let mac = registers.get(HLREG0);
        let sending = enabled && registers.get(SECTXCTRL) & SEC_DIS == 0;
        let limits = Limits { longest: self.longest_frame(), tag_type: (registers.get(DMATXCTL) >> 16) as u16 };
        let transmitter = &mut self.transmitter;
        transmitter.sending = sending;
        transmitter.loopback = mac & HLREG0_LPBK != 0;
        transmitter.pad = mac & HLREG0_TXPADEN != 0;
        transmitter.limits = limits;
        transmitter.working = transmitter.working().collect();
        transmitter.stale = false;
    }

    /// Checks that a moved tail lies between packets.
    pub(crate) fn check_packet_complete(&mut self, queue: usize) {
        let fetched = |ring: &&mut Ring| ring.works() && ring.owned() > 0 && ring.is_fetched();
        let Some(ring) = self.transmitter.ring(queue).filter(fetched) else { return };
        let before = ring.tail.checked_sub(1).unwrap_or(ring.count() - 1);
        if is_open(ring.as_fetched(before)) {
            let at = offsets::tx(queue, TDT);
            self.common.violation(Rule::PacketIncomplete, at, || format!("descriptor {before} has no EOP"));
        }
    }

    /// Sends the packets in the rings. Returns the number of packets taken from them.
    pub(crate) fn transmit(&mut self, dma: &Access<'_>) -> usize {
        if self.transmitter.stale {
            self.update_transmitter();
        }
        let linked = self.link.is_up() || self.transmitter.loopback;
        let ready = self.transmitter.sending && linked && self.common.is_master();
        if !ready || self.transmitter.working.is_empty() || self.common.faults.has(Fault::TxStalls) {
            return 0;
        }
        let Some(mut wire) = self.link.plug(None) else { return 0 };
        let mut room = wire.room();
        let mut taken = 0;
        let count = self.transmitter.working.len();
        self.transmitter.turn = (self.transmitter.turn + 1) % count;
        for nth in 0..count {
            let index = self.transmitter.working[(self.transmitter.turn + nth) % count];
            taken += self.transmit_queue(index, &mut room, wire.as_mut(), dma);
        }
        wire.flush();
        self.link.plug(Some(wire));
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
            let Some(found) = find_packet(queue, &mut packet, self.transmitter.limits, dma) else { break };
            budget = budget.saturating_sub(found.descriptors);
            taken += 1;
            if found.report || queue.write_back_threshold > 0 {
                let mut at = queue.ring.head;
                for _ in 0..found.descriptors {
                    if queue.ring.as_fetched(at)[1] & RS != 0 {
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
                // The packet leaves before its descriptors are written back.
                self.send(index, &mut packet, &found, room, wire, dma);
                self.report(index, head, dma);
            } else {
                self.send(index, &mut packet, &found, room, wire, dma);
            }
            self.common.counters.transmit_dropped += u64::from(found.lost);
            for Wrong { rule, detail } in found.wrong {
                self.common.violation(rule, offsets::tx(index, TDBAL), || format!("transmit queue {index}: {detail}"));
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
                self.common.registers.set(offsets::tx(index, TDH), head as u32);
            }
        }
        taken
    }

    /// Sends a packet, in segments if requested.
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
        if packet.is_empty() || found.lost {
            return;
        }
        if found.has_crc && !take_crc(packet) {
            // The link partner drops a frame with a wrong CRC, and a wire carries only frames that arrive.
            self.common.counters.transmit_dropped += 1;
            return;
        }
        let tag_type = self.transmitter.limits.tag_type;
        let wrong = self.common.faults.has(Fault::TxChecksumsWrong);
        let Some(context) = found.offload.segments() else {
            found.offload.apply(packet, tag_type, None, wrong);
            self.send_frame(index, packet, room, wire, dma);
            return;
        };
        let (low, high) = (self.common.registers.get(DTXTCPFLGL), self.common.registers.get(DTXTCPFLGH));
        let masks = FlagMasks { first: low as u16, middle: (low >> 16) as u16, last: high as u16 };
        let stuck = self.common.faults.has(Fault::TxSegmentsWrong);
        let Some(mut segments) = Segments::new(packet, context, masks, stuck) else { return };
        let mut piece = std::mem::take(&mut self.transmitter.piece);
        while let Some(transport) = segments.next(&mut piece) {
            found.offload.apply(&mut piece, tag_type, Some(transport), wrong);
            self.send_frame(index, &mut piece, room, wire, dma);
        }
        self.transmitter.piece = piece;
    }

    /// Sends a frame unchanged, except for padding.
    #[inline]
    fn send_frame(
        &mut self,
        index: usize,
        frame: &mut Vec<u8>,
        room: &mut usize,
        wire: &mut dyn crate::wire::Wire,
        dma: &Access<'_>,
    ) {
        if frame.len() < SHORTEST {
            if self.transmitter.pad {
                frame.resize(SHORTEST, 0);
            } else {
                let len = frame.len();
                self.common.violation(Rule::TransmitTooShort, HLREG0, || format!("a packet of {len} bytes"));
            }
        }
        statistics::count_sent(&mut self.common.registers, index, frame.len(), cast(frame));
        self.common.counters.transmitted += 1;
        self.common.counters.transmitted_bytes += frame.len() as u64;
        *room = room.saturating_sub(1);
        if self.transmitter.loopback {
            self.arrive(frame, dma);
        } else {
            wire.transmit(frame);
        }
    }

    /// Performs the due write-backs: the head, or DD in each descriptor with RS.
    fn report(&mut self, index: usize, head: usize, dma: &Access<'_>) {
        let lost = self.common.faults.has(Fault::TxWriteBackLost);
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
                let descriptor = ring.as_fetched(at);
                // A legacy descriptor keeps its words, an advanced one does not (7.2.3.2.4).
                let legacy = descriptor[1] & DEXT == 0;
                if !legacy {
                    ring.write_back(at, 0, 0, dma);
                }
                written &= ring.write_back(at, 1, if legacy { descriptor[1] | DD } else { DD }, dma);
            }
        }
        self.interrupts.queue_cause(index, true, &mut self.common);
        if !written {
            let at = offsets::tx(index, TDBAL);
            self.common.violation(Rule::DmaOutsideMapping, at, || format!("transmit queue {index}: a write-back"));
        }
    }
}

/// Removes the CRC from the end of a frame that includes one. Returns `true` if the CRC was correct.
fn take_crc(frame: &mut Vec<u8>) -> bool {
    let Some((bytes, crc)) = frame.split_last_chunk::<CRC>() else { return false };
    let right = crc32(bytes).to_le_bytes() == *crc;
    frame.truncate(frame.len() - CRC);
    right
}
