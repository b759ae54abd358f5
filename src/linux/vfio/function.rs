//! A PCI function of any kind through VFIO: all but the registers, which each device has elsewhere.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::fs::File;
use std::io;
use std::sync::OnceLock;

use datasheet_runtime::space::Space;
use vfio_bindings::bindings::vfio;

use crate::clock::Clock;
use crate::dma::{Dma, DmaError, Domain, Mapping, Memory};
use crate::linux::bar::{MapError, MappedRegisters};
use crate::linux::config_space::ConfigSpace;
use crate::linux::function::{Function, VFIO_PCI};
use crate::linux::host;
use crate::linux::memory::{Allocator, PageSize, lock};
use crate::linux::vfio::container::Container;
use crate::linux::vfio::container::failed;
use crate::linux::vfio::interrupts;
use crate::linux::vfio::ioctl;
use crate::linux::{Errno, Error, Interrupts, Locality, MonotonicClock, PciAddress, Placement, Vector};
use crate::pci;

/// The flags of a BAR that can be read, written and mapped.
pub(super) const USABLE: u32 =
    vfio::VFIO_REGION_INFO_FLAG_READ | vfio::VFIO_REGION_INFO_FLAG_WRITE | vfio::VFIO_REGION_INFO_FLAG_MMAP;

/// A PCI function of any kind, driven through VFIO: see the [module](crate::linux).
///
/// [`VfioOptions::open_function`](crate::linux::VfioOptions::open_function) makes one. As
/// [`Vfio`](crate::linux::Vfio), it accesses only memory that was mapped for it.
pub struct VfioFunction {
    // Dropped in this order: requests, device, container.
    /// What the kernel raises when it wants the function back: switched on when somebody first asks.
    removal: OnceLock<Result<Interrupts, Error>>,
    /// The event of an error on the bus, once somebody wants to hear of it.
    bus_error: OnceLock<Result<Interrupts, Error>>,
    /// It was raised before, though the vector was taken since.
    removal_requested: AtomicBool,
    device: File,
    /// The offset of the configuration space in `device`.
    config: u64,
    function: Function,
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

/// Returns the error of an access to the configuration space of `function`.
pub(super) fn config_failed(function: &Function) -> impl Fn(io::Error) -> Error {
    let failed = failed(function, "access to the configuration space");
    move |error| failed(Errno::from(&error))
}

/// Resets the device, if the kernel can. Returns the offset of the configuration space in `device`.
pub(super) fn reset(function: &Function, device: &File) -> Result<u64, Error> {
    let address = function.address;
    let flags = ioctl::device_flags(device).map_err(failed(function, "VFIO_DEVICE_GET_INFO"))?;
    if flags & vfio::VFIO_DEVICE_FLAGS_PCI == 0 {
        return Err(Error::NotMemory64 { address, found: "not the BAR of a PCI device" });
    }
    let region = ioctl::region(device, vfio::VFIO_PCI_CONFIG_REGION_INDEX);
    let config = region.map_err(failed(function, "VFIO_DEVICE_GET_REGION_INFO"))?.offset;
    let (vendor, id) = ConfigSpace { file: device, offset: config }.ids().map_err(config_failed(function))?;
    if (vendor, id) != function.ids {
        let found = std::format!("{vendor:04x}:{id:04x}");
        return Err(host::malformed(&function.file("config"), host::SAME_IDS, &found));
    }
    if flags & vfio::VFIO_DEVICE_FLAGS_RESET == 0 {
        log::warn!("the kernel cannot reset {address}");
    } else if let Err(errno) = ioctl::reset(device) {
        log::warn!("the kernel did not reset {address}: {errno}");
    }
    Ok(config)
}

impl VfioFunction {
    /// Takes `function`. `begin` resets it, and returns the offset of its configuration space.
    pub(super) fn take<T>(
        placement: &Placement,
        container: &Container,
        function: Function,
        begin: impl FnOnce(&Function, &File) -> Result<(T, u64), Error>,
    ) -> Result<(T, Self), Error> {
        function.iommu_group()?;
        let driver = function.driver()?;
        if driver.as_deref() != Some(VFIO_PCI) {
            return Err(Error::NotBoundToVfio { address: function.address, driver });
        }
        let claim = Claim::new(container, function.address)?;
        let device = container.device(&function)?;
        let (begun, config) = begin(&function, &device)?;
        let locality = function.locality();
        let policy = placement.policy(&function, &locality);
        let huge = Allocator::new(PageSize::Huge2MiB, policy, container.granule());
        let ordinary = Allocator::new(PageSize::Base, policy, container.granule());
        let (clock, container) = (MonotonicClock::new(), container.clone());
        Ok((
            begun,
            Self {
                removal: OnceLock::new(),
                bus_error: OnceLock::new(),
                removal_requested: AtomicBool::new(false),
                device,
                config,
                function,
                locality,
                huge,
                ordinary,
                clock,
                _claim: claim,
                container,
            },
        ))
    }

    /// Returns the address of the function.
    #[must_use]
    pub fn address(&self) -> PciAddress {
        self.function.address
    }

    /// Returns the place of the function in the machine: its NUMA node, and the CPUs near it.
    #[must_use]
    pub fn locality(&self) -> &Locality {
        &self.locality
    }

    /// Switches on `count` MSI-X vectors.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewVectors`] if the device has fewer vectors; [`Error::Vfio`] if a request fails.
    pub fn interrupts(&self, count: u32) -> Result<Interrupts, Error> {
        self.enable(vfio::VFIO_PCI_MSIX_IRQ_INDEX, count)
    }

    /// Returns the vector of a request to give the function back. It is raised when somebody unbinds the function from
    /// vfio-pci, or removes it, and again while the kernel waits.
    ///
    /// The kernel waits until this value and all [`Interrupts`] of the function are dropped: stop the device, and drop
    /// them. Without this event, nobody tells the program, and the command of the administrator hangs.
    ///
    /// Each call returns a clone of one vector, at which
    /// [`removal_requested`](pci::Function::removal_requested) looks, too. The first call of either switches the event on,
    /// and it stays on as long as this value lives.
    ///
    /// # Errors
    ///
    /// As [`interrupts`](Self::interrupts).
    pub fn removal_request(&self) -> Result<Vector, Error> {
        self.event(&self.removal, vfio::VFIO_PCI_REQ_IRQ_INDEX)
    }

    /// Returns the vector of an uncorrectable error on the bus (PCIe's advanced error reporting). It is raised when the
    /// kernel hears of one. The kernel leaves the function as it is: stop the device, and open it anew, which resets it.
    ///
    /// Each call returns a clone of one vector. The first switches the event on, and it stays on as long as this value
    /// lives.
    ///
    /// # Errors
    ///
    /// As [`interrupts`](Self::interrupts): [`Error::TooFewVectors`] also if the function is not on PCI Express.
    pub fn bus_error(&self) -> Result<Vector, Error> {
        self.event(&self.bus_error, vfio::VFIO_PCI_ERR_IRQ_INDEX)
    }

    /// Returns the vector of an event of the function, which the first call switches on.
    fn event(&self, event: &OnceLock<Result<Interrupts, Error>>, index: u32) -> Result<Vector, Error> {
        let event = event.get_or_init(|| {
            let event = self.enable(index, 1);
            event.inspect_err(|error| log::warn!("interrupt {index} of the function is not heard: {error}"))
        });
        let missing = |_| Error::TooFewVectors { address: self.address(), needed: 1, had: 0 };
        event.as_ref().map_err(Error::clone)?.vector(0).cloned().map_err(missing)
    }

    fn enable(&self, index: u32, count: u32) -> Result<Interrupts, Error> {
        interrupts::enable(&self.device, self.function.address, index, count)
    }

    /// Returns the container of the function.
    #[must_use]
    pub fn container(&self) -> &Container {
        &self.container
    }

    /// Returns the region of BAR `index`. The first six regions of VFIO are the BARs.
    fn region(&self, index: u8) -> Result<ioctl::Region, Error> {
        ioctl::region(&self.device, u32::from(index.min(5)))
            .map_err(failed(&self.function, "VFIO_DEVICE_GET_REGION_INFO"))
    }
}

impl fmt::Debug for VfioFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VfioFunction({}, {:?})", self.address(), self.container)
    }
}

// SAFETY: exclusive: the function is bound to vfio-pci, so no other kernel driver has it; the kernel opens its group for
// one container only; and the claim refuses it to all other users of this container. Honest: registers are mapped from
// the region of their BAR. Translated: VFIO gives no device to a process without an IOMMU that confines it.
unsafe impl pci::Function for VfioFunction {
    type Registers<S: Space> = MappedRegisters<S>;
    type Error = Error;

    fn ids(&self) -> (u16, u16) {
        self.function.ids
    }

    fn bar(&self, index: u8) -> Result<Option<u64>, Error> {
        let region = self.region(index)?;
        Ok((region.flags & USABLE == USABLE && region.size > 0).then_some(region.size))
    }

    unsafe fn registers<S: Space>(&self, bar: u8, offset: u64) -> Result<MappedRegisters<S>, Error> {
        let region = self.region(bar)?;
        self.function.check_inside(bar, offset, S::SIZE, region.size)?;
        // SAFETY: the registers lie in the region of the BAR; the rest is the caller's promise.
        unsafe { MappedRegisters::map(&self.device, region.offset.wrapping_add(offset)) }.map_err(|error| match error {
            MapError::Map(error) => failed(&self.function, "mmap of a BAR")(Errno::from(&error)),
            MapError::Unusable(error) => error,
        })
    }

    fn enable_dma(&self) -> Result<(), Error> {
        let space = ConfigSpace { file: &self.device, offset: self.config };
        space.enable().map_err(config_failed(&self.function))
    }

    fn removal_requested(&self) -> bool {
        if self.removal_request().is_ok_and(|vector| vector.is_raised()) {
            self.removal_requested.store(true, Ordering::Relaxed);
        }
        self.removal_requested.load(Ordering::Relaxed)
    }

    fn is_translated(&self) -> bool {
        true
    }
}

// SAFETY: the allocator returns each part of memory once. Until a mapping is dropped, it keeps its memory, and the
// IOMMU gives the device access to this memory at the mapping's addresses.
unsafe impl Dma for VfioFunction {
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
unsafe impl Clock for VfioFunction {
    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn wait(&self, time: Duration) {
        self.clock.wait(time);
    }
}
