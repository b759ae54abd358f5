// DCA_RXCTRL has no flag of this kind at bit 11: software may not set it.
// error names: Flag

use ixgbe::field::Flag;
use ixgbe::registers::DCA_RXCTRL;

pub const FORGED: Flag<DCA_RXCTRL, 11> = Flag::new("MINE");

fn main() {}
