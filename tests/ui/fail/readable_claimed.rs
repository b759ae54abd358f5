// Reading GPRC clears it, which another may not do beside the driver.
// error names: ReadableIn

use ixgbe::register::ReadableIn;
use ixgbe::registers::GPRC;

pub enum Mine {}

impl ReadableIn<Mine> for GPRC {}

fn main() {}
