// A running device is split once at a time: else one queue would be in two hands.
// error names: nic

use ixgbe::device::{Device, Running};
use ixgbe::packet::Batch;
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: &mut Device<Running, H>, other: &mut Device<Running, H>, batch: &mut Batch) {
    let _ = other.mac();
    let (_, mut first) = nic.split();
    let (_, mut second) = nic.split();
    first[0].rx.receive(batch);
    second[0].rx.receive(batch);
}

fn main() {}
