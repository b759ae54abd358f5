// In EICR a written one clears a cause and a zero does nothing: it is no value that is stored.
// error names: EICR

use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::registers::EICR;
use ixgbe::value;

fn case<H: Platform>(nic: &Device<Reset, H>) {
    nic.registers().eicr().write(value!(EICR { LSC: true }));
}

fn main() {}
