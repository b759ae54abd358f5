use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::registers::EICR;
use ixgbe::value;

fn case<H: Platform>(nic: &Device<Reset, H>) {
    nic.registers().eicr().clear_bits(value!(EICR { LSC: true }));
}

fn main() {}
