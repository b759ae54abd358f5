// What was transmitted is the device's until it is done.
// error names: batch

use ixgbe::packet::Batch;
use ixgbe::platform::Platform;
use ixgbe::queue::TransmitQueue;

fn case<H: Platform>(tx: &mut TransmitQueue<'_, H>, batch: &mut Batch, other: &mut Batch) {
    let _ = other.len();
    let first = &mut batch[0];
    let _ = tx.transmit(batch);
    first[0] = 1;
}

fn main() {}
