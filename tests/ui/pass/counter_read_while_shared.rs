use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: &mut Device<Reset, H>) {
    let _ = nic.registers_mut().crcerrs().read_with_side_effects();
}

fn main() {}
