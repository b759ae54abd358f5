// A permission of my own would let me write a register that decides over memory.
// error names: SRRCTL

use ixgbe::registers::permit;

pub enum Mine {}

impl permit::SRRCTL for Mine {}

fn main() {}
