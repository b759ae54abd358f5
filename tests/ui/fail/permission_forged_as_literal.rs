// A permission is got from a device in that state.
// error names: Registers

use ixgbe::device::{Device, Running};
use ixgbe::platform::Platform;
use ixgbe::registers::Registers;

fn case<H: Platform>(nic: &Device<Running, H>) -> Registers<'_, H, Running> {
    Registers { bus: nic.platform() }
}

fn main() {}
