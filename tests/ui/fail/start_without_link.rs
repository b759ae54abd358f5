// The link is waited for, or knowingly not, before the device is started.
// error names: start, Reset, LinkUp

use ixgbe::device::{self, Device};
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: Device<device::Reset, H>) {
    let _ = nic.start();
}

fn main() {}
