use ixgbe::descriptors::{AdvancedTransmitDataRead, DescriptorSlot};
use ixgbe::value;

fn case(words: &mut DescriptorSlot, others: &mut DescriptorSlot) {
    others.vacant().write(value!(AdvancedTransmitDataRead {}));
    let vacant = words.vacant();
    vacant.write(value!(AdvancedTransmitDataRead { EOP: true }));
    others.vacant().write(value!(AdvancedTransmitDataRead { EOP: false }));
}

fn main() {}
