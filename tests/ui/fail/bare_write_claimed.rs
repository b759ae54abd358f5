// That a register takes any number is for the map to say.
// error names: RawWrite

use ixgbe::field::Layout;
use ixgbe::register::{RawWrite, Resettable, PlainWrite, Register, RegisterLongName};

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

unsafe impl Resettable for Mine {}

unsafe impl PlainWrite for Mine {}

impl RawWrite for Mine {}

fn main() {}
