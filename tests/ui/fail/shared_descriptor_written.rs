// What only a shared reference is there to may be the device's.
// error names: words

use ixgbe::descriptors::{AdvancedTransmitDataRead, DescriptorSlot};
use ixgbe::value;

fn case(words: &DescriptorSlot) {
    words.vacant().write(value!(AdvancedTransmitDataRead { EOP: true }));
}

fn main() {}
