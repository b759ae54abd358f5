use ixgbe::device::{self, Device};
use ixgbe::packet::Batch;
use ixgbe::platform::Platform;

fn case<H: Platform>(mut nic: Device<device::Running, H>, batch: &mut Batch) {
    let (_, mut queues) = nic.split();
    queues[0].rx.receive(batch);
}

fn main() {}
