// What stands in a format of descriptors is for the map to say.
// error names: DescriptorFormat

use ixgbe::runtime::descriptor::DescriptorFormat;
use ixgbe::field::Layout;

#[derive(Clone, Copy)]
pub enum Mine {}

unsafe impl Layout for Mine {
    const NAME: &'static str = "MINE";
    const WRITABLE: [u64; 2] = [u64::MAX; 2];
}

impl DescriptorFormat for Mine {
    const SECTION: &'static str = "";
    const FIXED: [u64; 2] = [u64::MAX; 2];
}

fn main() {}
