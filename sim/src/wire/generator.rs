//! A partner that sends numbered frames.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Wire;
use crate::receive::{LONGEST, SHORTEST};

/// Length of the Ethernet header, which whoever forwards may change.
pub(crate) const ETHERNET: usize = 14;
/// Length of the IPv4 and UDP headers.
const HEADERS: usize = 28;
/// What tells generated frames from others.
const MAGIC: [u8; 4] = *b"ixge";
/// Where the sequence number is.
const SEQUENCE: usize = ETHERNET + HEADERS + MAGIC.len();
/// Where the bytes start that follow from the sequence number.
const FILLER: usize = SEQUENCE + 8;

/// Bytes that look like nothing in particular; a frame's follow from its number.
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

/// Sends numbered UDP packets, as fast as the port takes them.
///
/// They carry a sequence number and bytes that follow from it, so that a [`Sink`](super::sink::Sink)
/// can tell what is lost, doubled, out of order or changed.
#[derive(Debug)]
pub struct Generator {
    sizes: (usize, usize),
    left: u64,
    flows: u16,
    impolite: usize,
    next: u64,
    sent: Arc<AtomicU64>,
    frame: Vec<u8>,
}

impl Generator {
    /// Frames of `size` bytes without CRC (60 to 16380, else the nearest), without end, to `destination`.
    #[must_use]
    pub fn new(destination: [u8; 6], size: usize) -> Self {
        let size = size.clamp(SHORTEST, LONGEST);
        let mut frame = Vec::with_capacity(LONGEST);
        frame.extend_from_slice(&destination);
        // A locally administered source, IPv4.
        frame.extend_from_slice(&[0x02, 0, 0, 0, 0, 0xFE, 0x08, 0x00]);
        // Protocol UDP from 10.0.0.1 to 10.0.0.2.
        frame.extend_from_slice(&[0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        // From port 4096 on to the discard port, without a checksum.
        frame.extend_from_slice(&[0x10, 0, 0, 9, 0, 0, 0, 0]);
        frame.extend_from_slice(&MAGIC);
        let mut generator =
            Self { sizes: (size, size), left: u64::MAX, flows: 1, impolite: 0, next: 0, sent: Arc::default(), frame };
        generator.set_length(size);
        generator
    }

    /// Sends only `count` frames.
    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.left = count;
        self
    }

    /// Sends frames of all sizes from the first on up to `largest`, in turn.
    #[must_use]
    pub fn up_to(mut self, largest: usize) -> Self {
        self.sizes.1 = largest.clamp(self.sizes.0, LONGEST);
        self
    }

    /// Sends over `flows` different UDP source ports in turn, for RSS to spread.
    #[must_use]
    pub fn flows(mut self, flows: u16) -> Self {
        self.flows = flows.max(1);
        self
    }

    /// Sends `burst` frames a step whether the port has room or not, while it receives or not.
    #[must_use]
    pub fn impolite(mut self, burst: usize) -> Self {
        self.impolite = burst;
        self
    }

    /// How many frames were sent; stays readable when the generator is plugged in.
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

    /// Makes the next frame.
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
        let burst = (room.max(self.impolite) as u64).min(self.left);
        for _ in 0..burst {
            self.make();
            port(&self.frame);
        }
        self.left -= burst;
        self.sent.fetch_add(burst, Ordering::Relaxed);
    }

    fn transmit(&mut self, _frame: &[u8]) {}
}

/// What a generated frame turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// Not a generated frame.
    Foreign,
    /// Its length or contents are wrong.
    Corrupted,
    /// Right, with this number.
    Right(u64),
}

/// Checks a frame that a generator sent, but for its Ethernet header.
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
