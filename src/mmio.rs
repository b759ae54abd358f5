//! Access to the device's registers: the bus, register offsets and memory-mapped I/O.

use datasheet_runtime::{bus, space};

pub use datasheet_runtime::array::{Array, Below, Index, IndexOutOfRange, IndexSpace, Range};
pub use datasheet_runtime::mmio::UnusableMapping;

use crate::registers::RegisterSpace;

/// Size of the register space behind BAR0, in bytes (datasheet 8.1).
pub const REGISTER_SPACE: usize = <RegisterSpace as space::Space>::SIZE as usize;

/// The offset of a register, in bytes from the start of BAR0.
pub type Offset = space::Offset<RegisterSpace>;

/// The registers of the device, mapped into memory.
pub type Mmio = datasheet_runtime::mmio::Mmio<RegisterSpace>;

/// A bus to the registers of an 82599: [`runtime::bus::Bus`](bus::Bus) for its register space.
///
/// Implement [`runtime::bus::Bus`](bus::Bus), and this trait is implemented too. The safety contract there says what a
/// bus guarantees: accesses go to the device as requested, and nothing else drives the device.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the bus of a device",
    label = "not a `Bus`",
    note = "a driver owns its bus: neither a reference to a bus nor a handle that can be cloned is one",
    note = "implement `ixgbe::runtime::bus::Bus<ixgbe::registers::RegisterSpace>`"
)]
pub trait Bus: bus::Bus<RegisterSpace> {}

impl<B: bus::Bus<RegisterSpace>> Bus for B {}
