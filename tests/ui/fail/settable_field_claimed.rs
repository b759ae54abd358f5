// What a field can be set to is for the map to say.
// error names: SetField

use ixgbe::field::{Field, SetField, ValueError};
use ixgbe::registers::CTRL;

#[derive(Clone, Copy)]
pub struct Mine;

unsafe impl Field<CTRL> for Mine {
    type Read = u64;
    const LSB: u32 = 1000;
    const WIDTH: u32 = 70;

    fn name(self) -> &'static str {
        "MINE"
    }

    fn decode(self, raw: u64) -> u64 {
        raw
    }
}

impl SetField<CTRL, u64> for Mine {
    const BITS: [u64; 2] = [u64::MAX; 2];

    fn encode(self, value: u64) -> Result<u64, ValueError> {
        Ok(value)
    }
}

fn main() {}
