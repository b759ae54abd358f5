// The generator makes it, and answers for it by `unsafe`.

use ixgbe::descriptors::AdvancedReceiveRead;
use ixgbe::field::Address;

pub const FORGED: Address<AdvancedReceiveRead, 64> = unsafe { Address::new("MINE") };

fn main() {}
