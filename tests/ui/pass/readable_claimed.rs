// The generator makes it, and answers for it by `unsafe`.

use ixgbe::register::ReadableIn;
use ixgbe::registers::GPRC;

pub enum Mine {}

unsafe impl ReadableIn<Mine> for GPRC {}

fn main() {}
