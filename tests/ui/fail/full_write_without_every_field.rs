// The reset value of RAL is not known: a write must prove that it gives every field.
// error names: RAL

use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::registers::{MacAddressEntry, RAL};
use ixgbe::value;

fn case<H: Platform>(nic: &Device<Reset, H>, entry: MacAddressEntry) {
    nic.registers().ral(entry).write_full(value!(RAL { RAL: 0 }));
}

fn main() {}
