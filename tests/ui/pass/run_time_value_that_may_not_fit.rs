use ixgbe::field::{Value, ValueError};
use ixgbe::registers::MAXFRS;

fn case(len: u64) -> Result<Value<MAXFRS>, ValueError> {
    Ok(Value::EMPTY.try_with(MAXFRS::MFS, len)?)
}

fn main() {}
