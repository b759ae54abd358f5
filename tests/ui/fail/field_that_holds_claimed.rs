// What a field can be set to is for the map to say.
// error names: Holds

use ixgbe::field::Holds;

#[derive(Clone, Copy)]
pub struct Mine;

impl Holds<u64> for Mine {
    const BITS: [u64; 2] = [u64::MAX; 2];

    fn bits(self, value: u64) -> u64 {
        value
    }
}

fn main() {}
