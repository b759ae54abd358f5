use ixgbe::device::{self, Device};
use ixgbe::platform::Platform;
use ixgbe::registers::RFCTL;
use ixgbe::value;

fn case<H: Platform>(nic: &Device<device::Reset, H>) {
    nic.registers().rfctl().modify(value!(RFCTL { IPV6_DIS: true }));
}

fn main() {}
