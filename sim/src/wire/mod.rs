//! What a port is plugged into.
//!
//! A [`Wire`] gives frames to a port and takes frames from it. It is no queue: what a port does not take when it comes is
//! lost, and the port counts it as the chip does. A [`cable`](cable::cable) and a [generator](generator::Generator) are
//! like that. Where every frame counts there are lossless ones, by name: [`cable::lossless`] and
//! [`Generator::lossless`](generator::Generator::lossless) hand out only as many frames as the port has descriptors for,
//! and a lossless cable stops the sender when it is full. No hardware does that. [Captures](pcap) are replayed so, too.
//! Pause frames (XOFF) are not played: no port asks its partner to stop.

use std::time::Duration;

use crate::receive::{LONGEST, SHORTEST};

pub mod cable;
pub(crate) mod frames;
pub mod generator;
pub mod pcap;
pub mod sink;

/// What a port is plugged into.
///
/// A wire is called with its port locked: it must not call that port, nor drop memory that is
/// mapped for it.
pub trait Wire: Send {
    /// Gives frames to the port, without their CRC. `room` of them surely find descriptors: 0 while the port does not
    /// receive. Who gives no more than that loses nothing; what is beyond may be lost, and the port counts it.
    fn receive(&mut self, room: usize, port: &mut dyn FnMut(&[u8]));

    /// The port's model time is `now`: what follows happens then.
    fn tick(&mut self, _now: Duration) {}

    /// How many frames were lost since the last call, because the port did not move for too long: it missed them.
    fn overrun(&mut self) -> u64 {
        0
    }

    /// Throws away what is on its way to a port that cannot take it: it has no link, is in reset, or is gone. Returns how
    /// many frames that were.
    fn discard(&mut self) -> u64 {
        0
    }

    /// How many frames the wire takes from the port now.
    fn room(&mut self) -> usize {
        usize::MAX
    }

    /// Takes a frame from the port, without its CRC.
    fn transmit(&mut self, frame: &[u8]);

    /// The port has no more frames for now.
    fn flush(&mut self) {}

    /// Whether there is light at the other end.
    fn carrier(&self) -> bool {
        true
    }
}

impl<W: Wire + ?Sized> Wire for Box<W> {
    fn receive(&mut self, room: usize, port: &mut dyn FnMut(&[u8])) {
        (**self).receive(room, port);
    }

    fn tick(&mut self, now: Duration) {
        (**self).tick(now);
    }

    fn overrun(&mut self) -> u64 {
        (**self).overrun()
    }

    fn discard(&mut self) -> u64 {
        (**self).discard()
    }

    fn room(&mut self) -> usize {
        (**self).room()
    }

    fn transmit(&mut self, frame: &[u8]) {
        (**self).transmit(frame);
    }

    fn flush(&mut self) {
        (**self).flush();
    }

    fn carrier(&self) -> bool {
        (**self).carrier()
    }
}

/// Two wires as one: the port receives from the first and transmits to the second.
#[derive(Debug)]
pub struct Duplex<I, O> {
    input: I,
    output: O,
}

impl<I: Wire, O: Wire> Duplex<I, O> {
    /// Joins `input` and `output`.
    #[must_use]
    pub fn new(input: I, output: O) -> Self {
        Self { input, output }
    }
}

impl<I: Wire, O: Wire> Wire for Duplex<I, O> {
    fn receive(&mut self, room: usize, port: &mut dyn FnMut(&[u8])) {
        self.input.receive(room, port);
    }

    fn tick(&mut self, now: Duration) {
        self.input.tick(now);
        self.output.tick(now);
    }

    fn overrun(&mut self) -> u64 {
        self.input.overrun()
    }

    fn discard(&mut self) -> u64 {
        self.input.discard()
    }

    fn room(&mut self) -> usize {
        self.output.room()
    }

    fn transmit(&mut self, frame: &[u8]) {
        self.output.transmit(frame);
    }

    fn flush(&mut self) {
        self.output.flush();
    }

    fn carrier(&self) -> bool {
        self.input.carrier() && self.output.carrier()
    }
}

/// A wire with a partner that never sends and takes everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoTraffic;

impl Wire for NoTraffic {
    fn receive(&mut self, _room: usize, _port: &mut dyn FnMut(&[u8])) {}

    fn transmit(&mut self, _frame: &[u8]) {}
}

/// Pads a frame as a sending MAC does, into `padded`, and gives it back. `None` for a frame that no
/// wire can carry.
fn as_sent<'a>(frame: &'a [u8], padded: &'a mut [u8; SHORTEST]) -> Option<&'a [u8]> {
    match frame.len() {
        0 => None,
        len if len > LONGEST => None,
        len if len < SHORTEST => {
            padded[..len].copy_from_slice(frame);
            padded[len..].fill(0);
            Some(padded)
        }
        _ => Some(frame),
    }
}
