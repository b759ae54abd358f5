use ixgbe::mmio::Bus;
use ixgbe::registers::{DMATXCTL, Registers, permission::Running};
use ixgbe::value;

fn case<B: Bus>(registers: Registers<'_, B, ixgbe::register::Driver<Running>>) {
    registers.dmatxctl().modify(value!(DMATXCTL { TE: false }));
}

fn main() {}
