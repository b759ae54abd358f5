// The device writes no AdvancedReceiveRead: that is for it to read.
// error names: AdvancedReceiveRead

use ixgbe::descriptors::{self, DescriptorSlot};

fn case(words: &DescriptorSlot) -> bool {
    words.done::<descriptors::AdvancedReceiveRead>().is_some()
}

fn main() {}
