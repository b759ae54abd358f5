// Only a running device can be stopped.
// error names: stop, LinkUp, Running

use ixgbe::device::{self, Device};
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: Device<device::LinkUp, H>) {
    let _ = nic.stop();
}

fn main() {}
