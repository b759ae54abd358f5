use ixgbe::field::{Full, Value, ValueError};
use ixgbe::registers::RAL;

fn case(value: Value<RAL>) -> Result<Full<RAL>, ValueError> {
    value.full()
}

fn main() {}
