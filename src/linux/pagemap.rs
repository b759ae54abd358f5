//! Physical addresses, from `/proc/self/pagemap`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::linux::Error;

/// The bit of a page that is in memory (the kernel's `admin-guide/mm/pagemap.rst`).
const PRESENT: u64 = 1 << 63;
/// The number of the page's frame, in units of the system's page size.
const FRAME: u64 = (1 << 55) - 1;
/// The size of an entry in bytes.
const ENTRY: u64 = 8;

/// The page table of this process, as the kernel shows it.
#[derive(Debug)]
pub(crate) struct Pagemap {
    file: File,
    path: PathBuf,
    page_size: usize,
}

/// Returns the size of the system's base pages in bytes.
pub(crate) fn system_page_size() -> usize {
    // SAFETY: a query without side effects.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).ok().filter(|size| size.is_power_of_two()).unwrap_or(4096)
}

impl Pagemap {
    /// Opens the table in the file at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|error| match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Error::AddressesHidden,
            _ => Error::system("open", path, &error),
        })?;
        Ok(Self { file, path: path.into(), page_size: system_page_size() })
    }

    /// Returns the frame number of the page at `address`.
    fn frame(&self, address: usize) -> Result<u64, Error> {
        let mut bytes = [0; ENTRY as usize];
        let place = (address / self.page_size) as u64 * ENTRY;
        let read = self.file.read_exact_at(&mut bytes, place);
        read.map_err(|error| Error::system("read", &self.path, &error))?;
        let entry = u64::from_ne_bytes(bytes);
        if entry & PRESENT == 0 {
            return Err(Error::PageNotPresent { address, entry });
        }
        match entry & FRAME {
            // No process has frame 0: the kernel shows it instead of hidden frame numbers.
            0 => Err(Error::AddressesHidden),
            frame => Ok(frame),
        }
    }

    /// Returns the physical address of the huge page of `size` bytes at `address`.
    pub(crate) fn huge_page(&self, address: usize, size: usize) -> Result<u64, Error> {
        let pages = (size / self.page_size) as u64;
        let first = self.frame(address)?;
        let last = self.frame(address + size - self.page_size)?;
        if !first.is_multiple_of(pages) || last - first.min(last) != pages - 1 {
            return Err(Error::NotContiguous { address });
        }
        first.checked_mul(self.page_size as u64).ok_or(Error::NotContiguous { address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// Makes a table whose first entries are `entries`.
    fn table(entries: &[u64]) -> (tempfile::NamedTempFile, Pagemap) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for entry in entries {
            file.write_all(&entry.to_ne_bytes()).unwrap();
        }
        let pagemap = Pagemap::open(file.path()).unwrap();
        (file, pagemap)
    }

    #[test]
    fn frame_zero_and_absent_pages_are_no_addresses() {
        let page = system_page_size();
        let (_file, map) = table(&[PRESENT, 0, 1 << 62 | 7, PRESENT | 1 << 55 | 0x1234]);
        assert_eq!(map.frame(0), Err(Error::AddressesHidden));
        assert_eq!(map.frame(page), Err(Error::PageNotPresent { address: page, entry: 0 }));
        assert!(matches!(map.frame(2 * page), Err(Error::PageNotPresent { .. })), "swapped out");
        assert_eq!(map.frame(3 * page + 17), Ok(0x1234));
        assert!(matches!(map.frame(4 * page), Err(Error::System { .. })), "past the end of the file");
        assert!(Error::AddressesHidden.to_string().contains("CAP_SYS_ADMIN"));
    }

    #[test]
    fn a_huge_page_is_in_one_piece_and_aligned() {
        let page = system_page_size();
        let at = |frames: [u64; 4]| table(&frames.map(|frame| PRESENT | frame)).1.huge_page(0, 4 * page);
        assert_eq!(at([8, 9, 10, 11]), Ok(8 * page as u64));
        assert_eq!(at([8, 9, 10, 12]), Err(Error::NotContiguous { address: 0 }));
        assert_eq!(at([9, 10, 11, 12]), Err(Error::NotContiguous { address: 0 }));
        assert_eq!(at([8, 9, 10, 3]), Err(Error::NotContiguous { address: 0 }));
        assert_eq!(at([8, 9, 10, 0]), Err(Error::AddressesHidden));
        // A frame whose address has more than 64 bits.
        let beyond = 1 << 54;
        assert_eq!(at([beyond, beyond | 1, beyond | 2, beyond | 3]), Err(Error::NotContiguous { address: 0 }));
    }

    #[test]
    fn a_table_that_is_not_there_is_an_error() {
        assert!(matches!(Pagemap::open(Path::new("/nowhere/pagemap")), Err(Error::System { .. })));
    }
}
