use ixgbe::field::Value;
use ixgbe::registers::EEC;

fn case(on: bool) -> Value<EEC> {
    Value::EMPTY.with(EEC::EE_REQ, on)
}

fn main() {}
