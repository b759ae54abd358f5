use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::registers::{MacAddressEntry, RAL};
use ixgbe::value;

fn case<H: Platform>(nic: &Device<Reset, H>, entry: MacAddressEntry) {
    nic.registers().ral(entry).modify(value!(RAL { RAL: 0 }));
}

fn main() {}
