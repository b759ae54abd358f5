//! 82599s under Linux: PCI functions through VFIO, or through sysfs.
//!
//! **Neither back end ever ran on an 82599.** Both ran in a virtual machine with stock kernels, where a model of the
//! 82599 was the PCI function (`tests/vm/run`). They also ran on a device of QEMU (`scripts/vfio-in-qemu`) and on
//! artificial sysfs trees.
//!
//! - [`Vfio`] is the one to use. It needs an IOMMU and a function bound to the driver vfio-pci, but not root. The
//!   device accesses only memory that was mapped for it, and the kernel resets it when the process ends.
//! - [`Sysfs`] needs root, huge pages, and no translating IOMMU. The device receives physical addresses and must be
//!   trusted.
//!
//! ```no_run
//! use ixgbe::device::{Config, Device};
//! use ixgbe::linux::SysfsOptions;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let nic = Device::open("0000:03:00.0".parse()?)?;   // through VFIO
//! let nic = nic.reset(&Config::new())?;
//! # drop(nic);
//!
//! let platform = SysfsOptions::new().open("0000:03:00.1".parse()?)?;   // through sysfs
//! let former = platform.former_driver();
//! let nic = Device::new(platform).reset(&Config::new())?;
//! drop(nic);
//! if let Some(former) = former {
//!     former.rebind()?;   // back to the kernel's driver
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`FunctionInfo`] lists the functions of a machine. [`ObservedRegisters`] looks at the registers of one that somebody
//! else drives, and changes nothing.
//!
//! Drivers of other devices take a [`VfioFunction`] or a [`SysfsFunction`], which knows no registers.
//!
//! # Memory
//!
//! Memory consists of huge pages, which the kernel neither swaps nor moves by itself. Sysfs needs some: `echo 64 >
//! /proc/sys/vm/nr_hugepages`. Without huge pages, VFIO uses base pages, which the mapping locks. All memory is freed
//! when the process ends, however it ends.
//!
//! With several NUMA nodes, the kernel is asked for memory near the device: see [`Placement`] for other choices.
//! [`Locality`] has the device's node and the CPUs near it, on which a program should drive its queues.
//!
//! # Set-up
//!
//! `scripts/bind` shows the state of the set-up, and completes it with `--apply`. `docs/hardware.md` describes each
//! step and the remedy for each [`Error`].

// Its macro is for the modules below.
#[macro_use]
mod with_function;

mod address;
mod bar;
mod clock;
mod config_space;
mod error;
mod function;
mod host;
mod ids;
mod interfaces;
mod interrupts;
mod ip_address;
mod locality;
mod memory;
mod numa_node;
mod observed;
mod pagemap;
mod placement;
mod registers;
mod survey;
mod sysfs;
#[cfg(test)]
mod tests;
mod unobservable;
mod vfio;

pub use address::{PciAddress, PciAddressError};
pub use bar::MappedRegisters;
pub use clock::MonotonicClock;
pub use error::{Errno, Error, InUse};
pub use function::FormerDriver;
pub use interrupts::{Interrupts, Vector};
pub use locality::Locality;
pub use memory::PageSize;
pub use numa_node::NumaNode;
pub use observed::ObservedRegisters;
pub use placement::Placement;
pub use registers::Registers;
pub use survey::FunctionInfo;
pub use sysfs::{Sysfs, SysfsFunction, SysfsOptions};
pub use unobservable::Unobservable;
pub use vfio::{Container, Vfio, VfioFunction, VfioOptions};
