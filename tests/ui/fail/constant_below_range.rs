// A receive buffer has at least 1 KiB.
// error names: SRRCTL, BSIZEPACKET, 1

use ixgbe::registers::SRRCTL;
use ixgbe::value;

fn main() {
    let _ = value!(SRRCTL { BSIZEPACKET: 0 });
}
