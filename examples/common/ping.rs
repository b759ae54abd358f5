//! ARP and ICMP echo, the requests and answers of `ping`.

use std::net::Ipv4Addr;

use etherparse::{ArpEthIpv4Packet, ArpOperation, Icmpv4Type, NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use ixgbe::packet::Packet;

/// The address of the requesting host.
const ASKER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// Returns the answer to `frame`, if it is a request to this host.
fn answer(frame: &[u8], mac: [u8; 6], ip: Ipv4Addr) -> Option<Vec<u8>> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let asker: [u8; 6] = frame.get(6..12)?.try_into().ok()?;
    let mut reply = Vec::with_capacity(frame.len());
    match packet.net? {
        NetSlice::Arp(arp) if arp.operation() == ArpOperation::REQUEST && arp.target_protocol_addr() == ip.octets() => {
            let sender: [u8; 4] = arp.sender_protocol_addr().try_into().ok()?;
            let arp = ArpEthIpv4Packet {
                operation: ArpOperation::REPLY,
                sender_mac: mac,
                sender_ipv4: ip.octets(),
                target_mac: asker,
                target_ipv4: sender,
            };
            PacketBuilder::ethernet2(mac, asker).arp(arp.into()).write(&mut reply).ok()?;
        }
        NetSlice::Ipv4(header) if header.header().destination_addr() == ip => {
            let Some(TransportSlice::Icmpv4(icmp)) = packet.transport else { return None };
            let Icmpv4Type::EchoRequest(echo) = icmp.icmp_type() else { return None };
            PacketBuilder::ethernet2(mac, asker)
                .ipv4(ip.octets(), header.header().source(), 64)
                .icmpv4(Icmpv4Type::EchoReply(echo))
                .write(&mut reply, icmp.payload())
                .ok()?;
        }
        _ => return None,
    }
    Some(reply)
}

/// Turns a request to this host into its answer, in the request's own buffer. Returns `false` if it is no such request.
pub fn answer_in_place(packet: &mut Packet, mac: [u8; 6], ip: Ipv4Addr) -> bool {
    let bytes = packet.segments().collect::<Vec<_>>().concat();
    answer(&bytes, mac, ip).is_some_and(|reply| {
        packet.truncate(0);
        packet.extend_from_slice(&reply).is_ok()
    })
}

/// Returns request `number` of the host at `own` to the one at `mac` and `ip`: an ARP request first, then echo
/// requests.
pub fn request(number: u64, own: [u8; 6], mac: [u8; 6], ip: Ipv4Addr) -> Option<Vec<u8>> {
    let mut frame = Vec::new();
    if number == 0 {
        let arp = ArpEthIpv4Packet {
            operation: ArpOperation::REQUEST,
            sender_mac: own,
            sender_ipv4: ASKER.octets(),
            target_mac: [0; 6],
            target_ipv4: ip.octets(),
        };
        PacketBuilder::ethernet2(own, [0xff; 6]).arp(arp.into()).write(&mut frame).ok()?;
    } else {
        let echo = PacketBuilder::ethernet2(own, mac).ipv4(ASKER.octets(), ip.octets(), 64);
        echo.icmpv4_echo_request(1, number as u16).write(&mut frame, &number.to_be_bytes()).ok()?;
    }
    Some(frame)
}
