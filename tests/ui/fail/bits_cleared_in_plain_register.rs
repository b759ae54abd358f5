// A one written to MAXFRS is stored: it does not clear a bit.
// error names: MAXFRS

use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::registers::MAXFRS;
use ixgbe::value;

fn case<H: Platform>(nic: &Device<Reset, H>) {
    nic.registers().maxfrs().clear_bits(value!(MAXFRS { MFS: 1518 }));
}

fn main() {}
