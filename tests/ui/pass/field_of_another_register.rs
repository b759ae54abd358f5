use ixgbe::device::{Device, Reset};
use ixgbe::field::Value;
use ixgbe::platform::Platform;
use ixgbe::registers;

fn case<H: Platform>(nic: &Device<Reset, H>) {
    nic.registers().fctrl().modify(Value::EMPTY.with(registers::FCTRL::UPE, true));
}

fn main() {}
