//! 82599s under Linux: PCI functions through VFIO, or through sysfs.
//!
//! **None of this was ever run against an 82599.** Both back ends were run in a virtual machine, with a model of the 82599 as
//! a PCI function of stock kernels (`tests/vm/run`) and with a device of QEMU's (`scripts/vfio-in-qemu`), and against made-up trees of sysfs.
//!
//! - [`Vfio`] needs an IOMMU and a function bound to the driver vfio-pci, and no root: the device reaches nothing but the memory it was
//!   given, and the kernel resets it when the process ends. It is what to use.
//! - [`Sysfs`] needs root and huge pages, and no IOMMU that translates: the device gets physical addresses, and is trusted.
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
//! # Memory
//!
//! Memory is of huge pages, which the kernel neither swaps nor moves by itself. Through sysfs there must be some:
//! `echo 64 > /proc/sys/vm/nr_hugepages`. Through VFIO ordinary memory, locked by the mapping, does when there are none. Where there are
//! several NUMA nodes, memory near the device is preferred. All of it goes when the process does, however it ends.
//!
//! # Set-up
//!
//! `scripts/bind` shows what is set up and what is not, and does it with `--apply`.

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
mod memory;
mod pagemap;
mod sysfs;
#[cfg(test)]
mod tests;
mod vfio;

pub use address::{PciAddress, PciAddressError};
pub use clock::MonotonicClock;
pub use error::{Errno, Error, InUse};
pub use function::FormerDriver;
pub use interrupts::Interrupts;
pub use memory::PageSize;
pub use sysfs::{Sysfs, SysfsOptions};
pub use vfio::{Container, Vfio};

use crate::device::{Device, Unbound};

impl Device<Unbound, Vfio> {
    /// The device at `address`, which is bound to vfio-pci. All that are opened so share one [`Container`].
    ///
    /// # Errors
    ///
    /// [`Error`] says what is missing and how to get it.
    pub fn open(address: PciAddress) -> Result<Self, Error> {
        Ok(Self::new(Container::shared()?.open(address)?))
    }
}
