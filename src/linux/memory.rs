//! Memory for DMA, and its lifetime.
//!
//! A [`Region`] consists of huge pages or base pages of an unnamed file, so it is freed when the process ends, however
//! it ends. It lives as long as a [`Memory`] in it, or a device's mapping of one.

use core::ptr::NonNull;
use std::boxed::Box;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::FromRawFd;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::vec::Vec;

use crate::dma::{DmaError, Memory};
use crate::linux::Error;
use crate::linux::bar::FileMapping;
use crate::linux::error::Errno;
use crate::linux::pagemap::{Pagemap, system_page_size};
use crate::linux::placement::Policy;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What the locks here guard is consistent after every statement.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The size of memory pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PageSize {
    /// Huge pages of 2 MiB.
    #[default]
    Huge2MiB,
    /// Huge pages of 1 GiB, usually reserved at boot.
    Huge1GiB,
    /// The system's base pages.
    Base,
}

impl PageSize {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Huge2MiB => 2 << 20,
            Self::Huge1GiB => 1 << 30,
            Self::Base => system_page_size(),
        }
    }

    fn flags(self) -> libc::c_uint {
        match self {
            Self::Huge2MiB => libc::MFD_HUGETLB | libc::MFD_HUGE_2MB,
            Self::Huge1GiB => libc::MFD_HUGETLB | libc::MFD_HUGE_1GB,
            Self::Base => 0,
        }
    }
}

/// A run of pages of one size.
#[derive(Debug)]
pub(crate) struct Region {
    mapping: FileMapping,
    page_size: PageSize,
    /// The physical address of each page, cached by the first request. It stays valid: huge pages are not swapped, and
    /// only an administrator's explicit request moves them.
    addresses: OnceLock<Box<[u64]>>,
}

/// All regions by address, so that a mapping can find its memory's region and keep it alive.
static REGIONS: Mutex<BTreeMap<usize, Weak<Region>>> = Mutex::new(BTreeMap::new());

impl Region {
    /// Allocates zeroed memory of at least `len` bytes, from the NUMA nodes of `policy`.
    pub(crate) fn new(page_size: PageSize, len: usize, policy: Option<Policy>) -> Result<Arc<Self>, Error> {
        let count = len.max(1).div_ceil(page_size.bytes());
        let node = policy.and_then(Policy::required);
        let failed = |errno| Error::NoHugePages { size: page_size.bytes(), count, node, errno };
        let len = count.checked_mul(page_size.bytes()).ok_or(failed(Errno(libc::ENOMEM)))?;
        // SAFETY: the name is a C string, which is copied.
        let fd = unsafe { libc::memfd_create(c"ixgbe-dma".as_ptr(), libc::MFD_CLOEXEC | page_size.flags()) };
        if fd < 0 {
            return Err(failed(Errno::last()));
        }
        // SAFETY: the file was just made, and nothing else owns it.
        let file = unsafe { File::from_raw_fd(fd) };
        // Mapping reserves huge pages, and fails if there are too few.
        let mapping = file.set_len(len as u64).and_then(|()| FileMapping::new(&file, 0, len));
        let mapping = mapping.map_err(|error| failed(Errno::from(&error)))?;
        if let Some(policy) = policy {
            policy.apply(&mapping)?;
        }
        if page_size != PageSize::Base {
            populate(&file, &mapping, node.is_some()).map_err(failed)?;
        }
        let base = mapping.base().as_ptr() as usize;
        let region = Arc::new(Self { mapping, page_size, addresses: OnceLock::new() });
        lock(&REGIONS).insert(base, Arc::downgrade(&region));
        Ok(region)
    }

    /// Returns the region that contains the `len` bytes at `pointer`, if this module made it.
    pub(crate) fn of(pointer: NonNull<u8>, len: usize) -> Option<Arc<Self>> {
        let pointer = pointer.as_ptr() as usize;
        let region = lock(&REGIONS).range(..=pointer).next_back()?.1.upgrade()?;
        let offset = pointer - region.base();
        (offset.checked_add(len)? <= region.len()).then_some(region)
    }

    fn base(&self) -> usize {
        self.mapping.base().as_ptr() as usize
    }

    fn len(&self) -> usize {
        self.mapping.len()
    }

    pub(crate) fn page_size(&self) -> PageSize {
        self.page_size
    }

    /// Returns the physical address of each page.
    pub(crate) fn addresses(&self, pagemap: &Path) -> Result<&[u64], Error> {
        if let Some(addresses) = self.addresses.get() {
            return Ok(addresses);
        }
        let (pagemap, size) = (Pagemap::open(pagemap)?, self.page_size.bytes());
        let pages = (self.base()..self.base() + self.len()).step_by(size);
        let addresses = pages.map(|page| pagemap.huge_page(page, size)).collect::<Result<Box<[u64]>, _>>()?;
        Ok(self.addresses.get_or_init(|| addresses))
    }

    /// Returns the page shift and the physical addresses of the pages that contain the `len` bytes at `pointer`.
    ///
    /// Both are in the form that [`Mapping::new`](crate::dma::Mapping::new) takes.
    pub(crate) fn physical(&self, pointer: NonNull<u8>, len: usize, pagemap: &Path) -> Result<(u32, Vec<u64>), Error> {
        let (offset, size) = (pointer.as_ptr() as usize - self.base(), self.page_size.bytes());
        let addresses = self.addresses(pagemap)?;
        let (first, within) = (offset / size, offset % size);
        let last = (offset + len.max(1) - 1) / size;
        let addresses = addresses.get(first..=last).unwrap_or_default();
        let in_a_row = addresses.windows(2).all(|pair| pair[0].checked_add(size as u64) == Some(pair[1]));
        match addresses.first() {
            Some(address) if in_a_row => Ok((usize::BITS - 1, std::vec![address + within as u64])),
            _ => Ok((size.trailing_zeros(), addresses.to_vec())),
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // The range stays mapped until this function has returned, so that the entry can only be this region's.
        lock(&REGIONS).remove(&self.base());
    }
}

/// Populates all huge pages now. Otherwise a page missing later would end the process by a signal.
///
/// With `by_policy`, all of them obey the mapping's policy.
fn populate(file: &File, mapping: &FileMapping, by_policy: bool) -> Result<(), Errno> {
    use std::os::fd::AsRawFd;
    // SAFETY: the range is the mapping's, and nothing uses it yet.
    let result = unsafe { libc::madvise(mapping.base().as_ptr().cast(), mapping.len(), libc::MADV_POPULATE_WRITE) };
    if result == 0 {
        return Ok(());
    }
    match Errno::last() {
        // The nodes of the policy have no page left, though mapping found enough on all nodes together.
        Errno(libc::EFAULT) => return Err(Errno(libc::ENOMEM)),
        Errno(libc::EINVAL) if !by_policy => {}
        errno => return Err(errno),
    }
    // Before Linux 5.14, `fallocate` populates the pages too, from any NUMA node.
    // SAFETY: the file has this length.
    match unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, mapping.len() as libc::off_t) } {
        0 => Ok(()),
        _ => Err(Errno::last()),
    }
}

/// An allocator that cuts memory for devices out of regions.
#[derive(Debug)]
pub(crate) struct Allocator {
    page_size: PageSize,
    policy: Option<Policy>,
    /// The alignment of allocations: the smallest page of the IOMMU, or the system's.
    granule: usize,
    /// The huge page for small allocations, and its used length. No part is reused, so all allocations are zero.
    current: Mutex<Option<(Arc<Region>, usize)>>,
}

impl Allocator {
    pub(crate) fn new(page_size: PageSize, policy: Option<Policy>, granule: usize) -> Self {
        Self { page_size, policy, granule: granule.max(system_page_size()), current: Mutex::new(None) }
    }

    /// Allocates zeroed memory of at least `len` bytes.
    pub(crate) fn allocate(&self, len: usize) -> Result<Memory, Error> {
        let page = self.page_size.bytes();
        let wanted = len.max(1).checked_next_multiple_of(self.granule).unwrap_or(usize::MAX);
        if self.page_size == PageSize::Base || wanted > page / 2 {
            let region = Region::new(self.page_size, wanted, self.policy)?;
            let (base, len) = (region.mapping.base(), region.len());
            // SAFETY: the region is new, zeroed, aligned to a page, and lives as long as the memory.
            return Ok(unsafe { Memory::new(base, len, Box::new(region)) });
        }
        let mut current = lock(&self.current);
        let (region, used) = match current.take() {
            Some((region, used)) if page - used >= wanted => (region, used),
            _ => (Region::new(self.page_size, page, self.policy)?, 0),
        };
        *current = Some((Arc::clone(&region), used + wanted));
        // SAFETY: a region has at least a page, and `page - used >= wanted`, so both ends lie in the region's one
        // allocation.
        let base = unsafe { region.mapping.base().add(used) };
        // SAFETY: `wanted` bytes from `base` on lie in the region, which is zeroed, and which the memory keeps alive.
        // The lock is held, and `used` now counts these bytes, so no later call returns them.
        Ok(unsafe { Memory::new(base, wanted, Box::new(region)) })
    }
}

impl Error {
    /// Converts the error to the shorter one of the crate's core, and logs the whole text.
    pub(crate) fn into_dma(self, len: usize) -> DmaError {
        log::error!("{self}");
        let (reason, errno) = match self {
            Self::NoHugePages { node: Some(_), errno, .. } => {
                ("too few huge pages are free on the NUMA node that must have them", errno)
            }
            Self::NoHugePages { errno, .. } => {
                ("too few huge pages are free: `echo 64 > /proc/sys/vm/nr_hugepages` as root reserves more", errno)
            }
            Self::NodeRefused { errno, .. } => ("the kernel refused memory of the NUMA node that must have it", errno),
            Self::AddressesHidden => ("physical addresses take CAP_SYS_ADMIN", Errno(libc::EPERM)),
            Self::DmaMapFailed { errno, .. } if errno == Errno(libc::ENOMEM) => (
                "RLIMIT_MEMLOCK allows less locked memory than needed; root can raise it: `ulimit -l unlimited`",
                errno,
            ),
            Self::System { errno, .. } | Self::DmaMapFailed { errno, .. } => ("the system refused the request", errno),
            _ => return DmaError::NotMappable { len, reason: "the system's information about it is inconsistent" },
        };
        DmaError::System { len, reason, errno: errno.0 }
    }
}
