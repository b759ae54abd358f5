use ixgbe::mmio::Bus;
use ixgbe::registers::{RXCTRL, Registers, permission::Running};
use ixgbe::value;

fn case<B: Bus>(registers: Registers<'_, B, ixgbe::register::Driver<Running>>) {
    registers.rxctrl().modify(value!(RXCTRL { RXEN: false }));
}

fn main() {}
