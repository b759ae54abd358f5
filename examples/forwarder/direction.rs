//! The forwarder's work on packets, in one direction.

use std::sync::atomic::{AtomicU64, Ordering};

use ixgbe::dma::DmaError;
use ixgbe::packet::Batch;
use ixgbe::platform::AnyPlatform;
use ixgbe::port::{Down, Receive, Transmit, TransmitError};
use ixgbe::queue::{ForwardCounts, InPlaceForwarder, QueuePair, Route};

/// Adds one to a byte.
fn touch(packet: &mut [u8]) {
    if let Some(byte) = packet.get_mut(3) {
        *byte = byte.wrapping_add(1);
    }
}

/// The progress of one direction's thread, which another thread reads: on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Progress {
    moved: AtomicU64,
    unsendable: AtomicU64,
}

impl Progress {
    /// Returns the number of calls that moved packets.
    pub fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// Returns the number of packets that the other port cannot send.
    pub fn unsendable(&self) -> u64 {
        self.unsendable.load(Ordering::Relaxed)
    }
}

/// Adds to a counter that only this thread writes, so the addition needs no locked instruction.
fn add(counter: &AtomicU64, amount: usize) {
    counter.store(counter.load(Ordering::Relaxed) + amount as u64, Ordering::Relaxed);
}

/// One direction: one port receives, and the other sends what it received.
pub struct Direction<'a> {
    batch: Batch,
    in_place: bool,
    touch: bool,
    progress: &'a Progress,
}

impl<'a> Direction<'a> {
    pub fn new(batch: usize, in_place: bool, touch: bool, progress: &'a Progress) -> Self {
        Self { batch: Batch::with_capacity(batch), in_place, touch, progress }
    }

    /// Moves a batch. Returns `true` if any packet moved.
    pub fn forward(&mut self, from: &mut QueuePair<'_, AnyPlatform>, to: &mut QueuePair<'_, AnyPlatform>) -> bool {
        let moved = if self.in_place {
            self.forward_in_place(from, to).unwrap_or(false)
        } else {
            self.forward_batch(&mut from.rx, &mut to.tx).unwrap_or(false)
        };
        add(&self.progress.moved, usize::from(moved));
        moved
    }

    /// Moves a batch between any two devices.
    fn forward_batch(&mut self, from: &mut impl Receive, to: &mut impl Transmit) -> Result<bool, Down> {
        let waiting = self.batch.len();
        let received = from.receive(&mut self.batch)?;
        if self.touch {
            self.batch.iter_mut().skip(waiting).for_each(|packet| touch(packet));
        }
        // Packets without room stay in the batch. A packet that cannot be sent has left it, and is dropped here.
        match to.transmit(&mut self.batch) {
            Ok(sent) => Ok(received + sent > 0),
            Err(TransmitError::Refused(_)) => {
                add(&self.progress.unsendable, 1);
                Ok(true)
            }
            Err(TransmitError::Down(down)) => Err(down),
        }
    }

    /// Moves a batch between two 82599s without making packets of it.
    fn forward_in_place(
        &mut self,
        from: &mut QueuePair<'_, AnyPlatform>,
        to: &mut QueuePair<'_, AnyPlatform>,
    ) -> Result<bool, DmaError> {
        let mut ports = InPlaceForwarder::new(&mut from.rx, std::slice::from_mut(&mut to.tx))?;
        // With one output, none is dropped for want of room.
        let ForwardCounts { sent, dropped, .. } = ports.forward(self.batch.capacity(), |packet| {
            if self.touch {
                touch(packet);
            }
            Route::Output(0)
        });
        add(&self.progress.unsendable, dropped);
        Ok(sent + dropped > 0)
    }
}
