// What the device wrote back is there only once it says that it is done.
// error names: CompletedDescriptor

use ixgbe::descriptors::{AdvancedReceiveWriteBack, DescriptorSlot};

fn case(words: &DescriptorSlot) -> Option<u64> {
    let length = words.done::<AdvancedReceiveWriteBack>().field(AdvancedReceiveWriteBack::PKT_LEN);
    Some(length)
}

fn main() {}
