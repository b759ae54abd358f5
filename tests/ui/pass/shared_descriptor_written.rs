use ixgbe::descriptors::{AdvancedTransmitDataRead, Words};
use ixgbe::value;

fn case(words: &mut Words) {
    words.vacant().write(value!(AdvancedTransmitDataRead { EOP: true }));
}

fn main() {}
