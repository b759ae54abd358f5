//! Forwarding without packets: what a queue receives is passed on to others, and the buffers come back to its ring.

use core::fmt;

use crate::dma::{Dma, DmaError};
use crate::mmio::Bus;
use crate::queue::ring::Step;
use crate::queue::rx::RxRing;
use crate::queue::tx::TxRing;
use crate::queue::{Receive, Transmit};

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// It goes out on this one of the outputs; if there is none, it is dropped.
    Output(usize),
    /// It is dropped.
    Drop,
}

/// What one call forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forwarded {
    /// Packets that were seen and sent.
    pub sent: usize,
    /// Packets that were dropped: because they were to be, or because they lie in several buffers or are longer than the
    /// outputs were configured for. What the receive queue drops itself is counted [there](Receive::drops).
    pub dropped: usize,
}

/// Passes packets on from a receive queue to transmit queues: of the same device or of others.
///
/// There are no [packets](crate::packet::Packet) here that could be kept: each is seen where it was received, and its buffer goes
/// to the output's ring, and from there straight back to the receive queue's when it was sent. The pool only takes
/// what was dropped. This costs about half of what receiving and transmitting batches does.
///
/// It borrows the queues, and has no state of its own: it can be dropped, or forgotten, at any time.
pub struct InPlace<'q, 'r, 't, H> {
    rx: &'q mut Receive<'r, H>,
    tx: &'q mut [Transmit<'t, H>],
}

impl<'q, 'r, 't, H: Bus + Dma> InPlace<'q, 'r, 't, H> {
    /// Forwards from `rx` to `tx`, which are made able to send what `rx` receives.
    ///
    /// # Errors
    ///
    /// [`DmaError`] if an output's device cannot reach the memory of the packets.
    pub fn new(rx: &'q mut Receive<'r, H>, tx: &'q mut [Transmit<'t, H>]) -> Result<Self, DmaError> {
        for output in &mut *tx {
            output.attach(rx.pool())?;
            output.ring.guess(rx.pool().id());
        }
        Ok(Self { rx, tx })
    }

    /// Forwards packets that have arrived, at most `most`. `route` sees the bytes of each, may change them, and says what
    /// becomes of the packet. It never waits.
    ///
    /// As long as any of the outputs has no room, packets stay where they are, and have not been seen.
    ///
    /// If `route` panics, the packet that it saw is the next to be seen.
    #[inline]
    pub fn forward(&mut self, most: usize, mut route: impl FnMut(&mut [u8]) -> Route) -> Forwarded {
        let mut left = most;
        for output in &mut *self.tx {
            output.ring.take_back_into(self.rx.ring);
            if output.ring.ring().free() < most {
                output.ring.take_back_partly();
            }
            left = left.min(output.ring.ring().free());
        }
        let mut forwarded = Forwarded::default();
        if let [output] = &mut *self.tx {
            while left > 0 {
                let decide = |bytes: &mut [u8]| match route(bytes) {
                    Route::Output(0) => Step::Pass,
                    _ => Step::Drop,
                };
                let passed = pass(self.rx.ring, output.ring, left, decide, &mut forwarded);
                left -= passed;
                if passed == 0 && !skip(self.rx.ring, &mut forwarded) {
                    break;
                }
            }
        } else {
            self.forward_to_several(left, &mut route, &mut forwarded);
        }
        self.tx.iter_mut().for_each(Transmit::announce_new);
        self.rx.ring.refill_if_short();
        self.rx.announce_new();
        forwarded
    }

    /// Forwards in runs of packets for the same output.
    fn forward_to_several(
        &mut self,
        mut left: usize,
        route: &mut impl FnMut(&mut [u8]) -> Route,
        forwarded: &mut Forwarded,
    ) {
        let outputs = self.tx.len();
        // The output of the next packet, if `route` has seen it already.
        let (mut current, mut seen) = (0, None);
        while left > 0
            && let Some(output) = self.tx.get_mut(current)
        {
            let is_seen = seen.is_some();
            let decide = |bytes: &mut [u8]| match seen.take().map_or_else(|| route(bytes), Route::Output) {
                Route::Output(output) if output == current => Step::Pass,
                Route::Output(output) if output < outputs => {
                    seen = Some(output);
                    Step::Stop
                }
                _ => Step::Drop,
            };
            let passed = pass(self.rx.ring, output.ring, left, decide, forwarded);
            left -= passed;
            match seen {
                Some(output) if passed > 0 || !is_seen => current = output,
                _ if passed == 0 && !skip(self.rx.ring, forwarded) => break,
                // What was seen has become something else since: the device does as it likes.
                _ => seen = None,
            }
        }
    }
}

/// Passes a run of packets on, and counts them.
#[inline(always)]
fn pass(
    rx: &mut RxRing,
    tx: &mut TxRing,
    most: usize,
    decide: impl FnMut(&mut [u8]) -> Step,
    forwarded: &mut Forwarded,
) -> usize {
    if !rx.is_between_frames() {
        return 0;
    }
    let before = tx.ring().end();
    let passed = tx.pass(rx, most, decide);
    let sent = tx.ring().end() - before;
    forwarded.sent += sent;
    forwarded.dropped += passed - sent;
    passed
}

/// Takes out of the way what cannot be passed on, and says whether there was any.
#[inline(always)]
fn skip(rx: &mut RxRing, forwarded: &mut Forwarded) -> bool {
    let is_done = rx.is_front_done();
    if is_done {
        skip_segment(rx, forwarded);
    }
    is_done
}

#[cold]
fn skip_segment(rx: &mut RxRing, forwarded: &mut Forwarded) {
    forwarded.dropped += usize::from(rx.segment().is_some());
}

impl<H> fmt::Debug for InPlace<'_, '_, '_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InPlace({} outputs)", self.tx.len())
    }
}
