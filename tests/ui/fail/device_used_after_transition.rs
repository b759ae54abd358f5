// A transition takes the device: what it was before is no longer there to use.
// error names: nic, Reset

use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: Device<Reset, H>) {
    let up = nic.assume_link_up();
    let _ = up.mac();
    let _ = nic.registers().status().read();
}

fn main() {}
