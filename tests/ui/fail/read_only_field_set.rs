// EEC.AUTO_RD tells that the EEPROM was read; nobody sets it.
// error names: EEC, ReadOnly

use ixgbe::registers::EEC;
use ixgbe::value;

fn main() {
    let _ = value!(EEC { AUTO_RD: true });
}
