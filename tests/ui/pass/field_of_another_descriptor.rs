use ixgbe::descriptors::{self, AdvancedReceiveWriteBack, CompletedDescriptor};

fn case(done: &CompletedDescriptor<'_, descriptors::AdvancedReceiveWriteBack>) -> u64 {
    done.field(AdvancedReceiveWriteBack::PKT_LEN)
}

fn main() {}
