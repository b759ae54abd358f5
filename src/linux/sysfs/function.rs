//! A PCI function of any kind through sysfs: all but the registers, which each device has elsewhere.

use core::fmt;
use core::time::Duration;
use std::boxed::Box;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::string::ToString;
use std::sync::Arc;

use datasheet_runtime::space::Space;

use crate::clock::Clock;
use crate::dma::{Dma, DmaError, Domain, Mapping, Memory};
use crate::linux::bar::{MapError, MappedRegisters};
use crate::linux::config_space::ConfigSpace;
use crate::linux::function::Function;
use crate::linux::host::{self, Host};
use crate::linux::memory::{Allocator, PageSize, Region};
use crate::linux::pagemap::system_page_size;
use crate::linux::{Error, FormerDriver, Locality, MonotonicClock, PciAddress, Placement};
use crate::pci;

/// The domain of physical addresses, which are the same for all devices.
const PHYSICAL: Domain = Domain(u64::MAX);

/// Options for opening a function through sysfs.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct SysfsOptions {
    take_interface: bool,
    page_size: PageSize,
    placement: Placement,
    pub(super) host: Host,
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

    /// Opens the function at `address`, whatever it is, for a driver of that device.
    ///
    /// The function is taken from the kernel's driver and reset, if the kernel can. It does not access memory yet.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_function(&self, address: PciAddress) -> Result<SysfsFunction, Error> {
        let function = Function::find_any(&self.host, address)?;
        let ((), function) =
            SysfsFunction::take(self, function, |_| Ok(()), |function, config, ()| reset(function, config))?;
        Ok(function)
    }
}

/// A PCI function of any kind, driven through sysfs: see the [module](crate::linux).
///
/// The device accesses memory by physical addresses, and nothing pins the huge pages that this platform allocates.
/// While it exists, root must not move them: no `migratepages` or `move_pages` on this process, no unplugging of
/// memory, no soft offlining of pages. [`VfioFunction`](crate::linux::VfioFunction) has none of these limits.
///
/// [`SysfsOptions::open_function`] makes one. Dropping it switches off the device's memory accesses.
pub struct SysfsFunction {
    function: Function,
    locality: Locality,
    config: File,
    memory: Allocator,
    clock: MonotonicClock,
    former: Option<FormerDriver>,
    /// Alive as long as the function is driven.
    _driven: Arc<()>,
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
fn lock(config: &File, address: PciAddress) -> Result<(), Error> {
    // SAFETY: the descriptor is open.
    if unsafe { libc::flock(config.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EWOULDBLOCK) => Err(Error::AlreadyDriven { address }),
        _ => Err(Error::system("lock", Path::new("config"), &error)),
    }
}

/// Opens a file of `function` to read and write.
pub(super) fn open(function: &Function, file: &str) -> Result<File, Error> {
    let path = function.file(file);
    let opened = OpenOptions::new().read(true).write(true).open(&path);
    opened.map_err(|error| Error::system("open", &path, &error))
}

/// Resets the function, if the kernel can. It then responds, and does not access memory.
pub(super) fn reset(function: &Function, config: &File) -> Result<(), Error> {
    let address = function.address;
    // The kernel powers the function up. If it is enabled already, that fails and does not matter.
    if let Err(error) = host::write(&function.file("enable"), "1") {
        log::debug!("the kernel did not enable {address}: {error}");
    }
    let space = ConfigSpace { file: config, offset: 0 };
    let ids = space.ids().map_err(config_failed(function, "read"))?;
    if ids != function.ids {
        let found = std::format!("{:04x}:{:04x}", ids.0, ids.1);
        return Err(host::malformed(&function.file("config"), host::SAME_IDS, &found));
    }
    // A killed process may have left the device running: it must not access memory any more.
    space.disable_bus_master().map_err(config_failed(function, "write to"))?;
    function.reset();
    Ok(())
}

/// Returns the error of an access to the configuration space of `function`.
pub(super) fn config_failed(function: &Function, doing: &'static str) -> impl Fn(io::Error) -> Error {
    let path = function.file("config");
    move |error| Error::system(doing, &path, &error)
}

/// Returns the error of a mapping of a BAR's `file`.
pub(super) fn map_failed(function: &Function, file: &str) -> impl Fn(MapError) -> Error {
    let path = function.file(file);
    move |error| match error {
        MapError::Map(error) => Error::system("map", &path, &error),
        MapError::Unusable(error) => error,
    }
}

impl SysfsFunction {
    /// Takes `function` from its driver, and has `begin` reset it, with its file `config` and those that `files` opens.
    ///
    /// If that fails, the former driver gets the function back.
    pub(super) fn take<F, T>(
        options: &SysfsOptions,
        function: Function,
        files: impl FnOnce(&Function) -> Result<F, Error>,
        begin: impl FnOnce(&Function, &File, F) -> Result<T, Error>,
    ) -> Result<(T, Self), Error> {
        let address = function.address;
        // All checks come before the function is taken, so that most failures change nothing.
        function.check_untranslated()?;
        let locality = function.locality();
        let policy = options.placement.policy(&function, &locality);
        let memory = Allocator::new(options.page_size, policy, system_page_size());
        // A process without rights learns which are missing, before it learns of a file that it cannot open.
        first_page(&memory, &options.host)?;
        let (config, files) = (open(&function, "config")?, files(&function)?);
        lock(&config, address)?;
        let driver = function.take(options.take_interface)?;
        let begun = match (begin(&function, &config, files), &driver) {
            (Ok(begun), _) => begun,
            (Err(error), None) => return Err(error),
            (Err(error), Some(driver)) => {
                if let Err(error) = host::write(&options.host.driver(driver).join("bind"), &address.to_string()) {
                    log::error!("cannot give {address} back to {driver}: {error}");
                }
                return Err(error);
            }
        };
        let driven = Arc::new(());
        let former = driver.map(|name| FormerDriver::new(&function, name, Arc::downgrade(&driven)));
        if let Some(former) = &former {
            log::info!("{address} was taken from {}; {former}", former.name());
        }
        let clock = MonotonicClock::new();
        Ok((begun, Self { function, locality, config, memory, clock, former, _driven: driven }))
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

    /// Returns the kernel driver that had the function before, if any, to give the function back.
    #[must_use]
    pub fn former_driver(&self) -> Option<FormerDriver> {
        self.former.clone()
    }
}

impl Drop for SysfsFunction {
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

impl fmt::Debug for SysfsFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SysfsFunction({})", self.function.address)
    }
}

// SAFETY: exclusive: the kernel's driver was unbound, and the lock on `config`, held as long as this value lives, refuses
// the function to every other user of this crate. Registers do not outlive the process, and a program that opens the file
// as root without the lock must be trusted not to drive the device. Honest: registers are mapped from the file of their
// BAR. Nothing translates addresses: `check_untranslated` has refused the function otherwise.
unsafe impl pci::Function for SysfsFunction {
    type Registers<S: Space> = MappedRegisters<S>;
    type Error = Error;

    fn ids(&self) -> (u16, u16) {
        self.function.ids
    }

    fn bar(&self, index: u8) -> Result<Option<u64>, Error> {
        self.function.memory_bar(index)
    }

    unsafe fn registers<S: Space>(&self, bar: u8, offset: u64) -> Result<MappedRegisters<S>, Error> {
        let size = self.function.memory_bar(bar)?.unwrap_or(0);
        self.function.check_inside(bar, offset, S::SIZE, size)?;
        let name = std::format!("resource{bar}");
        let file = open(&self.function, &name)?;
        // SAFETY: the registers lie in the file of the BAR; the rest is the caller's promise.
        unsafe { MappedRegisters::map(&file, offset) }.map_err(map_failed(&self.function, &name))
    }

    fn enable_dma(&self) -> Result<(), Error> {
        let space = ConfigSpace { file: &self.config, offset: 0 };
        space.enable().map_err(config_failed(&self.function, "write to"))
    }

    fn is_translated(&self) -> bool {
        false
    }
}

// SAFETY: `allocate` returns each part of a region once. A mapping has the physical addresses that the kernel shows for
// its pages, and keeps the pages as long as it lives. They do not move: the pages are of hugetlbfs, which the kernel
// neither swaps out nor compacts, and which NUMA balancing leaves alone. Only a command of root moves them, and the
// documentation of `SysfsFunction` forbids such commands. The processor's caches are coherent with PCIe on all systems on which
// Linux lets a process map `resource0`.
unsafe impl Dma for SysfsFunction {
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
unsafe impl Clock for SysfsFunction {
    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn wait(&self, time: Duration) {
        self.clock.wait(time);
    }
}
