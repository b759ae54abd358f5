// The generator makes it, and answers for it by `unsafe`.

use ixgbe::field::Bits;
use ixgbe::registers::SRRCTL;

pub const FORGED: Bits<SRRCTL, 0, 5> = unsafe {
    Bits::ranged("MINE", 0, 31)
};

fn main() {}
