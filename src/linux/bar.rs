//! The registers of a PCI function, mapped into this process.

use core::ptr::NonNull;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use datasheet_runtime::bus::Bus;
use datasheet_runtime::mmio::Mmio;
use datasheet_runtime::space::{Offset, Space, Width};

use crate::linux::Error;
use crate::linux::pagemap::system_page_size;

/// A mapping of a part of a file. Dropping it unmaps it.
#[derive(Debug)]
pub(crate) struct FileMapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread, and only an address is given out.
unsafe impl Send for FileMapping {}
// SAFETY: as for `Send`.
unsafe impl Sync for FileMapping {}

impl FileMapping {
    /// Maps `len` bytes at `offset` of `file`, shared, to read and write.
    pub(crate) fn new(file: &File, offset: u64, len: usize) -> io::Result<Self> {
        Self::with_protection(file, offset, len, libc::PROT_READ | libc::PROT_WRITE)
    }

    /// Maps `len` bytes at `offset` of `file`, shared, to read only.
    pub(crate) fn to_read(file: &File, offset: u64, len: usize) -> io::Result<Self> {
        Self::with_protection(file, offset, len, libc::PROT_READ)
    }

    fn with_protection(file: &File, offset: u64, len: usize, protection: libc::c_int) -> io::Result<Self> {
        let offset = libc::off_t::try_from(offset).map_err(|_| io::Error::from_raw_os_error(libc::EOVERFLOW))?;
        // SAFETY: a new mapping at an address that the system chooses replaces no other mapping.
        let base =
            unsafe { libc::mmap(core::ptr::null_mut(), len, protection, libc::MAP_SHARED, file.as_raw_fd(), offset) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::from_raw_os_error(libc::EFAULT))?;
        let mapping = Self { base, len };
        // Without DONTFORK, a child could use memory and registers after this process has released them.
        // SAFETY: the range is the mapping just made.
        if unsafe { libc::madvise(base.as_ptr().cast(), len, libc::MADV_DONTFORK) } != 0 {
            log::debug!("children inherit a mapping: {}", io::Error::last_os_error());
        }
        Ok(mapping)
    }

    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for FileMapping {
    fn drop(&mut self) {
        // SAFETY: `new` mapped the range, and no user of the address is left.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

/// The registers of space `S` somewhere in a BAR, in a mapping of their own.
#[derive(Debug)]
pub struct MappedRegisters<S> {
    // Dropped first, so that nothing points at the mapping when it is unmapped.
    mmio: Mmio<S>,
    _mapping: FileMapping,
}

impl<S: Space> MappedRegisters<S> {
    /// Maps the pages with the registers at `offset` of `file`.
    ///
    /// # Safety
    ///
    /// They must be the registers of one device (or a file that models them), and nothing else may drive it meanwhile.
    pub(crate) unsafe fn map(file: &File, offset: u64) -> Result<Self, MapError> {
        let within = offset % system_page_size() as u64;
        let mapping = FileMapping::new(file, offset - within, within as usize + S::SIZE as usize);
        let mapping = mapping.map_err(MapError::Map)?;
        // SAFETY: the mapping has `within` bytes, and more behind them.
        let base = unsafe { mapping.base().add(within as usize) };
        // SAFETY: `S::SIZE` bytes from `base` on are mapped as long as the value lives; the rest is the caller's promise.
        let mmio = unsafe { Mmio::new(base, S::SIZE as usize) };
        Ok(Self { mmio: mmio.map_err(|bar| MapError::Unusable(bar.into()))?, _mapping: mapping })
    }
}

// SAFETY: honest: all accesses go to the one mapping. Exclusive: the caller of `map` promised it.
unsafe impl<S: Space, W: Width> Bus<S, W> for MappedRegisters<S>
where
    Mmio<S>: Bus<S, W>,
{
    #[inline(always)]
    fn read(&self, offset: Offset<S, W>) -> W {
        self.mmio.read(offset)
    }

    #[inline(always)]
    unsafe fn write(&self, offset: Offset<S, W>, value: W) {
        // SAFETY: the caller keeps this function's contract, which is the one of the bus that the write goes on to.
        unsafe { self.mmio.write(offset, value) }
    }
}

/// A failure to map a BAR.
#[derive(Debug)]
pub(crate) enum MapError {
    /// The system refused the mapping.
    Map(io::Error),
    /// The mapping is unusable.
    Unusable(Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_that_failed_is_an_error() {
        // A directory cannot be mapped: mmap returns MAP_FAILED, which is not null.
        let directory = File::open("/").unwrap();
        assert!(FileMapping::new(&directory, 0, 4096).is_err());
        let file = tempfile::tempfile().unwrap();
        assert!(FileMapping::new(&file, u64::MAX, 4096).is_err());
        assert!(FileMapping::new(&file, 1, 4096).is_err());
    }
}
