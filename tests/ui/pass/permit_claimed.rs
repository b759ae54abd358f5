// The generator makes it, and answers for it by `unsafe`.

use ixgbe::registers::permit;

pub enum Mine {}

unsafe impl permit::SRRCTL for Mine {}

fn main() {}
