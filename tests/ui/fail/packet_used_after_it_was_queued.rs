// A packet in a batch is the batch's.
// error names: packet, Packet

use ixgbe::packet::{Batch, Packet};

fn case(mut packet: Packet, mut other: Packet, batch: &mut Batch) {
    (packet[0], other[0]) = (0, 0);
    let _ = batch.push(packet);
    packet[0] = 1;
}

fn main() {}
