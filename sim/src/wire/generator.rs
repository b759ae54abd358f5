//! A link partner that sends numbered frames.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Wire;
use crate::frame::{CRC, LONGEST, SHORTEST};

/// One second in picoseconds.
const SECOND: u64 = 1_000_000_000_000;
/// Duration of a bit at 10 Gb/s, in picoseconds.
const BIT: u64 = 100;
/// Number of bytes around a frame on the wire: preamble, start delimiter, CRC, and inter-frame gap.
const AROUND: usize = 8 + CRC + 12;
/// Maximum time a generator makes up for when its port does not step in time, in picoseconds: 2 ms.
const BACKLOG: u64 = SECOND / 500;

/// The rate of a generator. Frames never arrive faster than the line carries them.
#[derive(Debug, Clone, Copy)]
enum Pace {
    /// The port's free descriptors set the rate.
    Lossless,
    Line,
    Frames(u64),
    Bits(u64),
}

/// Length of the Ethernet header, which a forwarder may change.
pub(crate) const ETHERNET: usize = 14;
/// Length of the IPv4 and UDP headers.
const HEADERS: usize = 28;
/// The mark that distinguishes generated frames from others.
const MAGIC: [u8; 4] = *b"ixge";
/// Offset of the sequence number.
const SEQUENCE: usize = ETHERNET + HEADERS + MAGIC.len();
/// Offset of the bytes derived from the sequence number.
const FILLER: usize = SEQUENCE + 8;

/// Pseudo-random bytes; a frame's part of them depends on its number.
static PATTERN: [u8; LONGEST + 256] = pattern();

const fn pattern() -> [u8; LONGEST + 256] {
    let mut bytes = [0; LONGEST + 256];
    let (mut state, mut at) = (0x2545_F491_u32, 0);
    while at < bytes.len() {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        bytes[at] = state as u8;
        at += 1;
    }
    bytes
}

fn filler(sequence: u64, len: usize) -> &'static [u8] {
    let start = (sequence & 0xFF) as usize;
    PATTERN.get(start..start + len).unwrap_or_default()
}

/// A source of numbered UDP packets: by default at the rate of a 10 Gb/s line, regardless of the port's room.
///
/// The generator follows the port's model time, which is real time under a [`Runner`](crate::Runner). If the port steps
/// too rarely, the frames of the last 2 ms arrive together at its next step. Older frames are not sent.
///
/// Each packet carries a sequence number and bytes derived from it. So a [`Sink`](super::sink::Sink) recognises lost,
/// duplicated, reordered and changed frames.
#[derive(Debug)]
pub struct Generator {
    sizes: (usize, usize),
    left: u64,
    flows: u16,
    pace: Pace,
    /// The current time, and the due time of the next frame, in picoseconds. Nothing is due before the first tick.
    now: u64,
    due: Option<u64>,
    next: u64,
    sent: Arc<AtomicU64>,
    frame: Vec<u8>,
}

impl Generator {
    /// Creates a generator of endless frames to `destination`, of `size` bytes without CRC (60 to 16380, else the
    /// nearest).
    #[must_use]
    pub fn new(destination: [u8; 6], size: usize) -> Self {
        let size = size.clamp(SHORTEST, LONGEST);
        let mut frame = Vec::with_capacity(LONGEST);
        frame.extend_from_slice(&destination);
        // A locally administered source, IPv4.
        frame.extend_from_slice(&[0x02, 0, 0, 0, 0, 0xFE, 0x08, 0x00]);
        // UDP from 10.0.0.1 to 10.0.0.2.
        frame.extend_from_slice(&[0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        // From port 4096 and above to the discard port, without a checksum.
        frame.extend_from_slice(&[0x10, 0, 0, 9, 0, 0, 0, 0]);
        frame.extend_from_slice(&MAGIC);
        let (pace, sent) = (Pace::Line, Arc::default());
        let mut generator =
            Self { sizes: (size, size), left: u64::MAX, flows: 1, pace, now: 0, due: None, next: 0, sent, frame };
        generator.set_length(size);
        generator
    }

    /// Sends only `count` frames.
    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.left = count;
        self
    }

    /// Sends frames of all sizes from the initial one to `largest`, in turn.
    #[must_use]
    pub fn up_to(mut self, largest: usize) -> Self {
        self.sizes.1 = largest.clamp(self.sizes.0, LONGEST);
        self
    }

    /// Sends from `flows` different UDP source ports in turn, for RSS to spread.
    #[must_use]
    pub fn flows(mut self, flows: u16) -> Self {
        self.flows = flows.max(1);
        self
    }

    /// Sends `frames` per second (at least 1), limited by the line rate.
    #[must_use]
    pub fn frames_per_second(mut self, frames: u64) -> Self {
        self.pace = Pace::Frames(frames.max(1));
        self
    }

    /// Sends `bits` per second (at least 1), limited by the line rate. All bits on the wire count, including CRC,
    /// preamble and gap: the line rate is 10,000,000,000.
    #[must_use]
    pub fn bits_per_second(mut self, bits: u64) -> Self {
        self.pace = Pace::Bits(bits.max(1));
        self
    }

    /// Sends only as many frames as the port has descriptors for, as fast as the port takes them. So no frame is lost.
    #[must_use]
    pub fn lossless(mut self) -> Self {
        self.pace = Pace::Lossless;
        self
    }

    /// Returns the counter of sent frames, readable while the generator is plugged in.
    #[must_use]
    pub fn sent(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.sent)
    }

    fn set_length(&mut self, size: usize) {
        let ip = (size - ETHERNET) as u16;
        let header = &mut self.frame[ETHERNET..ETHERNET + HEADERS];
        header[2..4].copy_from_slice(&ip.to_be_bytes());
        header[24..26].copy_from_slice(&(ip - 20).to_be_bytes());
        header[10..12].fill(0);
        let sum: u32 = header[..20].chunks_exact(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum();
        let folded = (sum & 0xFFFF) + (sum >> 16);
        let checksum = !((folded & 0xFFFF) + (folded >> 16)) as u16;
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
    }

    /// Returns the time from the last frame to the next, in picoseconds.
    fn interval(&self) -> u64 {
        let bits = (self.frame.len() + AROUND) as u64 * 8;
        let wanted = match self.pace {
            Pace::Lossless | Pace::Line => 0,
            Pace::Frames(rate) => SECOND / rate,
            Pace::Bits(rate) => (u128::from(bits) * u128::from(SECOND) / u128::from(rate)) as u64,
        };
        wanted.max(bits * BIT)
    }

    /// Returns `true` if a frame is due. `room` is the number of frames that are certain to find descriptors.
    fn is_due(&self, room: usize) -> bool {
        let timely = match self.pace {
            Pace::Lossless => room > 0,
            _ => self.due.is_some_and(|due| due <= self.now),
        };
        timely && self.left > 0
    }

    /// Builds the next frame.
    fn make(&mut self) {
        let sequence = self.next;
        self.next += 1;
        let (smallest, largest) = self.sizes;
        let size = smallest + (sequence % (largest - smallest + 1) as u64) as usize;
        if smallest != largest {
            self.set_length(size);
        }
        if self.flows > 1 {
            let port = 4096_u16.wrapping_add((sequence % u64::from(self.flows)) as u16);
            self.frame[ETHERNET + 20..ETHERNET + 22].copy_from_slice(&port.to_be_bytes());
        }
        self.frame.truncate(SEQUENCE);
        self.frame.extend_from_slice(&sequence.to_be_bytes());
        self.frame.extend_from_slice(filler(sequence, size - FILLER));
    }
}

impl Wire for Generator {
    fn receive(&mut self, room: usize, port: &mut dyn FnMut(&[u8])) {
        let mut sent = 0;
        while self.is_due(room - sent.min(room)) {
            self.make();
            port(&self.frame);
            self.due = self.due.map(|due| due.saturating_add(self.interval()));
            self.left -= 1;
            sent += 1;
        }
        self.sent.fetch_add(sent as u64, Ordering::Relaxed);
    }

    fn tick(&mut self, now: Duration) {
        self.now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX).saturating_mul(1_000);
        self.due = Some(self.due.map_or(self.now, |due| due.max(self.now.saturating_sub(BACKLOG))));
    }

    fn transmit(&mut self, _frame: &[u8]) {}
}

/// The result of checking a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// Not a generated frame.
    Foreign,
    /// A generated frame with a wrong length or wrong contents.
    Corrupted,
    /// A correct frame with this sequence number.
    Right(u64),
}

/// Checks a frame from a generator, except its Ethernet header.
pub(crate) fn check(frame: &[u8]) -> Check {
    if frame.get(SEQUENCE - MAGIC.len()..SEQUENCE) != Some(&MAGIC) {
        return Check::Foreign;
    }
    let Some(sequence) = frame.get(SEQUENCE..).and_then(|rest| rest.first_chunk()) else { return Check::Corrupted };
    let sequence = u64::from_be_bytes(*sequence);
    let length = usize::from(u16::from_be_bytes([frame[ETHERNET + 2], frame[ETHERNET + 3]]));
    let right = frame.len() == ETHERNET + length && frame.get(FILLER..) == Some(filler(sequence, frame.len() - FILLER));
    if right { Check::Right(sequence) } else { Check::Corrupted }
}
