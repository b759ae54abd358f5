use ixgbe::device::{self, Device};
use ixgbe::packet::Batch;
use ixgbe::platform::Platform;

fn case<H: Platform>(mut nic: Device<device::Running, H>, batch: &mut Batch) {
    let (_, mut queues) = nic.split();
    let _ = queues[0].tx.transmit(batch);
}

fn main() {}
