use ixgbe::packet::Batch;

fn case(batch: &mut Batch, other: &mut Batch) {
    let _ = other.len();
    let first = &batch[0];
    for packet in other.drain(..) {
        drop(packet);
    }
    let _ = first.len();
}

fn main() {}
