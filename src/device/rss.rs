//! Receive side scaling (RSS): the choice of a receive queue for each packet (datasheet 7.1.2.8).
//!
//! The device hashes addresses and ports, and looks up the low seven bits of the hash in a table of 128 queues. So the
//! packets of a flow stay in order on one queue. Packets that it does not hash, such as ARP, go to queue 0.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::ops::BitOr;

/// The length of the hash key in bytes: RSSRK has ten registers (8.2.3.7.14).
pub const RSS_KEY_LEN: usize = 40;

/// The number of entries of the redirection table: RETA has 32 registers of four (8.2.3.7.15).
pub const RSS_TABLE_LEN: usize = 128;

/// The key of the published test vectors of the hash.
pub const RSS_KEY: [u8; RSS_KEY_LEN] = [
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b,
    0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac,
    0x01, 0xfa,
];

/// A set of packet kinds and the fields that are hashed (MRQC.RSS_FIELD_ENABLE, 8.2.3.7.12). `|` unites sets.
///
/// If a packet is of several kinds, the device hashes addresses and ports. This type leaves out the kinds of MRQC that
/// hash IPv6 extension headers.
///
/// ```
/// use ixgbe::device::HashFields;
/// let addresses = HashFields::IPV4 | HashFields::IPV6;
/// assert!(!addresses.contains(HashFields::TCP_IPV4));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HashFields(u16);

impl HashFields {
    /// TCP over IPv4, by addresses and ports.
    pub const TCP_IPV4: Self = Self(1 << 0);
    /// IPv4, by addresses.
    pub const IPV4: Self = Self(1 << 1);
    /// IPv6, by addresses.
    pub const IPV6: Self = Self(1 << 4);
    /// TCP over IPv6, by addresses and ports.
    pub const TCP_IPV6: Self = Self(1 << 5);
    /// UDP over IPv4, by addresses and ports. Fragments have no ports, so they may leave their flow's queue.
    pub const UDP_IPV4: Self = Self(1 << 6);
    /// UDP over IPv6, by addresses and ports; fragments as for [`UDP_IPV4`](Self::UDP_IPV4).
    pub const UDP_IPV6: Self = Self(1 << 7);
    /// All of these.
    pub const ALL: Self = Self(0xf3);

    /// Returns `true` if all of `fields` are in this set.
    #[must_use]
    pub const fn contains(self, fields: Self) -> bool {
        self.0 & fields.0 == fields.0
    }

    /// Returns the bits of MRQC.RSS_FIELD_ENABLE.
    pub(crate) const fn bits(self) -> u64 {
        self.0 as u64
    }
}

impl BitOr for HashFields {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for HashFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (Self::TCP_IPV4, "TCP_IPV4"),
            (Self::IPV4, "IPV4"),
            (Self::IPV6, "IPV6"),
            (Self::TCP_IPV6, "TCP_IPV6"),
            (Self::UDP_IPV4, "UDP_IPV4"),
            (Self::UDP_IPV6, "UDP_IPV6"),
        ];
        let mut set = f.debug_set();
        for (_, name) in all.into_iter().filter(|(field, _)| self.contains(*field)) {
            set.entry(&format_args!("{name}"));
        }
        set.finish()
    }
}

/// The transport protocol of a flow, as the hash and the filters distinguish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowTransport {
    /// TCP, not in fragments.
    Tcp,
    /// UDP, not in fragments.
    Udp,
    /// Any other protocol, and fragments: ports are not hashed.
    Other,
}

/// Configuration of RSS: the key of the hash, the hashed fields, and the redirection table.
///
/// ```
/// use ixgbe::device::{Config, Rss, RSS_TABLE_LEN, FlowTransport};
/// // Three quarters of all flows go to queue 1.
/// let rss = Rss::new(2).table(core::array::from_fn::<u8, RSS_TABLE_LEN, _>(|entry| u8::from(entry % 4 != 0)));
/// let config = Config::new().queue_pairs(2).rss(rss);
/// let (client, server) = ("66.9.149.187:2794".parse()?, "161.142.100.80:1766".parse()?);
/// assert_eq!(rss.hash(FlowTransport::Tcp, client, server), Some(0x51cc_c178));
/// assert_eq!(rss.queue(FlowTransport::Tcp, client, server), 0);
/// # Ok::<(), core::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Rss {
    pub(crate) key: [u8; RSS_KEY_LEN],
    pub(crate) fields: HashFields,
    pub(crate) table: [u8; RSS_TABLE_LEN],
}

impl Rss {
    /// Spreads packets evenly over `queues` receive queues, by all fields, with the [published key](RSS_KEY).
    pub const fn new(queues: usize) -> Self {
        let mut table = [0; RSS_TABLE_LEN];
        let mut rest: &mut [u8] = &mut table;
        let mut queue = 0;
        while let Some((entry, others)) = rest.split_first_mut() {
            *entry = queue as u8;
            queue = if queue + 1 < queues && queue < u8::MAX as usize { queue + 1 } else { 0 };
            rest = others;
        }
        Self { key: RSS_KEY, fields: HashFields::ALL, table }
    }

    /// Sets the key of the hash, in the byte order in which keys are published.
    ///
    /// A sender that knows the key can aim its packets at one queue. Where this matters, use a random key.
    pub const fn key(mut self, key: [u8; RSS_KEY_LEN]) -> Self {
        self.key = key;
        self
    }

    /// Sets which fields are hashed. Packets of other kinds go to queue 0.
    pub const fn fields(mut self, fields: HashFields) -> Self {
        self.fields = fields;
        self
    }

    /// Sets the queue for each value of the hash's low seven bits. All these queues must run.
    pub const fn table(mut self, table: [u8; RSS_TABLE_LEN]) -> Self {
        self.table = table;
        self
    }

    /// Returns the hash of packets from `source` to `destination`, or `None` if the device does not hash such packets.
    #[must_use]
    pub fn hash(&self, transport: FlowTransport, source: SocketAddr, destination: SocketAddr) -> Option<u32> {
        let (with_ports, without) = match (transport, source.ip(), destination.ip()) {
            (FlowTransport::Tcp, IpAddr::V4(_), IpAddr::V4(_)) => (Some(HashFields::TCP_IPV4), HashFields::IPV4),
            (FlowTransport::Udp, IpAddr::V4(_), IpAddr::V4(_)) => (Some(HashFields::UDP_IPV4), HashFields::IPV4),
            (FlowTransport::Other, IpAddr::V4(_), IpAddr::V4(_)) => (None, HashFields::IPV4),
            (FlowTransport::Tcp, IpAddr::V6(_), IpAddr::V6(_)) => (Some(HashFields::TCP_IPV6), HashFields::IPV6),
            (FlowTransport::Udp, IpAddr::V6(_), IpAddr::V6(_)) => (Some(HashFields::UDP_IPV6), HashFields::IPV6),
            (FlowTransport::Other, IpAddr::V6(_), IpAddr::V6(_)) => (None, HashFields::IPV6),
            _ => return None,
        };
        let ports = with_ports.is_some_and(|field| self.fields.contains(field));
        if !ports && !self.fields.contains(without) {
            return None;
        }
        let ends = [source, destination];
        let addresses = ends.into_iter().flat_map(|end| {
            // The bytes of the address, right-aligned in 16.
            let (bytes, len) = match end.ip() {
                IpAddr::V4(ip) => (u128::from(ip.to_bits()), 4),
                IpAddr::V6(ip) => (ip.to_bits(), 16),
            };
            bytes.to_be_bytes().into_iter().skip(16 - len)
        });
        let ports = ends.into_iter().take(if ports { 2 } else { 0 }).flat_map(|end| end.port().to_be_bytes());
        Some(toeplitz(&self.key, addresses.chain(ports)))
    }

    /// Returns the receive queue of packets from `source` to `destination`.
    #[must_use]
    pub fn queue(&self, transport: FlowTransport, source: SocketAddr, destination: SocketAddr) -> usize {
        let entry = self.hash(transport, source, destination).map(|hash| hash as usize % RSS_TABLE_LEN);
        entry.and_then(|entry| self.table.get(entry)).map_or(0, |queue| usize::from(*queue))
    }
}

/// Returns the Toeplitz hash of `input` (7.1.2.8.1): addresses and ports, in the order and byte order of the headers.
///
/// The key suffices for 36 bytes: two IPv6 addresses and two ports. Beyond that, zeros continue it.
#[must_use]
pub fn toeplitz(key: &[u8; RSS_KEY_LEN], input: impl IntoIterator<Item = u8>) -> u32 {
    let mut rest = key.iter().skip(8);
    // The upper half is the part of the key for the next bit of the input.
    let mut window = key.iter().take(8).fold(0_u64, |window, byte| window << 8 | u64::from(*byte));
    let mut hash = 0;
    for byte in input {
        for bit in (0..8).rev() {
            if byte >> bit & 1 != 0 {
                hash ^= (window >> 32) as u32;
            }
            window <<= 1;
        }
        window |= rest.next().map_or(0, |byte| u64::from(*byte));
    }
    hash
}
