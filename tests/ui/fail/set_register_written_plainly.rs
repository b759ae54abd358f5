// In EIMS a written one enables an interrupt and a zero does nothing: it is no value that is stored.
// error names: EIMS

use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::registers::EIMS;
use ixgbe::value;

fn case<H: Platform>(nic: &Device<Reset, H>) {
    nic.registers().eims().write(value!(EIMS { INTERRUPT_ENABLE: 1 }));
}

fn main() {}
