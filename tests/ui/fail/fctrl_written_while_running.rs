// FCTRL may change only while nothing is received.
// error names: FCTRL, Running

use ixgbe::device::{self, Device};
use ixgbe::platform::Platform;
use ixgbe::registers::FCTRL;
use ixgbe::value;

fn case<H: Platform>(nic: &Device<device::Running, H>) {
    nic.registers().fctrl().modify(value!(FCTRL { UPE: true }));
}

fn main() {}
