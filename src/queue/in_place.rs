//! Forwarding without packets: buffers move from a receive ring to transmit rings, and from there back.

use core::fmt;

use crate::dma::{Dma, DmaError};
use crate::mmio::Bus;
use crate::pool::BLOCK;
use crate::queue::ring::Step;
use crate::queue::{ReceiveQueue, TransmitQueue};

/// The decision about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Send the packet on the output with this index, or drop it if there is no such output.
    Output(usize),
    /// Drop the packet.
    Drop,
}

/// Packet counts of one call of [`InPlaceForwarder::forward`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ForwardCounts {
    /// Packets sent.
    pub sent: usize,
    /// Packets dropped, by the route or because they cannot be forwarded in place. These lie in several buffers, are
    /// longer than the outputs were configured for, or are shorter than an Ethernet header. Packets that the receive
    /// queue drops are counted [there](ReceiveQueue::drops).
    pub dropped: usize,
    /// Packets dropped because their output had no room. With one output this is 0.
    pub no_room: usize,
}

/// A forwarder from a receive queue to transmit queues of the same device or of others.
///
/// It makes no [packets](crate::packet::Packet). The route sees each packet where it was received. The buffer then
/// moves to the output's ring. After it was sent, it returns to the receive ring, once a quarter of that ring, or 32
/// descriptors, have no buffer. Only buffers of dropped packets return to the pool. This takes little more than half
/// the time of receiving and transmitting batches.
///
/// The forwarder borrows the queues and has no other state: it can be dropped or forgotten at any time.
pub struct InPlaceForwarder<'q, 'r, 't, H> {
    rx: &'q mut ReceiveQueue<'r, H>,
    tx: &'q mut [TransmitQueue<'t, H>],
    /// The number of posted receive buffers at which sent buffers are reclaimed.
    low: usize,
}

impl<'q, 'r, 't, H: Bus + Dma> InPlaceForwarder<'q, 'r, 't, H> {
    /// Makes a forwarder from `rx` to `tx`, and attaches the pool of `rx` to each of `tx`.
    ///
    /// # Errors
    ///
    /// [`DmaError`] if the memory of the packets cannot be mapped for an output's device.
    pub fn new(rx: &'q mut ReceiveQueue<'r, H>, tx: &'q mut [TransmitQueue<'t, H>]) -> Result<Self, DmaError> {
        for output in &mut *tx {
            output.attach(rx.pool())?;
            output.ring.guess(rx.pool().id());
        }
        let len = rx.ring.ring().len();
        let low = len - BLOCK.max(len / 4);
        Ok(Self { rx, tx, low })
    }

    /// Forwards packets that have arrived, at most `most`. It never waits.
    ///
    /// `route` gets the bytes of each packet from the Ethernet header on, at least 14. It may change them, and decides
    /// about the packet.
    ///
    /// If a single output has no room, packets stay in the receive ring, and `route` does not see them. With several
    /// outputs, a packet whose output has no room is dropped and [counted](ForwardCounts::no_room): one stalled output,
    /// such as one without a cable, must not stop the others.
    ///
    /// One call examines no more descriptors than the receive ring has.
    ///
    /// If `route` panics, the next call shows it the same packet again.
    #[inline]
    pub fn forward(&mut self, most: usize, mut route: impl FnMut(&mut [u8]) -> Route) -> ForwardCounts {
        let [output] = &mut *self.tx else { return self.forward_to_several(most, route) };
        let before = output.ring.ring().end();
        let until = self.rx.ring.until();
        let (mut left, mut skipped) = (most, 0);
        loop {
            let decide = |bytes: &mut [u8]| match route(bytes) {
                Route::Output(0) => Step::Pass,
                _ => Step::Drop,
            };
            let count = match left {
                BLOCK.. => output.ring.pass_many(self.rx.ring, left, decide),
                1 => output.ring.pass_here(self.rx.ring, 1, decide),
                _ => output.ring.pass(self.rx.ring, left, decide),
            };
            left -= count;
            if left == 0 {
                break;
            }
            if count == 0 {
                // A device that writes back what must be skipped for ever must not keep the caller.
                if self.rx.ring.ring().first() >= until {
                    break;
                }
                let Some(packets) = make_way(self.rx, output) else { break };
                skipped += packets;
            }
        }
        let sent = (output.ring.ring().end() - before) as usize;
        output.announce_new();
        if self.rx.ring.ring().posted() <= self.low {
            take_back(self.rx, core::slice::from_mut(output), 0);
        }
        ForwardCounts { sent, dropped: most - left - sent + skipped, no_room: 0 }
    }

    /// Forwards in runs of packets for the same output.
    fn forward_to_several(&mut self, most: usize, mut route: impl FnMut(&mut [u8]) -> Route) -> ForwardCounts {
        take_back(self.rx, self.tx, most);
        let until = self.rx.ring.until();
        let mut left = most;
        let outputs = self.tx.len();
        let (mut forwarded, mut skipped) = (ForwardCounts::default(), 0);
        // The output of the next packet, if `route` has seen it already.
        let (mut current, mut seen) = (0, None);
        while left > 0 && self.rx.ring.ring().first() < until {
            let is_seen = seen.is_some();
            // Without any output, all is dropped.
            let mut output = self.tx.get_mut(current);
            if let Some(output) = &mut output
                && output.ring.ring().free() == 0
            {
                output.ring.take_back_partly();
            }
            let output = output.filter(|output| output.ring.ring().free() > 0);
            let (is_full, mut no_room) = (output.is_none(), 0);
            let decide = |bytes: &mut [u8]| match seen.take().map_or_else(|| route(bytes), Route::Output) {
                Route::Output(output) if output >= outputs => Step::Drop,
                Route::Output(output) if output == current && is_full => {
                    no_room += 1;
                    Step::Drop
                }
                Route::Output(output) if output == current => Step::Pass,
                Route::Output(output) => {
                    seen = Some(output);
                    Step::Stop
                }
                Route::Drop => Step::Drop,
            };
            let (passed, sent) = match output {
                Some(output) => {
                    let before = output.ring.ring().end();
                    let passed = output.ring.pass_many(self.rx.ring, left, decide);
                    (passed, (output.ring.ring().end() - before) as usize)
                }
                None => (self.rx.ring.discard(left, decide), 0),
            };
            forwarded.sent += sent;
            forwarded.no_room += no_room;
            forwarded.dropped += passed - sent - no_room;
            left -= passed;
            match seen {
                Some(output) if passed > 0 || !is_seen => current = output,
                // What was seen has become something else since: the device does as it likes.
                _ if passed > 0 => seen = None,
                _ => {
                    let Some(packets) = self.rx.ring.skip() else { break };
                    skipped += packets;
                    seen = None;
                }
            }
        }
        self.tx.iter_mut().for_each(TransmitQueue::announce_new);
        take_back(self.rx, self.tx, 0);
        forwarded.dropped += skipped;
        forwarded
    }
}

/// Makes room in an output that is full, or takes what cannot be passed on out of the way. Says how many packets that
/// were, if it did.
#[inline(never)]
fn make_way<H: Bus + Dma>(rx: &mut ReceiveQueue<'_, H>, output: &mut TransmitQueue<'_, H>) -> Option<usize> {
    if output.ring.ring().free() == 0 {
        take_back(rx, core::slice::from_mut(output), 1);
        return (output.ring.ring().free() > 0).then_some(0);
    }
    rx.ring.skip()
}

/// Takes back what was sent, into the receive queue as long as it fits, and makes room for `most` packets.
#[inline(never)]
fn take_back<H: Bus + Dma>(rx: &mut ReceiveQueue<'_, H>, tx: &mut [TransmitQueue<'_, H>], most: usize) {
    for output in tx {
        output.ring.take_back_into(rx.ring);
        if output.ring.ring().free() < most {
            output.ring.take_back_partly();
        }
    }
    rx.ring.refill_if_short();
    rx.announce_new();
}

impl<H> fmt::Debug for InPlaceForwarder<'_, '_, '_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InPlaceForwarder({} outputs)", self.tx.len())
    }
}
