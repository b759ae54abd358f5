use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: Device<Reset, H>) {
    let up = nic.without_link();
    let _ = up.mac();
    let _ = up.registers().status().read();
}

fn main() {}
