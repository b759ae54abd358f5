// Where the fields of a register are is for the map to say.
// error names: Field

use ixgbe::field::Field;
use ixgbe::registers::CTRL;

#[derive(Clone, Copy)]
pub struct Mine;

impl Field<CTRL> for Mine {
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

fn main() {}
