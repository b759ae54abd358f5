//! Interrupts of VFIO, which it signals through eventfds: MSI-X, and the events of the function itself.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::vec::Vec;

use crate::linux::vfio::ioctl;
use crate::linux::{Errno, Error, Interrupts, PciAddress};

/// What switches an interrupt of a function off when it is dropped.
struct Source {
    address: PciAddress,
    device: File,
    index: u32,
}

/// Switches on the first `count` vectors of the interrupt `index` of `device`.
pub(super) fn enable(device: &File, address: PciAddress, index: u32, count: u32) -> Result<Interrupts, Error> {
    let failed = |request| move |errno| Error::Vfio { address, request, errno };
    let had = ioctl::vectors(device, index).map_err(failed("VFIO_DEVICE_GET_IRQ_INFO"))?;
    if count == 0 || count > had {
        return Err(Error::TooFewVectors { address, needed: count, had });
    }
    let no_vector = |error| failed("eventfd")(Errno::from(&error));
    Interrupts::new(count, no_vector, |vectors| {
        let descriptors: Vec<_> = vectors.iter().map(AsRawFd::as_raw_fd).collect();
        let clone = device.try_clone().map_err(|error| failed("dup")(Errno::from(&error)))?;
        ioctl::set_eventfds(device, index, &descriptors).map_err(failed("VFIO_DEVICE_SET_IRQS"))?;
        Ok(Source { address, device: clone, index })
    })
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Err(errno) = ioctl::set_eventfds(&self.device, self.index, &[]) {
            log::warn!("cannot switch off the interrupts of {}: {errno}", self.address);
        }
    }
}
