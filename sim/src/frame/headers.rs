//! Parser of a packet's headers: packet type, addresses and ports.

/// Bits of PKT_TYPE in an advanced write-back, bits 16:4 of the first word (7.1.6.2).
pub(crate) mod packet_type {
    pub(crate) const IPV4: u32 = 1 << 4;
    pub(crate) const IPV4_OPTIONS: u32 = 1 << 5;
    pub(crate) const IPV6: u32 = 1 << 6;
    pub(crate) const IPV6_EXTENSIONS: u32 = 1 << 7;
    pub(crate) const TCP: u32 = 1 << 8;
    pub(crate) const UDP: u32 = 1 << 9;
    pub(crate) const SCTP: u32 = 1 << 10;
    /// An EtherType filter matches: its index takes the place of bits 6:4.
    pub(crate) const LAYER_2: u32 = 1 << 15;
}
use packet_type::*;

use crate::frame::vlan::Types;

/// The headers of a packet that the device parses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Headers {
    /// PKT_TYPE at its position in the write-back.
    pub(crate) packet_type: u32,
    /// Offset of the addresses, source first; their lengths follow from the type.
    pub(crate) addresses: usize,
    /// Offset of the ports, if the packet has them.
    pub(crate) ports: Option<usize>,
    /// `true` for IPv4 in IPv4.
    pub(crate) ip_in_ip: bool,
}

/// Returns the 16-bit number at `at` in network order.
#[inline]
pub(crate) fn half(frame: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*frame.get(at..)?.first_chunk()?))
}

/// Parses the headers of `frame`, whose VLAN tags have the types `tags`.
pub(crate) fn headers(frame: &[u8], tags: Types) -> Headers {
    if !tags.are_expected_in(frame) {
        return Headers::default();
    }
    let start = tags.ether_type_at(frame) + 2;
    let (kind, start) = match half(frame, start - 2) {
        // A length instead of an EtherType: the type follows LLC and SNAP.
        Some(0..=1500) if frame.get(start..start + SNAP.len()) == Some(&SNAP) => {
            (half(frame, start + SNAP.len()), start + SNAP.len() + 2)
        }
        kind => (kind, start),
    };
    let headers = match kind {
        Some(0x0800) => ipv4(frame, start),
        Some(0x86DD) => ipv6(frame, start),
        _ => None,
    };
    headers.unwrap_or_default()
}

/// LLC and SNAP before an EtherType (RFC 1042).
const SNAP: [u8; 6] = [0xAA, 0xAA, 0x03, 0, 0, 0];

fn ipv4(frame: &[u8], start: usize) -> Option<Headers> {
    let header = frame.get(start..start + 20)?;
    let length = usize::from(header[0] & 0xF) * 4;
    if header[0] >> 4 != 4 || length < 20 {
        return None;
    }
    let mut packet_type = IPV4;
    if length > 20 {
        packet_type |= IPV4_OPTIONS;
    }
    let fragment = (u16::from_be_bytes([header[6], header[7]]) & 0x3FFF) != 0;
    let (kind, ports) = transport(header[9], frame, start + length, fragment);
    let kind = if header[9] == 41 && !fragment { IPV6 } else { kind };
    Some(Headers { packet_type: packet_type | kind, addresses: start + 12, ports, ip_in_ip: header[9] == 4 })
}

fn ipv6(frame: &[u8], start: usize) -> Option<Headers> {
    let header = frame.get(start..start + 40)?;
    if header[0] >> 4 != 6 {
        return None;
    }
    let (mut next, mut at, mut hidden) = (header[6], start + 40, false);
    let mut packet_type = IPV6;
    // Hop-by-hop, routing, fragment and destination headers; no packet in practice has more than a few.
    for _ in 0..8 {
        let Some(extension) = frame.get(at..at + 8) else { break };
        match next {
            0 | 43 | 60 => {
                // Segments left, or a home address: the pseudo header's addresses differ from the header's.
                let len = 8 + usize::from(extension[1]) * 8;
                hidden |= match next {
                    43 => extension[3] != 0,
                    60 => has_home_address(frame.get(at + 2..at + len).unwrap_or_default()),
                    _ => false,
                };
                at += len;
            }
            44 => {
                hidden |= (u16::from_be_bytes([extension[2], extension[3]]) & 0xFFF9) != 0;
                at += 8;
            }
            _ => break,
        }
        packet_type |= IPV6_EXTENSIONS;
        next = extension[0];
    }
    let (kind, ports) = transport(next, frame, at, hidden);
    Some(Headers { packet_type: packet_type | kind, addresses: start + 8, ports, ip_in_ip: false })
}

/// Returns `true` if the options of a destination header contain a home address (RFC 6275, 6.3).
fn has_home_address(mut options: &[u8]) -> bool {
    while let [kind, rest @ ..] = options {
        options = match (kind, rest) {
            (0xC9, _) => return true,
            // Pad1 is a single byte without a length.
            (0, _) => rest,
            (_, [len, rest @ ..]) => rest.get(usize::from(*len)..).unwrap_or_default(),
            (_, []) => &[],
        };
    }
    false
}

/// Returns the packet type and the ports of a transport protocol. Fragments have neither, nor has a transport that an
/// extension header hides.
fn transport(protocol: u8, frame: &[u8], at: usize, hidden: bool) -> (u32, Option<usize>) {
    let kind = match protocol {
        6 => TCP,
        17 => UDP,
        132 => SCTP,
        _ => 0,
    };
    if kind == 0 || hidden || frame.len() < at + 4 { (0, None) } else { (kind, Some(at)) }
}
