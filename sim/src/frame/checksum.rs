//! Checksums of IPv4, TCP, UDP and SCTP in received frames (datasheet 7.1.11), and the sum that they and transmit
//! offloads share.

use crate::frame::crc::crc32c;
use crate::frame::headers::{Headers, packet_type::*};

/// Bits of a write-back's second word (7.1.6.2): the checksums that were checked, and those that were wrong.
mod checked {
    pub(super) const UDP: u64 = 1 << 4;
    pub(super) const TRANSPORT: u64 = 1 << 5;
    pub(super) const IPV4: u64 = 1 << 6;
    pub(super) const TRANSPORT_WRONG: u64 = 1 << 30;
    pub(super) const IPV4_WRONG: u64 = 1 << 31;
}

/// The bits of a wrong checksum.
pub(crate) const WRONG: u64 = checked::TRANSPORT_WRONG | checked::IPV4_WRONG;

/// Length of SCTP's common header, and the offset of the checksum that ends it.
const SCTP_HEADER: usize = 12;
pub(crate) const SCTP_SUM: usize = 8;

/// Sums bytes in pairs and adds the carries (RFC 1071).
pub(crate) fn ones_sum(bytes: &[u8], start: u32) -> u16 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let sum = pairs.iter().fold(u64::from(start), |sum, pair| sum + u64::from(u16::from_be_bytes(*pair)));
    let mut sum = sum + rest.first().map_or(0, |byte| u64::from(*byte) << 8);
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    sum as u16
}

/// Checks the IPv4, TCP, UDP and SCTP checksums of a frame (7.1.11).
pub(crate) fn check(frame: &[u8], headers: &Headers) -> u64 {
    let mut status = 0;
    let (payload, addresses) = match headers.packet_type & (IPV4 | IPV6) {
        // IPv4 in IPv4 is not checked at all, as in the 82598 (3.5.4.4): the 82599's text on it was not available.
        IPV4 if headers.ip_in_ip => return 0,
        // For IPv6 in IPv4 the outer header is checked.
        kind if kind & IPV4 != 0 => {
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
    let protocol = match headers.packet_type & (TCP | UDP | SCTP) {
        // SCTP's checksum has no pseudo header.
        SCTP if transport.len() >= SCTP_HEADER => {
            let (common, chunks) = transport.split_at(SCTP_HEADER);
            let (before, sum) = common.split_at(SCTP_SUM);
            let right = crc32c(&[before, &[0; 4], chunks]).to_le_bytes() == *sum;
            return status | checked::TRANSPORT | if right { 0 } else { checked::TRANSPORT_WRONG };
        }
        TCP if transport.len() >= 20 => 6,
        // A UDP checksum of 0 means that there is none.
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

/// Returns what erratum 44 makes of a packet of UDP over IPv4 without a checksum: it seems checked, and wrong.
pub(crate) fn erratum_44(frame: &[u8], headers: &Headers) -> u64 {
    let concerned = headers.packet_type & (IPV4 | IPV6 | UDP) == IPV4 | UDP;
    let sum = headers.ports.and_then(|ports| frame.get(ports + 6..ports + 8));
    let wrong = checked::UDP | checked::TRANSPORT | checked::TRANSPORT_WRONG;
    if concerned && sum == Some(&[0, 0]) { wrong } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::headers::headers;
    use crate::frame::vlan::Types;

    /// Checks a well-known IPv4 header, before a UDP datagram without and with a checksum.
    #[test]
    fn checksums_are_checked_where_there_are_some() {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0x00]);
        frame.extend([0x45, 0, 0, 0x1C, 0, 0, 0x40, 0, 0x40, 0x11, 0xB9, 0x67, 192, 168, 0, 1, 192, 168, 0, 199]);
        frame.extend([0, 1, 0, 2, 0, 8, 0, 0]);
        frame.resize(60, 0xEE);
        let of = |frame: &[u8]| check(frame, &headers(frame, Types { inner: 0x8100, outer: None }));
        let ip = frame[14..34].to_vec();
        frame[24..26].fill(0);
        let sum = !ones_sum(&frame[14..34], 0);
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(ones_sum(&frame[14..34], 0), 0xFFFF);
        assert_eq!(of(&frame), checked::IPV4, "{ip:x?}");
        // The sum by hand: addresses, protocol, length twice, ports.
        let sum = [192 << 8 | 168_u32, 1, 192 << 8 | 168, 199, 17, 8, 1, 2, 8].iter().sum::<u32>();
        let sum = !((sum & 0xFFFF) + (sum >> 16)) as u16;
        frame[40..42].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(of(&frame), checked::IPV4 | checked::UDP | checked::TRANSPORT);
        frame[35] ^= 1;
        assert_eq!(of(&frame), checked::IPV4 | checked::UDP | checked::TRANSPORT | checked::TRANSPORT_WRONG);
        frame[16] ^= 0x40;
        assert_ne!(of(&frame) & checked::IPV4_WRONG, 0);
        // A truncated frame must not panic.
        for len in 0..60 {
            of(&frame[..len]);
        }
    }
}
