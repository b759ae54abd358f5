//! Forwarding without packets: buffers move from a receive ring to transmit rings, and from there back.

use core::fmt;
use core::ptr::NonNull;

use crate::descriptors::AdvancedReceiveWriteBack as WriteBack;
use crate::dma::{Dma, DmaAddr, DmaError};
use crate::packet::{Batch, Packet};
use crate::pool::whole;
use crate::queue::function::Kind;
use crate::queue::rx::RxRing;
use crate::queue::tx::TxRing;
use crate::queue::{Function, Physical, ReceiveQueue, TransmitQueue};

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

/// What happens to packets whose output has no room.
#[derive(Debug)]
pub enum WhenFull<'b> {
    /// They are dropped and [counted](ForwardCounts::no_room). Packets for other outputs go on.
    Drop,
    /// All packets stay in the receive ring while any output is full, and the route does not see them yet.
    Wait,
    /// They are moved into the batch of their output, from which the caller can [transmit](TransmitQueue::transmit)
    /// them later. Packets for other outputs go on.
    ///
    /// Packets keep their order: while its batch has packets, an output gets no others. Packets for a batch that is
    /// full or missing are dropped and counted.
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
/// moves to the output's ring. After it was sent, it returns to the receive ring, once a quarter of that ring is
/// vacant. Only buffers of dropped packets return to the pool. This takes about two thirds of the
/// instructions that receiving and transmitting batches take.
///
/// The forwarder borrows the queues, and keeps no packets between calls: it can be dropped or forgotten at any time.
///
/// An output whose link is lost keeps what was posted to it. [`TransmitQueue::drain`] waits for a link that comes back;
/// [`Device::stop`](crate::device::Device::stop) empties the output: its packets return to their pools.
pub struct InPlaceForwarder<'q, 'r, 't, H, F = Physical> {
    rx: &'q mut ReceiveQueue<'r, H, F>,
    tx: &'q mut [TransmitQueue<'t, H, F>],
    /// The number of posted receive buffers at which sent buffers are reclaimed.
    low: usize,
    /// For a packet that is sent on its own. It has memory only once there was one.
    single: Batch,
}

/// The minimum length of a packet to forward: the 14 bytes of an Ethernet header.
pub(super) const SHORTEST: u64 = crate::pool::SHORTEST as u64;

impl<'q, 'r, 't, H: Dma, F: Function<H>> InPlaceForwarder<'q, 'r, 't, H, F> {
    /// Makes a forwarder from `rx` to `tx`, and attaches the pool of `rx` to each of `tx`.
    ///
    /// # Errors
    ///
    /// [`DmaError`] if the memory of the packets cannot be mapped for an output's device.
    pub fn new(rx: &'q mut ReceiveQueue<'r, H, F>, tx: &'q mut [TransmitQueue<'t, H, F>]) -> Result<Self, DmaError> {
        for output in &mut *tx {
            output.attach(rx.pool())?;
        }
        let len = rx.ring.ring().len();
        Ok(Self { rx, tx, low: len - len / 4, single: Batch::with_capacity(0) })
    }

    /// Forwards packets that have arrived, at most `most`. It never waits. Packets that cannot be forwarded in place do
    /// not count towards `most`.
    ///
    /// `route` gets the bytes of each packet from the Ethernet header on, at least 14. It may change them, and decides
    /// about the packet.
    ///
    /// If a single output has no room, packets [wait](WhenFull::Wait). With several outputs, a packet whose output has
    /// no room is [dropped](WhenFull::Drop): one stalled output, such as one without a cable, must not stop the others.
    /// [`forward_with`](Self::forward_with) gives the choice.
    ///
    /// One call examines at most twice as many descriptors as the receive ring has.
    ///
    /// If `route` panics, the next call shows it the same packet again.
    #[inline]
    pub fn forward(&mut self, most: usize, mut route: impl FnMut(&mut [u8]) -> Route) -> ForwardCounts {
        let [output] = &mut *self.tx else { return self.forward_with(most, WhenFull::Drop, route) };
        let is_sent = |bytes: &mut [u8]| match route(bytes) {
            Route::Output(output) => output == 0,
            Route::Outputs(set) => set & 1 != 0,
            Route::Drop => false,
        };
        let counts = forward_to_one(self.rx.ring, output, self.low, most, is_sent);
        output.announce_new();
        self.rx.announce_new();
        counts
    }

    /// Forwards as [`forward`](Self::forward) does, with a choice of what happens when an output has no room.
    pub fn forward_with(
        &mut self,
        most: usize,
        when_full: WhenFull<'_>,
        route: impl FnMut(&mut [u8]) -> Route,
    ) -> ForwardCounts {
        for output in &mut *self.tx {
            // The caller may have exchanged it for one that the pool is not attached to.
            if !output.ring.select_pool(self.rx.ring.pool_id()) {
                return ForwardCounts::default();
            }
        }
        let mut counts = ForwardCounts::default();
        match when_full {
            WhenFull::Drop => self.forward_to_several(most, false, &mut [], &mut counts, route),
            WhenFull::HoldBack(held) => self.forward_to_several(most, false, held, &mut counts, route),
            WhenFull::Wait => self.forward_to_several(most, true, &mut [], &mut counts, route),
        }
        for output in &mut *self.tx {
            output.ring.report();
            output.announce_new();
        }
        self.rx.announce_new();
        counts
    }

    /// Returns the outputs.
    ///
    /// If one is exchanged for a queue to which the pool of the receive queue is not [attached](TransmitQueue::attach),
    /// nothing is forwarded.
    pub fn outputs(&mut self) -> &mut [TransmitQueue<'t, H, F>] {
        self.tx
    }

    /// Forwards packets one by one, and adds to `counts`. If it `waits`, it ends when an output has no room.
    ///
    /// A packet whose output has no room goes into the batch of `held` for that output, if there is one.
    #[inline(never)]
    fn forward_to_several(
        &mut self,
        most: usize,
        waits: bool,
        held: &mut [Batch],
        counts: &mut ForwardCounts,
        mut route: impl FnMut(&mut [u8]) -> Route,
    ) {
        let begin = self.rx.ring.ring.first();
        let mut left = most;
        loop {
            let room = if waits { self.room() } else { usize::MAX };
            let count = left.min(self.rx.ring.straight()).min(room);
            // SAFETY: the pool of the receive ring is selected in all outputs, and `count` of its descriptors are
            // straight.
            let (sent, other) = unsafe { dispatch(self.rx.ring, self.tx, count, held, &mut route) };
            counts.sent += sent;
            left -= sent;
            if let Some(route) = other {
                self.send_apart(route, held, counts);
                left -= 1;
                continue;
            }
            let has_ended = left == 0 || room == 0 || sent < count && !self.rx.ring.is_front_done();
            if has_ended && !self.rx.ring.is_due() {
                return;
            }
            let (is_ready, skipped) = prepare(self.rx.ring, self.tx, self.low, begin);
            counts.dropped += skipped;
            if has_ended || !is_ready {
                return;
            }
        }
    }

    /// Returns how many packets each output has room for.
    fn room(&mut self) -> usize {
        let room = self.tx.iter_mut().map(|output| {
            if output.ring.straight() == 0 {
                output.ring.make_room(1);
            }
            output.ring.straight()
        });
        room.min().unwrap_or(usize::MAX)
    }

    /// Takes the packet at the front out of the receive ring, and drops it, or sends it on the lowest output of its
    /// route, and copies of it on the others.
    #[inline(never)]
    fn send_apart(&mut self, route: Route, held: &mut [Batch], counts: &mut ForwardCounts) {
        let (first, set) = match route {
            Route::Output(output) => (output, 0),
            Route::Outputs(0) | Route::Drop => (usize::MAX, 0),
            Route::Outputs(set) => (set.trailing_zeros() as usize, set),
        };
        let Some(queue) = self.tx.get_mut(first) else {
            counts.dropped += 1;
            return self.rx.ring.drop_front();
        };
        // A packet that nobody can have needs not be moved.
        if set == 0 && held.get(first).is_none() && !queue.ring.has_room() {
            counts.no_room += 1;
            return self.rx.ring.drop_front();
        }
        // The device may have made something else of it meanwhile.
        let Some(packet) = self.rx.ring.segment::<Packet>() else { return counts.dropped += 1 };
        for output in (first + 1..self.tx.len().min(64)).filter(|output| set >> output & 1 != 0) {
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
        if held.get(output).is_some_and(|batch| !batch.is_empty()) {
            return self.hold(output, packet, held, counts);
        }
        if self.single.capacity() == 0 {
            self.single = Batch::with_capacity(1);
        }
        _ = self.single.push(packet);
        match queue.transmit(&mut self.single) {
            Ok(sent) => counts.sent += sent,
            Err(_) => counts.dropped += 1,
        }
        if let Some(packet) = self.single.pop() {
            self.hold(output, packet, held, counts);
        }
    }

    /// Puts `packet` into the batch of an output that has no room, or drops it.
    fn hold(&mut self, output: usize, packet: Packet, held: &mut [Batch], counts: &mut ForwardCounts) {
        match held.get_mut(output).map(|batch| batch.push(packet)) {
            Some(Ok(())) => counts.held += 1,
            _ => counts.no_room += 1,
        }
    }
}

/// Forwards at most `most` packets to one output, as long as there are some, and room.
#[inline(always)]
fn forward_to_one<H: Dma, F: Function<H>>(
    rx: &mut RxRing,
    output: &mut TransmitQueue<'_, H, F>,
    low: usize,
    most: usize,
    mut is_sent: impl FnMut(&mut [u8]) -> bool,
) -> ForwardCounts {
    let (mut sent, mut dropped) = (0, 0);
    if !output.ring.select_pool(rx.pool_id()) {
        return ForwardCounts::default();
    }
    let begin = rx.ring.first();
    let mut left = most;
    let mut is_ready = !rx.is_due() && output.ring.straight() > 0;
    loop {
        if !is_ready {
            let (is_ready, skipped) = prepare(rx, core::slice::from_mut(output), low, begin);
            dropped += skipped;
            if !is_ready || output.ring.straight() == 0 {
                break;
            }
        }
        let count = left.min(rx.straight()).min(output.ring.straight());
        // SAFETY: the pool of `rx` is selected, and `count` descriptors are straight in both rings.
        let (passed, is_dropped) = unsafe { pass_run(rx, output.ring, count, &mut is_sent) };
        sent += passed;
        left -= passed;
        is_ready = is_dropped;
        if is_dropped {
            rx.drop_front();
            dropped += 1;
            left -= 1;
        } else if left == 0 || passed < count && !rx.is_front_done() {
            // Otherwise the next call is early enough, when more was sent.
            if rx.is_due() && rx.is_short() {
                dropped += prepare(rx, core::slice::from_mut(output), low, begin).1;
            }
            break;
        }
    }
    ForwardCounts { sent, dropped, ..ForwardCounts::default() }
}

/// Finds buffers for `rx` and room in the outputs, and skips what cannot be passed on. Returns `true` if a packet is at
/// the front and can be passed on, and how many packets were skipped. The call began at descriptor `begin`.
#[inline(never)]
fn prepare<H: Dma, F: Function<H>>(
    rx: &mut RxRing,
    outputs: &mut [TransmitQueue<'_, H, F>],
    low: usize,
    begin: u64,
) -> (bool, usize) {
    let is_short = rx.ring.posted() <= low;
    for output in &mut *outputs {
        if is_short || output.ring.straight() == 0 {
            reclaim_into(output.ring, rx);
            output.ring.look_ahead();
        }
    }
    rx.refill_if_short();
    rx.look_ahead(rx.ring.len() - low);
    // With several outputs, the route decides which length is too long.
    let max_len = if let [output] = outputs { output.ring.max_len() } else { u16::MAX };
    let mut skipped = 0;
    // A device that writes back faster than this goes on must not keep the caller for ever.
    let until = begin + rx.ring.len() as u64;
    while rx.is_front_done() && rx.ring.first() < until {
        if rx.front(max_len).is_some() {
            return (true, skipped);
        }
        skipped += rx.skip().unwrap_or(0);
    }
    (false, skipped)
}

/// A count of packets that leave a receive ring. The ring forgets them in the end, also after a panic of the caller's
/// code.
struct Leaving<'a> {
    ring: &'a mut RxRing,
    count: usize,
    /// Whether the caller's code runs, so that this ends by its panic.
    is_out: bool,
}

impl Drop for Leaving<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the buffers of the first `count` descriptors are in other rings.
        unsafe { self.ring.ring.forget(self.count) };
        if self.is_out {
            self.ring.make_due();
        }
    }
}

/// Moves up to `count` packets from the front of `rx` to the outputs that `route` says, as long as each is in one
/// buffer and has a length that can be sent, and its output has room and no packets in its batch of `held`. Returns how
/// many, and the route of the packet at the front, if that is another.
///
/// # Safety
///
/// The pool of `rx` must be selected in all outputs, and `count` descriptors of `rx` must be straight.
#[inline(always)]
unsafe fn dispatch<H: Dma, F: Function<H>>(
    rx: &mut RxRing,
    outputs: &mut [TransmitQueue<'_, H, F>],
    count: usize,
    held: &[Batch],
    route: &mut impl FnMut(&mut [u8]) -> Route,
) -> (usize, Option<Route>) {
    let expected = rx.forwarded();
    let from = rx.front_cursor();
    let mut leaving = Leaving { ring: rx, count: 0, is_out: false };
    while leaving.count < count {
        // SAFETY: `count` descriptors follow in one piece. They were posted, so they have buffers, which belong to the
        // ring until they count as leaving. The length was checked, so the slice lies in the buffer, which is of the
        // selected pool.
        unsafe {
            let at = from.at(leaving.count);
            let Some(len) = expected.count(at.slot(), WriteBack::PKT_LEN) else { break };
            let data = at.buffer().data();
            leaving.is_out = true;
            let decision = route(core::slice::from_raw_parts_mut(data.as_ptr(), len as usize));
            leaving.is_out = false;
            let is_sent = match decision {
                Route::Output(output) if held.get(output).is_none_or(Batch::is_empty) => {
                    outputs.get_mut(output).is_some_and(|output| output.ring.post_whole(data, len))
                }
                _ => false,
            };
            if !is_sent {
                return (leaving.count, Some(decision));
            }
        }
        leaving.count += 1;
    }
    (leaving.count, None)
}

/// A run of packets on their way. Dropping it counts them in both rings, also after a panic of the caller's code.
struct Passage<'a, F: Kind> {
    from: &'a mut RxRing,
    to: &'a mut TxRing<F>,
    count: usize,
    /// Whether the caller's code runs, so that this ends by its panic.
    is_out: bool,
}

impl<F: Kind> Drop for Passage<'_, F> {
    // Inlined, so that the count is kept in a register until then.
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the buffers of `count` descriptors are in as many places of the other ring, whose descriptors were
        // written.
        unsafe {
            self.from.ring.forget(self.count);
            self.to.ring.grow(self.count);
        }
        self.to.report();
        if self.is_out {
            self.from.make_due();
        }
    }
}

/// Moves up to `count` packets from the front of `rx` to the end of `tx`, as long as each is in one buffer, has a
/// length that can be sent, and `is_sent`. Returns how many, and whether the packet at the front is not to be sent.
///
/// # Safety
///
/// The pool of `rx` must be selected in `tx`. That many descriptors must follow in one piece in both rings.
#[inline(always)]
unsafe fn pass_run<F: Kind>(
    rx: &mut RxRing,
    tx: &mut TxRing<F>,
    count: usize,
    is_sent: &mut impl FnMut(&mut [u8]) -> bool,
) -> (usize, bool) {
    match tx.delta() {
        // SAFETY: the pool is selected, so its buffers are as far from where the device sees them.
        Some(delta) => unsafe { pass(rx, tx, count, is_sent, |data| delta.address(data)) },
        None => match tx.pages() {
            // SAFETY: the pool is selected, so `pages` is of it.
            Some(pages) => unsafe { pass(rx, tx, count, is_sent, |data| pages.address(data)) },
            None => (0, false),
        },
    }
}

/// As [`pass_run`], with the addresses that `address` finds.
///
/// # Safety
///
/// As for [`pass_run`]; and `address` returns where the device of `tx` sees the byte at the pointer that it is given.
#[inline(always)]
unsafe fn pass<F: Kind>(
    rx: &mut RxRing,
    tx: &mut TxRing<F>,
    count: usize,
    is_sent: &mut impl FnMut(&mut [u8]) -> bool,
    address: impl Fn(NonNull<u8>) -> DmaAddr,
) -> (usize, bool) {
    let expected = rx.forwarded().at_most(tx.max_len());
    let (from, to) = (rx.front_cursor(), tx.end_cursor());
    let mut passage = Passage { from: rx, to: tx, count: 0, is_out: false };
    while passage.count < count {
        // SAFETY: in both rings `count` descriptors follow in one piece. Those of `from` were posted, so they have
        // buffers, which belong to the ring until they count as passed: not if the caller's code panics. Those of `to`
        // are vacant. The length was checked, so the slice lies in the buffer.
        unsafe {
            let at = from.at(passage.count);
            let Some(len) = expected.count(at.slot(), WriteBack::PKT_LEN) else { break };
            let buffer = at.buffer();
            let bytes = core::slice::from_raw_parts_mut(buffer.data().as_ptr(), len as usize);
            passage.is_out = true;
            let is_sent = is_sent(bytes);
            passage.is_out = false;
            if !is_sent {
                return (passage.count, true);
            }
            to.at(passage.count).post(whole::<F>(len, address(buffer.data())), buffer);
        }
        passage.count += 1;
    }
    (passage.count, false)
}

/// Returns the buffers that `tx` has sent: the first of them to `rx`, as long as they are of its pool and fit, and the
/// rest to their pools.
#[inline(never)]
fn reclaim_into<F: Kind>(tx: &mut TxRing<F>, rx: &mut RxRing) {
    let done = tx.done();
    if done == 0 {
        return;
    }
    let own = tx.count_of(rx.pool_id(), done).min(rx.vacant());
    // SAFETY: the device has reported `done` buffers at the front. The first of them are of the pool of `rx`, fit, and
    // have the size that its queue was set up for.
    unsafe {
        rx.take_over(&mut tx.ring, own);
        if own < done {
            tx.give_back(done - own);
        }
    }
}

impl<H, F> fmt::Debug for InPlaceForwarder<'_, '_, '_, H, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InPlaceForwarder({} outputs)", self.tx.len())
    }
}
