// The generator makes it, and answers for it by `unsafe`.

use ixgbe::field::Layout;
use ixgbe::register::{WriteOneToSet, Register, RegisterLongName};

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

unsafe impl WriteOneToSet for Mine {}

fn main() {}
