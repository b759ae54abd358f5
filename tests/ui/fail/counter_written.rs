// CRCERRS can only be read, and that clears it.
// error names: CRCERRS

use ixgbe::device::{Device, Reset};
use ixgbe::field::Value;
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: &Device<Reset, H>) {
    nic.registers().crcerrs().write(Value::EMPTY);
}

fn main() {}
