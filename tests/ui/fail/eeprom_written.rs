// What drives the pins of the EEPROM can leave a device that does not start any more.
// error names: EEC, Running

use ixgbe::mmio::Bus;
use ixgbe::registers::{EEC, Registers, permission::Running};
use ixgbe::value;

fn case<B: Bus>(registers: Registers<'_, B, Running>) {
    registers.eec().modify(value!(EEC { EE_CS: true }));
}

fn main() {}
