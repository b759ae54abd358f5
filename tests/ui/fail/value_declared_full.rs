// The reset value of RAL is not known: that a value gives every field is checked, not claimed.
// error names: FullValue

use ixgbe::field::{FullValue, Value, ValueError};
use ixgbe::registers::RAL;

fn case(value: Value<RAL>) -> Result<FullValue<RAL>, ValueError> {
    Ok(FullValue(value))
}

fn main() {}
