//! MSI-X interrupts: VFIO signals them through eventfds, on which a thread can wait.

use core::time::Duration;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd};
use std::time::Instant;
use std::vec::Vec;

use crate::linux::vfio::ioctl;
use crate::linux::{Errno, Error, PciAddress};

/// The MSI-X interrupts of a device. Dropping them switches them off.
///
/// Receive queues and the link of an 82599 raise them after
/// [`Control::set_up_interrupts`](crate::device::Control::set_up_interrupts). Without interrupts, a program polls the
/// queues, which is faster but occupies a core.
#[derive(Debug)]
pub struct Interrupts {
    address: PciAddress,
    vectors: Vec<Vector>,
    /// The device's file, through which the interrupts are switched off.
    device: File,
    /// The index of the interrupt among the kinds of VFIO: MSI-X, for an 82599.
    index: u32,
}

/// The eventfd of one vector, which counts interrupts.
#[derive(Debug)]
struct Vector(File);

impl Vector {
    fn new() -> Result<Self, Errno> {
        // SAFETY: a new descriptor.
        let descriptor = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if descriptor < 0 {
            return Err(Errno::last());
        }
        // SAFETY: the descriptor was just made, and nothing else owns it.
        Ok(Self(unsafe { File::from_raw_fd(descriptor) }))
    }

    fn descriptor(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// Waits until the counter is not 0 and resets it. Returns `false` after `timeout`.
    fn wait(&self, timeout: Duration) -> io::Result<bool> {
        let start = Instant::now();
        loop {
            let left = timeout.saturating_sub(start.elapsed());
            // Rounded up: with 0 ms, the last part of the wait would spin.
            let milliseconds = left.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128) as i32;
            let mut poll = libc::pollfd { fd: self.descriptor(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one structure, which outlives the call.
            let ready = unsafe { libc::poll(&mut poll, 1, milliseconds) };
            if ready < 0 {
                let error = io::Error::last_os_error();
                if error.kind() == io::ErrorKind::Interrupted && !left.is_zero() {
                    continue;
                }
                return if error.kind() == io::ErrorKind::Interrupted { Ok(false) } else { Err(error) };
            }
            // The counter has 64 bits, and is read whole or not at all.
            let mut count = [0; 8];
            match (&self.0).read(&mut count) {
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && left.is_zero() => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Interrupts {
    /// Switches on the first `count` vectors of the interrupt `index` of `device`.
    pub(super) fn enable(device: &File, address: PciAddress, index: u32, count: u32) -> Result<Self, Error> {
        let failed = |request| move |errno| Error::Vfio { address, request, errno };
        let had = ioctl::vectors(device, index).map_err(failed("VFIO_DEVICE_GET_IRQ_INFO"))?;
        if count == 0 || count > had {
            return Err(Error::TooFewVectors { address, needed: count, had });
        }
        let vectors = (0..count).map(|_| Vector::new()).collect::<Result<Vec<_>, _>>().map_err(failed("eventfd"))?;
        let descriptors: Vec<_> = vectors.iter().map(Vector::descriptor).collect();
        ioctl::set_eventfds(device, index, &descriptors).map_err(failed("VFIO_DEVICE_SET_IRQS"))?;
        let device = device.try_clone().map_err(|error| failed("dup")(Errno::from(&error)))?;
        Ok(Self { address, vectors, device, index })
    }

    /// Returns the number of vectors.
    #[must_use]
    pub fn count(&self) -> usize {
        self.vectors.len()
    }

    /// Waits up to `timeout` for an interrupt of `vector`. Returns `true` if one was raised since the last call.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewVectors`] if there is no such vector; [`Error::Vfio`] if the wait fails.
    pub fn wait(&self, vector: usize, timeout: Duration) -> Result<bool, Error> {
        let (address, had) = (self.address, self.vectors.len() as u32);
        let missing =
            Error::TooFewVectors { address, needed: u32::try_from(vector).unwrap_or(u32::MAX).saturating_add(1), had };
        let waited = self.vectors.get(vector).ok_or(missing)?.wait(timeout);
        waited.map_err(|error| Error::Vfio { address, request: "waiting for an interrupt", errno: (&error).into() })
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        if let Err(errno) = ioctl::set_eventfds(&self.device, self.index, &[]) {
            log::warn!("cannot switch off the interrupts of {}: {errno}", self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::vec;

    /// Returns interrupts of no device.
    fn interrupts() -> Interrupts {
        let vectors = vec![Vector::new().unwrap(), Vector::new().unwrap()];
        Interrupts { address: "03:00.0".parse().unwrap(), vectors, device: tempfile::tempfile().unwrap(), index: 0 }
    }

    #[test]
    fn a_wait_ends_with_an_interrupt_or_in_time() {
        let interrupts = interrupts();
        let start = Instant::now();
        assert_eq!(interrupts.wait(0, Duration::from_millis(20)), Ok(false));
        assert!(start.elapsed() >= Duration::from_millis(20));
        assert_eq!(interrupts.wait(0, Duration::ZERO), Ok(false));
        // More than 8 bits have room for.
        (&interrupts.vectors[1].0).write_all(&0x1_0000_0300u64.to_ne_bytes()).unwrap();
        assert_eq!(interrupts.wait(0, Duration::ZERO), Ok(false), "another vector's");
        assert_eq!(interrupts.wait(1, Duration::from_secs(5)), Ok(true));
        assert_eq!(interrupts.wait(1, Duration::ZERO), Ok(false), "taken");
        assert!(matches!(interrupts.wait(2, Duration::ZERO), Err(Error::TooFewVectors { needed: 3, had: 2, .. })));
    }

    #[test]
    fn a_thread_that_waits_is_woken() {
        let interrupts = interrupts();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| interrupts.wait(0, Duration::from_secs(20)));
            std::thread::sleep(Duration::from_millis(20));
            (&interrupts.vectors[0].0).write_all(&1u64.to_ne_bytes()).unwrap();
            assert_eq!(waits.join().unwrap(), Ok(true));
        });
    }
}
