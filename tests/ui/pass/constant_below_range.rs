use ixgbe::registers::SRRCTL;
use ixgbe::value;

fn main() {
    let _ = value!(SRRCTL { BSIZEPACKET: 1 });
}
