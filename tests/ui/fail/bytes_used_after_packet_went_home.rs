// The bytes of a packet are there as long as the packet.
// error names: packet

use ixgbe::packet::Packet;

fn case(packet: Packet, other: Packet) -> usize {
    let _ = other.len();
    let bytes = &packet[..];
    drop(packet);
    bytes.len()
}

fn main() {}
