// The generator makes it, and answers for it by `unsafe`.

use ixgbe::field::Flag;
use ixgbe::registers::DCA_RXCTRL;

pub const FORGED: Flag<DCA_RXCTRL, 11> = unsafe { Flag::new("MINE") };

fn main() {}
