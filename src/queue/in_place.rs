//! Forwarding without packets: buffers move from a receive ring to transmit rings, and from there back.

use core::fmt;

use crate::dma::{Dma, DmaError};
use crate::mmio::Bus;
use crate::packet::{Batch, Packet};
use crate::pool::BLOCK;
use crate::queue::ring::Step;
use crate::queue::{ReceiveQueue, TransmitQueue};

/// The decision about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Send the packet on the output with this index, or drop it if there is no such output.
    Output(usize),
    /// Send the packet on each output whose bit is set: bit n stands for output n.
    ///
    /// The lowest of them gets the packet itself, the others get copies in buffers of the receive queue's pool. Bits of
    /// outputs that do not exist have no effect, except that the packet is dropped if the lowest bit is one of them.
    Outputs(u64),
    /// Drop the packet.
    Drop,
}

impl Route {
    /// Returns the one output of a packet that goes to one.
    const fn single(self) -> Option<usize> {
        match self {
            Self::Output(output) => Some(output),
            Self::Outputs(set) if set.is_power_of_two() => Some(set.trailing_zeros() as usize),
            Self::Outputs(_) | Self::Drop => None,
        }
    }

    /// Returns the outputs of a packet that goes to several, as a set of bits.
    const fn outputs(self) -> u64 {
        match self {
            Self::Outputs(set) => set,
            Self::Output(_) | Self::Drop => 0,
        }
    }
}

/// What happens to packets whose output has no room.
#[derive(Debug)]
pub enum WhenFull<'b> {
    /// They are dropped and [counted](ForwardCounts::no_room). Packets for other outputs go on.
    Drop,
    /// All packets stay in the receive ring while any output is full, and the route does not see them yet.
    Wait,
    /// They are moved into the batch of their output, from which the caller can [transmit](TransmitQueue::transmit) them
    /// later. Packets for other outputs go on.
    ///
    /// Packets keep their order: while its batch has packets, an output gets no others. Packets for a batch that is full
    /// or missing are dropped and counted.
    HoldBack(&'b mut [Batch]),
}

/// Packet counts of one call of [`InPlaceForwarder::forward`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ForwardCounts {
    /// Packets sent, copies included.
    pub sent: usize,
    /// Packets dropped, by the route or because they cannot be forwarded in place. These lie in several buffers, are
    /// longer than their output was configured for, or are shorter than an Ethernet header. Packets that the receive
    /// queue drops are counted [there](ReceiveQueue::drops).
    pub dropped: usize,
    /// Packets, or copies of packets, dropped because their output had no room.
    pub no_room: usize,
    /// Packets moved into a batch of [`WhenFull::HoldBack`].
    pub held: usize,
    /// Copies that were not made because the pool had no free buffer.
    pub no_buffer: usize,
}

/// A forwarder from a receive queue to transmit queues of the same device or of others.
///
/// It makes no [packets](crate::packet::Packet). The route sees each packet where it was received. The buffer then
/// moves to the output's ring. After it was sent, it returns to the receive ring, once a quarter of that ring, or 32
/// descriptors, have no buffer. Only buffers of dropped packets return to the pool. This takes little more than half
/// the time of receiving and transmitting batches.
///
/// The forwarder borrows the queues and has no other state: it can be dropped or forgotten at any time.
///
/// An output whose link is lost keeps what was posted to it. [`TransmitQueue::drain`] waits for a link that comes back;
/// [`Device::stop`](crate::device::Device::stop) empties the output: its packets return to their pools.
pub struct InPlaceForwarder<'q, 'r, 't, H> {
    rx: &'q mut ReceiveQueue<'r, H>,
    tx: &'q mut [TransmitQueue<'t, H>],
    /// The number of posted receive buffers at which sent buffers are reclaimed.
    low: usize,
    /// For a packet that is sent on its own. It has memory only once there was one.
    single: Batch,
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
        Ok(Self { rx, tx, low, single: Batch::with_capacity(0) })
    }

    /// Forwards packets that have arrived, at most `most`. It never waits. Packets that cannot be forwarded in place do not
    /// count towards `most`.
    ///
    /// `route` gets the bytes of each packet from the Ethernet header on, at least 14. It may change them, and decides
    /// about the packet.
    ///
    /// If a single output has no room, packets [wait](WhenFull::Wait). With several outputs, a packet whose output has no
    /// room is [dropped](WhenFull::Drop): one stalled output, such as one without a cable, must not stop the others.
    /// [`forward_with`](Self::forward_with) gives the choice.
    ///
    /// One call examines no more descriptors than the receive ring has.
    ///
    /// If `route` panics, the next call shows it the same packet again.
    #[inline]
    pub fn forward(&mut self, most: usize, mut route: impl FnMut(&mut [u8]) -> Route) -> ForwardCounts {
        let [output] = &mut *self.tx else { return self.forward_with(most, WhenFull::Drop, route) };
        let before = output.ring.ring().end();
        let until = self.rx.ring.until();
        let (mut left, mut skipped) = (most, 0);
        loop {
            let decide = |bytes: &mut [u8]| match route(bytes) {
                Route::Output(0) => Step::Pass,
                Route::Outputs(set) if set & 1 != 0 => Step::Pass,
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
        ForwardCounts { sent, dropped: most - left - sent + skipped, ..ForwardCounts::default() }
    }

    /// Forwards as [`forward`](Self::forward) does, with a choice of what happens when an output has no room.
    pub fn forward_with(
        &mut self,
        most: usize,
        when_full: WhenFull<'_>,
        mut route: impl FnMut(&mut [u8]) -> Route,
    ) -> ForwardCounts {
        let mut counts = ForwardCounts::default();
        let until = self.rx.ring.until();
        match when_full {
            WhenFull::Drop => _ = self.forward_to_several(most, until, &mut [], &mut counts, route),
            WhenFull::HoldBack(held) => _ = self.forward_to_several(most, until, held, &mut counts, route),
            WhenFull::Wait if self.tx.len() == 1 => counts = self.forward(most, route),
            WhenFull::Wait => {
                let mut left = most;
                while left > 0 {
                    take_back(self.rx, self.tx, left);
                    // No packet finds its output full, if there are at most as many as the fullest has room for.
                    let room = self
                        .tx
                        .iter()
                        .map(|output| output.ring.ring().free())
                        .min()
                        .map_or(left, |room| room.min(left));
                    let taken = self.forward_to_several(room, until, &mut [], &mut counts, &mut route);
                    left -= room;
                    if taken < room || room == 0 {
                        break;
                    }
                }
            }
        }
        counts
    }

    /// Returns the outputs.
    pub fn outputs(&mut self) -> &mut [TransmitQueue<'t, H>] {
        self.tx
    }

    /// Forwards in runs of packets for the same output, and adds to `counts`. Returns how many packets it took.
    ///
    /// A packet whose output has no room goes into the batch of `held` for that output, if there is one. Descriptors from
    /// `until` on are not looked at.
    #[inline(never)]
    fn forward_to_several(
        &mut self,
        most: usize,
        until: u64,
        held: &mut [Batch],
        counts: &mut ForwardCounts,
        mut route: impl FnMut(&mut [u8]) -> Route,
    ) -> usize {
        take_back(self.rx, self.tx, most);
        let (mut left, outputs) = (most, self.tx.len());
        // The output of this run, and the route of the next packet, if that is known already.
        let (mut current, mut known) = (0, None);
        while left > 0 && self.rx.ring.ring().first() < until {
            // Without any output, all is dropped.
            let mut output = self.tx.get_mut(current);
            if let Some(output) = &mut output
                && output.ring.ring().free() == 0
            {
                output.ring.take_back_partly();
            }
            let holds = held.get(current);
            let waits = holds.is_some_and(|batch| !batch.is_empty());
            let output = output.filter(|output| output.ring.ring().free() > 0 && !waits);
            let (is_full, can_hold) = (output.is_none(), holds.is_some());
            let (mut stopped_at, mut no_room) = (None, 0);
            let decide = |bytes: &mut [u8]| {
                let route = known.take().unwrap_or_else(|| route(bytes));
                match route.single() {
                    Some(output) if output == current && !is_full => return Step::Pass,
                    Some(output) if output >= outputs => return Step::Drop,
                    Some(output) if output == current && !can_hold => {
                        no_room += 1;
                        return Step::Drop;
                    }
                    None if matches!(route, Route::Drop | Route::Outputs(0)) => return Step::Drop,
                    _ => stopped_at = Some(route),
                }
                Step::Stop
            };
            let (passed, sent) = match output {
                Some(output) => {
                    let before = output.ring.ring().end();
                    let passed = output.ring.pass_many(self.rx.ring, left, decide);
                    (passed, (output.ring.ring().end() - before) as usize)
                }
                None => (self.rx.ring.discard(left, decide), 0),
            };
            counts.sent += sent;
            counts.no_room += no_room;
            counts.dropped += passed - sent - no_room;
            left -= passed;
            known = None;
            match stopped_at {
                Some(route) => match route.single() {
                    Some(output) if output != current => (current, known) = (output, Some(route)),
                    _ => {
                        self.send_apart(route, held, counts);
                        left -= 1;
                    }
                },
                None if passed > 0 => {}
                None => {
                    // It may be too long for the output of this run alone.
                    if let Some(bytes) = self.rx.ring.front() {
                        let route = route(bytes);
                        self.send_apart(route, held, counts);
                        left -= 1;
                    } else if let Some(packets) = self.rx.ring.skip() {
                        counts.dropped += packets;
                    } else {
                        break;
                    }
                }
            }
        }
        self.tx.iter_mut().for_each(TransmitQueue::announce_new);
        take_back(self.rx, self.tx, 0);
        most - left
    }

    /// Takes the packet at the front out of the receive ring, and sends it on the first output of its route, and copies of
    /// it on the others.
    #[cold]
    fn send_apart(&mut self, route: Route, held: &mut [Batch], counts: &mut ForwardCounts) {
        // The device may have made something else of it meanwhile.
        let Some(packet) = self.rx.ring.segment() else { return counts.dropped += 1 };
        let set = route.outputs();
        let first = route.single().unwrap_or(set.trailing_zeros() as usize);
        for output in (0..self.tx.len().min(64)).filter(|output| *output > first && set >> output & 1 != 0) {
            match packet.try_clone_into(self.rx.pool()) {
                Ok(copy) => self.send(output, copy, held, counts),
                Err(_) => counts.no_buffer += 1,
            }
        }
        self.send(first, packet, held, counts);
    }

    /// Sends `packet` on an output, or holds it back.
    fn send(&mut self, output: usize, packet: Packet, held: &mut [Batch], counts: &mut ForwardCounts) {
        let Some(queue) = self.tx.get_mut(output) else { return counts.dropped += 1 };
        let mut packet = Some(packet);
        if held.get(output).is_none_or(|batch| batch.is_empty()) {
            if self.single.capacity() == 0 {
                self.single = Batch::with_capacity(1);
            }
            packet.take().map(|packet| self.single.push(packet));
            match queue.transmit(&mut self.single) {
                Ok(sent) => counts.sent += sent,
                Err(_) => return counts.dropped += 1,
            }
            packet = self.single.pop();
        }
        let Some(packet) = packet else { return };
        match held.get_mut(output).map(|batch| batch.push(packet)) {
            Some(Ok(())) => counts.held += 1,
            _ => counts.no_room += 1,
        }
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
