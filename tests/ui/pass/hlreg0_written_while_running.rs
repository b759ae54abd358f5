use ixgbe::device::{self, Device};
use ixgbe::platform::Platform;
use ixgbe::registers::HLREG0;
use ixgbe::value;

fn case<H: Platform>(nic: &Device<device::Reset, H>) {
    nic.registers().hlreg0().modify(value!(HLREG0 { LPBK: true }));
}

fn main() {}
