use ixgbe::packet::{Batch, Packet};

fn case(packet: Packet, other: Packet, left: &mut Batch, right: &mut Batch) {
    let _ = other.len();
    let _ = left.push(packet);
    let _ = right.push(other);
}

fn main() {}
