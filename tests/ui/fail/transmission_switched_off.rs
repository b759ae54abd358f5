// A device that does not transmit does not run: DMATXCTL.TE is the driver's.
// error names: DMATXCTL, Running

use ixgbe::mmio::Bus;
use ixgbe::registers::{DMATXCTL, Registers, permission::Running};
use ixgbe::value;

fn case<B: Bus>(registers: Registers<'_, B, Running>) {
    registers.dmatxctl().modify(value!(DMATXCTL { TE: false }));
}

fn main() {}
