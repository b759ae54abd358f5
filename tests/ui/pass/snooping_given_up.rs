use ixgbe::mmio::Bus;
use ixgbe::registers::{CTRL_EXT, Registers, permission::Running};
use ixgbe::value;

fn case<B: Bus>(registers: Registers<'_, B, ixgbe::register::Driver<Running>>) {
    registers.ctrl_ext().modify(value!(CTRL_EXT { NS_DIS: false }));
}

fn main() {}
