// MTQC may change only while the transmit arbiter is off.
// error names: MTQC, Running

use ixgbe::field::Value;
use ixgbe::mmio::Bus;
use ixgbe::register::Driver;
use ixgbe::registers::{Registers, permission};

fn case<B: Bus>(registers: Registers<'_, B, Driver<permission::Running>>) {
    registers.mtqc().modify(Value::EMPTY);
}

fn main() {}
