use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::runtime::tock::Readable;

fn case<H: Platform>(nic: &Device<Reset, H>) {
    let _ = nic.registers().status().get();
}

fn main() {}
