// MRQC.RSS_FIELD_ENABLE has 16 bits.
// error names: MRQC, RSS_FIELD_ENABLE, 65535

use ixgbe::registers::MRQC;
use ixgbe::value;

fn main() {
    let _ = value!(MRQC { RSS_FIELD_ENABLE: 0x1_0000 });
}
