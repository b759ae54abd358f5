//! Threads that wait for a queue, by the eventfds of Linux.

use core::hint;
use core::time::Duration;
use std::io;
use std::time::Instant;

use crate::linux::Interrupts;
use crate::packet::Batch;
use crate::port::{Down, InterruptSource, Receive, Transmit, TransmitError};
use crate::wait::{self, Error, try_receive, try_transmit};

/// How long to look for something to do, and how: first polling, then asleep.
///
/// A packet that comes while the thread polls is seen at once. One that comes later costs the time of an interrupt and
/// of waking up, but until then the core is free. `cargo bench --bench waiting` shows what is gained and lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// The time to poll, with the interrupt masked.
    pub spin: Duration,
    /// The time to sleep after that, at most.
    pub sleep: Duration,
}

/// Sleeps at once.
impl From<Duration> for Patience {
    fn from(sleep: Duration) -> Self {
        Self { spin: Duration::ZERO, sleep }
    }
}

impl Interrupts {
    /// Receives packets into `batch`, and waits for the first one as long as `patience` says. Returns their number: 0 if
    /// none came, or if the batch is full.
    ///
    /// While packets arrive faster than the program handles them, this polls without interrupts.
    ///
    /// # Errors
    ///
    /// [`Error::Queue`] as for [`Receive::receive`]; [`Error::Interrupt`] as for [`wait`](Self::wait).
    pub fn receive<R: Receive + InterruptSource>(
        &self,
        rx: &mut R,
        batch: &mut Batch,
        patience: impl Into<Patience>,
    ) -> Result<usize, Error<Down, io::Error>> {
        self.attempt(rx, patience.into(), |rx| try_receive(rx, batch))
    }

    /// Sends packets from the front of `batch`, and waits for room for the first one as long as `patience` says. Returns
    /// their number: 0 if no room came, or if the batch is empty. Packets without room stay in it.
    ///
    /// # Errors
    ///
    /// [`Error::Queue`] as for [`Transmit::transmit`]; [`Error::Interrupt`] as for [`wait`](Self::wait).
    pub fn transmit<T: Transmit + InterruptSource>(
        &self,
        tx: &mut T,
        batch: &mut Batch,
        patience: impl Into<Patience>,
    ) -> Result<usize, Error<TransmitError, io::Error>> {
        self.attempt(tx, patience.into(), |tx| try_transmit(tx, batch))
    }

    /// Calls `step` until it has done something, or `patience` is over. Returns what it has done, or 0.
    fn attempt<Q: InterruptSource, E: From<Down>>(
        &self,
        queue: &mut Q,
        patience: Patience,
        mut step: impl FnMut(&mut Q) -> Result<Option<usize>, E>,
    ) -> Result<usize, Error<E, io::Error>> {
        let vector = self.vector(queue.vector()).map_err(Error::Interrupt)?;
        let mut start = Instant::now();
        while !patience.spin.is_zero() {
            if let Some(done) = step(queue).map_err(Error::Queue)? {
                return Ok(done);
            }
            if start.elapsed() >= patience.spin {
                start = Instant::now();
                break;
            }
            hint::spin_loop();
        }
        loop {
            if let Some(done) = wait::attempt(queue, &mut step).map_err(Error::Queue)? {
                return Ok(done);
            }
            // An interrupt may be one of before, so that there is nothing to do yet.
            let left = patience.sleep.saturating_sub(start.elapsed());
            if left.is_zero() || !vector.wait(left).map_err(Error::Interrupt)? {
                return Ok(0);
            }
        }
    }
}
