// A permission of my own would let me write a register that decides over memory.
// error names: WritableIn

use ixgbe::register::WritableIn;
use ixgbe::registers::SRRCTL;

pub enum Mine {}

impl WritableIn<Mine> for SRRCTL {}

fn main() {}
