//! The registers of the 82599, generated from `registers.yaml`.
//!
//! [`Registers`] has a method for each. What a register is (its bits, its reset value, when it may
//! be written) stands with its type, under the datasheet's name; [`REGISTERS`] is the same as data.
//! To find one: [by address](by_address), [by name](by_name), [by group](by_group), or by the name
//! that another driver gives it, in the search above.

//!
//! Take [`Registers`] from a [`Device`](crate::device::Device): its permission is the device's state, so the compiler knows
//! which registers may be written. A [`Driver`] permission does not exist outside of the driver:
//!
//! ```compile_fail
//! use ixgbe::registers::{Registers, permission::Running};
//! fn forge<B: ixgbe::mmio::Bus>(bus: &B) -> Registers<'_, B, Running> {
//!     Registers::assume_permission(bus) // unsafe
//! }
//! ```
//!
//! [`Registers::assume_permission`] is the way past the rules, for what this crate does not do:
//!
//! ```
//! use ixgbe::registers::{RSCCTL, Registers, RxQueue, permission::QueueDisabled};
//! use ixgbe::{mmio::Bus, register::Driver, value};
//!
//! /// # Safety
//! ///
//! /// `queue` is disabled, and its buffers are as long as its SRRCTL says.
//! unsafe fn coalesce<B: Bus>(bus: &B, queue: RxQueue) {
//!     // SAFETY: the caller's promise.
//!     let registers = unsafe { Registers::<_, Driver<QueueDisabled>>::assume_permission(bus) };
//!     registers.rscctl(queue).modify(value!(RSCCTL { RSCEN: true }));
//! }
//! ```

include!(concat!(env!("OUT_DIR"), "/registers.rs"));

/// The registers that a virtual function of the 82599 has in its BAR0, for a driver in a virtual machine.
///
/// This crate has no such driver. The virtual function has the permissions of the physical one: it is reset, runs, and its
/// queues are enabled, in the same way.
pub mod virtual_function {
    include!(concat!(env!("OUT_DIR"), "/registers_virtual_function.rs"));
}

/// The MSI-X table and the pending bits of the 82599, which are in BAR3.
///
/// Under Linux they are the kernel's: VFIO sets up the table by itself.
pub mod msix {
    include!(concat!(env!("OUT_DIR"), "/registers_msix.rs"));
}
