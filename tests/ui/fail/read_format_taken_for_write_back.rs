// The device writes no AdvancedReceiveRead: that is for it to read.
// error names: AdvancedReceiveRead

use ixgbe::descriptors::{self, Words};

fn case(words: &Words) -> bool {
    words.done::<descriptors::AdvancedReceiveRead>().is_some()
}

fn main() {}
