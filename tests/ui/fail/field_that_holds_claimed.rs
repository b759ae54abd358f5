// What a field can be set to is for the map to say.
// error names: AlwaysFits

use ixgbe::field::AlwaysFits;

#[derive(Clone, Copy)]
pub struct Mine;

impl AlwaysFits<u64> for Mine {
    const BITS: [u64; 2] = [u64::MAX; 2];

    fn bits(self, value: u64) -> u64 {
        value
    }
}

fn main() {}
