use ixgbe::device::{self, Device};
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: Device<device::LinkUp, H>) {
    let _ = nic.start();
}

fn main() {}
