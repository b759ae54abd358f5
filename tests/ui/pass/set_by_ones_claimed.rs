// The generator makes it, and answers for it by `unsafe`.

use ixgbe::field::Layout;
use ixgbe::info::RegisterInfo;
use ixgbe::register::{Register, WriteOneToSet};
use ixgbe::registers::{RegisterSpace, STATUS};

#[derive(Clone, Copy)]
pub enum Mine {}

unsafe impl Layout for Mine {
    const NAME: &'static str = "MINE";
    const WRITABLE: [u64; 2] = [u64::MAX; 2];
}

unsafe impl Register for Mine {
    type Space = RegisterSpace;
    type Width = u32;
    const INFO: RegisterInfo = STATUS::INFO;
    const PRESERVE_MASK: u64 = 0;
    const FORCED_ONES: u64 = 0;
    const RESET_VALUE: u64 = 0;
}

unsafe impl WriteOneToSet for Mine {}

fn main() {}
