use ixgbe::device::{Device, Running};
use ixgbe::platform::Platform;
use ixgbe::queue::QueuePair;

fn case<'a, H: Platform>(mut nic: Device<Running, H>, other: &'a mut Device<Running, H>) -> Vec<QueuePair<'a, H>> {
    let _ = (nic.link(), other.link());
    other.split().1
}

fn main() {}
