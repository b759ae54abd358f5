use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::registers::MAXFRS;
use ixgbe::value;

fn case<H: Platform>(nic: &Device<Reset, H>) {
    nic.registers().maxfrs().modify(value!(MAXFRS { MFS: 1518 }));
}

fn main() {}
