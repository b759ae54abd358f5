// Before it was reset the device may only be quieted: MRQC has to wait.
// error names: MRQC, Unbound

use ixgbe::device::{self, Device};
use ixgbe::platform::Platform;
use ixgbe::registers::{MRQC, mrqc};
use ixgbe::value;

fn case<H: Platform>(nic: &Device<device::Unbound, H>) {
    nic.registers().mrqc().modify(value!(MRQC { MRQE: mrqc::MRQE::Rss }));
}

fn main() {}
