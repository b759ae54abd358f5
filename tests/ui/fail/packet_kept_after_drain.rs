// Draining a batch takes its packets out: they go home at the end of the loop.
// error names: batch

use ixgbe::packet::Batch;

fn case(batch: &mut Batch, other: &mut Batch) {
    let _ = other.len();
    let first = &batch[0];
    for packet in batch.drain(..) {
        drop(packet);
    }
    let _ = first.len();
}

fn main() {}
