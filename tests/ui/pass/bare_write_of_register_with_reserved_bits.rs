use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::runtime::tock::Writeable;

fn case<H: Platform>(nic: &Device<Reset, H>) {
    nic.registers().eitrsel().set(1);
}

fn main() {}
