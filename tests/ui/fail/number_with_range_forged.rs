// SRRCTL.BSIZEPACKET is a number of 1 to 16, and that stands in the map alone.
// error names: Bits

use ixgbe::field::Bits;
use ixgbe::registers::SRRCTL;

pub const FORGED: Bits<SRRCTL, 0, 5> = {
    Bits::ranged("MINE", 0, 31)
};

fn main() {}
