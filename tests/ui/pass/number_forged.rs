// The generator makes it, and answers for it by `unsafe`.

use ixgbe::field::Bits;
use ixgbe::registers::GCR_EXT;

pub const FORGED: Bits<GCR_EXT, 0, 32> = unsafe { Bits::new("MINE") };

fn main() {}
