// The link is brought up by the reset.
// error names: wait_for_link, Unbound, Reset

use std::time::Duration;

use ixgbe::device::{self, Device};
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: Device<device::Unbound, H>) {
    let _ = nic.wait_for_link(Duration::from_secs(1));
}

fn main() {}
