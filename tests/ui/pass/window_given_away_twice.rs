use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;

fn case<H: Platform>(mut nic: Device<Reset, H>) {
    let windows = nic.windows_mut();
    let mine = windows.transmit_queue;
    let yours = windows.pcie_phy;
    drop((mine, yours));
}

fn main() {}
