// Nobody has the device to themselves by saying so.
// error names: ExclusiveAccess

use ixgbe::register::ExclusiveAccess;

pub enum Mine {}

impl ExclusiveAccess for Mine {}

fn main() {}
