//! Receiving with interrupts.

use core::time::Duration;

use crate::linux::{Error, Interrupts};
use crate::packet::Batch;
use crate::port::ReceiveInterrupt;

impl Interrupts {
    /// Receives packets into `batch`, and waits up to `timeout` for the first one. Returns their number.
    ///
    /// While packets arrive faster than the program handles them, this polls without interrupts.
    ///
    /// # Errors
    ///
    /// [`Error::Down`] if the queue cannot receive; else as [`wait`](Self::wait).
    pub fn receive(
        &self,
        rx: &mut impl ReceiveInterrupt,
        batch: &mut Batch,
        timeout: Duration,
    ) -> Result<usize, Error> {
        let received = rx.receive(batch)?;
        if received > 0 {
            return Ok(received);
        }
        rx.enable_interrupt();
        // A packet that arrived before the interrupt was enabled may not have raised it.
        let received = rx.receive(batch)?;
        if received == 0 && self.wait(rx.vector(), timeout)? {
            return Ok(rx.receive(batch)?);
        }
        Ok(received)
    }
}
