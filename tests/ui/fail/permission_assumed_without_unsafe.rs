// Who takes a permission without a device in that state answers for it.
// error names: assume_permission, unsafe

use ixgbe::mmio::Bus;
use ixgbe::registers::{Registers, permission::Running};

fn case<B: Bus>(bus: &B) -> Registers<'_, B, Running> {
    // SAFETY: none here, this is only compiled.
    Registers::assume_permission(bus)
}

fn main() {}
