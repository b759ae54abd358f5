use ixgbe::field::{FullValue, Value, ValueError};
use ixgbe::registers::RAL;

fn case(value: Value<RAL>) -> Result<FullValue<RAL>, ValueError> {
    value.full()
}

fn main() {}
