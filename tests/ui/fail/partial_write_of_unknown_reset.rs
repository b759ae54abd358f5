// The reset value of LEDCTL is not known: what the value leaves out would become anything.
// error names: LEDCTL

use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::registers::LEDCTL;
use ixgbe::value;

fn case<H: Platform>(nic: &Device<Reset, H>) {
    nic.registers().ledctl().write(value!(LEDCTL { LED0_BLINK: true }));
}

fn main() {}
