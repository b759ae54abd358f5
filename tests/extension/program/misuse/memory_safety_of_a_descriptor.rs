//~ this field of `AdvancedTransmitDataRead` cannot be set: it is `DriverOnly`
use acme::descriptors::AcmeAdvancedTransmitDataRead;
use ixgbe::{descriptors::AdvancedTransmitDataRead, value};

fn main() {
    value!(AdvancedTransmitDataRead { ACME_SLOT: 1 });
}
