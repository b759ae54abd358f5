use ixgbe::mmio::Bus;
use ixgbe::registers::{EEC, Registers, permission::Running};
use ixgbe::value;

fn case<B: Bus>(registers: Registers<'_, B, ixgbe::register::Driver<Running>>) {
    registers.eec().modify(value!(EEC { EE_CS: true }));
}

fn main() {}
