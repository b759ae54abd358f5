// The registers of the PHY can destroy it, so the driver alone gives commands.
// error names: PCIEPHYADR, Reset

use core::time::Duration;

use ixgbe::index;
use ixgbe::platform::Platform;
use ixgbe::registers::{Windows, permission::Reset};
use ixgbe::runtime::array::{Below, Index};

fn case<H: Platform>(mut windows: Windows<'_, H, ixgbe::register::Exclusive<Reset>>, clock: &H) {
    let _ = windows.pcie_phy.read(index!(Index<Below<4096>>, 0), clock, Duration::ZERO);
}

fn main() {}
