// After it was written a descriptor may be the device's.
// error names: vacant, Vacant

use ixgbe::descriptors::{AdvancedTransmitDataRead, Words};
use ixgbe::value;

fn case(words: &mut Words, others: &mut Words) {
    others.vacant().write(value!(AdvancedTransmitDataRead {}));
    let vacant = words.vacant();
    vacant.write(value!(AdvancedTransmitDataRead { EOP: true }));
    vacant.write(value!(AdvancedTransmitDataRead { EOP: false }));
}

fn main() {}
