// Packets that are looped back are not sent: HLREG0 is left alone while the device runs.
// error names: HLREG0, Running

use ixgbe::device::{self, Device};
use ixgbe::platform::Platform;
use ixgbe::registers::HLREG0;
use ixgbe::value;

fn case<H: Platform>(nic: &Device<device::Running, H>) {
    nic.registers().hlreg0().modify(value!(HLREG0 { LPBK: true }));
}

fn main() {}
