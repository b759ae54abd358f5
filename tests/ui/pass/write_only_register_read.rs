use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: &Device<Reset, H>) {
    let _ = nic.registers().eims().read().get();
}

fn main() {}
