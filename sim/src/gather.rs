//! A packet in a transmit ring: its descriptors judged, its bytes gathered (datasheet 7.2.3).

use crate::iommu::Access;
use crate::offload::{Context, Offload};
use crate::receive::LONGEST;
use crate::ring::State;
use crate::statistics::CRC;
use crate::transmit::TxQueue;
use crate::violation::Rule;
use crate::vlan;

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

/// Whether a descriptor is a context descriptor: without a buffer.
pub(crate) fn is_context(descriptor: [u64; 2]) -> bool {
    descriptor[1] & (DEXT | DTYP) == DEXT | DTYP_CONTEXT
}

/// Whether a descriptor is not the last of its packet.
pub(crate) fn is_open(descriptor: [u64; 2]) -> bool {
    !is_context(descriptor) && descriptor[1] & EOP == 0
}

/// What frames may be like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The longest frame, with CRC and without VLAN tag.
    pub(crate) longest: usize,
    /// The type of a VLAN tag.
    pub(crate) tag_type: u16,
}

/// What is wrong with a packet's descriptors.
pub(crate) struct Unfit {
    pub(crate) rule: Rule,
    pub(crate) detail: String,
}

/// A packet in a ring.
#[derive(Default)]
pub(crate) struct Found {
    /// Its last descriptor.
    pub(crate) last: usize,
    pub(crate) descriptors: usize,
    /// Whether a descriptor of it wants a report.
    pub(crate) report: bool,
    /// What is to be done to it.
    pub(crate) offload: Offload,
    /// Why it is not sent.
    pub(crate) unfit: Option<Unfit>,
    /// What it breaks and is sent all the same: what the chip does then is not known.
    pub(crate) doubts: Vec<Unfit>,
}

/// Gathers the packet at the head of a ring, if it is all there.
pub(crate) fn find_packet(
    queue: &mut TxQueue,
    packet: &mut Vec<u8>,
    limits: Limits,
    dma: &Access<'_>,
) -> Option<Found> {
    let ring = &mut queue.ring;
    if ring.state != State::Enabled && ring.state != State::Disabling {
        return None;
    }
    let mut at = ring.head;
    let mut found = Found { last: at, descriptors: 0, report: false, ..Found::default() };
    let mut payload = 0;
    let mut unreported = queue.unreported;
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
        // With WTHRESH, write-backs do not wait for RS.
        unreported = if word & RS == 0 && queue.write_back_threshold == 0 { unreported + 1 } else { 0 };
        if unreported == MOST_DESCRIPTORS {
            found.doubt(Rule::TransmitUnreported, || format!("descriptor {at}"));
        }
        if is_context(handed_over) {
            (queue.unreported, queue.leading_contexts) = (unreported, queue.leading_contexts + 1);
            if !first {
                found.spoil(Rule::TransmitDescriptorMalformed, || format!("a context at {at} within a packet"));
            }
            match Context::new(handed_over) {
                Ok(context) => queue.contexts[Context::index(word)] = Some(context),
                Err(what) => found
                    .spoil(Rule::TransmitDescriptorMalformed, || format!("context {at}: {what} ({handed_over:#x?})")),
            }
            return Some(found);
        }
        if first {
            payload = (word >> 46) as usize;
            match Offload::new(word, &queue.contexts) {
                Ok(offload) => found.offload = offload,
                Err((rule, what)) => found.spoil(rule, || format!("descriptor {at}: {what} ({word:#x})")),
            }
        }
        let len = (word & 0xFFFF) as usize;
        if let Some(what) = judge(word, len) {
            found.spoil(Rule::TransmitDescriptorMalformed, || format!("descriptor {at}: {what} ({word:#x})"));
        }
        let longest = if found.offload.segment { LONGEST_SEND } else { LONGEST };
        if packet.len() + len > longest {
            found.spoil(Rule::TransmitTooLong, || format!("{} bytes", packet.len() + len));
        } else if !dma.read(handed_over[0], len, packet, &mut queue.buffer_hint) {
            found.spoil(Rule::DmaOutsideMapping, || {
                format!("descriptor {at}: {len} bytes at {:#x} are not mapped", handed_over[0])
            });
        }
        found.report |= word & RS != 0;
        if word & EOP != 0 {
            queue.unreported = unreported;
            let descriptors = found.descriptors + std::mem::take(&mut queue.leading_contexts);
            let most = MOST_DESCRIPTORS - queue.write_back_threshold.min(MOST_DESCRIPTORS);
            if descriptors > most {
                found.doubt(Rule::TransmitTooManyDescriptors, || format!("{descriptors}, and {most} are allowed"));
            }
            if found.unfit.is_none() {
                found.judge_packet(packet, (word & DEXT != 0).then_some(payload), limits);
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

    #[cold]
    fn doubt(&mut self, rule: Rule, detail: impl FnOnce() -> String) {
        self.doubts.push(Unfit { rule, detail: detail() });
    }

    /// Holds the whole packet against PAYLEN, the headers that its context tells, and the longest frame.
    #[inline]
    fn judge_packet(&mut self, packet: &[u8], payload: Option<usize>, limits: Limits) {
        if let Some(what) = self.offload.judge(packet) {
            return self.spoil(Rule::TransmitDescriptorMalformed, || what.to_owned());
        }
        // With segmentation, PAYLEN leaves the headers out (7.2.3.2.4).
        let (headers, frame) = match self.offload.segments() {
            Some(context) => (context.headers(), packet.len().min(context.headers() + context.segment_size)),
            None => (0, packet.len()),
        };
        let sum = packet.len() - headers;
        if payload.is_some_and(|payload| payload != sum) {
            self.spoil(Rule::TransmitLengthMismatch, || format!("PAYLEN {payload:?}, sum {sum}"));
        }
        if packet.len() < SHORTEST_SEND {
            self.doubt(Rule::TransmitBelowMinimum, || format!("{} bytes", packet.len()));
        }
        if headers > LONGEST_HEADERS {
            self.doubt(Rule::TransmitHeadersTooLong, || format!("{headers} bytes"));
        }
        let tag = if vlan::tag(packet, limits.tag_type).is_some() { vlan::TAG } else { self.offload.added() };
        if frame + self.offload.added() + CRC > limits.longest + tag {
            self.spoil(Rule::TransmitTooLong, || format!("{frame} bytes, {} with CRC are allowed", limits.longest));
        }
    }
}

/// The longest packet that can be given to be cut: PAYLEN's 18 bits, and headers.
const LONGEST_SEND: usize = (1 << 18) + 1024;

/// The descriptors of a queue that the chip has on board. Drivers (Linux, DPDK) keep a packet's below that, and by
/// WTHRESH more; none says whether its context counts: here it does. The specification update (change 11) wants RS once
/// in as many where WTHRESH is 0.
const MOST_DESCRIPTORS: usize = 40;

/// The shortest packet in memory: Linux's driver pads to it. DPDK's sends 14 bytes; the datasheet gives no figure.
const SHORTEST_SEND: usize = 17;

/// The longest headers of a packet that is cut: the 82598's buffer on chip (3.5.3). The 82599's figure was not at hand.
const LONGEST_HEADERS: usize = 240;

/// What is wrong with the second word of a data descriptor.
#[inline]
fn judge(word: u64, len: usize) -> Option<&'static str> {
    let advanced = word & DEXT != 0;
    if advanced && word & DTYP != DTYP_DATA {
        Some("a reserved DTYP")
    } else if word & (if advanced { DATA_RESERVED } else { LEGACY_RESERVED }) != 0 {
        Some("reserved bits or DD are set")
    } else if len == 0 {
        Some("no bytes")
    } else if word & IFCS == 0 && word & EOP != 0 {
        Some("no CRC is to be inserted")
    } else {
        None
    }
}
