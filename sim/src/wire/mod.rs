//! Wires: the counterparts of a port.
//!
//! A [`Wire`] gives frames to a port and takes frames from it. It is no queue: a port loses a frame that it does not
//! take when the frame arrives, and counts it as the chip does. A [`cable`](cable::cable) and a
//! [generator](generator::Generator) behave like that.
//!
//! Where no frame may be lost there are lossless wires, by name: [`cable::lossless`] and
//! [`Generator::lossless`](generator::Generator::lossless). They give only as many frames as the port has descriptors
//! for, and a full lossless cable stops the sender. No hardware does that. [Captures](pcap) are replayed in this way,
//! too. With flow control (802.3x) at both ends, a [`cable`](cable::cable) loses no frame either.

use std::time::Duration;

pub mod cable;
pub mod faults;
pub(crate) mod frames;
pub mod generator;
pub(crate) mod moment;
pub mod pcap;
pub mod sink;

use faults::{Faults, Faulty};
pub use moment::Moment;

/// How a frame came over the wire. Not all wires know: the default says that nothing is known, and the CRC is right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Passage {
    /// When the frame left its sender.
    pub departure: Option<Moment>,
    /// The CRC is wrong.
    pub damaged: bool,
}

/// A wire: the counterpart of a port.
///
/// A wire is called with its port locked: it must neither call that port nor drop memory that is mapped for it.
pub trait Wire: Send {
    /// Gives frames to the port, without their CRC. The first `room` of them are certain to find descriptors; `room` is
    /// 0 while the port does not receive. Further frames may be lost, and the port counts them.
    ///
    /// The port pads frames of less than 60 bytes with zeros, as the MAC of their sender would have. It drops frames that no
    /// MAC sends, empty or of more than 16,380 bytes ([`Counters::dropped_unfit`]).
    ///
    /// [`Counters::dropped_unfit`]: crate::Counters::dropped_unfit
    fn receive(&mut self, room: usize, port: &mut dyn FnMut(&[u8]));

    /// As [`receive`](Self::receive), and tells the port how each frame came, if the wire knows. A wire that
    /// [holds](Self::holds) frames gives no more of them once `port` returns `false`.
    fn receive_sent(&mut self, room: usize, port: &mut dyn FnMut(&[u8], Passage) -> bool) {
        self.receive(room, &mut |frame| _ = port(frame, Passage::default()));
    }

    /// Gives the pause frames of the link partner to the port, if they travel apart from other frames.
    fn receive_control(&mut self, _port: &mut dyn FnMut(&[u8])) {}

    /// Returns `true` if the link partner stops when it is asked to. Frames that it sent too late to know wait on the
    /// wire, because a step of the model is much longer than a pause frame takes.
    fn holds(&self) -> bool {
        false
    }

    /// Announces whether the port obeys pause frames, and whether it sends them.
    fn flow_control(&mut self, _obeys: bool, _asks: bool) {}

    /// Announces the port's model time, `now`, for the calls that follow.
    fn tick(&mut self, _now: Duration) {}

    /// Returns the number of frames lost since the last call because the port did not step for too long.
    fn overrun(&mut self) -> u64 {
        0
    }

    /// Discards the frames on their way to a port that cannot take them: it has no link, is in reset, or was removed.
    /// Returns their number.
    fn discard(&mut self) -> u64 {
        0
    }

    /// Returns the number of frames that the wire takes from the port now.
    fn room(&mut self) -> usize {
        usize::MAX
    }

    /// Announces the moment at which the frames of the series that follows leave the port.
    fn depart(&mut self, _at: Moment) {}

    /// Takes a frame from the port, without its CRC. It has 60 bytes or more, unless the driver turned padding off.
    fn transmit(&mut self, frame: &[u8]);

    /// Takes a pause frame from the port, which overtakes all frames that wait.
    fn transmit_control(&mut self, frame: &[u8]) {
        self.transmit(frame);
        self.flush();
    }

    /// Ends a series of frames from the port.
    fn flush(&mut self) {}

    /// Announces that the port's laser was switched on or off.
    fn shine(&mut self, _on: bool) {}

    /// Announces that the cable was plugged into the port, or pulled out of it. It is in the port at first.
    fn plug(&mut self, _connected: bool) {}

    /// Returns `true` if there is light from the other end.
    fn carrier(&self) -> bool {
        true
    }

    /// Has faults befall the frames on their way to the port. Frames from the port, and pause frames, are not touched: the
    /// other end of a cable has faults of its own.
    ///
    /// Delayed and duplicated frames take no account of the port's room. So with faults a lossless wire loses frames, too.
    fn with_faults(self, faults: Faults) -> Faulty<Self>
    where
        Self: Sized,
    {
        Faulty::new(self, faults)
    }
}

impl<W: Wire + ?Sized> Wire for Box<W> {
    fn receive(&mut self, room: usize, port: &mut dyn FnMut(&[u8])) {
        (**self).receive(room, port);
    }

    fn receive_sent(&mut self, room: usize, port: &mut dyn FnMut(&[u8], Passage) -> bool) {
        (**self).receive_sent(room, port);
    }

    fn receive_control(&mut self, port: &mut dyn FnMut(&[u8])) {
        (**self).receive_control(port);
    }

    fn holds(&self) -> bool {
        (**self).holds()
    }

    fn flow_control(&mut self, obeys: bool, asks: bool) {
        (**self).flow_control(obeys, asks);
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

    fn depart(&mut self, at: Moment) {
        (**self).depart(at);
    }

    fn transmit(&mut self, frame: &[u8]) {
        (**self).transmit(frame);
    }

    fn transmit_control(&mut self, frame: &[u8]) {
        (**self).transmit_control(frame);
    }

    fn flush(&mut self) {
        (**self).flush();
    }

    fn shine(&mut self, on: bool) {
        (**self).shine(on);
    }

    fn plug(&mut self, connected: bool) {
        (**self).plug(connected);
    }

    fn carrier(&self) -> bool {
        (**self).carrier()
    }
}

/// Two wires combined into one: the port receives from the first and transmits to the second.
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

    fn receive_sent(&mut self, room: usize, port: &mut dyn FnMut(&[u8], Passage) -> bool) {
        self.input.receive_sent(room, port);
    }

    fn receive_control(&mut self, port: &mut dyn FnMut(&[u8])) {
        self.input.receive_control(port);
    }

    fn holds(&self) -> bool {
        self.input.holds()
    }

    fn flow_control(&mut self, obeys: bool, asks: bool) {
        self.input.flow_control(obeys, asks);
        self.output.flow_control(obeys, asks);
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

    fn depart(&mut self, at: Moment) {
        self.output.depart(at);
    }

    fn transmit(&mut self, frame: &[u8]) {
        self.output.transmit(frame);
    }

    fn transmit_control(&mut self, frame: &[u8]) {
        self.output.transmit_control(frame);
    }

    fn flush(&mut self) {
        self.output.flush();
    }

    fn shine(&mut self, on: bool) {
        self.input.shine(on);
        self.output.shine(on);
    }

    fn plug(&mut self, connected: bool) {
        self.input.plug(connected);
        self.output.plug(connected);
    }

    fn carrier(&self) -> bool {
        self.input.carrier() && self.output.carrier()
    }
}

/// A wire whose link partner never sends and accepts every frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoTraffic;

impl Wire for NoTraffic {
    fn receive(&mut self, _room: usize, _port: &mut dyn FnMut(&[u8])) {}

    fn transmit(&mut self, _frame: &[u8]) {}
}
