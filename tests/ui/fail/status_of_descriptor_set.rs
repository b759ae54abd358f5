// What the device writes back is not for software to write.
// error names: AdvancedReceiveWriteBack, ReadOnly

use ixgbe::descriptors;
use ixgbe::value;

fn main() {
    let _ = value!(descriptors::AdvancedReceiveWriteBack { EOP: true });
}
