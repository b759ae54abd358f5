use ixgbe::device::{self, Device};
use ixgbe::platform::Platform;
use ixgbe::registers::FCTRL;
use ixgbe::value;

fn case<H: Platform>(nic: &Device<device::Reset, H>) {
    nic.registers().fctrl().modify(value!(FCTRL { UPE: true }));
}

fn main() {}
