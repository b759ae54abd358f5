//! The sysfs platform: no IOMMU, registers through `resource0`, memory by physical addresses.
//!
//! It needs root and trust in the device, which can access all memory. If the process is killed, the device keeps
//! writing received packets to the addresses in its rings, until something resets it. The next [`Sysfs::open`] does.

mod function;

use core::fmt;
use std::fs::File;

use datasheet_runtime::bus::Bus;
use datasheet_runtime::space::Offset;

use crate::linux::bar::MappedRegisters;
use crate::linux::config_space::ConfigSpace;
use crate::linux::function::Function;
use crate::linux::{Error, FormerDriver, Locality, PciAddress, Registers};
use crate::registers::{RegisterSpace, virtual_function};

pub use function::{SysfsFunction, SysfsOptions};
use function::{config_failed, map_failed, open, reset};

impl SysfsOptions {
    /// Opens the function at `address`: takes it from the kernel's driver, resets it, and lets it access memory.
    ///
    /// # Errors
    ///
    /// [`Error`] names the failure and the remedy. The function then has its former driver again.
    pub fn open(&self, address: PciAddress) -> Result<Sysfs, Error> {
        self.open_as(address)
    }

    /// Opens the virtual function at `address`, as [`open`](Self::open) opens a physical one.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_virtual(&self, address: PciAddress) -> Result<Sysfs<virtual_function::RegisterSpace>, Error> {
        self.open_as(address)
    }

    fn open_as<S: Registers>(&self, address: PciAddress) -> Result<Sysfs<S>, Error> {
        let function = Function::find(&self.host, address, S::KIND)?;
        function.bar_size(S::SIZE)?;
        let (bar, function) =
            SysfsFunction::take(self, function, |function| open(function, "resource0"), reset_and_enable)?;
        Ok(Sysfs { bar, function })
    }
}

/// Resets the function, maps its registers and lets it access memory (datasheet 9.3.4).
fn reset_and_enable<S: Registers>(
    function: &Function,
    config: &File,
    registers: File,
) -> Result<MappedRegisters<S>, Error> {
    reset(function, config)?;
    // SAFETY: the file is the function's BAR0, whose size was checked. The kernel's driver was unbound, and the lock
    // excludes other users of this crate.
    let bar = unsafe { MappedRegisters::map(&registers, 0) }.map_err(map_failed(function, "resource0"))?;
    (ConfigSpace { file: config, offset: 0 }).enable().map_err(config_failed(function, "write to"))?;
    Ok(bar)
}

/// An 82599 driven through sysfs: see the [module](crate::linux).
///
/// The device accesses memory by physical addresses, and nothing pins the huge pages that this platform allocates.
/// While it exists, root must not move them: no `migratepages` or `move_pages` on this process, no unplugging of
/// memory, no soft offlining of pages. [`Vfio`](crate::linux::Vfio) has none of these limits.
///
/// Dropping it switches off the device's memory accesses. The function then has no driver until
/// [`FormerDriver::rebind`].
pub struct Sysfs<S = RegisterSpace> {
    // Dropped first, so that the function is given up without registers.
    bar: MappedRegisters<S>,
    function: SysfsFunction,
}

impl Sysfs {
    /// Opens the function at `address`, unless its network interface is in use: see [`SysfsOptions::open`].
    ///
    /// # Errors
    ///
    /// As [`SysfsOptions::open`].
    pub fn open(address: PciAddress) -> Result<Self, Error> {
        SysfsOptions::new().open(address)
    }
}

impl<S> Sysfs<S> {
    /// Returns the address of the function.
    #[must_use]
    pub fn address(&self) -> PciAddress {
        self.function.address()
    }

    /// Returns the place of the function in the machine: its NUMA node, and the CPUs near it.
    #[must_use]
    pub fn locality(&self) -> &Locality {
        self.function.locality()
    }

    /// Returns the kernel driver that had the function before, if any, to give the function back.
    #[must_use]
    pub fn former_driver(&self) -> Option<FormerDriver> {
        self.function.former_driver()
    }
}

impl<S> fmt::Debug for Sysfs<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sysfs({})", self.address())
    }
}

// SAFETY: honest: all accesses go to the registers of the one function, by one mapping. Exclusive: the kernel's driver
// was unbound, and the lock on its file, held as long as this value lives, refuses the function to every other
// `Sysfs`, in this process or another. A program that opens the file as root without the lock must be trusted not to
// drive the device.
unsafe impl<S: Registers> Bus<S> for Sysfs<S> {
    #[inline(always)]
    fn read(&self, offset: Offset<S>) -> u32 {
        self.bar.read(offset)
    }

    #[inline(always)]
    unsafe fn write(&self, offset: Offset<S>, value: u32) {
        // SAFETY: the caller keeps this function's contract, which is the one of the bus that the write goes on to.
        unsafe { self.bar.write(offset, value) }
    }
}

with_function!(Sysfs);

#[cfg(test)]
#[path = "../tests/sysfs.rs"]
mod tests;
