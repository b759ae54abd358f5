use ixgbe::device::{Device, Reset};
use ixgbe::field::Value;
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: &Device<Reset, H>) {
    nic.registers().vlnctrl().modify(Value::EMPTY);
}

fn main() {}
