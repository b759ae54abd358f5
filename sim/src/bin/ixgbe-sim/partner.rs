//! A link partner that answers pings, and ARP requests for its address.

use std::collections::VecDeque;

use etherparse::{
    ArpHardwareId, ArpOperation, ArpPacket, EtherType, Icmpv4Type, NetSlice, PacketBuilder, SlicedPacket,
    TransportSlice,
};
use ixgbe_sim::Wire;

/// The addresses of the link partner.
const MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x99];
const IPV4: [u8; 4] = [10, 0, 0, 2];
/// The shortest frame, without its CRC.
const SHORTEST: usize = 60;
/// Time to live of its packets.
const TTL: u8 = 64;

/// The link partner, with its pending answers.
#[derive(Debug, Default)]
pub(crate) struct Partner {
    answers: VecDeque<Vec<u8>>,
}

impl Partner {
    pub(crate) fn new() -> Self {
        Self::default()
    }
}

impl Wire for Partner {
    fn receive(&mut self, _room: usize, port: &mut dyn FnMut(&[u8])) {
        self.answers.drain(..).for_each(|answer| port(&answer));
    }

    fn discard(&mut self) -> u64 {
        self.answers.drain(..).count() as u64
    }

    fn transmit(&mut self, frame: &[u8]) {
        self.answers.extend(answer(frame));
    }
}

/// Returns the answer to a frame, if there is one. Frames with wrong checksums get none.
fn answer(frame: &[u8]) -> Option<Vec<u8>> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let sender = frame.get(6..12)?.try_into().ok()?;
    let mut answer = Vec::with_capacity(frame.len());
    match (packet.net?, packet.transport) {
        (NetSlice::Arp(arp), _) => {
            let asks = arp.operation() == ArpOperation::REQUEST && arp.target_protocol_addr() == IPV4;
            let (mac, ip) = (arp.sender_hw_addr(), arp.sender_protocol_addr());
            let reply =
                ArpPacket::new(ArpHardwareId::ETHERNET, EtherType::IPV4, ArpOperation::REPLY, &MAC, &IPV4, mac, ip);
            let reply = reply.ok().filter(|_| asks)?;
            PacketBuilder::ethernet2(MAC, sender).arp(reply).write(&mut answer).ok()?;
        }
        (NetSlice::Ipv4(ip), Some(TransportSlice::Icmpv4(icmp))) => {
            let header = ip.header();
            let whole = header.destination() == IPV4
                && header.to_header().calc_header_checksum() == header.header_checksum()
                && icmp.icmp_type().calc_checksum(icmp.payload()) == icmp.checksum();
            let Icmpv4Type::EchoRequest(echo) = icmp.icmp_type() else { return None };
            let reply = Icmpv4Type::EchoReply(echo);
            let builder = PacketBuilder::ethernet2(MAC, sender).ipv4(IPV4, header.source(), TTL).icmpv4(reply);
            whole.then(|| builder.write(&mut answer, icmp.payload()).ok())??;
        }
        _ => return None,
    }
    // No wire carries a shorter frame.
    if answer.len() < SHORTEST {
        answer.resize(SHORTEST, 0);
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pings_are_answered_with_their_payload_and_broken_ones_are_not() {
        let ping = PacketBuilder::ethernet2([2; 6], MAC).ipv4([10, 0, 0, 1], IPV4, 7).icmpv4_echo_request(3, 4);
        let mut frame = Vec::new();
        ping.write(&mut frame, b"hello").unwrap();
        let reply = answer(&frame).unwrap();
        let packet = SlicedPacket::from_ethernet(&reply).unwrap();
        let Some(TransportSlice::Icmpv4(icmp)) = packet.transport else { panic!("no ICMP") };
        assert!(matches!(icmp.icmp_type(), Icmpv4Type::EchoReply(echo) if (echo.id, echo.seq) == (3, 4)));
        assert_eq!((icmp.payload(), reply.len()), (&b"hello"[..], 60));
        *frame.last_mut().unwrap() ^= 1;
        assert_eq!(answer(&frame), None);
        assert_eq!(answer(&[0; 60]), None);
    }
}
