use ixgbe::device::{self, Device};
use ixgbe::field::Value;
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: &Device<device::LinkUp, H>) {
    nic.registers().dtxtcpflgl().modify(Value::EMPTY);
}

fn main() {}
