//! A cable between two ports.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::frames::FrameQueue;
use super::{Moment, Passage, Wire};

/// Maximum number of frames on a lossless cable in one direction, before the sender must wait.
const CAPACITY: usize = 4096;
/// Maximum number of frames that wait for a port that is not stepped; later ones are lost. All of them arrive when the
/// port next steps.
const LATE: usize = 1 << 16;

/// Frames on their way, and the moments at which they left.
#[derive(Debug, Default)]
struct Flight {
    frames: FrameQueue,
    /// For each series of frames, its number of frames and its departure.
    departures: VecDeque<(usize, Option<Moment>)>,
}

impl Flight {
    /// Adds the frames of `series`, which left together at `departure`.
    fn add(&mut self, series: &mut FrameQueue, departure: Option<Moment>) {
        self.departures.push_back((series.len(), departure));
        self.frames.append(series);
    }

    /// Takes over the frames of `other`, if this has none left.
    fn refill(&mut self, other: &mut Self) {
        if self.frames.is_empty() {
            self.departures.clear();
            std::mem::swap(self, other);
        }
    }

    /// Returns the first frame and its departure.
    fn first(&self) -> Option<(&[u8], Option<Moment>)> {
        Some((self.frames.front()?, self.departures.front().and_then(|(_, departure)| *departure)))
    }

    /// Removes the first frame.
    fn remove_first(&mut self) {
        self.frames.pop();
        if let Some((left, _)) = self.departures.front_mut() {
            *left -= 1;
            if *left == 0 {
                self.departures.pop_front();
            }
        }
    }
}

/// One direction of a cable.
#[derive(Debug)]
struct Strand {
    frames: Mutex<Flight>,
    /// Number of frames sent and not yet received.
    under_way: AtomicUsize,
    /// Number of frames lost because the receiving port was not stepped.
    overrun: AtomicU64,
    /// `true` while the sending end exists and is plugged in, and its laser is on.
    lit: AtomicBool,
    lossless: bool,
    /// The pause frames on their way, and their number.
    control: Mutex<FrameQueue>,
    controls: AtomicUsize,
    /// `true` while the sender obeys pause frames.
    obeys: AtomicBool,
    /// `true` while the receiver sends pause frames.
    asks: AtomicBool,
}

impl Strand {
    fn new(lossless: bool) -> Arc<Self> {
        Arc::new(Self {
            frames: Mutex::default(),
            under_way: AtomicUsize::new(0),
            overrun: AtomicU64::new(0),
            lit: AtomicBool::new(true),
            lossless,
            control: Mutex::default(),
            controls: AtomicUsize::new(0),
            obeys: AtomicBool::new(false),
            asks: AtomicBool::new(false),
        })
    }

    /// Returns `true` if the sender waits when the cable is full: also when the receiver has had no time to ask for it.
    fn stops_sender(&self) -> bool {
        self.lossless || self.obeys.load(Ordering::Acquire) && self.asks.load(Ordering::Acquire)
    }
}

/// One end of a cable. When it is dropped, the other end goes dark.
#[derive(Debug)]
pub struct CableEnd {
    out: Arc<Strand>,
    into: Arc<Strand>,
    outgoing: FrameQueue,
    departure: Option<Moment>,
    incoming: Flight,
    /// `true` if the cable has no lasers: it carries a signal whatever a port's pins say.
    copper: bool,
    shines: bool,
    plugged: bool,
}

impl CableEnd {
    fn light(&self) {
        self.out.lit.store(self.plugged && (self.copper || self.shines), Ordering::Release);
    }
}

/// Creates a cable and returns its two ends.
///
/// A frame arrives when the other port next steps, regardless of that port's room. The sender never waits, unless it
/// obeys pause frames (MFLCN.RFCE): while the other port asks for a pause, frames stay on the cable.
#[must_use]
pub fn cable() -> (CableEnd, CableEnd) {
    ends(false)
}

/// Creates a cable that loses no frame, and returns its two ends. Frames without a receive descriptor stay on the
/// cable, and frames beyond its capacity stay with the sending port. No such hardware exists; the cable is for programs
/// that count frames.
#[must_use]
pub fn lossless() -> (CableEnd, CableEnd) {
    ends(true)
}

/// Makes a passive copper cable, as [`cable`], which has no lasers.
pub fn copper() -> (CableEnd, CableEnd) {
    let (mut one, mut other) = cable();
    (one.copper, other.copper) = (true, true);
    (one, other)
}

fn ends(lossless: bool) -> (CableEnd, CableEnd) {
    let (there, back) = (Strand::new(lossless), Strand::new(lossless));
    let end = |out: &Arc<Strand>, into: &Arc<Strand>| CableEnd {
        out: Arc::clone(out),
        into: Arc::clone(into),
        outgoing: FrameQueue::default(),
        departure: None,
        incoming: Flight::default(),
        copper: false,
        shines: true,
        plugged: true,
    };
    (end(&there, &back), end(&back, &there))
}

impl Wire for CableEnd {
    fn receive(&mut self, room: usize, port: &mut dyn FnMut(&[u8])) {
        self.receive_sent(room, &mut |frame, _| {
            port(frame);
            true
        });
    }

    fn receive_sent(&mut self, room: usize, port: &mut dyn FnMut(&[u8], Passage) -> bool) {
        let under_way = self.into.under_way.load(Ordering::Acquire);
        let most = if self.into.lossless { room.min(under_way) } else { under_way };
        let (mut received, mut goes_on) = (0, true);
        while received < most && goes_on {
            if self.incoming.frames.is_empty() {
                self.incoming.refill(&mut self.into.frames.lock().unwrap_or_else(PoisonError::into_inner));
            }
            let Some((frame, departure)) = self.incoming.first() else { break };
            goes_on = port(frame, Passage { departure, damaged: false });
            self.incoming.remove_first();
            received += 1;
        }
        if received > 0 {
            self.into.under_way.fetch_sub(received, Ordering::AcqRel);
        }
    }

    fn receive_control(&mut self, port: &mut dyn FnMut(&[u8])) {
        if self.into.controls.load(Ordering::Acquire) > 0 {
            let mut frames = std::mem::take(&mut *self.into.control.lock().unwrap_or_else(PoisonError::into_inner));
            self.into.controls.fetch_sub(frames.len(), Ordering::AcqRel);
            while let Some(frame) = frames.front() {
                port(frame);
                frames.pop();
            }
        }
    }

    fn holds(&self) -> bool {
        self.into.obeys.load(Ordering::Acquire)
    }

    fn flow_control(&mut self, obeys: bool, asks: bool) {
        self.out.obeys.store(obeys, Ordering::Release);
        self.into.asks.store(asks, Ordering::Release);
    }

    fn overrun(&mut self) -> u64 {
        self.into.overrun.swap(0, Ordering::AcqRel)
    }

    fn discard(&mut self) -> u64 {
        let mut lost = self.overrun();
        if !self.into.lossless {
            self.receive(0, &mut |_| lost += 1);
        }
        lost
    }

    fn room(&mut self) -> usize {
        if self.out.stops_sender() {
            CAPACITY.saturating_sub(self.out.under_way.load(Ordering::Acquire))
        } else {
            usize::MAX
        }
    }

    fn depart(&mut self, at: Moment) {
        self.departure = Some(at);
    }

    fn transmit(&mut self, frame: &[u8]) {
        if !self.out.lossless && self.out.under_way.load(Ordering::Acquire) + self.outgoing.len() >= LATE {
            self.out.overrun.fetch_add(1, Ordering::AcqRel);
        } else {
            self.outgoing.push(frame);
        }
    }

    fn transmit_control(&mut self, frame: &[u8]) {
        let mut control = self.out.control.lock().unwrap_or_else(PoisonError::into_inner);
        if control.len() < CAPACITY {
            control.push(frame);
            self.out.controls.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn flush(&mut self) {
        let sent = self.outgoing.len();
        if sent > 0 {
            let mut frames = self.out.frames.lock().unwrap_or_else(PoisonError::into_inner);
            frames.add(&mut self.outgoing, self.departure);
            self.out.under_way.fetch_add(sent, Ordering::AcqRel);
        }
    }

    fn shine(&mut self, on: bool) {
        self.shines = on;
        self.light();
    }

    fn plug(&mut self, connected: bool) {
        self.plugged = connected;
        self.light();
    }

    fn carrier(&self) -> bool {
        self.into.lit.load(Ordering::Acquire)
    }
}

impl Drop for CableEnd {
    fn drop(&mut self) {
        self.out.lit.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lossless_cable_keeps_order_and_stops_the_sender_when_it_is_full() {
        let (mut one, mut other) = lossless();
        let (mut sent, mut received) = (0_u32, 0_u32);
        for round in 0..1_000 {
            for _ in 0..one.room().min(50) {
                one.transmit(&sent.to_be_bytes());
                sent += 1;
            }
            one.flush();
            let room = if round < 200 { 7 } else { 100 };
            other.receive(room, &mut |frame| {
                assert_eq!(frame, received.to_be_bytes());
                received += 1;
            });
            assert!((sent - received) as usize <= CAPACITY);
        }
        assert_eq!(sent, received);
        assert!(sent > 40_000);
        let mut none = 0;
        one.receive(10, &mut |_| none += 1);
        assert_eq!(none, 0);
        drop(one);
        assert!(!other.carrier());
    }

    #[test]
    fn a_cable_never_stops_the_sender_and_counts_lost_frames() {
        let (mut one, mut other) = cable();
        for _ in 0..LATE + 100 {
            assert_eq!(one.room(), usize::MAX);
            one.transmit(&[1; 60]);
            one.flush();
        }
        let mut received = 0;
        other.receive(0, &mut |_| received += 1);
        assert_eq!((received, other.overrun(), other.overrun()), (LATE, 100, 0));
        (0..5).for_each(|_| one.transmit(&[2; 60]));
        one.flush();
        assert_eq!((other.discard(), other.discard()), (5, 0));
        other.receive(9, &mut |_| received += 1);
        assert_eq!(received, LATE);
        // A lossless cable keeps frames that the port cannot take now.
        let (mut one, mut other) = lossless();
        one.transmit(&[1; 60]);
        one.flush();
        assert_eq!(other.discard(), 0);
        other.receive(9, &mut |_| received += 1);
        assert_eq!(received, LATE + 1);
    }
}
