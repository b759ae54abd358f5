//! Packets in a transmit ring: validation of their descriptors, collection of their bytes (datasheet 7.2.3).

use crate::frame::vlan::Types;
use crate::frame::{CRC, LONGEST};
use crate::iommu::Access;
use crate::ring::State;
use crate::transmit::offload::{Context, Offload};
use crate::transmit::queues::TxQueue;
use crate::violation::Rule;

/// Bits of a descriptor's second word (7.2.3.2).
const EOP: u64 = 1 << 24;
const IFCS: u64 = 1 << 25;
pub(crate) const RS: u64 = 1 << 27;
pub(crate) const DEXT: u64 = 1 << 29;
pub(crate) const DD: u64 = 1 << 32;
const DTYP: u64 = 0xF << 20;
const DTYP_CONTEXT: u64 = 2 << 20;
const DTYP_DATA: u64 = 3 << 20;
/// Reserved bits of an advanced data descriptor, with DD.
const DATA_RESERVED: u64 = 3 << 16 | 1 << 26 | 1 << 28 | 0xF << 32 | 3 << 37 | 7 << 43;
/// Reserved bits of a legacy descriptor, with DD. The next eight are CSS.
const LEGACY_RESERVED: u64 = 1 << 28 | 1 << 31 | 0xFF << 32;

/// Returns `true` if the descriptor is a context descriptor, which has no buffer.
pub(crate) fn is_context(descriptor: [u64; 2]) -> bool {
    descriptor[1] & (DEXT | DTYP) == DEXT | DTYP_CONTEXT
}

/// Returns `true` if the descriptor is not the last of its packet.
pub(crate) fn is_open(descriptor: [u64; 2]) -> bool {
    !is_context(descriptor) && descriptor[1] & EOP == 0
}

/// The limits of a frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The longest frame, with CRC and without VLAN tag.
    pub(crate) longest: usize,
    /// The types of VLAN tags.
    pub(crate) tags: Types,
    /// `true` if frames pass the switch between pools.
    pub(crate) switched: bool,
}

/// A defect in the descriptors of a packet.
pub(crate) struct Wrong {
    pub(crate) rule: Rule,
    pub(crate) detail: String,
}

/// A packet in a ring.
#[derive(Default)]
pub(crate) struct Found {
    /// Its last descriptor.
    pub(crate) last: usize,
    pub(crate) descriptors: usize,
    /// `true` if a descriptor of the packet has RS set.
    pub(crate) report: bool,
    /// The offloads that the packet requests.
    pub(crate) offload: Offload,
    /// `true` if the packet already ends with its CRC (IFCS is 0).
    pub(crate) has_crc: bool,
    /// The packet's defects. It is sent nevertheless, unless it is lost.
    pub(crate) wrong: Vec<Wrong>,
    /// `true` if nothing of the packet can be sent.
    pub(crate) lost: bool,
    /// `true` if the queue hangs at the packet, until a reset.
    pub(crate) hangs: bool,
}

/// Gathers the packet at the head of a ring, if the ring holds all of it.
pub(crate) fn find_packet(
    queue: &mut TxQueue,
    packet: &mut Vec<u8>,
    limits: Limits,
    dma: &Access<'_>,
) -> Option<Found> {
    let ring = &mut queue.ring;
    if queue.hung || ring.state != State::Enabled && ring.state != State::Disabling {
        return None;
    }
    let mut at = ring.head;
    let mut found = Found { last: at, ..Found::default() };
    let mut payload = 0;
    let mut unreported = queue.unreported;
    while at != ring.tail {
        let first = found.descriptors == 0;
        found.last = at;
        found.descriptors += 1;
        let Some((now, as_fetched)) = ring.fetch(at, dma) else {
            found.spoil(Rule::DmaOutsideMapping, || format!("descriptor {at} cannot be read"));
            return Some(found);
        };
        if now != as_fetched {
            found.note(Rule::DescriptorChanged, || {
                format!("descriptor {at} was {as_fetched:#x?} when given to the device and is now {now:#x?}")
            });
        }
        let word = as_fetched[1];
        // With WTHRESH, write-backs do not wait for RS.
        unreported = if word & RS == 0 && queue.write_back_threshold == 0 { unreported + 1 } else { 0 };
        if unreported == MOST_DESCRIPTORS {
            found.hang(Rule::TransmitUnreported, || format!("descriptor {at}"));
            return Some(found);
        }
        if is_context(as_fetched) {
            (queue.unreported, queue.leading_contexts) = (unreported, queue.leading_contexts + 1);
            if !first {
                found.spoil(Rule::TransmitDescriptorMalformed, || format!("a context at {at} within a packet"));
            }
            let (context, wrong) = Context::new(as_fetched);
            queue.contexts[Context::index(word)] = Some(context);
            if let Some(what) = wrong {
                found.note(Rule::TransmitDescriptorMalformed, || format!("context {at}: {what} ({as_fetched:#x?})"));
            }
            return Some(found);
        }
        if first {
            payload = (word >> 46) as usize;
            let (offload, wrong) = Offload::new(word, &queue.contexts);
            (found.offload, found.has_crc) = (offload, word & IFCS == 0);
            if let Some((rule, what)) = wrong {
                found.note(rule, || format!("descriptor {at}: {what} ({word:#x})"));
            }
            found.lost |= !offload.can_be_cut();
            if limits.switched && !offload.has_header(word) {
                found.note(Rule::SwitchContextMissing, || format!("descriptor {at} ({word:#x})"));
            }
        }
        let len = (word & 0xFFFF) as usize;
        if let Some(what) = validate(word, len, first) {
            found.note(Rule::TransmitDescriptorMalformed, || format!("descriptor {at}: {what} ({word:#x})"));
        }
        // The chip's behaviour for an undefined descriptor type is unknown.
        found.lost |= has_reserved_type(word);
        let longest = if found.offload.segment { LONGEST_SEND } else { LONGEST };
        if packet.len() + len > longest {
            found.spoil(Rule::TransmitTooLong, || format!("{} bytes", packet.len() + len));
        } else if !dma.read(as_fetched[0], len, packet, &mut queue.buffer_hint) {
            found.spoil(Rule::DmaOutsideMapping, || {
                format!("descriptor {at}: {len} bytes at {:#x} are not mapped", as_fetched[0])
            });
        }
        found.report |= word & RS != 0;
        if word & EOP != 0 {
            queue.unreported = unreported;
            let contexts = std::mem::take(&mut queue.leading_contexts);
            let most = MOST_DESCRIPTORS.saturating_sub(queue.write_back_threshold);
            if found.descriptors > most.saturating_sub(2) || found.descriptors + contexts > most {
                let data = found.descriptors;
                found.hang(Rule::TransmitTooManyDescriptors, || {
                    format!("{data} and {contexts} contexts, WTHRESH {}", queue.write_back_threshold)
                });
            } else if !found.lost {
                found.validate_packet(packet, (word & DEXT != 0).then_some(payload), limits);
            }
            return Some(found);
        }
        at = ring.next(at);
    }
    // The rest of the packet is not yet in the ring.
    None
}

impl Found {
    /// Records a defect. The packet is sent nevertheless.
    #[cold]
    fn note(&mut self, rule: Rule, detail: impl FnOnce() -> String) {
        self.wrong.push(Wrong { rule, detail: detail() });
    }

    /// Records a defect that leaves nothing to send.
    #[cold]
    fn spoil(&mut self, rule: Rule, detail: impl FnOnce() -> String) {
        self.note(rule, detail);
        self.lost = true;
    }

    /// Records a defect at which the queue hangs.
    #[cold]
    fn hang(&mut self, rule: Rule, detail: impl FnOnce() -> String) {
        self.spoil(rule, detail);
        self.hangs = true;
    }

    /// Checks the whole packet against PAYLEN, the headers of its context, and the maximum frame length.
    #[inline]
    fn validate_packet(&mut self, packet: &[u8], payload: Option<usize>, limits: Limits) {
        if packet.is_empty() {
            return;
        }
        if let Some(what) = self.offload.validate(packet) {
            self.note(Rule::TransmitDescriptorMalformed, || what.to_owned());
            // A checksum without room is not inserted. A packet without its headers cannot be segmented.
            self.lost |= self.offload.segment;
            return;
        }
        // With segmentation, PAYLEN excludes the headers (7.2.3.2.4).
        let (headers, frame) = match self.offload.segments() {
            Some(context) => (context.headers(), packet.len().min(context.headers() + context.segment_size)),
            None => (0, packet.len()),
        };
        let sum = packet.len() - headers;
        if payload.is_some_and(|payload| payload != sum) {
            self.note(Rule::TransmitLengthMismatch, || format!("PAYLEN {payload:?}, sum {sum}"));
        }
        if packet.len() < SHORTEST_HEADER {
            self.hang(Rule::TransmitBelowHeader, || format!("{} bytes", packet.len()));
            return;
        }
        if payload.is_some() && packet.len() < SHORTEST_WITH_PAYLEN {
            self.note(Rule::TransmitBelowMinimum, || format!("{} bytes", packet.len()));
        }
        if headers > LONGEST_HEADERS {
            self.note(Rule::TransmitHeadersTooLong, || format!("{headers} bytes"));
        }
        // Tags do not count, be they in the packet or inserted (8.2.3.22.13).
        let ((outer, inner), added) = (limits.tags.lens(packet), self.offload.added());
        if frame + added + CRC > limits.longest + outer + inner.max(added) {
            self.spoil(Rule::TransmitTooLong, || format!("{frame} bytes, {} with CRC are allowed", limits.longest));
        }
    }
}

/// The longest packet that can be segmented: PAYLEN's 18 bits, and headers.
const LONGEST_SEND: usize = (1 << 18) + 1024;

/// The number of descriptors of a queue that the chip holds on board. DPDK keeps a packet within it, less WTHRESH. A
/// later datasheet (the X550's, 7.2.1.1) leaves two more out, which may be the contexts. The model asks for both:
/// two less of data, and no more with contexts. The specification update (change 11) requires RS at least once in this
/// number of descriptors if WTHRESH is 0. DPDK saw that a queue stops permanently otherwise (commit 71f39b07b6).
const MOST_DESCRIPTORS: usize = 40;

/// The shortest packet in memory. DPDK sends no shorter ones, because they can hang the transmit unit (commit
/// fc6f59a0d6). The datasheet gives no figure.
const SHORTEST_HEADER: usize = 14;

/// The shortest packet in memory with PAYLEN, to which Linux's driver pads.
const SHORTEST_WITH_PAYLEN: usize = 17;

/// The longest headers of a segmented packet: the 82598's buffer on chip (3.5.3). The 82599's figure was not available.
const LONGEST_HEADERS: usize = 240;

/// Returns `true` if the second word of a data descriptor has an undefined type.
#[inline]
fn has_reserved_type(word: u64) -> bool {
    word & DEXT != 0 && word & DTYP != DTYP_DATA
}

/// Returns the defect of a data descriptor's second word, if any. A descriptor without bytes may lie between packets.
#[inline]
fn validate(word: u64, len: usize, first: bool) -> Option<&'static str> {
    if has_reserved_type(word) {
        Some("a reserved DTYP")
    } else if word & (if word & DEXT != 0 { DATA_RESERVED } else { LEGACY_RESERVED }) != 0 {
        Some("reserved bits or DD are set")
    } else if len == 0 && !(first && word & EOP != 0) {
        Some("no bytes")
    } else if word & IFCS == 0 && first && len > 0 {
        Some("no CRC is to be inserted")
    } else {
        None
    }
}
