//! What the device sees in a packet's headers: the packet type and the input of the RSS hash.

/// PKT_TYPE as it stands in an advanced write-back, bits 16:4 of the first word (7.1.6.2).
pub(crate) mod packet_type {
    pub(crate) const IPV4: u32 = 1 << 4;
    pub(crate) const IPV4_OPTIONS: u32 = 1 << 5;
    pub(crate) const IPV6: u32 = 1 << 6;
    pub(crate) const IPV6_EXTENSIONS: u32 = 1 << 7;
    pub(crate) const TCP: u32 = 1 << 8;
    pub(crate) const UDP: u32 = 1 << 9;
    pub(crate) const SCTP: u32 = 1 << 10;
}
use packet_type::*;

/// The headers of a packet, as far as the device understands them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Headers {
    /// PKT_TYPE in its place.
    pub(crate) packet_type: u32,
    /// Where the addresses start, source first; their lengths follow from the type.
    pub(crate) addresses: usize,
    /// Where the ports start, if the packet has them.
    pub(crate) ports: Option<usize>,
}

const ETHERTYPE: usize = 12;
const VLAN: u16 = 0x8100;

fn half(frame: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*frame.get(at..)?.first_chunk()?))
}

/// The VLAN tag of a frame, if it has one.
pub(crate) fn vlan_tag(frame: &[u8]) -> Option<u16> {
    (half(frame, ETHERTYPE)? == VLAN).then(|| half(frame, ETHERTYPE + 2)).flatten()
}

/// Bits of a write-back's second word (7.1.6.2): which checksums were checked, and which were wrong.
mod checked {
    pub(super) const UDP: u64 = 1 << 4;
    pub(super) const TRANSPORT: u64 = 1 << 5;
    pub(super) const IPV4: u64 = 1 << 6;
    pub(super) const TRANSPORT_WRONG: u64 = 1 << 30;
    pub(super) const IPV4_WRONG: u64 = 1 << 31;
}

/// Sums as RFC 1071 does: bytes in pairs, carries added.
fn ones_sum(bytes: &[u8], start: u32) -> u16 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let sum = pairs.iter().fold(u64::from(start), |sum, pair| sum + u64::from(u16::from_be_bytes(*pair)));
    let mut sum = sum + rest.first().map_or(0, |byte| u64::from(*byte) << 8);
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    sum as u16
}

/// Checks the checksums of a frame: those of IPv4, TCP and UDP (7.1.11).
pub(crate) fn checksums(frame: &[u8], headers: &Headers) -> u64 {
    let mut status = 0;
    let (payload, addresses) = match headers.packet_type & (IPV4 | IPV6) {
        IPV4 => {
            let start = headers.addresses - 12;
            let header = &frame[start..];
            let len = usize::from(header[0] & 0xF) * 4;
            let Some(all) = header.get(..len) else { return 0 };
            status |= checked::IPV4;
            if ones_sum(all, 0) != 0xFFFF {
                status |= checked::IPV4_WRONG;
            }
            (start + usize::from(u16::from_be_bytes([header[2], header[3]])), 8)
        }
        IPV6 => {
            let header = &frame[headers.addresses - 8..];
            (headers.addresses + 32 + usize::from(u16::from_be_bytes([header[4], header[5]])), 32)
        }
        _ => return 0,
    };
    let Some(transport) = headers.ports.and_then(|ports| frame.get(ports..payload)) else { return status };
    let protocol = match headers.packet_type & (TCP | UDP) {
        TCP if transport.len() >= 20 => 6,
        // No checksum, nothing to check.
        UDP if transport.len() >= 8 && transport[6..8] != [0, 0] => {
            status |= checked::UDP;
            17
        }
        _ => return status,
    };
    status |= checked::TRANSPORT;
    let addresses = &frame[headers.addresses..headers.addresses + addresses];
    let pseudo = u32::from(ones_sum(addresses, protocol)) + transport.len() as u32;
    if ones_sum(transport, pseudo) != 0xFFFF {
        status |= checked::TRANSPORT_WRONG;
    }
    status
}

/// Reads the headers of `frame`.
pub(crate) fn headers(frame: &[u8]) -> Headers {
    let start = if vlan_tag(frame).is_some() { ETHERTYPE + 6 } else { ETHERTYPE + 2 };
    let headers = match half(frame, start - 2) {
        Some(0x0800) => ipv4(frame, start),
        Some(0x86DD) => ipv6(frame, start),
        _ => None,
    };
    headers.unwrap_or_default()
}

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
    Some(Headers { packet_type: packet_type | kind, addresses: start + 12, ports })
}

fn ipv6(frame: &[u8], start: usize) -> Option<Headers> {
    let header = frame.get(start..start + 40)?;
    if header[0] >> 4 != 6 {
        return None;
    }
    let (mut next, mut at, mut fragment) = (header[6], start + 40, false);
    let mut packet_type = IPV6;
    // Hop-by-hop, routing, fragment and destination headers; more than a few nobody sends.
    for _ in 0..8 {
        let Some(extension) = frame.get(at..at + 8) else { break };
        match next {
            0 | 43 | 60 => at += 8 + usize::from(extension[1]) * 8,
            44 => {
                fragment |= (u16::from_be_bytes([extension[2], extension[3]]) & 0xFFF9) != 0;
                at += 8;
            }
            _ => break,
        }
        packet_type |= IPV6_EXTENSIONS;
        next = extension[0];
    }
    let (kind, ports) = transport(next, frame, at, fragment);
    Some(Headers { packet_type: packet_type | kind, addresses: start + 8, ports })
}

/// The packet type and ports of a transport protocol. Fragments show neither.
fn transport(protocol: u8, frame: &[u8], at: usize, fragment: bool) -> (u32, Option<usize>) {
    let kind = match protocol {
        6 => TCP,
        17 => UDP,
        132 => SCTP,
        _ => 0,
    };
    if kind == 0 || fragment || frame.len() < at + 4 { (0, None) } else { (kind, Some(at)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The IPv4 header of RFC 1071's many examples, before a UDP datagram without and with a checksum.
    #[test]
    fn checksums_are_checked_where_there_are_some() {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0x00]);
        frame.extend([0x45, 0, 0, 0x1C, 0, 0, 0x40, 0, 0x40, 0x11, 0xB9, 0x67, 192, 168, 0, 1, 192, 168, 0, 199]);
        frame.extend([0, 1, 0, 2, 0, 8, 0, 0]);
        frame.resize(60, 0xEE);
        let of = |frame: &[u8]| checksums(frame, &headers(frame));
        let ip = frame[14..34].to_vec();
        frame[24..26].fill(0);
        let sum = !ones_sum(&frame[14..34], 0);
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(ones_sum(&frame[14..34], 0), 0xFFFF);
        assert_eq!(of(&frame), checked::IPV4, "{ip:x?}");
        // Addresses, protocol and length twice, ports: by hand.
        let sum = [192 << 8 | 168_u32, 1, 192 << 8 | 168, 199, 17, 8, 1, 2, 8].iter().sum::<u32>();
        let sum = !((sum & 0xFFFF) + (sum >> 16)) as u16;
        frame[40..42].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(of(&frame), checked::IPV4 | checked::UDP | checked::TRANSPORT);
        frame[35] ^= 1;
        assert_eq!(of(&frame), checked::IPV4 | checked::UDP | checked::TRANSPORT | checked::TRANSPORT_WRONG);
        frame[16] ^= 0x40;
        assert_ne!(of(&frame) & checked::IPV4_WRONG, 0);
        // What ends before it should, is no panic.
        for len in 0..60 {
            of(&frame[..len]);
        }
    }
}
