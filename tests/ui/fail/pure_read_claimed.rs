// That a read changes nothing is for the map to say.
// error names: PureRead

use ixgbe::field::Layout;
use ixgbe::register::{PureRead, Register, RegisterLongName};

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

impl PureRead for Mine {}

fn main() {}
