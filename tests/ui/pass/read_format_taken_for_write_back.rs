use ixgbe::descriptors::{self, Words};

fn case(words: &Words) -> bool {
    words.done::<descriptors::AdvancedReceiveWriteBack>().is_some()
}

fn main() {}
