//! The VFIO platform: a function behind an IOMMU, driven without root.

mod capabilities;
mod container;
mod interrupts;
mod ioctl;
mod iova;

use core::fmt;
use core::time::Duration;
use std::fs::File;
use std::io;

use vfio_bindings::bindings::vfio;

use datasheet_runtime::bus::Bus;
use datasheet_runtime::space::Offset;

use crate::clock::Clock;
use crate::dma::{Dma, DmaError, Domain, Mapping, Memory};
use crate::linux::bar::{Bar, MapError};
use crate::linux::config_space::ConfigSpace;
use crate::linux::function::{Function, VFIO_PCI};
use crate::linux::memory::{Allocator, PageSize, lock};
use crate::linux::{Errno, Error, Locality, MonotonicClock, PciAddress, Placement, Registers};
use crate::registers::{RegisterSpace, virtual_function};

pub use container::Container;
use container::failed;
pub use interrupts::Interrupts;

/// The flags of a BAR0 that can be read, written and mapped.
const USABLE: u32 =
    vfio::VFIO_REGION_INFO_FLAG_READ | vfio::VFIO_REGION_INFO_FLAG_WRITE | vfio::VFIO_REGION_INFO_FLAG_MMAP;

/// An 82599 driven through VFIO: see the [module](crate::linux).
///
/// The device accesses only memory that was mapped for it, or for another device in its [`Container`]. When this value
/// is dropped, or the process is killed, the kernel ends all memory accesses of the device and resets it.
pub struct Vfio<S = RegisterSpace> {
    // Dropped in this order: registers, device, container.
    bar: Bar<S>,
    device: File,
    /// The offset of the configuration space in `device`.
    config: u64,
    address: PciAddress,
    locality: Locality,
    huge: Allocator,
    ordinary: Allocator,
    clock: MonotonicClock,
    _claim: Claim,
    container: Container,
}

/// The exclusive right to open a function, until dropped. VFIO would let a process open it twice.
struct Claim {
    container: Container,
    address: PciAddress,
}

impl Claim {
    fn new(container: &Container, address: PciAddress) -> Result<Self, Error> {
        match lock(&container.shared.in_use).insert(address) {
            true => Ok(Self { container: container.clone(), address }),
            false => Err(Error::AlreadyDriven { address }),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        lock(&self.container.shared.in_use).remove(&self.address);
    }
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
        function.iommu_group()?;
        let driver = function.driver()?;
        if driver.as_deref() != Some(VFIO_PCI) {
            return Err(Error::NotBoundToVfio { address, driver });
        }
        let claim = Claim::new(container, address)?;
        let device = container.device(&function)?;
        let (bar, config) = reset_and_enable(&function, &device)?;
        let locality = function.locality();
        let policy = self.placement.policy(&function, &locality);
        let huge = Allocator::new(PageSize::Huge2MiB, policy, container.granule());
        let ordinary = Allocator::new(PageSize::Base, policy, container.granule());
        let (clock, container) = (MonotonicClock::new(), container.clone());
        Ok(Vfio { bar, device, config, address, locality, huge, ordinary, clock, _claim: claim, container })
    }
}

/// Resets the device, maps its registers and lets it access memory (datasheet 9.3.4).
///
/// Returns the registers, and the offset of the configuration space in `device`.
fn reset_and_enable<S: Registers>(function: &Function, device: &File) -> Result<(Bar<S>, u64), Error> {
    let address = function.address;
    let flags = ioctl::device_flags(device).map_err(failed(function, "VFIO_DEVICE_GET_INFO"))?;
    if flags & vfio::VFIO_DEVICE_FLAGS_PCI == 0 {
        return Err(Error::NotMemory64 { address, found: "not the BAR of a PCI device" });
    }
    let region = |index| ioctl::region(device, index).map_err(failed(function, "VFIO_DEVICE_GET_REGION_INFO"));
    let (bar, config) = (region(vfio::VFIO_PCI_BAR0_REGION_INDEX)?, region(vfio::VFIO_PCI_CONFIG_REGION_INDEX)?);
    if bar.size < u64::from(S::SIZE) {
        return Err(Error::BarSize { address, bar: bar.size, file: bar.size, needed: S::SIZE });
    }
    if bar.flags & USABLE != USABLE {
        return Err(Error::NotMemory64 { address, found: "memory that cannot be mapped" });
    }
    let space = ConfigSpace { file: device, offset: config.offset };
    let config_failed = |error: io::Error| failed(function, "access to the configuration space")(Errno::from(&error));
    let (vendor, id) = space.ids().map_err(config_failed)?;
    if (vendor, id) != function.ids {
        let what = "not what sysfs says it is".into();
        return Err(Error::NotAn82599 { address, vendor, device: id, what });
    }
    if flags & vfio::VFIO_DEVICE_FLAGS_RESET == 0 {
        log::warn!("the kernel cannot reset {address}");
    } else if let Err(errno) = ioctl::reset(device) {
        log::warn!("the kernel did not reset {address}: {errno}");
    }
    // SAFETY: the region is the BAR0 of the function, and large enough. Kernel drivers are unbound from it, and the
    // claim and the group keep it from being opened twice.
    let bar = unsafe { Bar::map(device, bar.offset) }.map_err(|error| match error {
        MapError::Map(error) => failed(function, "mmap of BAR0")(Errno::from(&error)),
        MapError::Unusable(error) => error,
    })?;
    space.enable().map_err(config_failed)?;
    Ok((bar, config.offset))
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
        self.address
    }

    /// Returns the place of the function in the machine: its NUMA node, and the CPUs near it.
    #[must_use]
    pub fn locality(&self) -> &Locality {
        &self.locality
    }

    /// Switches on `count` MSI-X vectors: usually one for each receive queue, and one more for link changes.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewVectors`] if the device has fewer vectors; [`Error::Vfio`] if a request fails.
    pub fn interrupts(&self, count: u32) -> Result<Interrupts, Error> {
        Interrupts::enable(&self.device, self.address, vfio::VFIO_PCI_MSIX_IRQ_INDEX, count)
    }

    /// Returns the container of the function.
    #[must_use]
    pub fn container(&self) -> &Container {
        &self.container
    }
}

impl<S> fmt::Debug for Vfio<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vfio({}, {:?})", self.address, self.container)
    }
}

// SAFETY: honest: all accesses go to the registers of the one function, by one mapping. Exclusive: the function is
// bound to vfio-pci, so no other kernel driver has it; the kernel opens its group for one container only; and the claim
// refuses it to all other users of this container.
unsafe impl<S: Registers> Bus<S> for Vfio<S> {
    #[inline(always)]
    fn read(&self, offset: Offset<S>) -> u32 {
        self.bar.mmio().read(offset)
    }

    #[inline(always)]
    unsafe fn write(&self, offset: Offset<S>, value: u32) {
        // SAFETY: the caller keeps this function's contract, which is the one of the bus that the write goes on to.
        unsafe { self.bar.mmio().write(offset, value) }
    }
}

// SAFETY: the allocator returns each part of memory once. Until a mapping is dropped, it keeps its memory, and the
// IOMMU gives the device access to this memory at the mapping's addresses.
unsafe impl<S> Dma for Vfio<S> {
    fn domain(&self) -> Domain {
        self.container.domain()
    }

    fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        let memory = self.huge.allocate(len).or_else(|error| {
            log::debug!("{error}; base pages are used instead");
            self.ordinary.allocate(len)
        });
        memory.map_err(|error| error.into_dma(len))
    }

    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        self.container.map(memory)
    }

    fn read_config(&self, offset: u16) -> Option<u16> {
        ConfigSpace { file: &self.device, offset: self.config }.read16(offset.into()).ok()
    }
}

// SAFETY: both calls go to the monotonic clock of the system.
unsafe impl<S> Clock for Vfio<S> {
    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn wait(&self, time: Duration) {
        self.clock.wait(time);
    }
}

#[cfg(test)]
#[path = "../tests/vfio.rs"]
mod tests;
