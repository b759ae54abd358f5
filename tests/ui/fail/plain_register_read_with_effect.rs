// Reading STATUS has no effect.
// error names: STATUS

use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: &mut Device<Reset, H>) {
    let _ = nic.registers_mut().status().read_with_side_effects();
}

fn main() {}
