// PKT_LEN is a field of AdvancedReceiveWriteBack.
// error names: AdvancedReceiveWriteBack, LegacyReceiveWriteBack

use ixgbe::descriptors::{self, AdvancedReceiveWriteBack, Done};

fn case(done: &Done<'_, descriptors::LegacyReceiveWriteBack>) -> u64 {
    done.field(AdvancedReceiveWriteBack::PKT_LEN)
}

fn main() {}
