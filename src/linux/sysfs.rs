//! The sysfs platform: no IOMMU, registers through `resource0`, memory by physical addresses.
//!
//! It needs root and trust in the device, which can access all memory. If the process is killed, the device keeps
//! writing received packets to the addresses in its rings, until something resets it. The next [`Sysfs::open`] does.

use core::fmt;
use core::time::Duration;
use std::boxed::Box;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::string::ToString;

use datasheet_runtime::bus::Bus;
use datasheet_runtime::space::Offset;

use crate::clock::Clock;
use crate::dma::{Dma, DmaError, Domain, Mapping, Memory};
use crate::linux::bar::{Bar, MapError};
use crate::linux::config_space::ConfigSpace;
use crate::linux::function::Function;
use crate::linux::host::{self, Host};
use crate::linux::memory::{Allocator, PageSize, Region};
use crate::linux::pagemap::system_page_size;
use crate::linux::{Error, FormerDriver, Locality, MonotonicClock, PciAddress, Placement, Registers};
use crate::registers::{RegisterSpace, virtual_function};

/// The domain of physical addresses, which are the same for all devices.
const PHYSICAL: Domain = Domain(u64::MAX);

/// Options for opening a function through sysfs.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct SysfsOptions {
    take_interface: bool,
    page_size: PageSize,
    placement: Placement,
    host: Host,
}

impl SysfsOptions {
    /// Returns the defaults: a network interface in use is not taken, and memory consists of huge pages of 2 MiB, near
    /// the device.
    pub fn new() -> Self {
        Self::default()
    }

    #[cfg(test)]
    pub(crate) fn on(host: &Host) -> Self {
        Self { host: host.clone(), ..Self::new() }
    }

    /// Sets whether to take the function even if its network interface is in use.
    pub fn take_interface(mut self, take: bool) -> Self {
        self.take_interface = take;
        self
    }

    /// Sets the size of memory pages. [`PageSize::Base`] selects huge pages of 2 MiB, because the kernel may move base
    /// pages.
    pub fn page_size(mut self, size: PageSize) -> Self {
        self.page_size = if size == PageSize::Base { PageSize::Huge2MiB } else { size };
        self
    }

    /// Sets the NUMA nodes from which memory comes.
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

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
        // All checks come before the function is taken, so that most failures change nothing.
        function.bar_size(S::SIZE)?;
        function.check_untranslated()?;
        let locality = function.locality();
        let policy = self.placement.policy(&function, &locality);
        let memory = Allocator::new(self.page_size, policy, system_page_size());
        first_page(&memory, &self.host)?;
        let open = |file: &str| {
            let path = function.file(file);
            let opened = OpenOptions::new().read(true).write(true).open(&path);
            opened.map_err(|error| Error::system("open", &path, &error))
        };
        let (config, registers) = (open("config")?, open("resource0")?);
        lock(&registers, address)?;
        let driver = function.take(self.take_interface)?;
        let result = reset_and_enable(&function, &config, &registers);
        let bar = match (result, &driver) {
            (Ok(bar), _) => bar,
            (Err(error), None) => return Err(error),
            (Err(error), Some(driver)) => {
                if let Err(error) = host::write(&self.host.driver(driver).join("bind"), &address.to_string()) {
                    log::error!("cannot give {address} back to {driver}: {error}");
                }
                return Err(error);
            }
        };
        let former = driver.map(|name| FormerDriver::new(&function, name, bar.alive()));
        if let Some(former) = &former {
            log::info!("{address} was taken from {}; {former}", former.name());
        }
        Ok(Sysfs { bar, function, locality, config, _lock: registers, memory, clock: MonotonicClock::new(), former })
    }
}

/// Checks that huge pages are free, and that the kernel shows their addresses.
fn first_page(memory: &Allocator, host: &Host) -> Result<(), Error> {
    let piece = memory.allocate(1)?;
    match Region::of(piece.base(), piece.len()) {
        Some(region) => region.addresses(&host.proc.join("self/pagemap")).map(|_| ()),
        None => Err(Error::PageNotPresent { address: piece.base().as_ptr() as usize, entry: 0 }),
    }
}

/// Locks the function against other users of this crate, until the file is closed.
fn lock(registers: &File, address: PciAddress) -> Result<(), Error> {
    // SAFETY: the descriptor is open.
    if unsafe { libc::flock(registers.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EWOULDBLOCK) => Err(Error::AlreadyDriven { address }),
        _ => Err(Error::system("lock", Path::new("resource0"), &error)),
    }
}

/// Resets the function, maps its registers and lets it access memory (datasheet 9.3.4).
fn reset_and_enable<S: Registers>(function: &Function, config: &File, registers: &File) -> Result<Bar<S>, Error> {
    let address = function.address;
    // The kernel powers the function up. If it is enabled already, that fails and does not matter.
    if let Err(error) = host::write(&function.file("enable"), "1") {
        log::debug!("the kernel did not enable {address}: {error}");
    }
    let space = ConfigSpace { file: config, offset: 0 };
    let path = function.file("config");
    let failed = |doing| move |error: io::Error| Error::system(doing, &function.file("config"), &error);
    let ids = space.ids().map_err(failed("read"))?;
    if ids != function.ids {
        let found = std::format!("{:04x}:{:04x}", ids.0, ids.1);
        return Err(host::malformed(&path, "the ids that the files `vendor` and `device` hold", &found));
    }
    // A killed process may have left the device running: it must not access memory any more.
    space.disable_bus_master().map_err(failed("write to"))?;
    function.reset();
    // SAFETY: the file is the function's BAR0, whose size was checked. The kernel's driver was unbound, and the lock
    // excludes other users of this crate.
    let bar = unsafe { Bar::map(registers, 0) }.map_err(|error| match error {
        MapError::Map(error) => Error::system("map", &function.file("resource0"), &error),
        MapError::Unusable(error) => error,
    })?;
    space.enable().map_err(failed("write to"))?;
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
    bar: Bar<S>,
    function: Function,
    locality: Locality,
    config: File,
    _lock: File,
    memory: Allocator,
    clock: MonotonicClock,
    former: Option<FormerDriver>,
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
        self.function.address
    }

    /// Returns the place of the function in the machine: its NUMA node, and the CPUs near it.
    #[must_use]
    pub fn locality(&self) -> &Locality {
        &self.locality
    }

    /// Returns the kernel driver that had the function before, if any, to give the function back.
    #[must_use]
    pub fn former_driver(&self) -> Option<FormerDriver> {
        self.former.clone()
    }
}

impl<S> Drop for Sysfs<S> {
    fn drop(&mut self) {
        let address = self.function.address;
        if let Err(error) = (ConfigSpace { file: &self.config, offset: 0 }).disable_bus_master() {
            log::error!("{address} may still access memory: {error}");
        }
        if let Err(error) = host::write(&self.function.file("enable"), "0") {
            log::debug!("the kernel did not disable {address}: {error}");
        }
    }
}

impl<S> fmt::Debug for Sysfs<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sysfs({})", self.function.address)
    }
}

// SAFETY: honest: all accesses go to the registers of the one function, by one mapping. Exclusive: the kernel's driver
// was unbound, and the lock on `resource0`, held as long as this value lives, refuses the function to every other
// `Sysfs`, in this process or another. A program that opens the file as root without the lock must be trusted not to
// drive the device.
unsafe impl<S: Registers> Bus<S> for Sysfs<S> {
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

// SAFETY: `allocate` returns each part of a region once. A mapping has the physical addresses that the kernel shows for
// its pages, and keeps the pages as long as it lives. They do not move: the pages are of hugetlbfs, which the kernel
// neither swaps out nor compacts, and which NUMA balancing leaves alone. Only a command of root moves them, and the
// documentation of `Sysfs` forbids such commands. The processor's caches are coherent with PCIe on all systems on which
// Linux lets a process map `resource0`.
unsafe impl<S> Dma for Sysfs<S> {
    fn domain(&self) -> Domain {
        PHYSICAL
    }

    fn page_size(&self) -> usize {
        PageSize::Huge2MiB.bytes()
    }

    fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        self.memory.allocate(len).map_err(|error| error.into_dma(len))
    }

    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        let (base, len) = (memory.base(), memory.len());
        let refused = |reason| DmaError::NotMappable { len, reason };
        let region = Region::of(base, len).ok_or(refused("without an IOMMU, memory must come from linux::Sysfs"))?;
        if region.page_size() == PageSize::Base {
            return Err(refused("without an IOMMU, memory must be of huge pages"));
        }
        let pagemap = self.function.host.proc.join("self/pagemap");
        let (shift, pages) = region.physical(base, len, &pagemap).map_err(|error| error.into_dma(len))?;
        // SAFETY: these are the physical addresses of the pages, and the region keeps the pages.
        unsafe { Mapping::new(memory, PHYSICAL, shift, &pages, Box::new(region)) }
    }

    fn read_config(&self, offset: u16) -> Option<u16> {
        ConfigSpace { file: &self.config, offset: 0 }.read16(offset.into()).ok()
    }
}

// SAFETY: both calls go to the monotonic clock of the system.
unsafe impl<S> Clock for Sysfs<S> {
    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn wait(&self, time: Duration) {
        self.clock.wait(time);
    }
}

#[cfg(test)]
#[path = "tests/sysfs.rs"]
mod tests;
