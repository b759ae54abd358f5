// A device that is reset does not run: CTRL.RST is the driver's.
// error names: CTRL, Running

use ixgbe::mmio::Bus;
use ixgbe::registers::{CTRL, Registers, permission::Running};
use ixgbe::value;

fn case<B: Bus>(registers: Registers<'_, B, Running>) {
    registers.ctrl().modify(value!(CTRL { RST: true }));
}

fn main() {}
