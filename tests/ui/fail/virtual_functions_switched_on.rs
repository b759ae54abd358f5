// GCR_EXT.VT_MODE decides as which function the device makes its requests.
// error names: GCR_EXT, Running

use ixgbe::mmio::Bus;
use ixgbe::registers::{GCR_EXT, Registers, permission::Running};
use ixgbe::value;

fn case<B: Bus>(registers: Registers<'_, B, Running>) {
    registers.gcr_ext().modify(value!(GCR_EXT { APBACD: true }));
}

fn main() {}
