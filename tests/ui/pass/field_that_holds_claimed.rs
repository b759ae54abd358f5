// The generator makes it, and answers for it by `unsafe`.

use ixgbe::field::AlwaysFits;

#[derive(Clone, Copy)]
pub struct Mine;

unsafe impl AlwaysFits<u64> for Mine {
    const BITS: [u64; 2] = [u64::MAX; 2];

    fn bits(self, value: u64) -> u64 {
        value
    }
}

fn main() {}
