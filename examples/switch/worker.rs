//! The work of one thread of a switch: one receive queue of each port, and its own transmit queues to every port.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ixgbe::dma::DmaError;
use ixgbe::offload::{Received, Request, Requested, VlanTag};
use ixgbe::packet::{Batch, Packet};
use ixgbe::platform::AnyPlatform;
use ixgbe::queue::{InPlaceForwarder, ReceiveQueue, Route, TransmitQueue};

use super::bridge::Bridge;
use super::counters::{Counters, Event};

/// The most frames that a thread takes from one port before it looks at the next one.
const BATCH: usize = 64;

/// The queues of one thread.
pub struct Worker<'a> {
    bridge: &'a Bridge,
    /// One for each port.
    counters: &'a [Counters],
    rx: Vec<ReceiveQueue<'a, AnyPlatform>>,
    /// One for each output of [`Bridge::route`].
    tx: Vec<TransmitQueue<'a, AnyPlatform>>,
    received: Batch<Received>,
    /// What each output is to send.
    sending: Vec<Batch<Requested>>,
}

impl<'a> Worker<'a> {
    /// Makes a worker without ports.
    pub fn new(bridge: &'a Bridge, counters: &'a [Counters]) -> Self {
        let (received, sending) = (Batch::with_capacity(BATCH), Vec::new());
        Self { bridge, counters, rx: Vec::new(), tx: Vec::new(), received, sending }
    }

    /// Adds the queues of the next port. The packets of each port must be attached to all transmit queues.
    pub fn add_port(
        &mut self,
        rx: ReceiveQueue<'a, AnyPlatform>,
        known: TransmitQueue<'a, AnyPlatform>,
        flood: TransmitQueue<'a, AnyPlatform>,
    ) {
        self.tx.insert(self.rx.len(), known);
        self.tx.push(flood);
        self.rx.push(rx);
        self.sending.resize_with(self.tx.len(), || Batch::with_capacity(BATCH));
    }

    /// Forwards until `end` is set. A failure sets it.
    pub fn run(mut self, end: &AtomicBool) -> Result<(), DmaError> {
        while !end.load(Ordering::Relaxed) {
            match self.turn() {
                Ok(true) => {}
                Ok(false) => thread::yield_now(),
                Err(error) => {
                    end.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Forwards what has arrived at each port, up to a batch. Returns `true` if there was anything.
    pub fn turn(&mut self) -> Result<bool, DmaError> {
        let mut moved = false;
        for port in 0..self.rx.len() {
            moved |= if self.bridge.changes_tags() { self.forward_packets(port) } else { self.forward_in_place(port)? };
        }
        Ok(moved)
    }

    /// Moves buffers from the receive ring to the rings of the outputs. Frames for several outputs are copied by the
    /// library, one time less than there are outputs.
    fn forward_in_place(&mut self, port: usize) -> Result<bool, DmaError> {
        let Self { bridge, counters, rx, tx, .. } = self;
        let (counters, mut decided) = (&counters[port], 0);
        let counts = InPlaceForwarder::new(&mut rx[port], tx)?.forward(BATCH, |frame| {
            let vlan = bridge.vlan(port, tag(frame));
            let route = bridge.route(port, vlan, frame, counters);
            decided += usize::from(route == Route::Drop);
            route
        });
        counters.add(Event::Sent, counts.sent);
        counters.add(Event::NoRoom, counts.no_room);
        counters.add(Event::NoBuffer, counts.no_buffer);
        counters.add(Event::Unsendable, counts.dropped.saturating_sub(decided));
        Ok(counts.sent + counts.dropped + counts.no_room > 0)
    }

    /// Moves packets, whose tags the chip takes out and puts in. They are copied as seldom.
    fn forward_packets(&mut self, port: usize) -> bool {
        let counters = &self.counters[port];
        let mut received = std::mem::replace(&mut self.received, Batch::with_capacity(0));
        let count = self.rx[port].receive_with_metadata(&mut received);
        for packet in received.drain(..) {
            let tag = packet.vlan();
            let vlan = self.bridge.vlan(port, tag.map(VlanTag::id));
            let route = self.bridge.route(port, vlan, &packet, counters);
            let tag = tag.filter(|tag| tag.id() != 0).or(vlan.ok().filter(|vlan| *vlan != 0).and_then(VlanTag::new));
            let packet = packet.into_packet();
            let (first, others) = match route {
                Route::Output(output) => (output, 0),
                Route::Outputs(set) => (set.trailing_zeros() as usize, set & set.wrapping_sub(1)),
                Route::Drop => continue,
            };
            for output in (first + 1..self.tx.len()).filter(|output| others >> output & 1 != 0) {
                match packet.try_clone_into(self.rx[port].pool()) {
                    Ok(copy) => self.put(output, copy, tag, counters),
                    Err(_) => counters.add(Event::NoBuffer, 1),
                }
            }
            self.put(first, packet, tag, counters);
        }
        self.received = received;
        for (queue, batch) in self.tx.iter_mut().zip(&mut self.sending).filter(|(_, batch)| !batch.is_empty()) {
            while let Err(refused) = queue.transmit_with_requests(batch).map(|sent| counters.add(Event::Sent, sent)) {
                counters.add(Event::Sent, refused.sent);
                counters.add(Event::Unsendable, 1);
            }
            // An output without room must not hold up the others.
            counters.add(Event::NoRoom, batch.len());
            batch.clear();
        }
        count > 0
    }

    /// Gives a packet to an output, with its tag if the port is a trunk.
    fn put(&mut self, output: usize, packet: Packet, tag: Option<VlanTag>, counters: &Counters) {
        let is_trunk = self.bridge.access(output % self.bridge.ports()).is_none();
        let request = tag.filter(|_| is_trunk).map_or(Request::new(), |tag| Request::new().vlan(tag));
        match request.apply(packet) {
            Ok(packet) => _ = self.sending[output].push(packet),
            Err(_) => counters.add(Event::Unsendable, 1),
        }
    }
}

/// Returns the VLAN of a frame's tag, if it has one.
fn tag(frame: &[u8]) -> Option<u16> {
    let [.., a, b, c, d] = frame.first_chunk::<16>()?;
    (u16::from_be_bytes([*a, *b]) == VlanTag::ETHER_TYPE).then(|| u16::from_be_bytes([*c, *d]) & 0xfff)
}
