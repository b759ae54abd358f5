// Only a running device has queues to transmit with.
// error names: split, Reset, Running

use ixgbe::device::{self, Device};
use ixgbe::packet::Batch;
use ixgbe::platform::Platform;

fn case<H: Platform>(mut nic: Device<device::Reset, H>, batch: &mut Batch) {
    let (_, mut queues) = nic.split();
    let _ = queues[0].tx.transmit(batch);
}

fn main() {}
