use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: Device<Reset, H>) {
    let up = nic.assume_link_up();
    let _ = up.mac();
    let _ = up.registers().status().read();
}

fn main() {}
