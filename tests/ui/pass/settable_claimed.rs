// The generator makes it, and answers for it by `unsafe`.

use ixgbe::field::access::Settable;
use ixgbe::registers::CTRL;

pub enum Mine {}

unsafe impl Settable<CTRL> for Mine {
    const MAY_SET: [u64; 2] = [u64::MAX; 2];
}

fn main() {}
