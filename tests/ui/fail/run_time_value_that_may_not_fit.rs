// A number known only at run time may be too much for MAXFRS.MFS: whoever gives it hears of that.
// error names: MAXFRS, try_with

use ixgbe::field::{Value, ValueError};
use ixgbe::registers::MAXFRS;

fn case(len: u64) -> Result<Value<MAXFRS>, ValueError> {
    Ok(Value::EMPTY.with(MAXFRS::MFS, len))
}

fn main() {}
