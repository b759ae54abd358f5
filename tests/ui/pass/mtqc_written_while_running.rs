use ixgbe::field::Value;
use ixgbe::mmio::Bus;
use ixgbe::register::Driver;
use ixgbe::registers::{Registers, permission};

fn case<B: Bus>(registers: Registers<'_, B, Driver<permission::ArbiterDisabled>>) {
    registers.mtqc().modify(Value::EMPTY);
}

fn main() {}
