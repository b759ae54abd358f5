use ixgbe::device::Device;
use ixgbe::platform::Platform;

pub enum Mine {}

fn case<H: Platform>(_: &Device<ixgbe::device::Running, H>) {}

fn main() {}
