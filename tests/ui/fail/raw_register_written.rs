// Who goes around the typed registers of a running device answers for the memory that it reaches.
// error names: write, unsafe

use ixgbe::device::{Device, Running};
use ixgbe::mmio::Offset;
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: &Device<Running, H>, buffer_size: Offset) {
    let bus = nic.platform();
    // SAFETY: none here, this is only compiled.
    bus.write(buffer_size, 16)
}

fn main() {}
