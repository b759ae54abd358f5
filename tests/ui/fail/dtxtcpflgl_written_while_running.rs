// DTXTCPFLGL may change only while nothing is transmitted.
// error names: DTXTCPFLGL, Running

use ixgbe::device::{self, Device};
use ixgbe::field::Value;
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: &Device<device::Running, H>) {
    nic.registers().dtxtcpflgl().modify(Value::EMPTY);
}

fn main() {}
