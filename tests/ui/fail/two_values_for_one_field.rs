// A field has one value.
// error names: FCTRL, UPE

use ixgbe::registers::FCTRL;
use ixgbe::value;

fn main() {
    let _ = value!(FCTRL { UPE: true, UPE: false });
}
