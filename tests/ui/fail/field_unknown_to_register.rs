// FCTRL has no field PCSD.
// error names: FCTRL, PCSD

use ixgbe::registers::FCTRL;
use ixgbe::value;

fn main() {
    let _ = value!(FCTRL { PCSD: true });
}
