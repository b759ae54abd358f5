use ixgbe::descriptors::{self, AdvancedReceiveWriteBack, Done};

fn case(done: &Done<'_, descriptors::AdvancedReceiveWriteBack>) -> u64 {
    done.field(AdvancedReceiveWriteBack::PKT_LEN)
}

fn main() {}
