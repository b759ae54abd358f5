use ixgbe::device::{self, Device};
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: Device<device::Running, H>) {
    let _ = nic.stop();
}

fn main() {}
