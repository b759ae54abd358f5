// STATUS can only be read.
// error names: STATUS

use ixgbe::device::{Device, Reset};
use ixgbe::field::Value;
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: &Device<Reset, H>) {
    nic.registers().status().write(Value::EMPTY);
}

fn main() {}
