// Whether software may set a kind of fields is for the map to say.
// error names: Settable

use ixgbe::field::access::Settable;
use ixgbe::registers::CTRL;

pub enum Mine {}

impl Settable<CTRL> for Mine {
    const MAY_SET: [u64; 2] = [u64::MAX; 2];
}

fn main() {}
