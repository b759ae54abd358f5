use ixgbe::device::{Device, Running};
use ixgbe::packet::Batch;
use ixgbe::platform::Platform;

fn case<H: Platform>(mut nic: Device<Running, H>, other: Device<Running, H>, batch: &mut Batch) {
    let _ = other.mac();
    let (_, mut queues) = nic.split();
    let _ = other.stop();
    queues[0].rx.receive(batch);
}

fn main() {}
