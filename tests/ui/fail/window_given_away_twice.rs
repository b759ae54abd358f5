// A window cannot be copied: it goes to one thread, and no other one has it.
// error names: transmit_queue

use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;

fn case<H: Platform>(mut nic: Device<Reset, H>) {
    let windows = nic.windows_mut();
    let mine = windows.transmit_queue;
    let yours = windows.transmit_queue;
    drop((mine, yours));
}

fn main() {}
