// The second word of this descriptor is no address.
// error names: Address

use ixgbe::descriptors::AdvancedReceiveRead;
use ixgbe::field::Address;

pub const FORGED: Address<AdvancedReceiveRead, 64> = Address::new("MINE");

fn main() {}
