// Before it was reset the device may only be quieted: RFCTL has to wait.
// error names: RFCTL, Unbound

use ixgbe::device::{self, Device};
use ixgbe::platform::Platform;
use ixgbe::registers::RFCTL;
use ixgbe::value;

fn case<H: Platform>(nic: &Device<device::Unbound, H>) {
    nic.registers().rfctl().modify(value!(RFCTL { IPV6_DIS: true }));
}

fn main() {}
