// EEC.AUTO_RD tells that the EEPROM was read; nobody sets it.
// error names: EEC, ReadOnly

use ixgbe::field::Value;
use ixgbe::registers::EEC;

fn case(on: bool) -> Value<EEC> {
    Value::EMPTY.with(EEC::AUTO_RD, on)
}

fn main() {}
