use ixgbe::descriptors::{AdvancedReceiveWriteBack, Words};

fn case(words: &Words) -> Option<u64> {
    let length = words.done::<AdvancedReceiveWriteBack>()?.field(AdvancedReceiveWriteBack::PKT_LEN);
    Some(length)
}

fn main() {}
