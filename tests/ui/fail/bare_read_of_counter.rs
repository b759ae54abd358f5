// tock-registers' `get` is for registers that reading leaves as they are: CRCERRS is not one.
// error names: CRCERRS

use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::runtime::tock::Readable;

fn case<H: Platform>(nic: &Device<Reset, H>) {
    let _ = nic.registers().crcerrs().get();
}

fn main() {}
