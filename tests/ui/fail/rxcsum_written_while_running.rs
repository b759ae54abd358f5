// RXCSUM may change only while nothing is received.
// error names: RXCSUM, Running

use ixgbe::device::{self, Device};
use ixgbe::platform::Platform;
use ixgbe::registers::RXCSUM;
use ixgbe::value;

fn case<H: Platform>(nic: &Device<device::Running, H>) {
    nic.registers().rxcsum().modify(value!(RXCSUM { PCSD: true }));
}

fn main() {}
