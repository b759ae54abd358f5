use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::registers::EIMS;
use ixgbe::value;

fn case<H: Platform>(nic: &Device<Reset, H>) {
    nic.registers().eims().set_bits(value!(EIMS { INTERRUPT_ENABLE: 1 }));
}

fn main() {}
