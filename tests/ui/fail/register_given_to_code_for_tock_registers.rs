// Code for tock-registers sets every bit: RFCTL has reserved ones to keep. In EITRSEL every bit is a value.
// error names: RFCTL

use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::runtime::tock::Writeable;

fn clear(register: &impl Writeable<T = u32>) {
    register.set(0);
}

fn case<H: Platform>(nic: &Device<Reset, H>) {
    clear(&nic.registers().rfctl());
}

fn main() {}
