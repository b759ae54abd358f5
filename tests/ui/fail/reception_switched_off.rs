// A device that does not receive does not run: RXCTRL.RXEN is the driver's.
// error names: RXCTRL, Running

use ixgbe::mmio::Bus;
use ixgbe::registers::{RXCTRL, Registers, permission::Running};
use ixgbe::value;

fn case<B: Bus>(registers: Registers<'_, B, Running>) {
    registers.rxctrl().modify(value!(RXCTRL { RXEN: false }));
}

fn main() {}
