// PKT_LEN is a field of AdvancedReceiveWriteBack.
// error names: AdvancedReceiveWriteBack, LegacyReceiveWriteBack

use ixgbe::descriptors::{self, AdvancedReceiveWriteBack, CompletedDescriptor};

fn case(done: &CompletedDescriptor<'_, descriptors::LegacyReceiveWriteBack>) -> u64 {
    done.field(AdvancedReceiveWriteBack::PKT_LEN)
}

fn main() {}
