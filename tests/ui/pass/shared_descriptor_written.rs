use ixgbe::descriptors::{AdvancedTransmitDataRead, DescriptorSlot};
use ixgbe::value;

fn case(words: &mut DescriptorSlot) {
    words.vacant().write(value!(AdvancedTransmitDataRead { EOP: true }));
}

fn main() {}
