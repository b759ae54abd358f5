//! Receive side scaling: the Toeplitz hash and its input from a packet (datasheet 7.1.2.8).

use crate::frame::headers::{Headers, packet_type::*};
use crate::registers::RegisterFile;
use crate::registers::offsets::{CTRL_EXT, CTRL_EXT_EXTENDED_VLAN, MRQC, RETA, RSSRK};

/// Length of the key in RSSRK, in bytes.
pub(crate) const KEY: usize = 40;
/// Length of the longest input in bytes: two IPv6 addresses and two ports.
const INPUT: usize = 36;

/// A key expanded into tables: one lookup per byte of input.
pub(crate) struct Toeplitz {
    tables: Box<[[u32; 256]; INPUT]>,
}

impl Toeplitz {
    pub(crate) fn new(key: &[u8; KEY]) -> Self {
        let window = |bit: usize| {
            let mut bytes = [0; 8];
            for (byte, at) in bytes.iter_mut().zip(bit / 8..) {
                *byte = key.get(at).copied().unwrap_or(0);
            }
            (u64::from_be_bytes(bytes) << (bit % 8) >> 32) as u32
        };
        let mut tables = Box::new([[0; 256]; INPUT]);
        for (position, table) in tables.iter_mut().enumerate() {
            for (value, hash) in table.iter_mut().enumerate() {
                for bit in (0..8).filter(|bit| value & (0x80 >> bit) != 0) {
                    *hash ^= window(position * 8 + bit);
                }
            }
        }
        Self { tables }
    }

    /// Returns the hash of the bytes of `parts`, one after the other.
    #[inline]
    pub(crate) fn hash(&self, parts: [&[u8]; 2]) -> u32 {
        let bytes = parts[0].iter().chain(parts[1]);
        self.tables.iter().zip(bytes).fold(0, |hash, (table, byte)| hash ^ table[usize::from(*byte)])
    }
}

/// The choice of a queue by hash, read from the registers once for many frames.
pub(crate) struct Rss {
    /// MRQC, if it selects RSS.
    selection: Option<u32>,
    toeplitz: Option<([u8; KEY], Toeplitz)>,
    redirection: [u8; 128],
}

impl Default for Rss {
    fn default() -> Self {
        Self { selection: None, toeplitz: None, redirection: [0; 128] }
    }
}

impl Rss {
    /// Rereads the registers.
    pub(crate) fn update(&mut self, registers: &RegisterFile) {
        let control = registers.get(MRQC);
        // With double VLAN tags there is no hash, says the guide of DPDK's driver.
        let double_tags = registers.get(CTRL_EXT) & CTRL_EXT_EXTENDED_VLAN != 0;
        // Without pools, and with pools of four queues or two.
        let is_on = matches!(control & 0xF, 1 | 0xA | 0xB) && !double_tags;
        self.selection = is_on.then_some(control);
        if self.selection.is_none() {
            return;
        }
        let mut key = [0; KEY];
        for (n, word) in key.chunks_exact_mut(4).enumerate() {
            word.copy_from_slice(&registers.get(RSSRK + n as u32 * 4).to_le_bytes());
        }
        if self.toeplitz.as_ref().is_none_or(|(old, _)| *old != key) {
            self.toeplitz = Some((key, Toeplitz::new(&key)));
        }
        for (n, entries) in self.redirection.chunks_exact_mut(4).enumerate() {
            entries.copy_from_slice(&registers.get(RETA + n as u32 * 4).to_le_bytes().map(|entry| entry & 0xF));
        }
    }

    /// Returns the queue of a frame, its hash and its RSS_TYPE.
    #[inline]
    pub(crate) fn queue(&self, frame: &[u8], headers: &Headers) -> (usize, u32, u32) {
        let (Some(selection), Some((_, toeplitz))) = (self.selection, self.toeplitz.as_ref()) else { return (0, 0, 0) };
        let (hash, kind) = hash(toeplitz, selection, frame, headers);
        if kind == 0 {
            return (0, 0, 0);
        }
        (usize::from(self.redirection[(hash & 0x7F) as usize]), hash, kind)
    }
}

/// MRQC's RSS Field Enable bits.
mod field {
    pub(crate) const IPV4_TCP: u32 = 1 << 16;
    pub(crate) const IPV4: u32 = 1 << 17;
    pub(crate) const IPV6: u32 = 1 << 20;
    pub(crate) const IPV6_TCP: u32 = 1 << 21;
    pub(crate) const IPV4_UDP: u32 = 1 << 22;
    pub(crate) const IPV6_UDP: u32 = 1 << 23;
}

/// Returns the hash of `frame` and the RSS_TYPE of its input, as `mrqc` selects. RSS_TYPE 0 stands for no hash.
#[inline]
pub(crate) fn hash(toeplitz: &Toeplitz, mrqc: u32, frame: &[u8], headers: &Headers) -> (u32, u32) {
    let version4 = headers.packet_type & IPV4 != 0;
    let version6 = headers.packet_type & IPV6 != 0;
    if !version4 && !version6 {
        return (0, 0);
    }
    let addresses = if version4 { 8 } else { 32 };
    let protocol = headers.packet_type & (TCP | UDP);
    let with_ports = match (version4, protocol) {
        (true, TCP) => (field::IPV4_TCP, 1),
        (true, UDP) => (field::IPV4_UDP, 7),
        (false, TCP) => (field::IPV6_TCP, 3),
        (false, UDP) => (field::IPV6_UDP, 8),
        _ => (0, 0),
    };
    let without = if version4 { (field::IPV4, 2) } else { (field::IPV6, 5) };
    let (ports, kind) = match headers.ports {
        Some(at) if mrqc & with_ports.0 != 0 => (frame.get(at..at + 4), with_ports.1),
        _ if mrqc & without.0 != 0 => (None, without.1),
        _ => return (0, 0),
    };
    let addresses = frame.get(headers.addresses..headers.addresses + addresses).unwrap_or_default();
    (toeplitz.hash([addresses, ports.unwrap_or_default()]), kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of Microsoft's verification suite for RSS.
    const MICROSOFT: [u8; KEY] = [
        0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca,
        0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b,
        0xbe, 0xac, 0x01, 0xfa,
    ];

    #[test]
    fn the_published_vectors_hold_for_ipv4() {
        let toeplitz = Toeplitz::new(&MICROSOFT);
        // Source, destination, ports; hash of addresses and ports, hash of addresses.
        let vectors: [([u8; 8], [u16; 2], u32, u32); 5] = [
            ([66, 9, 149, 187, 161, 142, 100, 80], [2794, 1766], 0x51cc_c178, 0x323e_8fc2),
            ([199, 92, 111, 2, 65, 69, 140, 83], [14230, 4739], 0xc626_b0ea, 0xd718_262a),
            ([24, 19, 198, 95, 12, 22, 207, 184], [12898, 38024], 0x5c2b_394a, 0xd2d0_a5de),
            ([38, 27, 205, 30, 209, 142, 163, 6], [48228, 2217], 0xafc7_327f, 0x8298_9176),
            ([153, 39, 163, 191, 202, 188, 127, 2], [44251, 1303], 0x10e8_28a2, 0x5d18_09c5),
        ];
        for (addresses, ports, with, without) in vectors {
            let ports: Vec<u8> = ports.iter().flat_map(|port| port.to_be_bytes()).collect();
            assert_eq!(toeplitz.hash([&addresses, &ports]), with);
            assert_eq!(toeplitz.hash([&addresses, &[]]), without);
        }
    }

    #[test]
    fn the_published_vectors_hold_for_ipv6() {
        let toeplitz = Toeplitz::new(&MICROSOFT);
        let vectors: [([&str; 2], [u16; 2], u32, u32); 3] = [
            (["3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1"], [2794, 1766], 0x4020_7d3d, 0x2cc1_8cd5),
            (["3ffe:501:8::260:97ff:fe40:efab", "ff02::1"], [14230, 4739], 0xdde5_1bbf, 0x0f0c_461c),
            (
                ["3ffe:1900:4545:3:200:f8ff:fe21:67cf", "fe80::200:f8ff:fe21:67cf"],
                [44251, 38024],
                0x02d1_feef,
                0x4b61_e985,
            ),
        ];
        for (addresses, ports, with, without) in vectors {
            let addresses = addresses.map(|address| address.parse::<std::net::Ipv6Addr>().unwrap().octets()).concat();
            let ports = ports.map(u16::to_be_bytes).concat();
            assert_eq!(toeplitz.hash([&addresses, &ports]), with);
            assert_eq!(toeplitz.hash([&addresses, &[]]), without);
        }
    }
}
