// The generator makes it, and answers for it by `unsafe`.

use ixgbe::register::WritableIn;
use ixgbe::registers::SRRCTL;

pub enum Mine {}

unsafe impl WritableIn<Mine> for SRRCTL {}

fn main() {}
