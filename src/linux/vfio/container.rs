//! An address space of the IOMMU, shared by the devices in it.

use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};
use std::borrow::ToOwned;
use std::boxed::Box;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};
use std::vec::Vec;

use vfio_bindings::bindings::vfio;

use crate::dma::{DmaError, Domain, Mapping, Memory};
use crate::linux::error::Errno;
use crate::linux::function::Function;
use crate::linux::host::Host;
use crate::linux::memory::{Region, lock};
use crate::linux::vfio::capabilities::IommuInfo;
use crate::linux::vfio::ioctl;
use crate::linux::vfio::iova::Allocator;
use crate::linux::{Error, PciAddress};

/// The first domain of a container. It differs from the domain of physical addresses, and from small numbers.
const FIRST_DOMAIN: u64 = 1 << 63;
/// The size from which memory gets addresses aligned to this size, so that the IOMMU can use large pages.
const LARGE: u64 = 2 << 20;

/// An address space of the IOMMU: all devices in it access the same memory at the same addresses.
///
/// Clones are handles of the same container. Devices in one container share packets without a second mapping. Devices
/// in different containers cannot access each other's memory. Functions of one IOMMU group must be in one container.
#[derive(Clone)]
pub struct Container {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    // Groups are closed before the container is.
    groups: Mutex<Vec<Group>>,
    pub(super) in_use: Mutex<BTreeSet<PciAddress>>,
    iommu: Mutex<Iommu>,
    /// The mappings of memory that this crate allocated, by address and length.
    mapped: Mutex<BTreeMap<(usize, usize), Weak<Mapped>>>,
    file: File,
    domain: Domain,
    pub(super) host: Host,
}

struct Group {
    number: u32,
    file: File,
}

#[derive(Default)]
struct Iommu {
    free: Option<Allocator>,
    granule: u64,
}

/// A mapping of memory. Dropping it unmaps the memory.
struct Mapped {
    container: Container,
    iova: u64,
    len: u64,
    place: (usize, usize),
    _region: Option<Arc<Region>>,
}

/// The default container, which [`Container::shared`] returns.
static SHARED: Mutex<Weak<Shared>> = Mutex::new(Weak::new());

/// Opens a file of VFIO.
fn open(path: &Path) -> Result<File, Errno> {
    OpenOptions::new().read(true).write(true).open(path).map_err(|error: io::Error| Errno::from(&error))
}

/// Returns the error for the VFIO file at `path` that cannot be opened.
fn open_error(path: &Path, errno: Errno) -> Error {
    let path = path.to_owned();
    match errno.0 {
        libc::EACCES | libc::EPERM => Error::VfioPermissionDenied { path, errno },
        _ => Error::NoVfio { path, errno },
    }
}

impl Container {
    /// Makes a container without devices.
    ///
    /// # Errors
    ///
    /// [`Error`] if the kernel's VFIO is missing or too old, or this user may not open it.
    pub fn new() -> Result<Self, Error> {
        Self::on(Host::default())
    }

    /// Returns this process's default container, and makes it if there is none in use.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn shared() -> Result<Self, Error> {
        let mut common = lock(&SHARED);
        if let Some(shared) = common.upgrade() {
            return Ok(Self { shared });
        }
        let container = Self::new()?;
        *common = Arc::downgrade(&container.shared);
        Ok(container)
    }

    pub(super) fn on(host: Host) -> Result<Self, Error> {
        static DOMAINS: AtomicU64 = AtomicU64::new(FIRST_DOMAIN);
        let path = host.dev.join("vfio/vfio");
        let file = open(&path).map_err(|errno| open_error(&path, errno))?;
        let version = ioctl::api_version(&file).map_err(|errno| Error::NoVfio { path: path.clone(), errno })?;
        if version != vfio::VFIO_API_VERSION {
            return Err(Error::VfioTooOld { what: "speaks another version of its interface" });
        }
        if !ioctl::has_extension(&file, vfio::VFIO_TYPE1v2_IOMMU).unwrap_or(false) {
            return Err(Error::VfioTooOld { what: "has no IOMMU of type 1, version 2 (`modprobe vfio_iommu_type1`)" });
        }
        let shared = Shared {
            groups: Mutex::default(),
            in_use: Mutex::default(),
            iommu: Mutex::default(),
            mapped: Mutex::default(),
            file,
            domain: Domain(DOMAINS.fetch_add(1, Ordering::Relaxed)),
            host,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    pub(super) fn domain(&self) -> Domain {
        self.shared.domain
    }

    /// Returns the smallest page size of the IOMMU, once a device is in the container.
    pub(super) fn granule(&self) -> usize {
        usize::try_from(lock(&self.shared.iommu).granule).unwrap_or(0)
    }

    /// Opens the device of `function`, and adds its group to the container if it is not there yet.
    pub(super) fn device(&self, function: &Function) -> Result<File, Error> {
        let number = function.iommu_group()?;
        let mut groups = lock(&self.shared.groups);
        let group = match groups.iter().position(|group| group.number == number) {
            Some(index) => &groups[index],
            None => {
                let group = Group { number, file: self.add_group(function, number)? };
                groups.push(group);
                &groups[groups.len() - 1]
            }
        };
        let name = std::ffi::CString::new(std::format!("{}", function.address)).unwrap_or_default();
        ioctl::device(&group.file, &name).map_err(|errno| failed(function, "VFIO_GROUP_GET_DEVICE_FD")(errno))
    }

    fn add_group(&self, function: &Function, number: u32) -> Result<File, Error> {
        let address = function.address;
        let path = self.shared.host.dev.join("vfio").join(std::format!("{number}"));
        let without = self.shared.host.dev.join("vfio").join(std::format!("noiommu-{number}"));
        if !path.exists() && without.exists() {
            return Err(Error::NoIommuMode { address, path: without });
        }
        let busy = Error::GroupBusy { address, group: number };
        let group = open(&path).map_err(|errno| match errno.0 {
            libc::EBUSY => busy.clone(),
            _ => open_error(&path, errno),
        })?;
        if !ioctl::is_viable(&group).map_err(failed(function, "VFIO_GROUP_GET_STATUS"))? {
            let others = function.foreign_in_group();
            return Err(Error::GroupNotViable { address, group: number, others });
        }
        ioctl::set_container(&group, &self.shared.file).map_err(|errno| match errno.0 {
            libc::EBUSY => busy,
            _ => failed(function, "VFIO_GROUP_SET_CONTAINER")(errno),
        })?;
        let mut iommu = lock(&self.shared.iommu);
        if iommu.free.is_none() {
            let set = ioctl::set_iommu(&self.shared.file, vfio::VFIO_TYPE1v2_IOMMU);
            set.map_err(failed(function, "VFIO_SET_IOMMU"))?;
        }
        let info = ioctl::iommu_info(&self.shared.file).map_err(failed(function, "VFIO_IOMMU_GET_INFO"))?;
        let info = IommuInfo::parse(&info)?;
        match &mut iommu.free {
            Some(free) => free.restrict(&info.ranges),
            None => iommu.free = Some(Allocator::new(&info.ranges, info.granule())),
        }
        iommu.granule = info.granule().max(iommu.granule);
        Ok(group)
    }

    /// Maps `memory` for the devices of the container.
    pub(super) fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        let mapped = self.mapped(memory.base(), memory.len())?;
        let iova = mapped.iova;
        // SAFETY: the IOMMU has just this address for the memory until the last `Arc` is dropped.
        unsafe { Mapping::new(memory, self.domain(), usize::BITS - 1, &[iova], Box::new(mapped)) }
    }

    fn mapped(&self, pointer: NonNull<u8>, len: usize) -> Result<Arc<Mapped>, DmaError> {
        let place = (pointer.as_ptr() as usize, len);
        let region = Region::of(pointer, len);
        // Held until the end, so that two threads that map the same memory get the same mapping.
        let mut all = lock(&self.shared.mapped);
        // Only a region keeps its memory while it is mapped. Other memory at the same address may be different memory.
        if let Some(mapped) = all.get(&place).and_then(Weak::upgrade) {
            return Ok(mapped);
        }
        let refused = |reason| DmaError::NotMappable { len, reason };
        let mut iommu = lock(&self.shared.iommu);
        let granule = iommu.granule.max(1);
        let size = (len as u64).checked_next_multiple_of(granule).ok_or(refused("it is too large"))?;
        if !(place.0 as u64).is_multiple_of(granule) || size != len as u64 {
            return Err(refused("it does not start and end with a page of the IOMMU"));
        }
        let align = if size >= LARGE && (place.0 as u64).is_multiple_of(LARGE) { LARGE.max(granule) } else { granule };
        let free = iommu.free.as_mut().ok_or(refused("the container has no device"))?;
        let iova = free.allocate(size, align).ok_or(refused("the IOMMU has no addresses left"))?;
        drop(iommu);
        // SAFETY: the region keeps its memory. The kernel pins other memory while it is mapped, and the caller of `map`
        // gives it to the device.
        if let Err(errno) = unsafe { ioctl::map(&self.shared.file, pointer.as_ptr(), iova, size) } {
            if let Some(free) = &mut lock(&self.shared.iommu).free {
                free.release(iova, size);
            }
            return Err(Error::DmaMapFailed { len, errno, limit: lock_limit() }.into_dma(len));
        }
        let kept = region.is_some();
        let mapped = Arc::new(Mapped { container: self.clone(), iova, len: size, place, _region: region });
        if kept {
            all.insert(place, Arc::downgrade(&mapped));
        }
        Ok(mapped)
    }
}

/// Returns how many bytes this process may lock, if there is a limit.
fn lock_limit() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is the system's to write.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) };
    (result == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

/// Returns the error of a request about `function`.
pub(super) fn failed(function: &Function, request: &'static str) -> impl Fn(Errno) -> Error {
    let address = function.address;
    move |errno| Error::Vfio { address, request, errno }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let shared = &self.container.shared;
        match ioctl::unmap(&shared.file, self.iova, self.len) {
            Ok(len) if len == self.len => {
                if let Some(free) = &mut lock(&shared.iommu).free {
                    free.release(self.iova, self.len);
                }
            }
            // Then the addresses are not reused.
            Ok(len) => log::error!("only {len:#x} of {:#x} bytes at {:#x} were unmapped", self.len, self.iova),
            Err(errno) => log::error!("{:#x} bytes at {:#x} stay mapped: {errno}", self.len, self.iova),
        }
        let mut all = lock(&shared.mapped);
        // There may be a new mapping of the same memory already.
        if all.get(&self.place).is_some_and(|mapped| mapped.strong_count() == 0) {
            all.remove(&self.place);
        }
    }
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Container({:?})", self.domain())
    }
}

#[cfg(test)]
#[path = "../tests/container.rs"]
mod tests;
