//! A bridge without frames sleeps until there is one.

use std::error::Error;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use super::bridge::{Bridge, PATIENCE};

impl Bridge<'_> {
    /// Sleeps until there is something to do, in the order of [`ixgbe::wait`].
    pub(super) fn sleep(&mut self) -> Result<(), Box<dyn Error>> {
        self.queues.rx.enable_interrupt();
        if self.waits_for_room() {
            self.queues.tx.enable_interrupt();
        }
        if self.step()? {
            return Ok(());
        }
        let Some(interrupts) = &self.interrupts else { return Ok(()) };
        let vectors = [interrupts.vector(self.queues.rx.vector())?, interrupts.vector(self.queues.tx.vector())?];
        let [rx, tx] = vectors.map(AsFd::as_fd);
        let mut files = vec![rx];
        files.extend(self.waits_for_room().then_some(tx));
        files.extend(self.has_room().then(|| self.tap.as_fd()));
        sleep_until(&files, PATIENCE)?;
        for vector in vectors {
            vector.take()?;
        }
        Ok(())
    }
}

/// Sleeps until one of `files` can be read, or `timeout` is over. A signal ends it too.
fn sleep_until(files: &[BorrowedFd<'_>], timeout: Duration) -> io::Result<()> {
    let poll = |file: &BorrowedFd<'_>| libc::pollfd { fd: file.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let mut polls: Vec<_> = files.iter().map(poll).collect();
    // SAFETY: as many structures as the vector has, which outlives the call.
    match unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as libc::nfds_t, timeout.as_millis() as libc::c_int) } {
        -1 => Err(io::Error::last_os_error()).or_else(|error: io::Error| match error.kind() {
            io::ErrorKind::Interrupted => Ok(()),
            _ => Err(error),
        }),
        _ => Ok(()),
    }
}
