// That the reset value of a register is known is for the map to say.
// error names: KnownReset

use ixgbe::field::Layout;
use ixgbe::register::{KnownReset, Register, RegisterLongName};

#[derive(Clone, Copy)]
pub enum Mine {}

unsafe impl Layout for Mine {
    const NAME: &'static str = "MINE";
    const WRITABLE: [u64; 2] = [u64::MAX; 2];
}

impl RegisterLongName for Mine {}

unsafe impl Register for Mine {
    const SECTION: &'static str = "";
    const KEEP: u32 = 0;
    const ONES: u32 = 0;
    const RESET: u32 = 0;
}

impl KnownReset for Mine {}

fn main() {}
