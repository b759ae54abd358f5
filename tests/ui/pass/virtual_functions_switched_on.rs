use ixgbe::mmio::Bus;
use ixgbe::registers::{GCR_EXT, Registers, permission::Running};
use ixgbe::value;

fn case<B: Bus>(registers: Registers<'_, B, ixgbe::register::Driver<Running>>) {
    registers.gcr_ext().modify(value!(GCR_EXT { APBACD: true }));
}

fn main() {}
