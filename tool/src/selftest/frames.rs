//! Test frames: UDP packets whose bytes follow from their number.

use std::net::{Ipv4Addr, SocketAddr};

use ixgbe::device::{FlowTransport, Rss};

/// Addresses for benchmarks (RFC 2544), which no router forwards.
const SOURCE: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);
/// The UDP port of the destination: discard.
const PORT: u16 = 9;

const ETHERNET: usize = 14;
const IP: usize = 20;
const UDP: usize = 8;
/// The headers, and the number behind them.
pub const SHORTEST: usize = ETHERNET + IP + UDP + 8;

/// A maker of frames for the receive queues of a port.
pub struct Frames {
    mac: [u8; 6],
    /// A source port for each receive queue, that RSS sends there.
    ports: Vec<u16>,
}

impl Frames {
    /// Makes frames for a port with this address and RSS over `queues` queues. Returns `None` if a queue gets nothing.
    pub fn new(mac: [u8; 6], rss: &Rss, queues: usize) -> Option<Self> {
        let queue = |port| {
            let (source, destination) = (SocketAddr::from((SOURCE, port)), SocketAddr::from((DESTINATION, PORT)));
            rss.queue(FlowTransport::Udp, source, destination)
        };
        let of = |wanted| (1024..u16::MAX).find(|port| queue(*port) == wanted);
        Some(Self { mac, ports: (0..queues).map(of).collect::<Option<_>>()? })
    }

    /// Writes frame `number` for receive queue `queue` into `frame`: `len` bytes without CRC, at least [`SHORTEST`].
    pub fn write(&self, number: u64, queue: usize, len: usize, frame: &mut Vec<u8>) {
        frame.clear();
        frame.extend(self.mac);
        frame.extend(self.mac);
        frame.extend([8, 0]);
        let ip_len = ((len - ETHERNET) as u16).to_be_bytes();
        frame.extend([0x45, 0, ip_len[0], ip_len[1], 0, 0, 0x40, 0, 64, 17, 0, 0]);
        frame.extend(SOURCE.octets());
        frame.extend(DESTINATION.octets());
        let checksum = !sum(0, &frame[ETHERNET..]);
        frame[ETHERNET + 10..ETHERNET + 12].copy_from_slice(&checksum.to_be_bytes());
        let udp_len = (len - ETHERNET - IP) as u16;
        let source = self.ports.get(queue).copied().unwrap_or(0);
        for word in [source, PORT, udp_len, 0] {
            frame.extend(word.to_be_bytes());
        }
        frame.extend(number.to_be_bytes());
        // A pattern that a shifted or exchanged piece does not repeat.
        let mut state = number as u32 ^ 0x9e37_79b9;
        while frame.len() < len {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            frame.extend(state.to_be_bytes());
        }
        frame.truncate(len);
        // The pseudo header: addresses, protocol and length.
        let pseudo = sum(sum(0, &frame[ETHERNET + 12..ETHERNET + IP]), &[0, 17]);
        let checksum = match !sum(sum(pseudo, &udp_len.to_be_bytes()), &frame[ETHERNET + IP..]) {
            0 => u16::MAX,
            checksum => checksum,
        };
        frame[ETHERNET + IP + 6..ETHERNET + IP + 8].copy_from_slice(&checksum.to_be_bytes());
    }

    /// Returns the number in the first bytes of a frame, if they are of a test frame.
    pub fn number(&self, start: &[u8]) -> Option<u64> {
        let headers = start.get(..SHORTEST)?;
        let ours = headers[..6] == self.mac && headers[ETHERNET + 12..ETHERNET + 16] == SOURCE.octets();
        ours.then(|| u64::from_be_bytes(*headers.last_chunk().unwrap_or(&[0; 8])))
    }
}

/// Adds the words of `bytes` to a sum of the internet's kind.
fn sum(start: u16, bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0)));
    let mut total = words.fold(u64::from(start), |total, word| total + word);
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}
