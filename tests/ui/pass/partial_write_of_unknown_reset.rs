use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::registers::LEDCTL;
use ixgbe::value;

fn case<H: Platform>(nic: &Device<Reset, H>) {
    nic.registers().ledctl().modify(value!(LEDCTL { LED0_BLINK: true }));
}

fn main() {}
