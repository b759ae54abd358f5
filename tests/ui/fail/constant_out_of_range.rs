// SRRCTL.BSIZEPACKET has 5 bits, but a buffer has at most 16 KiB.
// error names: SRRCTL, BSIZEPACKET, 16

use ixgbe::registers::SRRCTL;
use ixgbe::value;

fn main() {
    let _ = value!(SRRCTL { BSIZEPACKET: 17 });
}
