// The generator makes it, and answers for it by `unsafe`.

use ixgbe::register::ExclusiveAccess;

pub enum Mine {}

unsafe impl ExclusiveAccess for Mine {}

fn main() {}
