// The generator makes it, and answers for it by `unsafe`.

use ixgbe::field::Enumerated;
use ixgbe::registers::{SRRCTL, srrctl};

pub const FORGED: Enumerated<SRRCTL, 0, 32, srrctl::DESCTYPE> = unsafe { Enumerated::new("MINE") };

fn main() {}
