// A batch of packets alone has no metadata: it is asked for by the type of the batch.
// error names: Packet, transport_checksum

use ixgbe::offload::{Checksum, Received};
use ixgbe::packet::{Batch, Packet};

fn case(plain: &Batch<Packet>, described: &Batch<Received>) -> Option<Checksum> {
    let _ = (plain.len(), described.len());
    Some(plain.first()?.transport_checksum())
}

fn main() {}
