//! A link partner that checks received frames.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Wire;
use super::generator::{Check, check};

/// Number of past frames whose arrival the sink remembers.
const WINDOW: u64 = 1 << 16;

/// Counters of a [`Sink`], readable while it works.
#[derive(Debug, Default)]
pub struct SinkCounters {
    frames: AtomicU64,
    bytes: AtomicU64,
    lost: AtomicU64,
    duplicated: AtomicU64,
    reordered: AtomicU64,
    corrupted: AtomicU64,
    foreign: AtomicU64,
}

impl SinkCounters {
    /// Returns the number of generated frames that arrived unchanged, apart from the Ethernet header.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Acquire)
    }

    /// Returns the number of bytes of all frames, without CRC.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// Returns the number of frames missing before the last one that arrived.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Acquire)
    }

    /// Returns the number of frames that arrived more than once.
    #[must_use]
    pub fn duplicated(&self) -> u64 {
        self.duplicated.load(Ordering::Acquire)
    }

    /// Returns the number of frames that arrived after a later one.
    #[must_use]
    pub fn reordered(&self) -> u64 {
        self.reordered.load(Ordering::Acquire)
    }

    /// Returns the number of frames with a changed length or changed contents.
    #[must_use]
    pub fn corrupted(&self) -> u64 {
        self.corrupted.load(Ordering::Acquire)
    }

    /// Returns the number of frames that no generator sent.
    #[must_use]
    pub fn foreign(&self) -> u64 {
        self.foreign.load(Ordering::Acquire)
    }
}

/// A checker for the frames of one [`Generator`](super::generator::Generator).
#[derive(Debug)]
pub struct Sink {
    counters: Arc<SinkCounters>,
    next: u64,
    /// Bits of the last frames that arrived, by number modulo `WINDOW`.
    seen: Box<[u64]>,
    /// Counts since the last flush: frames, bytes.
    fresh: (u64, u64),
}

impl Default for Sink {
    fn default() -> Self {
        Self::new()
    }
}

impl Sink {
    /// Creates a sink that expects frame number 0 first.
    #[must_use]
    pub fn new() -> Self {
        let seen = vec![0; (WINDOW / 64) as usize].into_boxed_slice();
        Self { counters: Arc::default(), next: 0, seen, fresh: (0, 0) }
    }

    /// Returns the counters, readable while the sink is plugged in.
    #[must_use]
    pub fn counters(&self) -> Arc<SinkCounters> {
        Arc::clone(&self.counters)
    }

    /// Sets or clears the arrival bit of frame `sequence`. Returns its previous value.
    fn mark(&mut self, sequence: u64, came: bool) -> bool {
        let (word, bit) = ((sequence % WINDOW / 64) as usize, 1 << (sequence % 64));
        let before = self.seen[word] & bit != 0;
        if came {
            self.seen[word] |= bit;
        } else {
            self.seen[word] &= !bit;
        }
        before
    }

    fn came(&mut self, sequence: u64) {
        self.fresh.0 += 1;
        let add = |counter: &AtomicU64, amount| counter.fetch_add(amount, Ordering::Relaxed);
        let gap = sequence.wrapping_sub(self.next);
        if sequence >= self.next {
            if gap > 0 {
                add(&self.counters.lost, gap);
                (sequence - gap.min(WINDOW)..sequence).for_each(|missing| _ = self.mark(missing, false));
            }
            self.mark(sequence, true);
            self.next = sequence + 1;
        } else if self.next - sequence > WINDOW || self.mark(sequence, true) {
            add(&self.counters.duplicated, 1);
        } else {
            add(&self.counters.reordered, 1);
            self.counters.lost.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Wire for Sink {
    fn receive(&mut self, _room: usize, _port: &mut dyn FnMut(&[u8])) {}

    fn transmit(&mut self, frame: &[u8]) {
        self.fresh.1 += frame.len() as u64;
        match check(frame) {
            Check::Right(sequence) => self.came(sequence),
            Check::Corrupted => _ = self.counters.corrupted.fetch_add(1, Ordering::Relaxed),
            Check::Foreign => _ = self.counters.foreign.fetch_add(1, Ordering::Relaxed),
        }
    }

    fn flush(&mut self) {
        let (frames, bytes) = std::mem::take(&mut self.fresh);
        self.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.counters.frames.fetch_add(frames, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::super::generator::Generator;
    use super::*;

    /// Returns the frames of `generator`.
    fn frames(mut generator: Generator) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        generator.receive(1_000, &mut |frame| frames.push(frame.to_vec()));
        frames
    }

    fn count(frames: &[Vec<u8>]) -> [u64; 6] {
        let mut sink = Sink::new();
        frames.iter().for_each(|frame| sink.transmit(frame));
        sink.flush();
        let c = sink.counters();
        [c.frames(), c.lost(), c.duplicated(), c.reordered(), c.corrupted(), c.foreign()]
    }

    #[test]
    fn generated_frames_are_correct() {
        let sent = frames(Generator::new([2, 0, 0, 0, 0, 1], 60).up_to(200).flows(7).count(500).lossless());
        assert_eq!(sent.iter().map(Vec::len).max(), Some(200));
        assert_eq!(count(&sent), [500, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn every_mishap_is_noticed() {
        let sent = || frames(Generator::new([2, 0, 0, 0, 0, 1], 60).count(100).lossless());
        let mut lost = sent();
        lost.drain(10..13);
        assert_eq!(count(&lost), [97, 3, 0, 0, 0, 0]);
        let mut doubled = sent();
        doubled.insert(50, doubled[7].clone());
        assert_eq!(count(&doubled), [101, 0, 1, 0, 0, 0]);
        let mut swapped = sent();
        swapped.swap(20, 21);
        assert_eq!(count(&swapped), [100, 0, 0, 1, 0, 0]);
        let mut changed = sent();
        changed[30][59] ^= 1;
        changed[31].push(0);
        changed[32][3] ^= 1; // The Ethernet header may change.
        assert_eq!(count(&changed), [98, 2, 0, 0, 2, 0]);
        assert_eq!(count(&[vec![0; 60]]), [0, 0, 0, 0, 0, 1]);
    }
}
