//! Interrupts as eventfds, on which threads and tasks can wait.

use core::any::Any;
use core::fmt;
use core::time::Duration;
use std::boxed::Box;
use std::format;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, RawFd};
use std::sync::Arc;
use std::time::Instant;
use std::vec::Vec;

/// One interrupt vector: an eventfd that counts its interrupts.
///
/// The descriptor does not block. It is readable while an interrupt was raised and not [taken](Self::take), so that
/// `poll`, `epoll`, and the reactors of mio, tokio and async-io can watch it, by level or by edge. [`wait`](crate::wait)
/// has the order of calls.
///
/// A clone is the same descriptor: an interrupt goes to the one that takes it first. The descriptor stays open as long
/// as there is a clone, but nothing raises it once its [`Interrupts`] are dropped.
#[derive(Debug, Clone)]
pub struct Vector(Arc<File>);

impl Vector {
    fn new() -> io::Result<Self> {
        // SAFETY: a new descriptor.
        let descriptor = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made, and nothing else owns it.
        Ok(Self(Arc::new(unsafe { File::from_raw_fd(descriptor) })))
    }

    /// Raises the vector.
    fn raise(&self) {
        // It fails if the counter is at its end: then an interrupt waits already.
        _ = (&*self.0).write(&1_u64.to_ne_bytes());
    }

    /// Returns `true` if the vector was raised since the last call. It never waits.
    ///
    /// # Errors
    ///
    /// An error of the system, of which none is known.
    pub fn take(&self) -> io::Result<bool> {
        // The counter has 64 bits, and is read whole or not at all.
        let mut count = [0; 8];
        match (&*self.0).read(&mut count) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns `true` if the vector was raised and not taken. It takes nothing, so that others see it, too.
    pub(super) fn is_raised(&self) -> bool {
        let mut poll = libc::pollfd { fd: self.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one structure, which outlives the call. The time of 0 makes it return at once.
        unsafe { libc::poll(&mut poll, 1, 0) == 1 }
    }

    /// Waits up to `timeout` for an interrupt. Returns `true` if one was raised since the last call.
    ///
    /// # Errors
    ///
    /// An error of the system, such as `ENOMEM`.
    pub fn wait(&self, timeout: Duration) -> io::Result<bool> {
        Ok(wait_any(&[self], timeout)?.is_some())
    }
}

/// Waits up to `timeout` until one of `vectors` is raised, and takes that one. Returns its place.
fn wait_any(vectors: &[&Vector], timeout: Duration) -> io::Result<Option<usize>> {
    let start = Instant::now();
    let poll = |vector: &&Vector| libc::pollfd { fd: vector.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let mut polls: Vec<_> = vectors.iter().map(poll).collect();
    loop {
        let left = timeout.saturating_sub(start.elapsed());
        // Rounded up: with 0 ms, the last part of the wait would spin.
        let milliseconds = left.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128) as i32;
        // SAFETY: as many structures as the vector has, which outlives the call.
        let ready = unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as libc::nfds_t, milliseconds) };
        if ready < 0 {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        for (place, vector) in vectors.iter().enumerate() {
            if vector.take()? {
                return Ok(Some(place));
            }
        }
        if left.is_zero() {
            return Ok(None);
        }
    }
}

impl AsFd for Vector {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Vector {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// The interrupt vectors of a device. Dropping them switches them off.
///
/// [`Vfio::interrupts`](crate::linux::Vfio::interrupts) makes them. Queues and the link raise them after
/// [`Control::set_up_interrupts`](crate::device::Control::set_up_interrupts). Without interrupts, a program polls the
/// queues, which is faster but occupies a core.
pub struct Interrupts {
    vectors: Vec<Vector>,
    /// What switches the interrupts off when it is dropped.
    _source: Box<dyn Any + Send + Sync>,
}

impl Interrupts {
    /// Makes `count` vectors, which `connect` gives to what raises them. It returns what switches them off when it is
    /// dropped.
    pub(super) fn new<S: Any + Send + Sync, E>(
        count: u32,
        failed: impl FnOnce(io::Error) -> E,
        connect: impl FnOnce(&[Vector]) -> Result<S, E>,
    ) -> Result<Self, E> {
        let vectors = (0..count).map(|_| Vector::new()).collect::<io::Result<Vec<_>>>().map_err(failed)?;
        let source = Box::new(connect(&vectors)?);
        Ok(Self { vectors, _source: source })
    }

    /// Makes `count` vectors that something in this process raises, such as a model of a device. `connect` is given a
    /// function that raises the vector with a number, and none for a number without a vector.
    ///
    /// ```
    /// use ixgbe::linux::Interrupts;
    /// # let port = ixgbe_sim::Port::new(ixgbe_sim::PortConfig::default());
    ///
    /// let interrupts = Interrupts::in_process(2, |raise| port.on_interrupt(raise))?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// An error of the system, such as `EMFILE`.
    pub fn in_process(count: u32, connect: impl FnOnce(Box<dyn Fn(u16) + Send + Sync>)) -> io::Result<Self> {
        Self::new(
            count,
            |error| error,
            |vectors| {
                let vectors = vectors.to_vec();
                connect(Box::new(move |vector| {
                    if let Some(vector) = vectors.get(usize::from(vector)) {
                        vector.raise();
                    }
                }));
                Ok(())
            },
        )
    }

    /// Returns the number of vectors.
    #[must_use]
    pub fn count(&self) -> usize {
        self.vectors.len()
    }

    /// Returns vector `number`, such as a queue's [`vector`](crate::port::InterruptSource::vector).
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] if there is no such vector.
    pub fn vector(&self, number: usize) -> io::Result<&Vector> {
        self.vectors.get(number).ok_or_else(|| {
            let count = self.vectors.len();
            let message = format!("there is no vector {number}: {count} were asked for: ask for {}", number + 1);
            io::Error::new(io::ErrorKind::InvalidInput, message)
        })
    }

    /// Waits up to `timeout` for an interrupt of `vector`. Returns `true` if one was raised since the last call.
    ///
    /// # Errors
    ///
    /// As [`vector`](Self::vector) and [`Vector::wait`].
    pub fn wait(&self, vector: usize, timeout: Duration) -> io::Result<bool> {
        self.vector(vector)?.wait(timeout)
    }

    /// Waits up to `timeout` for an interrupt of one of `vectors`. Returns the first of them that was raised since the
    /// last call that returned it. The others wait for the next call.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub fn wait_any(&self, vectors: &[usize], timeout: Duration) -> io::Result<Option<usize>> {
        let waited = vectors.iter().map(|vector| self.vector(*vector)).collect::<io::Result<Vec<_>>>()?;
        Ok(wait_any(&waited, timeout)?.and_then(|place| vectors.get(place)).copied())
    }
}

impl fmt::Debug for Interrupts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupts").field("vectors", &self.vectors).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interrupts() -> (Interrupts, Box<dyn Fn(u16) + Send + Sync>) {
        let mut raise = None;
        let interrupts = Interrupts::in_process(2, |raises| raise = Some(raises)).unwrap();
        (interrupts, raise.unwrap())
    }

    #[test]
    fn a_wait_ends_with_an_interrupt_or_in_time() {
        let (interrupts, raise) = interrupts();
        let start = Instant::now();
        assert!(!interrupts.wait(0, Duration::from_millis(20)).unwrap());
        assert!(start.elapsed() >= Duration::from_millis(20));
        assert!(!interrupts.wait(0, Duration::ZERO).unwrap());
        // More than 8 bits have room for.
        (&*interrupts.vectors[1].0).write_all(&0x1_0000_0300u64.to_ne_bytes()).unwrap();
        assert!(!interrupts.wait(0, Duration::ZERO).unwrap(), "another vector's");
        assert!(interrupts.wait(1, Duration::from_secs(5)).unwrap());
        assert!(!interrupts.wait(1, Duration::ZERO).unwrap(), "taken");
        // Of several that were raised, none is lost.
        raise(1);
        raise(0);
        let any = || interrupts.wait_any(&[1, 0], Duration::ZERO).unwrap();
        assert_eq!([any(), any(), any()], [Some(1), Some(0), None]);
        assert!(interrupts.wait_any(&[0, 2], Duration::ZERO).is_err());
        raise(2);
        let missing = interrupts.wait(2, Duration::ZERO).unwrap_err();
        assert_eq!(missing.to_string(), "there is no vector 2: 2 were asked for: ask for 3");
    }

    #[test]
    fn an_interrupt_is_taken_once_and_shown_until_then() {
        let (interrupts, raise) = interrupts();
        let vector = interrupts.vector(1).unwrap().clone();
        let is_readable = || {
            let mut poll = libc::pollfd { fd: vector.as_fd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one structure, which outlives the call.
            assert!(unsafe { libc::poll(&mut poll, 1, 0) } >= 0);
            poll.revents & libc::POLLIN != 0
        };
        assert!(!is_readable() && !vector.take().unwrap());
        raise(1);
        raise(1);
        assert!(is_readable() && is_readable(), "looking takes nothing");
        assert!(vector.take().unwrap());
        assert!(!is_readable() && !vector.take().unwrap());
        // A counter at its end is raised all the same, and nobody waits for room in it.
        (&*vector.0).write_all(&(u64::MAX - 1).to_ne_bytes()).unwrap();
        raise(1);
        assert!(vector.take().unwrap() && !vector.take().unwrap());
    }

    #[test]
    fn a_thread_that_waits_is_woken() {
        let (interrupts, raise) = interrupts();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| interrupts.wait(0, Duration::from_secs(20)));
            std::thread::sleep(Duration::from_millis(20));
            raise(0);
            assert!(waits.join().unwrap().unwrap());
        });
    }

    #[test]
    fn dropping_the_interrupts_drops_what_raises_them() {
        let source = Arc::new(());
        let weak = Arc::downgrade(&source);
        let interrupts = Interrupts::new(1, |error| error, |_| Ok::<_, io::Error>(source)).unwrap();
        let vector = interrupts.vector(0).unwrap().clone();
        assert!(weak.upgrade().is_some());
        drop(interrupts);
        assert!(weak.upgrade().is_none());
        assert!(!vector.take().unwrap(), "a vector outlives them");
    }
}
