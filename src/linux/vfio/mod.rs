//! The VFIO platform: a function behind an IOMMU, driven without root.

mod capabilities;
mod container;
mod function;
mod interrupts;
mod ioctl;
mod iova;

use core::fmt;
use std::fs::File;

use vfio_bindings::bindings::vfio;

use datasheet_runtime::bus::Bus;
use datasheet_runtime::space::Offset;

use crate::linux::bar::{MapError, MappedRegisters};
use crate::linux::config_space::ConfigSpace;
use crate::linux::function::Function;
use crate::linux::{Errno, Error, Interrupts, Locality, PciAddress, Placement, Registers, Vector};
use crate::registers::{RegisterSpace, virtual_function};

pub use container::Container;
use container::failed;
pub use function::VfioFunction;
use function::{USABLE, config_failed, reset};

/// An 82599 driven through VFIO: see the [module](crate::linux).
///
/// The device accesses only memory that was mapped for it, or for another device in its [`Container`]. When this value
/// is dropped, or the process is killed, the kernel ends all memory accesses of the device and resets it.
pub struct Vfio<S = RegisterSpace> {
    // Dropped in this order: registers, the rest.
    bar: MappedRegisters<S>,
    function: VfioFunction,
}

impl Container {
    /// Opens the function at `address`, which must be bound to vfio-pci, in this container.
    ///
    /// # Errors
    ///
    /// [`Error`] names what is missing, and the remedy.
    pub fn open(&self, address: PciAddress) -> Result<Vfio, Error> {
        VfioOptions::new().open(self, address)
    }

    /// Opens the virtual function at `address`, as [`open`](Self::open) opens a physical one.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_virtual(&self, address: PciAddress) -> Result<Vfio<virtual_function::RegisterSpace>, Error> {
        VfioOptions::new().open_virtual(self, address)
    }
}

/// Options for opening a function through VFIO.
///
/// ```no_run
/// use ixgbe::device::Device;
/// use ixgbe::linux::{Container, NumaNode, Placement, VfioOptions};
///
/// # fn main() -> Result<(), ixgbe::linux::Error> {
/// let options = VfioOptions::new().placement(Placement::Require(NumaNode(1)));
/// let nic = Device::new(options.open(&Container::shared()?, "0000:03:00.0".parse().unwrap())?);
/// # drop(nic);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct VfioOptions {
    placement: Placement,
}

impl VfioOptions {
    /// Returns the defaults, which [`Container::open`] uses: memory near the device.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the NUMA nodes from which memory comes.
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// Opens the function at `address`, which must be bound to vfio-pci, in `container`.
    ///
    /// # Errors
    ///
    /// As [`Container::open`].
    pub fn open(&self, container: &Container, address: PciAddress) -> Result<Vfio, Error> {
        self.open_as(container, address)
    }

    /// Opens the virtual function at `address`, as [`open`](Self::open) opens a physical one.
    ///
    /// # Errors
    ///
    /// As [`Container::open`].
    pub fn open_virtual(
        &self,
        container: &Container,
        address: PciAddress,
    ) -> Result<Vfio<virtual_function::RegisterSpace>, Error> {
        self.open_as(container, address)
    }

    fn open_as<S: Registers>(&self, container: &Container, address: PciAddress) -> Result<Vfio<S>, Error> {
        let function = Function::find(&container.shared.host, address, S::KIND)?;
        let (bar, function) = VfioFunction::take(&self.placement, container, function, reset_and_enable)?;
        Ok(Vfio { bar, function })
    }

    /// Opens the function at `address`, whatever it is, for a driver of that device. It must be bound to vfio-pci.
    ///
    /// The function is reset, and does not access memory yet.
    ///
    /// # Errors
    ///
    /// As [`Container::open`].
    pub fn open_function(&self, container: &Container, address: PciAddress) -> Result<VfioFunction, Error> {
        let function = Function::find_any(&container.shared.host, address)?;
        let begin = |function: &Function, device: &File| {
            let config = reset(function, device)?;
            let space = ConfigSpace { file: device, offset: config };
            space.disable_bus_master().map_err(config_failed(function))?;
            Ok(((), config))
        };
        let ((), function) = VfioFunction::take(&self.placement, container, function, begin)?;
        Ok(function)
    }
}

/// Resets the device, maps its registers and lets it access memory (datasheet 9.3.4).
///
/// Returns the registers, and the offset of the configuration space in `device`.
fn reset_and_enable<S: Registers>(function: &Function, device: &File) -> Result<(MappedRegisters<S>, u64), Error> {
    let address = function.address;
    let config = reset(function, device)?;
    let region = ioctl::region(device, vfio::VFIO_PCI_BAR0_REGION_INDEX);
    let bar = region.map_err(failed(function, "VFIO_DEVICE_GET_REGION_INFO"))?;
    if bar.size < u64::from(S::SIZE) {
        return Err(Error::BarSize { address, bar: bar.size, file: bar.size, needed: S::SIZE });
    }
    if bar.flags & USABLE != USABLE {
        return Err(Error::NotMemory64 { address, found: "memory that cannot be mapped" });
    }
    // SAFETY: the region is the BAR0 of the function, and large enough. Kernel drivers are unbound from it, and the
    // claim and the group keep it from being opened twice.
    let bar = unsafe { MappedRegisters::map(device, bar.offset) }.map_err(|error| match error {
        MapError::Map(error) => failed(function, "mmap of BAR0")(Errno::from(&error)),
        MapError::Unusable(error) => error,
    })?;
    (ConfigSpace { file: device, offset: config }).enable().map_err(config_failed(function))?;
    Ok((bar, config))
}

impl Vfio {
    /// Opens the function at `address` in a new container.
    ///
    /// # Errors
    ///
    /// As [`Container::open`].
    pub fn open(address: PciAddress) -> Result<Self, Error> {
        Container::new()?.open(address)
    }
}

impl<S> Vfio<S> {
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

    /// Switches on `count` MSI-X vectors: usually one for each receive queue, and one more for link changes. The vectors
    /// of the transmit queues come behind these.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewVectors`] if the device has fewer vectors; [`Error::Vfio`] if a request fails.
    pub fn interrupts(&self, count: u32) -> Result<Interrupts, Error> {
        self.function.interrupts(count)
    }

    /// Returns the vector of a request to give the function back: see [`VfioFunction::removal_request`].
    ///
    /// # Errors
    ///
    /// As [`interrupts`](Self::interrupts).
    pub fn removal_request(&self) -> Result<Vector, Error> {
        self.function.removal_request()
    }

    /// Returns the vector of an error on the bus: see [`VfioFunction::bus_error`].
    ///
    /// # Errors
    ///
    /// As [`interrupts`](Self::interrupts).
    pub fn bus_error(&self) -> Result<Vector, Error> {
        self.function.bus_error()
    }

    /// Returns the container of the function.
    #[must_use]
    pub fn container(&self) -> &Container {
        self.function.container()
    }
}

impl<S> fmt::Debug for Vfio<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vfio({}, {:?})", self.address(), self.container())
    }
}

// SAFETY: honest: all accesses go to the registers of the one function, by one mapping. Exclusive: the function is
// bound to vfio-pci, so no other kernel driver has it; the kernel opens its group for one container only; and the claim
// refuses it to all other users of this container.
unsafe impl<S: Registers> Bus<S> for Vfio<S> {
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

with_function!(Vfio);

#[cfg(test)]
#[path = "../tests/vfio.rs"]
mod tests;
