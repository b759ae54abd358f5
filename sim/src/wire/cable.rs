//! A cable between two ports.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Wire;
use super::frames::FrameQueue;

/// How many frames are on the cable in one direction, before the sender must wait.
const CAPACITY: usize = 4096;

/// One direction.
#[derive(Debug)]
struct Strand {
    frames: Mutex<FrameQueue>,
    /// Frames sent and not yet received.
    under_way: AtomicUsize,
    /// Whether the end that sends is there.
    lit: AtomicBool,
}

impl Strand {
    fn new() -> Arc<Self> {
        let frames = Mutex::default();
        Arc::new(Self { frames, under_way: AtomicUsize::new(0), lit: AtomicBool::new(true) })
    }
}

/// One end of a cable. When it is dropped, the other end goes dark.
#[derive(Debug)]
pub struct CableEnd {
    out: Arc<Strand>,
    into: Arc<Strand>,
    outgoing: FrameQueue,
    incoming: FrameQueue,
}

/// A cable: its two ends.
///
/// No frame gets lost on it: what the receiving port has no room for stays on it, and what it has no
/// room for stays with the sending port.
#[must_use]
pub fn cable() -> (CableEnd, CableEnd) {
    let (there, back) = (Strand::new(), Strand::new());
    let end = |out: &Arc<Strand>, into: &Arc<Strand>| CableEnd {
        out: Arc::clone(out),
        into: Arc::clone(into),
        outgoing: FrameQueue::default(),
        incoming: FrameQueue::default(),
    };
    (end(&there, &back), end(&back, &there))
}

impl Wire for CableEnd {
    fn receive(&mut self, room: usize, port: &mut dyn FnMut(&[u8])) {
        let mut received = 0;
        while received < room {
            if self.incoming.is_empty() {
                if self.into.under_way.load(Ordering::Acquire) == received {
                    break;
                }
                let mut frames = self.into.frames.lock().unwrap_or_else(PoisonError::into_inner);
                self.incoming.append(&mut frames);
            }
            let Some(frame) = self.incoming.front() else { break };
            port(frame);
            self.incoming.pop();
            received += 1;
        }
        if received > 0 {
            self.into.under_way.fetch_sub(received, Ordering::AcqRel);
        }
    }

    fn room(&mut self) -> usize {
        CAPACITY.saturating_sub(self.out.under_way.load(Ordering::Acquire))
    }

    fn transmit(&mut self, frame: &[u8]) {
        self.outgoing.push(frame);
    }

    fn flush(&mut self) {
        let sent = self.outgoing.len();
        if sent > 0 {
            let mut frames = self.out.frames.lock().unwrap_or_else(PoisonError::into_inner);
            frames.append(&mut self.outgoing);
            self.out.under_way.fetch_add(sent, Ordering::AcqRel);
        }
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
    fn a_cable_keeps_order_and_stops_the_sender_when_it_is_full() {
        let (mut one, mut other) = cable();
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
}
