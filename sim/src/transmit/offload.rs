//! Offloads of transmitted packets, requested by a packet's first descriptor and its context (datasheet 7.2.3.2 to
//! 7.2.5). The device inserts checksums and VLAN tags, and [segments](crate::transmit::segmentation) large packets.
//!
//! Chapter 7 was not fully available. The limits of header lengths and the valid combinations of options come from the
//! 82598's datasheet (3.5.3), which describes the same descriptors.

use crate::frame::checksum::{SCTP_SUM, ones_sum};
use crate::frame::crc::crc32c;
use crate::frame::vlan::{self, Types};
use crate::violation::Rule;

/// Bits of a data descriptor's second word.
const LEGACY_CHECKSUM: u64 = 1 << 26;
const DEXT: u64 = 1 << 29;
const VLE: u64 = 1 << 30;
const TSE: u64 = 1 << 31;
const CHECK_CONTEXT: u64 = 1 << 39;
const IXSM: u64 = 1 << 40;
const TXSM: u64 = 1 << 41;
/// A time stamp (1588).
const STAMP: u64 = 1 << 19;
/// LinkSec, IPsec.
const UNMODELLED: u64 = 1 << 18 | 1 << 42;

/// Reserved bits of a context, in its two words.
const CONTEXT_RESERVED: [u64; 2] = [0xFFFF << 48, 0xF << 16 | 0x1F << 24 | 0x3F << 30 | 7 << 37];
/// IPsec, FCoE.
const CONTEXT_UNMODELLED: [u64; 2] = [0xFFFF << 32, 0x1FF | 7 << 13];

/// The maximum sum of a context's header lengths (82598: 3.5.3).
const LONGEST_HEADERS: usize = 511;

/// The shortest MACLEN with SNAP: addresses, length, LLC, SNAP.
const SHORTEST_SNAP: usize = 22;

/// The transport protocol of a context (L4T).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
    Sctp,
    Reserved,
}

/// A context, read from its descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) mac_len: usize,
    pub(crate) ip_len: usize,
    /// Length of the transport header.
    pub(crate) transport_len: usize,
    pub(crate) segment_size: usize,
    pub(crate) ipv4: bool,
    /// `true` if LLC and SNAP precede the EtherType, and a length precedes them.
    pub(crate) snap: bool,
    pub(crate) transport: Transport,
    tag: u16,
    unmodelled: bool,
}

impl Context {
    /// Returns the index of the context, of a queue's two, that a descriptor's second word selects.
    pub(crate) fn index(word: u64) -> usize {
        (word >> 36 & 1) as usize
    }

    /// Reads the two words of a descriptor. Returns its defect as well, if any.
    pub(crate) fn new(words: [u64; 2]) -> (Self, Option<&'static str>) {
        let reserved = words[0] & CONTEXT_RESERVED[0] | words[1] & CONTEXT_RESERVED[1];
        let bits = |word: usize, at: u32, width: u32| (words[word] >> at & ((1 << width) - 1)) as usize;
        let transport = match bits(1, 11, 2) {
            0 => Transport::Udp,
            1 => Transport::Tcp,
            2 => Transport::Sctp,
            _ => Transport::Reserved,
        };
        let context = Self {
            mac_len: bits(0, 9, 7),
            ip_len: bits(0, 0, 9),
            transport_len: bits(1, 40, 8),
            segment_size: bits(1, 48, 16),
            ipv4: bits(1, 10, 1) != 0,
            snap: bits(1, 9, 1) != 0,
            transport,
            tag: bits(0, 16, 16) as u16,
            unmodelled: words[0] & CONTEXT_UNMODELLED[0] | words[1] & CONTEXT_UNMODELLED[1] != 0,
        };
        (context, (reserved != 0).then_some("reserved bits are set"))
    }

    /// Returns the length of all headers in bytes.
    pub(crate) fn headers(&self) -> usize {
        self.mac_len + self.ip_len + self.transport_len
    }

    /// Returns the offset of the checksum in the transport header.
    fn checksum_at(&self) -> usize {
        match self.transport {
            Transport::Tcp => 16,
            Transport::Sctp => SCTP_SUM,
            Transport::Udp | Transport::Reserved => 6,
        }
    }

    /// Returns the end of the checksum in the transport header.
    fn checksum_end(&self) -> usize {
        self.checksum_at() + if self.transport == Transport::Sctp { 4 } else { 2 }
    }

    /// Returns the context's defect for checksums, and with `segment` for segmentation, if any.
    ///
    /// TUCMD.IPV4 has no meaning for a transport checksum alone: stock drivers leave it 0 then.
    fn validate(&self, segment: bool) -> Option<&'static str> {
        let shortest = match self.transport {
            Transport::Tcp => 20,
            _ => 8,
        };
        if self.mac_len < 14 {
            Some("MACLEN is below 14")
        } else if self.ip_len < if segment && !self.ipv4 { 40 } else { 20 } {
            Some("IPLEN is less than an IP header")
        } else if segment && self.transport_len < shortest {
            Some("L4LEN is less than a transport header")
        } else if segment && self.headers() > LONGEST_HEADERS {
            Some("MACLEN, IPLEN and L4LEN add up to more than 511")
        } else if segment && self.snap && self.mac_len < SHORTEST_SNAP {
            Some("MACLEN has no room for SNAP")
        } else if segment && self.segment_size == 0 {
            Some("MSS is 0")
        } else {
            None
        }
    }
}

/// The offloads that a packet requests. None by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Offload {
    tag: Option<u16>,
    ip_checksum: bool,
    transport_checksum: bool,
    pub(crate) segment: bool,
    /// `true` if the packet is to be stamped with the time.
    pub(crate) stamp: bool,
    context: Option<Context>,
    /// For a legacy descriptor: the start of the sum, and the offset at which it is inserted.
    legacy_checksum: Option<(usize, usize)>,
}

impl Offload {
    /// Reads the second word of a packet's first descriptor. Returns the rule that it breaks as well, if any. Offloads
    /// that cannot be performed are left out.
    #[inline]
    pub(crate) fn new(word: u64, contexts: &[Option<Context>; 2]) -> (Self, Option<(Rule, &'static str)>) {
        const ASKED: u64 = VLE | TSE | CHECK_CONTEXT | IXSM | TXSM | STAMP | UNMODELLED | LEGACY_CHECKSUM;
        if word & ASKED == 0 {
            (Self::default(), None)
        } else if word & DEXT == 0 {
            let bits = |at: u32, width: u32| (word >> at & ((1 << width) - 1)) as usize;
            let checksum = (word & LEGACY_CHECKSUM != 0).then(|| (bits(40, 8), bits(16, 8)));
            let tag = (word & VLE != 0).then(|| bits(48, 16) as u16);
            (Self { tag, legacy_checksum: checksum, ..Self::default() }, None)
        } else {
            Self::advanced(word, contexts[Context::index(word)])
        }
    }

    /// Returns `true` if the second word of a packet's first descriptor selects a context that has the length of its L2
    /// header, as the switch between pools needs it.
    pub(crate) fn has_header(&self, word: u64) -> bool {
        word & DEXT != 0 && word & CHECK_CONTEXT != 0 && self.context.is_some_and(|context| context.mac_len >= 14)
    }

    fn advanced(word: u64, context: Option<Context>) -> (Self, Option<(Rule, &'static str)>) {
        let mut wrong = None;
        let mut note = |rule: Rule, what: &'static str| _ = wrong.get_or_insert((rule, what));
        if word & UNMODELLED != 0 {
            note(Rule::NotModelled, "LinkSec or IPsec");
        }
        let [segment, ip_checksum, transport_checksum] = [TSE, IXSM, TXSM].map(|bit| word & bit != 0);
        let stamp = word & STAMP != 0;
        let Some(context) = context else {
            if word & (VLE | TSE | CHECK_CONTEXT | IXSM | TXSM) != 0 {
                note(Rule::TransmitDescriptorMalformed, "the context was not loaded");
            }
            return (Self { segment, stamp, ..Self::default() }, wrong);
        };
        if context.unmodelled {
            note(Rule::NotModelled, "a context of IPsec or FCoE");
        }
        let mut malformed = |what| note(Rule::TransmitDescriptorMalformed, what);
        if segment || ip_checksum || transport_checksum {
            if let Some(what) = context.validate(segment) {
                malformed(what);
            }
            if ip_checksum && !context.ipv4 {
                malformed("IXSM is set for IPv6");
            }
            if segment && !(transport_checksum && (ip_checksum || !context.ipv4)) {
                malformed("TSE is set without TXSM, or for IPv4 without IXSM");
            }
        }
        let known = context.transport != Transport::Reserved;
        if (segment || transport_checksum) && !known {
            malformed("L4T is reserved");
        } else if segment && context.transport == Transport::Sctp {
            malformed("TSE is set for SCTP");
        }
        let offload = Self {
            tag: (word & VLE != 0).then_some(context.tag),
            ip_checksum: ip_checksum && context.ipv4,
            transport_checksum: transport_checksum && known,
            segment,
            stamp,
            context: Some(context),
            legacy_checksum: None,
        };
        (offload, wrong)
    }

    /// Returns `true` unless the packet requests a segmentation that is impossible.
    #[inline]
    pub(crate) fn can_be_cut(&self) -> bool {
        !self.segment
            || self.context.is_some_and(|context| {
                matches!(context.transport, Transport::Tcp | Transport::Udp) && context.validate(true).is_none()
            })
    }

    /// Returns the context if the packet is to be segmented.
    pub(crate) fn segments(&self) -> Option<&Context> {
        self.context.as_ref().filter(|_| self.segment)
    }

    /// Returns the number of bytes that the offloads add to a packet.
    #[inline]
    pub(crate) fn added(&self) -> usize {
        if self.tag.is_some() { vlan::TAG } else { 0 }
    }

    /// Returns the defect of `packet` for the requested offloads, if any.
    #[inline]
    pub(crate) fn validate(&self, packet: &[u8]) -> Option<&'static str> {
        if *self == Self::default() { None } else { self.validate_packet(packet) }
    }

    fn validate_packet(&self, packet: &[u8]) -> Option<&'static str> {
        if let Some((start, at)) = self.legacy_checksum
            && (start >= packet.len() || at + 2 > packet.len())
        {
            return Some("CSS or CSO lies beyond the packet");
        }
        let context = self.context.filter(|_| self.segment || self.ip_checksum || self.transport_checksum)?;
        let version = packet.get(context.mac_len).map(|byte| byte >> 4);
        let expected = if context.ipv4 { 4 } else { 6 };
        let fits = match self.segment || self.ip_checksum {
            true => version == Some(expected),
            false => matches!(version, Some(4 | 6)),
        };
        if !fits {
            return Some("no IP header of the context's version at MACLEN");
        }
        let needed = match (self.segment, self.transport_checksum) {
            (true, _) => context.headers() + 1,
            (false, true) => context.mac_len + context.ip_len + context.checksum_end(),
            (false, false) => context.mac_len + context.ip_len,
        };
        (packet.len() < needed).then_some("the packet is shorter than its headers")
    }

    /// Inserts checksums and tag into a frame. A checksum that lies beyond the frame is left out. The field of a
    /// checksum holds the start value of the sum: the pseudo header's sum. `segment` is the length of the transport
    /// part, if the pseudo header does not include it. `wrong` corrupts the checksums.
    #[inline]
    pub(crate) fn apply(&self, frame: &mut Vec<u8>, tags: Types, segment: Option<usize>, wrong: bool) {
        if *self != Self::default() {
            self.insert(frame, tags, segment.unwrap_or(0) as u32, wrong);
        }
    }

    fn insert(&self, frame: &mut Vec<u8>, tags: Types, start: u32, wrong: bool) {
        let put = |frame: &mut [u8], from: usize, to: usize, at: usize, start: u32, never_zero: bool| {
            let Some(part) = frame.get(from..to.min(frame.len())) else { return };
            let mut sum = !ones_sum(part, start);
            if wrong {
                sum ^= 1;
            }
            if never_zero && sum == 0 {
                sum = 0xFFFF;
            }
            if let Some(field) = frame.get_mut(at..at + 2) {
                field.copy_from_slice(&sum.to_be_bytes());
            }
        };
        let end = usize::MAX;
        if let Some(context) = &self.context {
            let (ip, transport) = (context.mac_len, context.mac_len + context.ip_len);
            if self.ip_checksum {
                put(frame, ip, transport, ip + 10, 0, false);
            }
            if self.transport_checksum && context.transport == Transport::Sctp {
                insert_sctp_sum(frame, transport, wrong);
            } else if self.transport_checksum {
                // A UDP checksum of 0 would mean that there is none.
                let udp = context.transport == Transport::Udp;
                put(frame, transport, end, transport + context.checksum_at(), start, udp);
            }
        }
        if let Some((from, at)) = self.legacy_checksum {
            put(frame, from, end, at, 0, false);
        }
        if let Some(tag) = self.tag {
            tags.insert(frame, tag);
        }
    }
}

/// Inserts SCTP's checksum into a frame whose transport part begins at `transport`. The field holds 0 before.
fn insert_sctp_sum(frame: &mut [u8], transport: usize, wrong: bool) {
    let Some(part) = frame.get(transport..) else { return };
    let sum = crc32c(&[part]) ^ u32::from(wrong);
    if let Some(field) = frame.get_mut(transport + SCTP_SUM..).and_then(|rest| rest.first_chunk_mut()) {
        *field = sum.to_le_bytes();
    }
}
