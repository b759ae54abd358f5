use ixgbe::mmio::Bus;
use ixgbe::registers::{CTRL, Registers, permission::Running};
use ixgbe::value;

fn case<B: Bus>(registers: Registers<'_, B, ixgbe::register::Driver<Running>>) {
    registers.ctrl().modify(value!(CTRL { RST: true }));
}

fn main() {}
