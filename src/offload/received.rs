//! What the device says of a packet that it received (datasheet 7.1.6.2).

use core::fmt;
use core::ops::{Deref, DerefMut};

use crate::descriptors::advanced_receive_write_back::RSS_TYPE;
use crate::descriptors::{AdvancedReceiveWriteBack as WriteBack, DescriptorSlot};
use crate::field::Field;
use crate::offload::VlanTag;
use crate::packet::{ETHERNET, Entry, Headers, Network, Packet, Transport, sealed};

/// A packet with what the device said of it: [`receive_with_metadata`] makes it.
///
/// It dereferences to the [`Packet`]. What the device said is read when it is asked for, and costs nothing before.
///
/// ```
/// use ixgbe::offload::{Checksum, Received};
///
/// /// Returns `true` for a TCP packet whose checksums need no look by software.
/// fn is_good_tcp(packet: &Received) -> bool {
///     packet.ip_checksum() == Checksum::Good && packet.transport_checksum() == Checksum::Good
/// }
/// ```
///
/// [`receive_with_metadata`]: crate::queue::ReceiveQueue::receive_with_metadata
pub struct Received {
    pub(super) packet: Packet,
    /// The write-back of the packet's last descriptor, or what the driver of another device says in its place.
    pub(super) words: [u64; 2],
}

/// What is known of a checksum in a received packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// The device computed it, and it is right.
    Good,
    /// The device computed it, and it is wrong.
    Bad,
    /// Nobody computed it, or the packet has none. It may be right or wrong.
    NotChecked,
    /// The packet's sender left it to the device, and the packet came here without being on a wire: from another virtual
    /// machine, or from the host. The bytes are what was sent, but the field only has the sum of the pseudo header.
    ///
    /// A packet that goes on needs its checksum: request it, or call [`Received::complete_checksum`]. An 82599 never says
    /// this.
    Partial,
}

/// The hash that chose a packet's queue, and what it was computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RssHash {
    /// The hash.
    pub hash: u32,
    /// What was hashed.
    pub of: Hashed,
}

/// The fields that an RSS hash was computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hashed {
    /// IPv4 addresses.
    Ipv4,
    /// IPv4 addresses and TCP ports.
    Ipv4Tcp,
    /// IPv4 addresses and UDP ports.
    Ipv4Udp,
    /// IPv6 addresses.
    Ipv6,
    /// IPv6 addresses and TCP ports.
    Ipv6Tcp,
    /// IPv6 addresses and UDP ports.
    Ipv6Udp,
}

/// What the device recognised in a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketType(u16);

/// What Flow Director says of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowDirectorReport {
    /// The identification of the filter that matched, where reports are on and the filter is a perfect one.
    pub id: Option<u16>,
    /// The list of filters with this hash is too long: the table should be made anew (FDIRErr).
    pub list_too_long: bool,
    /// Filters collide (FDIRErr).
    pub collision: bool,
}

/// What a receive queue makes of a packet: the packet alone, or with its metadata.
pub(crate) trait Arrival: Entry {
    /// Makes it of `packet`, whose last descriptor is `slot`. The device is done with that. `second` is the descriptor's
    /// second word, if the caller has it.
    fn arrived(packet: Packet, slot: &DescriptorSlot, second: Option<u64>) -> Self;
}

impl Arrival for Packet {
    #[inline(always)]
    fn arrived(packet: Packet, _slot: &DescriptorSlot, _second: Option<u64>) -> Self {
        packet
    }
}

impl Arrival for Received {
    #[inline(always)]
    fn arrived(packet: Packet, slot: &DescriptorSlot, second: Option<u64>) -> Self {
        Self { packet, words: [slot.word(0), second.unwrap_or_else(|| slot.word(1))] }
    }
}

impl sealed::Entry for Received {
    #[inline(always)]
    fn packet(&self) -> &Packet {
        &self.packet
    }
}

impl From<Received> for Packet {
    #[inline(always)]
    fn from(received: Received) -> Self {
        received.packet
    }
}

impl Deref for Received {
    type Target = Packet;

    #[inline(always)]
    fn deref(&self) -> &Packet {
        &self.packet
    }
}

impl DerefMut for Received {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Packet {
        &mut self.packet
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("packet", &self.packet)
            .field("packet_type", &self.packet_type())
            .field("ip_checksum", &self.ip_checksum())
            .field("transport_checksum", &self.transport_checksum())
            .field("rss", &self.rss())
            .field("vlan", &self.vlan())
            .field("segment_size", &self.segment_size())
            .finish()
    }
}

impl Received {
    /// Returns the packet without its metadata. A checksum that is [partial](Checksum::Partial) stays so.
    #[must_use]
    #[inline(always)]
    pub fn into_packet(self) -> Packet {
        self.packet
    }

    #[inline(always)]
    fn field<F: Field<WriteBack>>(&self, field: F) -> F::Read {
        const { assert!(F::LSB / 64 == (F::LSB + F::WIDTH - 1) / 64 && F::WIDTH < 64, "it lies in one word") };
        field.decode(self.words[F::LSB as usize / 64] >> (F::LSB % 64) & ((1 << F::WIDTH) - 1))
    }

    /// Returns the verdict on the checksum of the IPv4 header. IPv6 has none.
    ///
    /// Erratum 66: the device may call the checksum of a good fragment wrong. If it calls one wrong, the driver computes
    /// that checksum here.
    #[must_use]
    pub fn ip_checksum(&self) -> Checksum {
        if !self.field(WriteBack::IPCS) {
            Checksum::NotChecked
        } else if !self.field(WriteBack::IPE) || self.is_good_fragment() {
            Checksum::Good
        } else {
            Checksum::Bad
        }
    }

    /// Returns the verdict on the checksum of TCP, UDP or SCTP. Fragments have none that could be checked alone.
    ///
    /// A UDP packet may say that it has no checksum, by a 0. Erratum 44: the device may call that wrong. It is
    /// [`Checksum::NotChecked`] here.
    #[must_use]
    pub fn transport_checksum(&self) -> Checksum {
        if !self.field(WriteBack::L4I) || self.packet_type().ether_type_filter().is_some() {
            if self.partial().is_some() { Checksum::Partial } else { Checksum::NotChecked }
        } else if !self.field(WriteBack::L4E) {
            Checksum::Good
        } else if self.packet_type().transport() == Some(Transport::Udp) && !self.has_udp_checksum() {
            Checksum::NotChecked
        } else {
            Checksum::Bad
        }
    }

    /// Returns `true` if the packet is an IPv4 fragment whose header sums up.
    #[cold]
    fn is_good_fragment(&self) -> bool {
        let Ok(headers) = Headers::parse(&self.packet) else { return false };
        let header = self.packet.get(headers.network_at()..headers.transport_at());
        headers.is_fragment() && headers.network() == Network::Ipv4 && header.is_some_and(|bytes| sum(bytes) == 0xffff)
    }

    /// Returns `true` if the packet is found to be UDP with a checksum that is not 0.
    #[cold]
    fn has_udp_checksum(&self) -> bool {
        let Ok(headers) = Headers::parse(&self.packet) else { return false };
        let field = self.packet.get(headers.transport_at() + 6..headers.transport_at() + 8);
        headers.transport() == Some(Transport::Udp) && field.is_some_and(|field| field != [0, 0])
    }

    /// Returns what the device recognised in the packet.
    #[must_use]
    pub fn packet_type(&self) -> PacketType {
        PacketType(self.words[0] as u16)
    }

    /// Returns the hash that chose the queue. `None` for packets that are not hashed, with one receive queue, and where
    /// Flow Director's report stands in its place.
    #[must_use]
    pub fn rss(&self) -> Option<RssHash> {
        let of = match self.field(WriteBack::RSS_TYPE)? {
            RSS_TYPE::Ipv4 => Hashed::Ipv4,
            RSS_TYPE::Ipv4Tcp => Hashed::Ipv4Tcp,
            RSS_TYPE::Ipv4Udp => Hashed::Ipv4Udp,
            RSS_TYPE::Ipv6 | RSS_TYPE::Ipv6Ex => Hashed::Ipv6,
            RSS_TYPE::Ipv6Tcp | RSS_TYPE::Ipv6TcpEx => Hashed::Ipv6Tcp,
            RSS_TYPE::Ipv6Udp | RSS_TYPE::Ipv6UdpEx => Hashed::Ipv6Udp,
            RSS_TYPE::None | RSS_TYPE::FlowDirector => return None,
        };
        Some(RssHash { hash: self.field(WriteBack::RSS_HASH) as u32, of })
    }

    /// Returns the VLAN tag: that which the device took out of the packet, or else the first in its bytes, if its type is
    /// 0x8100.
    ///
    /// A device that expects two tags (CTRL_EXT.EXTENDED_VLAN) takes the inner one out.
    #[must_use]
    pub fn vlan(&self) -> Option<VlanTag> {
        if self.is_vlan_stripped() {
            return Some(VlanTag::from_bits(self.field(WriteBack::VLAN_TAG) as u16));
        }
        let [.., a, b, c, d] = self.packet.first_chunk::<{ ETHERNET + 2 }>()?;
        (u16::from_be_bytes([*a, *b]) == VlanTag::ETHER_TYPE).then(|| VlanTag::from_bits(u16::from_be_bytes([*c, *d])))
    }

    /// Returns `true` if the device took a VLAN tag out of the packet.
    #[must_use]
    pub fn is_vlan_stripped(&self) -> bool {
        self.field(WriteBack::VP)
    }

    /// Returns what Flow Director says, if one of its filters matched.
    #[must_use]
    pub fn flow_director(&self) -> Option<FlowDirectorReport> {
        let reported = self.field(WriteBack::RSS_TYPE) == Some(RSS_TYPE::FlowDirector);
        self.field(WriteBack::FLM).then(|| FlowDirectorReport {
            // The number of the filter is lower, its hash higher, as DPDK's driver reads them.
            id: reported.then(|| self.field(WriteBack::FDIR_FILTER_ID) as u16),
            list_too_long: self.field(WriteBack::FDIR_LEN),
            collision: self.field(WriteBack::FDIR_COLL),
        })
    }

    /// Returns `true` if the device noted when the packet arrived.
    #[must_use]
    pub fn is_time_stamped(&self) -> bool {
        self.field(WriteBack::TS)
    }

    /// Returns the length that the frame had on the wire, in bytes: with the CRC, and with the tag that the device took
    /// out.
    ///
    /// It is the packet's length now, so it is to be asked for before the packet is changed.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        self.packet.len() + CRC + if self.is_vlan_stripped() { VlanTag::LEN } else { 0 }
    }
}

/// The length of the checksum that ends a frame, in bytes.
const CRC: usize = 4;

/// Returns the one's complement sum of 16-bit numbers in network order.
pub(super) fn sum(bytes: &[u8]) -> u16 {
    let (pairs, rest) = bytes.as_chunks();
    let last = rest.first().map_or(0, |last| u32::from(*last) << 8);
    fold(pairs.iter().fold(last, |sum, pair| u32::from(fold(sum)) + u32::from(u16::from_be_bytes(*pair))))
}

/// Adds the carries of a sum of 16-bit numbers.
pub(super) fn fold(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    (sum + (sum >> 16)) as u16
}

impl PacketType {
    const fn has(self, bit: u32) -> bool {
        self.0 >> bit & 1 != 0
    }

    /// Returns the index of the EtherType filter that matched. Then the device looked at nothing else.
    #[must_use]
    pub const fn ether_type_filter(self) -> Option<u8> {
        if self.has(15) { Some((self.0 >> 4 & 7) as u8) } else { None }
    }

    /// Returns the version of IP: the outer one, if a packet of IPv6 is in one of IPv4.
    #[must_use]
    pub const fn network(self) -> Option<Network> {
        match self.ether_type_filter() {
            None if self.has(4) => Some(Network::Ipv4),
            None if self.has(6) => Some(Network::Ipv6),
            _ => None,
        }
    }

    /// Returns `true` if IPv6 is in IPv4.
    #[must_use]
    pub const fn is_ipv6_in_ipv4(self) -> bool {
        self.ether_type_filter().is_none() && self.has(4) && self.has(6)
    }

    /// Returns `true` if the IP header has options or extensions.
    #[must_use]
    pub const fn has_options(self) -> bool {
        self.ether_type_filter().is_none() && (self.has(5) || self.has(7))
    }

    /// Returns the transport protocol. A fragment has none.
    #[must_use]
    pub const fn transport(self) -> Option<Transport> {
        match self.ether_type_filter() {
            None if self.has(8) => Some(Transport::Tcp),
            None if self.has(9) => Some(Transport::Udp),
            None if self.has(10) => Some(Transport::Sctp),
            _ => None,
        }
    }
}
