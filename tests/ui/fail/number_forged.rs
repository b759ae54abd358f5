// GCR_EXT has no field of all bits.
// error names: Bits

use ixgbe::field::Bits;
use ixgbe::registers::GCR_EXT;

pub const FORGED: Bits<GCR_EXT, 0, 32> = Bits::new("MINE");

fn main() {}
