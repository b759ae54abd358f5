use ixgbe::descriptors::{AdvancedTransmitDataRead, Words};
use ixgbe::value;

fn case(words: &mut Words, others: &mut Words) {
    others.vacant().write(value!(AdvancedTransmitDataRead {}));
    let vacant = words.vacant();
    vacant.write(value!(AdvancedTransmitDataRead { EOP: true }));
    others.vacant().write(value!(AdvancedTransmitDataRead { EOP: false }));
}

fn main() {}
