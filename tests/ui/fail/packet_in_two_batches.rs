// A packet is in one place: two queues cannot have it.
// error names: packet, Packet

use ixgbe::packet::{Batch, Packet};

fn case(packet: Packet, other: Packet, left: &mut Batch, right: &mut Batch) {
    let _ = other.len();
    let _ = left.push(packet);
    let _ = right.push(packet);
}

fn main() {}
