// Who takes a permission without a device in that state answers for it.
// error names: with_permission

use ixgbe::mmio::Bus;
use ixgbe::registers::{Registers, permission::Running};

fn case<B: Bus>(bus: &B) -> Registers<'_, B, Running> {
    // SAFETY: none here, this is only compiled.
    unsafe { Registers::with_permission(bus) }
}

fn main() {}
