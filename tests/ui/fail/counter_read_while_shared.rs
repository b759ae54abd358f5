// Reading CRCERRS clears it, which others who share the device would not see.
// error names: CRCERRS, Reset

use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: &mut Device<Reset, H>) {
    let _ = nic.registers().crcerrs().read_with_side_effects();
}

fn main() {}
