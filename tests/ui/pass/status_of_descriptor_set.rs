use ixgbe::descriptors;
use ixgbe::value;

fn main() {
    let _ = value!(descriptors::LegacyTransmitRead { EOP: true });
}
