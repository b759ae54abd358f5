use ixgbe::packet::Packet;

fn case(packet: Packet, other: Packet) -> usize {
    let _ = other.len();
    let bytes = &packet[..];
    drop(other);
    bytes.len()
}

fn main() {}
