use std::time::Duration;

use ixgbe::device::{Device, Running};
use ixgbe::packet::Batch;
use ixgbe::platform::Platform;
use ixgbe::port::Receive;
use ixgbe::queue::OwnedQueuePair;

fn case<H: Platform>(nic: Device<Running, H>, others: &mut [OwnedQueuePair<H>], batch: &mut Batch) {
    let (control, mut queues) = nic.into_split();
    let _ = (queues[0].rx.receive(batch), others[0].rx.receive(batch));
    drop(queues);
    let _ = control.reunite(Duration::ZERO).map(Device::stop);
    let _ = others[0].rx.receive(batch);
}

fn main() {}
