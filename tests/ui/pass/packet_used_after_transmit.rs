use ixgbe::packet::Batch;
use ixgbe::platform::Platform;
use ixgbe::queue::TransmitQueue;

fn case<H: Platform>(tx: &mut TransmitQueue<'_, H>, batch: &mut Batch, other: &mut Batch) {
    let _ = other.len();
    let first = &mut batch[0];
    let _ = tx.transmit(other);
    first[0] = 1;
}

fn main() {}
