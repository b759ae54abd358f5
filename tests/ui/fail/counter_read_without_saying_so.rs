// Reading CRCERRS clears it, so `read` is not its name.
// error names: CRCERRS

use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: &mut Device<Reset, H>) {
    let _ = nic.registers_mut().crcerrs().read();
}

fn main() {}
