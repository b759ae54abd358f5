//! The part of a PTP message by which its time stamp is found (IEEE 1588-2008, clause 13.3).

use crate::packet::numbers::{IPV4, IPV6, PTP, UDP, VLAN};

/// The UDP port of event messages.
pub(crate) const EVENT_PORT: u16 = 319;

/// A PTP event message of version 2: its kind, sender and sequence number.
///
/// ```
/// use ixgbe::device::PtpMessage;
///
/// // A Sync message over Ethernet, with sequence number 7.
/// let mut frame = [0; 60];
/// frame[12..14].copy_from_slice(&[0x88, 0xf7]);
/// frame[14..16].copy_from_slice(&[0x00, 0x02]);
/// frame[45] = 7;
/// let message = PtpMessage::parse(&frame).ok_or("a PTP message")?;
/// assert_eq!((message.kind, message.sequence_id), (0, 7));
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PtpMessage {
    /// The kind: 0 Sync, 1 `Delay_Req`, 2 `Pdelay_Req`, 3 `Pdelay_Resp`.
    pub kind: u8,
    /// The sender: the identity of its clock (8 bytes) and the number of its port.
    pub source: [u8; 10],
    /// The sequence number.
    pub sequence_id: u16,
}

impl PtpMessage {
    /// Returns the event message in `frame`, which begins with the destination address: PTP over Ethernet or over UDP,
    /// behind at most one VLAN tag. Returns `None` for any other frame.
    #[must_use]
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let (mut kind, mut rest) = frame.get(12..)?.split_first_chunk()?;
        if u16::from_be_bytes(*kind) == VLAN {
            (kind, rest) = rest.get(2..)?.split_first_chunk()?;
        }
        let message = match u16::from_be_bytes(*kind) {
            PTP => rest,
            IPV4 => {
                let [length, protocol] = [rest.first()?, rest.get(9)?];
                let is_fragment = u16::from_be_bytes([*rest.get(6)?, *rest.get(7)?]) & 0x3fff != 0;
                if length >> 4 != 4 || *protocol != UDP || is_fragment {
                    return None;
                }
                udp(rest.get(4 * usize::from(length & 0xf)..)?)?
            }
            IPV6 if *rest.get(6)? == UDP => udp(rest.get(40..)?)?,
            _ => return None,
        };
        let header: &[u8; 34] = message.first_chunk()?;
        let (kind, version) = (header[0] & 0xf, header[1] & 0xf);
        if version != 2 || kind > 7 {
            return None;
        }
        let source = header[20..30].try_into().ok()?;
        Some(Self { kind, source, sequence_id: u16::from_be_bytes([header[30], header[31]]) })
    }
}

/// Returns the data of a UDP packet to the port of event messages.
fn udp(packet: &[u8]) -> Option<&[u8]> {
    let port = u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]);
    packet.get(8..).filter(|_| port == EVENT_PORT)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// Returns a Delay_Req with sequence number 0x1234 from sender 1 to 10.
    fn message() -> Vec<u8> {
        let mut message = vec![0; 44];
        message[..2].copy_from_slice(&[0x01, 0x02]);
        message[20..30].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        message[30..32].copy_from_slice(&[0x12, 0x34]);
        message
    }

    fn udp(port: u16) -> Vec<u8> {
        let mut packet = vec![0; 8];
        packet[2..4].copy_from_slice(&port.to_be_bytes());
        packet.extend(message());
        packet
    }

    fn frame(layers: &[&[u8]]) -> Vec<u8> {
        [&[0; 12], &layers.concat()[..]].concat()
    }

    #[test]
    fn messages_are_found_behind_all_headers() {
        let right = PtpMessage { kind: 1, source: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], sequence_id: 0x1234 };
        let mut ipv4 = [0; 24];
        ipv4[0] = 0x46;
        ipv4[9] = UDP;
        let mut ipv6 = [0; 40];
        ipv6[6] = UDP;
        let tag = [0x81, 0, 0, 5];
        for frame in [
            frame(&[&[0x88, 0xf7], &message()]),
            frame(&[&tag, &[0x88, 0xf7], &message()]),
            frame(&[&[0x08, 0], &ipv4, &udp(319)]),
            frame(&[&tag, &[0x86, 0xdd], &ipv6, &udp(319)]),
        ] {
            assert_eq!(PtpMessage::parse(&frame), Some(right));
            // No shorter frame has the message, nor makes the parser panic.
            let end = frame.len() - 10;
            assert!((0..end).all(|len| PtpMessage::parse(&frame[..len]).is_none()));
        }
        let mut fragment = ipv4;
        fragment[7] = 1;
        for other in [
            frame(&[&[0x08, 0], &ipv4, &udp(320)]),
            frame(&[&[0x08, 0], &fragment, &udp(319)]),
            frame(&[&[0x88, 0xf7], &[0x08, 0x02], &message()]),
            frame(&[&[0x88, 0xf7], &[0x00, 0x01], &message()]),
        ] {
            assert_eq!(PtpMessage::parse(&other), None);
        }
    }
}
