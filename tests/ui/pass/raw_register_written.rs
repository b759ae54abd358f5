use ixgbe::device::{Device, Running};
use ixgbe::mmio::Offset;
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: &Device<Running, H>, buffer_size: Offset) {
    let bus = nic.platform();
    // SAFETY: none here, this is only compiled.
    unsafe { bus.write(buffer_size, 16) }
}

fn main() {}
