//! The registers of the 82599, generated from `registers.yaml`.
//!
//! [`Registers`] has one method for each register. The register's type, which has the datasheet's name, documents its
//! fields, its reset value and the states in which it may be written. [`REGISTERS`] has the same as data.
//!
//! To find a register, look [by address](by_address), [by name](by_name) or [by group](by_group). The search box above
//! also finds the names that other drivers use.
//!
//! Take [`Registers`] from a [`Device`](crate::device::Device). Its permission is the device's state, so the compiler
//! knows which registers may be written. Code outside this crate cannot make a [`Driver`] permission:
//!
//! ```compile_fail
//! use ixgbe::registers::{Registers, permission::Running};
//! fn forge<B: ixgbe::mmio::Bus>(bus: &B) -> Registers<'_, B, Running> {
//!     Registers::assume_permission(bus) // unsafe
//! }
//! ```
//!
//! [`Registers::assume_permission`] bypasses these rules, for features that this crate does not have:
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

/// Registers in BAR0 of a virtual function of the 82599, for a driver in a virtual machine.
///
/// [`vf`](crate::vf) drives one. A virtual function has the same permissions as the physical function: it is reset,
/// it runs, and its queues are enabled in the same way.
pub mod virtual_function {
    include!(concat!(env!("OUT_DIR"), "/registers_virtual_function.rs"));
}

/// The MSI-X table and the pending bits of the 82599, in BAR3.
///
/// Under Linux the kernel owns them: VFIO sets up the table.
pub mod msix {
    include!(concat!(env!("OUT_DIR"), "/registers_msix.rs"));
}
