// SRRCTL.DESCTYPE has 3 bits, and that stands in the map alone.
// error names: Enumerated

use ixgbe::field::Enumerated;
use ixgbe::registers::{SRRCTL, srrctl};

pub const FORGED: Enumerated<SRRCTL, 0, 32, srrctl::DESCTYPE> = Enumerated::new("MINE");

fn main() {}
