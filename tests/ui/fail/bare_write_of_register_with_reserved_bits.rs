// RFCTL has reserved bits to keep, so tock-registers' bare `set` is not for it. In EITRSEL every bit is a value.
// error names: RFCTL

use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::runtime::tock::Writeable;

fn case<H: Platform>(nic: &Device<Reset, H>) {
    nic.registers().rfctl().set(1);
}

fn main() {}
