// EIMC gives nothing of meaning when read; EIMS tells what is enabled.
// error names: EIMC

use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: &Device<Reset, H>) {
    let _ = nic.registers().eimc().read().get();
}

fn main() {}
