// The queues are the device's, and gone with it.
// error names: nic

use ixgbe::device::{Device, Running};
use ixgbe::platform::Platform;
use ixgbe::queue::QueuePair;

fn case<'a, H: Platform>(mut nic: Device<Running, H>, other: &'a mut Device<Running, H>) -> Vec<QueuePair<'a, H>> {
    let _ = (nic.link(), other.link());
    nic.split().1
}

fn main() {}
