//! VFIO requests as functions that check the result.

use core::mem::{MaybeUninit, size_of};
use std::ffi::{CStr, c_int, c_void};
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};
use std::vec;
use std::vec::Vec;

use vfio_bindings::bindings::vfio;

use crate::linux::Errno;

/// Returns the number of VFIO's request `index`, in the encoding of this architecture.
const fn request(index: u32) -> libc::Ioctl {
    libc::_IO(vfio::VFIO_TYPE as u32, vfio::VFIO_BASE + index)
}

const GET_API_VERSION: libc::Ioctl = request(0);
const CHECK_EXTENSION: libc::Ioctl = request(1);
const SET_IOMMU: libc::Ioctl = request(2);
const GROUP_GET_STATUS: libc::Ioctl = request(3);
const GROUP_SET_CONTAINER: libc::Ioctl = request(4);
const GROUP_GET_DEVICE_FD: libc::Ioctl = request(6);
const DEVICE_GET_INFO: libc::Ioctl = request(7);
const DEVICE_GET_REGION_INFO: libc::Ioctl = request(8);
const DEVICE_GET_IRQ_INFO: libc::Ioctl = request(9);
const DEVICE_SET_IRQS: libc::Ioctl = request(10);
const DEVICE_RESET: libc::Ioctl = request(11);
const IOMMU_GET_INFO: libc::Ioctl = request(12);
const IOMMU_MAP_DMA: libc::Ioctl = request(13);
const IOMMU_UNMAP_DMA: libc::Ioctl = request(14);

/// The greatest accepted size in bytes of the information about an IOMMU; the kernel's is far smaller.
const MOST_INFO: usize = 1 << 20;

fn checked(result: c_int) -> Result<c_int, Errno> {
    if result < 0 { Err(Errno::last()) } else { Ok(result) }
}

/// Makes a request whose argument is a number, or unused.
fn number(file: &File, request: libc::Ioctl, argument: libc::c_ulong) -> Result<c_int, Errno> {
    // SAFETY: the requests made through this function take the number as such, or nothing.
    checked(unsafe { libc::ioctl(file.as_raw_fd(), request, argument) })
}

/// Makes a request whose argument is a structure.
///
/// # Safety
///
/// The request must take a `T`, or as many bytes from its start as its `argsz` says.
unsafe fn structure<T>(file: &File, request: libc::Ioctl, argument: &mut T) -> Result<c_int, Errno> {
    let argument: *mut T = argument;
    // SAFETY: the caller says that the request takes it, and it outlives the call.
    checked(unsafe { libc::ioctl(file.as_raw_fd(), request, argument.cast::<c_void>()) })
}

/// Returns a structure of zeros except `argsz`, the first word of each of VFIO's structures.
macro_rules! zeroed {
    ($type:ty { $($field:ident: $value:expr),* $(,)? }) => {{
        // SAFETY: the structure is made of integers, for which 0 is a value.
        let mut value: $type = unsafe { MaybeUninit::zeroed().assume_init() };
        value.argsz = size_of::<$type>() as u32;
        $(value.$field = $value;)*
        value
    }};
}

pub(super) fn api_version(container: &File) -> Result<u32, Errno> {
    number(container, GET_API_VERSION, 0).map(|version| version as u32)
}

pub(super) fn has_extension(container: &File, extension: u32) -> Result<bool, Errno> {
    number(container, CHECK_EXTENSION, extension.into()).map(|answer| answer > 0)
}

pub(super) fn set_iommu(container: &File, kind: u32) -> Result<(), Errno> {
    number(container, SET_IOMMU, kind.into()).map(|_| ())
}

/// Returns `true` if no kernel driver uses a function of the group.
pub(super) fn is_viable(group: &File) -> Result<bool, Errno> {
    let mut status = zeroed!(vfio::vfio_group_status {});
    // SAFETY: the request takes this structure.
    unsafe { structure(group, GROUP_GET_STATUS, &mut status) }?;
    Ok(status.flags & vfio::VFIO_GROUP_FLAGS_VIABLE != 0)
}

pub(super) fn set_container(group: &File, container: &File) -> Result<(), Errno> {
    let mut descriptor = container.as_raw_fd();
    // SAFETY: the request takes a pointer to a descriptor.
    unsafe { structure(group, GROUP_SET_CONTAINER, &mut descriptor) }.map(|_| ())
}

/// Opens the device `name`.
pub(super) fn device(group: &File, name: &CStr) -> Result<File, Errno> {
    // SAFETY: the request takes a C string, which outlives the call.
    let descriptor = checked(unsafe { libc::ioctl(group.as_raw_fd(), GROUP_GET_DEVICE_FD, name.as_ptr()) })?;
    // SAFETY: the descriptor is new, and nobody else's.
    Ok(unsafe { File::from_raw_fd(descriptor) })
}

/// Returns the flags of a device.
pub(super) fn device_flags(device: &File) -> Result<u32, Errno> {
    let mut info = zeroed!(vfio::vfio_device_info {});
    // SAFETY: the request takes this structure.
    unsafe { structure(device, DEVICE_GET_INFO, &mut info) }?;
    Ok(info.flags)
}

/// A region of a device, and its offset in the device's file.
pub(super) struct Region {
    pub(super) flags: u32,
    pub(super) offset: u64,
    pub(super) size: u64,
}

pub(super) fn region(device: &File, index: u32) -> Result<Region, Errno> {
    let mut info = zeroed!(vfio::vfio_region_info { index: index });
    // SAFETY: the request takes this structure.
    unsafe { structure(device, DEVICE_GET_REGION_INFO, &mut info) }?;
    Ok(Region { flags: info.flags, offset: info.offset, size: info.size })
}

pub(super) fn reset(device: &File) -> Result<(), Errno> {
    number(device, DEVICE_RESET, 0).map(|_| ())
}

/// Returns the kernel's information about the IOMMU: a structure, and capabilities behind it.
pub(super) fn iommu_info(container: &File) -> Result<Vec<u8>, Errno> {
    const HEAD: usize = size_of::<vfio::vfio_iommu_type1_info>();
    let mut len = HEAD;
    loop {
        // Words, because the kernel writes a structure that contains some.
        let mut buffer = vec![0u64; len.div_ceil(8)];
        let given = buffer.len() * 8;
        let head: *mut u32 = buffer.as_mut_ptr().cast();
        // SAFETY: `head` is the start of the buffer, which has more than a word and is aligned for one.
        unsafe { head.write(given as u32) };
        // SAFETY: the request writes as many bytes as the first word says, which the buffer has.
        checked(unsafe { libc::ioctl(container.as_raw_fd(), IOMMU_GET_INFO, head.cast::<c_void>()) })?;
        // SAFETY: `head` is still the start of the buffer, and the word there was written before the request.
        let needed = unsafe { head.read() } as usize;
        if needed <= given {
            let bytes = buffer.iter().flat_map(|word| word.to_ne_bytes());
            return Ok(bytes.take(needed.max(HEAD)).collect());
        }
        if needed > MOST_INFO || needed <= len {
            return Err(Errno(libc::EOVERFLOW));
        }
        len = needed;
    }
}

/// Maps `len` bytes at `pointer` at the address `iova`, for the devices of the container.
///
/// # Safety
///
/// Until it is unmapped, the memory must exist, and the devices must be allowed to read and write it.
pub(super) unsafe fn map(container: &File, pointer: *mut u8, iova: u64, len: u64) -> Result<(), Errno> {
    let mut map = zeroed!(vfio::vfio_iommu_type1_dma_map {
        flags: vfio::VFIO_DMA_MAP_FLAG_READ | vfio::VFIO_DMA_MAP_FLAG_WRITE,
        vaddr: pointer as u64,
        iova: iova,
        size: len,
    });
    // SAFETY: the request takes this structure; the memory is the caller's promise.
    unsafe { structure(container, IOMMU_MAP_DMA, &mut map) }.map(|_| ())
}

/// Ends a mapping made by [`map`]. Returns how many bytes were unmapped.
pub(super) fn unmap(container: &File, iova: u64, len: u64) -> Result<u64, Errno> {
    let mut unmap = zeroed!(vfio::vfio_iommu_type1_dma_unmap { iova: iova, size: len });
    // SAFETY: the request takes this structure; only the devices lose access to memory.
    unsafe { structure(container, IOMMU_UNMAP_DMA, &mut unmap) }?;
    Ok(unmap.size)
}

/// Returns how many vectors of the interrupt `index` can signal an eventfd.
pub(super) fn vectors(device: &File, index: u32) -> Result<u32, Errno> {
    let mut info = zeroed!(vfio::vfio_irq_info { index: index });
    // SAFETY: the request takes this structure.
    unsafe { structure(device, DEVICE_GET_IRQ_INFO, &mut info) }?;
    Ok(if info.flags & vfio::VFIO_IRQ_INFO_EVENTFD == 0 { 0 } else { info.count })
}

/// Makes the vectors of the interrupt `index`, from 0 on, signal `eventfds`. None switches the interrupt off.
pub(super) fn set_eventfds(device: &File, index: u32, eventfds: &[c_int]) -> Result<(), Errno> {
    const HEAD: usize = size_of::<vfio::vfio_irq_set>();
    let data = if eventfds.is_empty() { vfio::VFIO_IRQ_SET_DATA_NONE } else { vfio::VFIO_IRQ_SET_DATA_EVENTFD };
    let len = HEAD + size_of_val(eventfds);
    let head = [len as u32, data | vfio::VFIO_IRQ_SET_ACTION_TRIGGER, index, 0, eventfds.len() as u32];
    // The structure is five words, and the descriptors follow as words.
    const { assert!(HEAD == 5 * size_of::<u32>()) };
    let mut words: Vec<u32> = head.into_iter().chain(eventfds.iter().map(|fd| *fd as u32)).collect();
    // SAFETY: the request takes as many bytes as the first word says, which the buffer has.
    checked(unsafe { libc::ioctl(device.as_raw_fd(), DEVICE_SET_IRQS, words.as_mut_ptr().cast::<c_void>()) })
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_numbers_of_the_kernels_header() {
        // `_IO(';', 100 + index)`, where a request without direction has no bits for it.
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        assert_eq!([GET_API_VERSION, IOMMU_UNMAP_DMA], [0x3b64, 0x3b72]);
    }

    #[test]
    fn a_request_that_is_refused_is_an_error() {
        let file = tempfile::tempfile().unwrap();
        let not_a_device = Errno(libc::ENOTTY);
        assert_eq!(api_version(&file), Err(not_a_device));
        assert_eq!(is_viable(&file), Err(not_a_device));
        assert_eq!(set_container(&file, &file), Err(not_a_device));
        assert_eq!(device(&file, c"0000:03:00.0").err(), Some(not_a_device));
        assert_eq!(region(&file, 0).err(), Some(not_a_device));
        assert_eq!(iommu_info(&file), Err(not_a_device));
        assert_eq!(unmap(&file, 0, 4096), Err(not_a_device));
        assert_eq!(set_eventfds(&file, 2, &[5]), Err(not_a_device));
        assert_eq!(reset(&file), Err(not_a_device));
    }
}
