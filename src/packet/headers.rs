//! Where the headers of a frame are, found in its bytes.
//!
//! The bytes come from outside: no length in them is believed before it was compared with what is there.

use core::fmt;

use crate::packet::numbers::{DESTINATION_OPTIONS, FRAGMENT, HOP_BY_HOP, IPV4, IPV6, ROUTING, SCTP, TCP, UDP, VLAN};

/// The headers of a frame: Ethernet with up to two VLAN tags, IPv4 or IPv6, and TCP, UDP or SCTP if there is one.
///
/// ```
/// use ixgbe::packet::{Headers, Network, Transport};
/// let mut frame = [0; 60];
/// frame[12..16].copy_from_slice(&[0x08, 0x00, 0x45, 0]);  // IPv4 with 20 bytes of header
/// frame[17] = 28;                                         // total length
/// frame[23] = 17;                                         // UDP
/// let headers = Headers::parse(&frame)?;
/// assert_eq!((headers.network(), headers.transport()), (Network::Ipv4, Some(Transport::Udp)));
/// assert_eq!((headers.network_at(), headers.transport_at(), headers.len()), (14, 34, 42));
/// # Ok::<(), ixgbe::packet::HeaderError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers {
    mac_len: u8,
    network: Network,
    network_len: u16,
    transport: Option<Transport>,
    transport_len: u8,
    is_fragment: bool,
}

/// The version of IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// A transport protocol with a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// Bytes that are no headers, or such that say what cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderError {
    /// The frame ends inside a header.
    Truncated {
        /// The header.
        header: &'static str,
        /// The number of bytes that the frame must have.
        needed: usize,
        /// The number of bytes that it has.
        len: usize,
    },
    /// The frame is neither IPv4 nor IPv6.
    NotIp {
        /// Its EtherType, or the length of an 802.3 frame.
        ether_type: u16,
    },
    /// A field has a value that it cannot have.
    Field {
        /// The field.
        field: &'static str,
        /// Its value.
        value: usize,
    },
    /// A header is longer than the 127 bytes of Ethernet or 511 of IP that can be said.
    TooLong {
        /// The header.
        header: &'static str,
        /// Its length in bytes.
        len: usize,
    },
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { header, needed, len } => {
                write!(f, "the {header} header ends at byte {needed}, but the first segment has {len}")
            }
            Self::NotIp { ether_type } => write!(f, "EtherType {ether_type:#06x} is neither IPv4 nor IPv6"),
            Self::Field { field, value } => write!(f, "{field} is {value}, which it cannot be"),
            Self::TooLong { header, len } => write!(f, "the {header} header has {len} bytes, which are too many"),
        }
    }
}

impl core::error::Error for HeaderError {}

/// EtherTypes of VLAN tags: 802.1Q, 802.1ad, and one that was used for outer tags before.
const TAGS: [u16; 3] = [VLAN, 0x88a8, 0x9100];

/// The length of an Ethernet header without a tag, in bytes.
pub(crate) const ETHERNET: usize = 14;
const TAG: usize = 4;
const IPV4_LEN: usize = 20;
const IPV6_LEN: usize = 40;

/// Where the length is in an IPv4 header, with the header, and in one of IPv6, without.
pub(crate) const IPV4_TOTAL: usize = 2;
pub(crate) const IPV6_PAYLOAD: usize = 4;

impl Transport {
    const fn of(protocol: u8) -> Option<Self> {
        match protocol {
            TCP => Some(Self::Tcp),
            UDP => Some(Self::Udp),
            SCTP => Some(Self::Sctp),
            _ => None,
        }
    }

    /// Returns the number of the protocol in an IP header.
    #[must_use]
    pub const fn protocol(self) -> u8 {
        match self {
            Self::Tcp => TCP,
            Self::Udp => UDP,
            Self::Sctp => SCTP,
        }
    }

    /// Returns where the checksum is in the header, in bytes.
    pub(crate) const fn checksum_at(self) -> usize {
        match self {
            Self::Tcp => 16,
            Self::Udp => 6,
            Self::Sctp => 8,
        }
    }

    /// Returns the length of the shortest header, in bytes.
    const fn shortest(self) -> usize {
        match self {
            Self::Tcp => 20,
            Self::Udp => 8,
            Self::Sctp => 12,
        }
    }

    /// Returns `true` if a header can have this length.
    const fn has_length(self, len: usize) -> bool {
        match self {
            Self::Tcp => len >= self.shortest() && len <= 60 && len.is_multiple_of(4),
            Self::Udp | Self::Sctp => len == self.shortest(),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        }
    }
}

/// The bytes of a frame, or of its first segment.
struct Frame<'a>(&'a [u8]);

impl Frame<'_> {
    /// Returns `N` bytes at `at`, which are part of `header`.
    fn get<const N: usize>(&self, at: usize, header: &'static str) -> Result<[u8; N], HeaderError> {
        let bytes = self.0.get(at..).and_then(<[u8]>::first_chunk).copied();
        bytes.ok_or(HeaderError::Truncated { header, needed: at + N, len: self.0.len() })
    }

    fn half(&self, at: usize, header: &'static str) -> Result<u16, HeaderError> {
        self.get(at, header).map(u16::from_be_bytes)
    }

    /// Checks that `header` ends with byte `end` at the latest.
    fn reaches(&self, end: usize, header: &'static str) -> Result<(), HeaderError> {
        if end <= self.0.len() {
            return Ok(());
        }
        Err(HeaderError::Truncated { header, needed: end, len: self.0.len() })
    }
}

/// What the IP header says.
struct Ip {
    network: Network,
    /// Bytes of the header with its extensions.
    len: usize,
    /// Bytes with the header, if not 0.
    total: Option<usize>,
    /// The protocol that follows, unless that cannot be known.
    protocol: Option<u8>,
    is_fragment: bool,
}

impl Headers {
    /// Finds the headers at the start of `frame`: a frame, or its first segment.
    ///
    /// Frames with an LLC header (802.3) are no IP to it, and what is inside a tunnel is not looked at.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] if the frame ends too early, is no IP, or contradicts itself.
    pub fn parse(frame: &[u8]) -> Result<Self, HeaderError> {
        let frame = Frame(frame);
        let mut mac_len = ETHERNET;
        let mut ether_type = frame.half(mac_len - 2, "Ethernet")?;
        while TAGS.contains(&ether_type) && mac_len < ETHERNET + 2 * TAG {
            mac_len += TAG;
            ether_type = frame.half(mac_len - 2, "VLAN")?;
        }
        let ip = match ether_type {
            IPV4 => ipv4(&frame, mac_len)?,
            IPV6 => ipv6(&frame, mac_len)?,
            _ => return Err(HeaderError::NotIp { ether_type }),
        };
        let at = mac_len + ip.len;
        let transport = ip.protocol.and_then(Transport::of);
        let transport_len = transport.map_or(Ok(0), |transport| transport_len(&frame, at, transport))?;
        if let Some(total) = ip.total
            && ip.len + transport_len > total
        {
            return Err(HeaderError::Field { field: "the length of IP", value: total });
        }
        let headers = Self::new(mac_len, ip.network, ip.len, transport, transport_len)?;
        Ok(Self { is_fragment: ip.is_fragment, ..headers })
    }

    /// Says where the headers of a frame are. Lengths are in bytes; Ethernet's is with tags, IP's with extensions.
    ///
    /// # Errors
    ///
    /// [`HeaderError::Field`] or [`HeaderError::TooLong`] for a length that the header cannot have.
    pub const fn new(
        mac_len: usize,
        network: Network,
        network_len: usize,
        transport: Option<Transport>,
        transport_len: usize,
    ) -> Result<Self, HeaderError> {
        let ip_fits = match network {
            Network::Ipv4 => network_len >= IPV4_LEN && network_len <= 60 && network_len.is_multiple_of(4),
            Network::Ipv6 => network_len >= IPV6_LEN && network_len.is_multiple_of(8),
        };
        let transport_fits = match transport {
            Some(transport) => transport.has_length(transport_len),
            None => transport_len == 0,
        };
        if mac_len < ETHERNET {
            return Err(HeaderError::Field { field: "the length of the Ethernet header", value: mac_len });
        }
        if !ip_fits {
            return Err(HeaderError::Field { field: "the length of the IP header", value: network_len });
        }
        if !transport_fits {
            return Err(HeaderError::Field { field: "the length of the transport header", value: transport_len });
        }
        if mac_len > 127 {
            return Err(HeaderError::TooLong { header: "Ethernet", len: mac_len });
        }
        if network_len > 511 {
            return Err(HeaderError::TooLong { header: "IP", len: network_len });
        }
        Ok(Self {
            mac_len: mac_len as u8,
            network,
            network_len: network_len as u16,
            transport,
            transport_len: transport_len as u8,
            is_fragment: false,
        })
    }

    /// Returns the version of IP.
    #[must_use]
    pub const fn network(&self) -> Network {
        self.network
    }

    /// Returns the transport protocol. A fragment has none, and neither has a packet whose payload is encrypted.
    #[must_use]
    pub const fn transport(&self) -> Option<Transport> {
        self.transport
    }

    /// Returns the length of the Ethernet header with its tags: where the IP header begins, in bytes.
    #[must_use]
    pub const fn network_at(&self) -> usize {
        self.mac_len as usize
    }

    /// Returns the length of the IP header with its extensions, in bytes.
    #[must_use]
    pub const fn network_len(&self) -> usize {
        self.network_len as usize
    }

    /// Returns where the IP header ends and the transport begins, in bytes.
    #[must_use]
    pub const fn transport_at(&self) -> usize {
        self.network_at() + self.network_len()
    }

    /// Returns the length of the transport's header in bytes.
    #[must_use]
    pub const fn transport_len(&self) -> usize {
        self.transport_len as usize
    }

    /// Returns the length of all headers in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there always are headers")]
    pub const fn len(&self) -> usize {
        self.transport_at() + self.transport_len()
    }

    /// Returns where `frame`, which has these headers, ends as its IP header says, in bytes from its start. What
    /// follows is padding. `None` if the IP header says 0, or is not there.
    #[must_use]
    pub fn end(&self, frame: &[u8]) -> Option<usize> {
        let (at, more) = match self.network {
            Network::Ipv4 => (IPV4_TOTAL, 0),
            Network::Ipv6 => (IPV6_PAYLOAD, IPV6_LEN),
        };
        let len = frame.get(self.network_at() + at..)?.first_chunk().copied().map(u16::from_be_bytes)?;
        (len != 0).then(|| self.network_at() + more + usize::from(len))
    }

    /// Returns `true` if the packet is a fragment.
    #[must_use]
    pub const fn is_fragment(&self) -> bool {
        self.is_fragment
    }
}

fn ipv4(frame: &Frame<'_>, at: usize) -> Result<Ip, HeaderError> {
    let header: [u8; IPV4_LEN] = frame.get(at, "IPv4")?;
    let [first, _, total_high, total_low, _, _, offset_high, offset_low, _, protocol, ..] = header;
    let len = usize::from(first & 0xf) * 4;
    if first >> 4 != 4 {
        return Err(HeaderError::Field { field: "the version of IPv4", value: usize::from(first >> 4) });
    }
    if len < IPV4_LEN {
        return Err(HeaderError::Field { field: "the length of the IPv4 header", value: len });
    }
    frame.reaches(at + len, "IPv4")?;
    let total = usize::from(u16::from_be_bytes([total_high, total_low]));
    if total != 0 && total < len {
        return Err(HeaderError::Field { field: "the total length of IPv4", value: total });
    }
    // More fragments, or an offset.
    let is_fragment = u16::from_be_bytes([offset_high, offset_low]) & 0x3fff != 0;
    let protocol = (!is_fragment).then_some(protocol);
    Ok(Ip { network: Network::Ipv4, len, total: (total != 0).then_some(total), protocol, is_fragment })
}

fn ipv6(frame: &Frame<'_>, at: usize) -> Result<Ip, HeaderError> {
    let header: [u8; IPV6_LEN] = frame.get(at, "IPv6")?;
    let [first, _, _, _, payload_high, payload_low, mut next, ..] = header;
    if first >> 4 != 6 {
        return Err(HeaderError::Field { field: "the version of IPv6", value: usize::from(first >> 4) });
    }
    let payload = usize::from(u16::from_be_bytes([payload_high, payload_low]));
    let (mut len, mut is_fragment, mut goes_on) = (IPV6_LEN, false, true);
    // Each turn takes 8 bytes or more of the frame.
    while let HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | FRAGMENT = next {
        let [following, words, _, left] = frame.get(at + len, "IPv6 extension")?;
        let bytes = if next == FRAGMENT { 8 } else { (usize::from(words) + 1) * 8 };
        frame.reaches(at + len + bytes, "IPv6 extension")?;
        is_fragment |= next == FRAGMENT;
        // The destination that counts for checksums is elsewhere.
        goes_on &= next != ROUTING || left == 0;
        len += bytes;
        next = following;
        if is_fragment {
            break;
        }
    }
    let total = (payload != 0).then_some(IPV6_LEN + payload);
    Ok(Ip { network: Network::Ipv6, len, total, protocol: (goes_on && !is_fragment).then_some(next), is_fragment })
}

/// Returns `true` if a whole packet of `protocol`, summed with the addresses in `header`, may follow `header`, which is
/// an IPv6 header with its extensions. Behind an extension that [`Headers::parse`] does not know, anything may follow.
pub(crate) fn may_follow_ipv6(protocol: u8, header: &[u8]) -> bool {
    let (mut next, mut at) = (header.get(6).copied().unwrap_or(FRAGMENT), IPV6_LEN);
    while let HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | FRAGMENT = next {
        let Some([following, words, _, left, ..]) = header.get(at..) else { return false };
        if next == FRAGMENT || next == ROUTING && *left != 0 {
            return false;
        }
        (next, at) = (*following, at + (usize::from(*words) + 1) * 8);
    }
    if at == header.len() { next == protocol } else { at < header.len() && Transport::of(next).is_none() }
}

/// Returns the length of the transport's header at `at`.
fn transport_len(frame: &Frame<'_>, at: usize, transport: Transport) -> Result<usize, HeaderError> {
    frame.reaches(at + transport.shortest(), transport.name())?;
    let len = match transport {
        Transport::Tcp => {
            let [offset] = frame.get(at + 12, "TCP")?;
            usize::from(offset >> 4) * 4
        }
        Transport::Udp | Transport::Sctp => transport.shortest(),
    };
    if len < transport.shortest() {
        return Err(HeaderError::Field { field: "the length of the TCP header", value: len });
    }
    frame.reaches(at + len, transport.name())?;
    Ok(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a TCP segment over IPv6 with the given extension headers, of which each says what follows it.
    fn ipv6_frame(first: u8, extensions: &[u8], transport: &[u8]) -> std::vec::Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        frame.extend(((extensions.len() + transport.len()) as u16).to_be_bytes());
        frame.extend([first, 64]);
        frame.extend([0; 32]);
        frame.extend(extensions);
        frame.extend(transport);
        frame
    }

    const TCP_HEADER: [u8; 20] = [0, 80, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 5 << 4, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn extensions_are_passed() {
        let headers = Headers::parse(&ipv6_frame(0, &[60, 0, 0, 0, 0, 0, 0, 0, 6, 1, 0, 0, 0, 0, 0, 0], &[0; 8]));
        assert!(matches!(headers, Err(HeaderError::Truncated { header: "TCP", .. })), "{headers:?}");
        let extensions = [60, 0, 0, 0, 0, 0, 0, 0, 6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let headers = Headers::parse(&ipv6_frame(0, &extensions, &TCP_HEADER)).unwrap();
        assert_eq!((headers.transport(), headers.network_len(), headers.len()), (Some(Transport::Tcp), 64, 98));
        assert_eq!(headers.end(&ipv6_frame(0, &extensions, &TCP_HEADER)), Some(98));
    }

    #[test]
    fn fragments_and_routes_have_no_transport() {
        let fragment = Headers::parse(&ipv6_frame(FRAGMENT, &[6, 0, 0, 1, 0, 0, 0, 0], &TCP_HEADER)).unwrap();
        assert_eq!((fragment.transport(), fragment.is_fragment()), (None, true));
        let route = |left| Headers::parse(&ipv6_frame(ROUTING, &[6, 0, 0, left, 0, 0, 0, 0], &TCP_HEADER)).unwrap();
        assert_eq!((route(1).transport(), route(0).transport()), (None, Some(Transport::Tcp)));
    }

    #[test]
    fn lengths_that_no_header_has_are_refused() {
        use Network::{Ipv4, Ipv6};
        use Transport::{Sctp, Tcp, Udp};
        let new = |network, ip, transport, len| Headers::new(14, network, ip, transport, len).is_ok();
        for (network, ip, transport, len) in [
            (Ipv4, 20, Some(Tcp), 20),
            (Ipv4, 60, Some(Tcp), 60),
            (Ipv6, 40, Some(Udp), 8),
            (Ipv6, 504, Some(Sctp), 12),
            (Ipv4, 20, None, 0),
        ] {
            assert!(new(network, ip, transport, len), "{network:?} {ip}, {transport:?} {len}");
        }
        for (network, ip, transport, len) in [
            (Ipv4, 16, None, 0),
            (Ipv4, 21, None, 0),
            (Ipv4, 64, None, 0),
            (Ipv6, 20, None, 0),
            (Ipv6, 44, None, 0),
            (Ipv6, 512, None, 0),
            (Ipv4, 20, None, 8),
            (Ipv4, 20, Some(Tcp), 21),
            (Ipv4, 20, Some(Tcp), 64),
            (Ipv4, 20, Some(Udp), 100),
            (Ipv4, 20, Some(Sctp), 8),
        ] {
            assert!(!new(network, ip, transport, len), "{network:?} {ip}, {transport:?} {len}");
        }
        assert_eq!(Headers::new(128, Ipv4, 20, None, 0), Err(HeaderError::TooLong { header: "Ethernet", len: 128 }));
        assert!(Headers::new(13, Ipv4, 20, None, 0).is_err());
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let mut frame = [0; 60];
        frame[12..16].copy_from_slice(&[8, 0, 0x45, 0]);
        frame[23] = 6;
        frame[46] = 5 << 4;
        let headers = Headers::parse(&frame).unwrap();
        assert_eq!(headers.end(&frame), None);
        let with = |at: usize, value: u8| {
            let mut frame = frame;
            frame[at] = value;
            Headers::parse(&frame)
        };
        for (at, value) in [(14, 0x44), (14, 0x65), (17, 19), (17, 39), (46, 4 << 4)] {
            assert!(matches!(with(at, value), Err(HeaderError::Field { .. })), "{at}: {value}");
        }
        assert!(matches!(with(46, 15 << 4), Err(HeaderError::Truncated { .. })));
        assert_eq!(with(12, 0), Err(HeaderError::NotIp { ether_type: 0 }));
        assert_eq!(with(17, 40), Ok(headers));
        frame[17] = 40;
        assert_eq!(headers.end(&frame), Some(54));
        assert!(Headers::parse(&frame[..13]).is_err());
    }
}
