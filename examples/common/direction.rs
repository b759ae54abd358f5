//! What the forwarder does with packets.

use ixgbe::dma::DmaError;
use ixgbe::packet::Batch;
use ixgbe::queue::{Forwarded, InPlace, QueuePair, Route};

use super::platform::Platform;

/// Adds one to a byte.
fn touch(packet: &mut [u8]) {
    if let Some(byte) = packet.get_mut(3) {
        *byte = byte.wrapping_add(1);
    }
}

/// One direction: what one port receives goes out on another.
pub struct Direction {
    batch: Batch,
    in_place: bool,
    touch: bool,
    /// Packets that the other port cannot send.
    pub unsendable: u64,
}

impl Direction {
    pub fn new(batch: usize, in_place: bool, touch: bool) -> Self {
        Self { batch: Batch::with_capacity(batch), in_place, touch, unsendable: 0 }
    }

    /// Moves a batch; says whether anything moved.
    pub fn forward(&mut self, from: &mut QueuePair<'_, Platform>, to: &mut QueuePair<'_, Platform>) -> bool {
        if self.in_place {
            return self.forward_in_place(from, to).unwrap_or(false);
        }
        let waiting = self.batch.len();
        let received = from.rx.receive(&mut self.batch);
        if self.touch {
            self.batch.iter_mut().skip(waiting).for_each(|packet| touch(packet));
        }
        // What finds no room stays in the batch; what cannot be sent is its first packet, and dropped.
        match to.tx.transmit(&mut self.batch) {
            Ok(sent) => received + sent > 0,
            Err(_) => {
                self.unsendable += 1;
                let mut first = true;
                self.batch.retain(|_| !std::mem::take(&mut first));
                true
            }
        }
    }

    fn forward_in_place(
        &mut self,
        from: &mut QueuePair<'_, Platform>,
        to: &mut QueuePair<'_, Platform>,
    ) -> Result<bool, DmaError> {
        let mut ports = InPlace::new(&mut from.rx, std::slice::from_mut(&mut to.tx))?;
        let Forwarded { sent, dropped } = ports.forward(self.batch.capacity(), |packet| {
            if self.touch {
                touch(packet);
            }
            Route::Output(0)
        });
        self.unsendable += dropped as u64;
        Ok(sent + dropped > 0)
    }
}
