use ixgbe::mmio::Bus;
use ixgbe::registers::{Registers, permission::Running};

fn case<B: Bus>(bus: &B) -> Registers<'_, B, Running> {
    // SAFETY: none here, this is only compiled.
    unsafe { Registers::assume_permission(bus) }
}

fn main() {}
