// There are no states but the crate's.
// error names: Mine

use ixgbe::device::Device;
use ixgbe::platform::Platform;

pub enum Mine {}

fn case<H: Platform>(_: &Device<Mine, H>) {}

fn main() {}
