// A packet owns its buffer: a second owner would be a second writer.
// error names: Packet, Copy

use ixgbe::packet::Packet;

fn case(packet: &Packet) -> Packet {
    *packet
}

fn main() {}
