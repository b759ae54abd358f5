// Which bits software may set is for the map to say.
// error names: Layout

use ixgbe::field::Layout;

#[derive(Clone, Copy)]
pub enum Mine {}

impl Layout for Mine {
    const NAME: &'static str = "MINE";
    const WRITABLE: [u64; 2] = [u64::MAX; 2];
}

fn main() {}
