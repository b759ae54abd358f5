use ixgbe::descriptors::{self, DescriptorSlot};

fn case(words: &DescriptorSlot) -> bool {
    words.done::<descriptors::AdvancedReceiveWriteBack>().is_some()
}

fn main() {}
