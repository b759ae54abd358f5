// Without snooping the processor may see a descriptor before the data that it stands for.
// error names: CTRL_EXT, Running

use ixgbe::mmio::Bus;
use ixgbe::registers::{CTRL_EXT, Registers, permission::Running};
use ixgbe::value;

fn case<B: Bus>(registers: Registers<'_, B, Running>) {
    registers.ctrl_ext().modify(value!(CTRL_EXT { NS_DIS: false }));
}

fn main() {}
