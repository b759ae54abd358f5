//! What the device finds in a frame that it filters: addresses, tag, type, and the headers of IP and above.
//!
//! [`packet::Headers`](crate::packet::Headers) refuses a frame that contradicts itself, or ends in a header. The device
//! goes on with what it has found, and so does this.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::device::rss::FlowTransport;
use crate::packet::numbers::{DESTINATION_OPTIONS, FRAGMENT, HOP_BY_HOP, IPV4, IPV6, ROUTING, SCTP, TCP, UDP, VLAN};

/// The length of both addresses of a frame.
const ADDRESSES: usize = 12;
/// The length of a VLAN tag, with its type.
pub(super) const TAG: usize = 4;
/// LLC and SNAP in front of an EtherType (RFC 1042).
const SNAP: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0];
/// More extension headers of IPv6 than this are not looked behind.
const EXTENSIONS: usize = 8;

/// The option of a home address in a header of destination options.
const HOME_ADDRESS: u8 = 0xc9;

/// A frame without its CRC.
pub(super) struct Frame<'f> {
    bytes: &'f [u8],
    pub(super) destination: [u8; 6],
    /// The contents of the VLAN tag: priority, CFI and VLAN id.
    pub(super) tag: Option<u16>,
    /// The EtherType, or the length, behind the tag.
    pub(super) ether_type: u16,
    /// The packet of IP in the frame.
    pub(super) packet: Option<Packet>,
}

/// The headers of a packet of IP.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    /// The protocol, if it has ports that the device reads. Fragments have none.
    protocol: Option<u8>,
    /// Source and destination port.
    pub(super) ports: Option<(u16, u16)>,
}

impl<'f> Frame<'f> {
    /// Parses `bytes`. Returns `None` for less than the header of Ethernet.
    pub(super) fn parse(bytes: &'f [u8]) -> Option<Self> {
        let destination = *bytes.first_chunk()?;
        let mut at = ADDRESSES;
        let tag = if half(bytes, at)? == VLAN { half(bytes, at + 2) } else { None };
        if tag.is_some() {
            at += TAG;
        }
        let ether_type = half(bytes, at)?;
        at += 2;
        // A length instead of a type: the type follows LLC and SNAP.
        let mut kind = ether_type;
        if ether_type <= 1500 && bytes.get(at..at + SNAP.len()) == Some(&SNAP) {
            at += SNAP.len();
            kind = half(bytes, at).unwrap_or(0);
            at += 2;
        }
        let packet = match kind {
            IPV4 => ipv4(bytes.get(at..).unwrap_or_default()),
            IPV6 => ipv6(bytes.get(at..).unwrap_or_default()),
            _ => None,
        };
        Some(Self { bytes, destination, tag, ether_type, packet })
    }

    /// Returns the two bytes at `offset` from the start of the frame, or zeros behind its end.
    pub(super) fn flexible_bytes(&self, offset: usize) -> [u8; 2] {
        half(self.bytes, offset).unwrap_or(0).to_be_bytes()
    }
}

impl Packet {
    /// Returns the protocol as the hash of RSS distinguishes it.
    pub(super) fn transport(&self) -> FlowTransport {
        match self.protocol {
            Some(TCP) => FlowTransport::Tcp,
            Some(UDP) => FlowTransport::Udp,
            _ => FlowTransport::Other,
        }
    }

    pub(super) fn is_sctp(&self) -> bool {
        self.protocol == Some(SCTP)
    }

    pub(super) fn source_v4(&self) -> Option<Ipv4Addr> {
        v4(self.source)
    }

    pub(super) fn destination_v4(&self) -> Option<Ipv4Addr> {
        v4(self.destination)
    }

    /// Returns both ends of the flow, source first. A packet without ports has ports 0.
    pub(super) fn ends(&self) -> [SocketAddr; 2] {
        let (source, destination) = self.ports.unwrap_or((0, 0));
        [SocketAddr::new(self.source, source), SocketAddr::new(self.destination, destination)]
    }
}

fn v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn ipv4(bytes: &[u8]) -> Option<Packet> {
    let header: &[u8; 20] = bytes.first_chunk()?;
    let len = usize::from(header[0] & 0xf) * 4;
    if header[0] >> 4 != 4 || len < header.len() {
        return None;
    }
    let [source, destination] =
        [12, 16].map(|at| bytes.get(at..).and_then(<[u8]>::first_chunk::<4>).copied().unwrap_or_default());
    // More fragments, or not the first one.
    let is_fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff != 0;
    let (protocol, ports) = layer4(header[9], bytes.get(len..).unwrap_or_default(), is_fragment);
    Some(Packet {
        source: Ipv4Addr::from(source).into(),
        destination: Ipv4Addr::from(destination).into(),
        protocol,
        ports,
    })
}

fn ipv6(bytes: &[u8]) -> Option<Packet> {
    let header: &[u8; 40] = bytes.first_chunk()?;
    if header[0] >> 4 != 6 {
        return None;
    }
    let [source, destination] =
        [8, 24].map(|at| bytes.get(at..).and_then(<[u8]>::first_chunk::<16>).copied().unwrap_or_default());
    let (mut next, mut rest, mut hidden) = (header[6], bytes.get(header.len()..).unwrap_or_default(), false);
    for _ in 0..EXTENSIONS {
        let Some(extension) = rest.first_chunk::<8>() else { break };
        let len = match next {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => 8 + usize::from(extension[1]) * 8,
            FRAGMENT => 8,
            _ => break,
        };
        // Where the header changes an address, or the packet is a fragment, the device looks no further.
        hidden |= match next {
            ROUTING => extension[3] != 0,
            FRAGMENT => u16::from_be_bytes([extension[2], extension[3]]) & 0xfff9 != 0,
            DESTINATION_OPTIONS => has_home_address(rest.get(2..len).unwrap_or_default()),
            _ => false,
        };
        next = extension[0];
        rest = rest.get(len..).unwrap_or_default();
    }
    let (protocol, ports) = layer4(next, rest, hidden);
    Some(Packet {
        source: Ipv6Addr::from(source).into(),
        destination: Ipv6Addr::from(destination).into(),
        protocol,
        ports,
    })
}

fn has_home_address(mut options: &[u8]) -> bool {
    while let [kind, rest @ ..] = options {
        options = match (*kind, rest) {
            (HOME_ADDRESS, _) => return true,
            // The only option without a length is one byte of padding.
            (0, _) => rest,
            (_, [len, rest @ ..]) => rest.get(usize::from(*len)..).unwrap_or_default(),
            (_, []) => &[],
        };
    }
    false
}

/// Returns protocol and ports of the header of layer 4, if the device reads it.
fn layer4(protocol: u8, bytes: &[u8], hidden: bool) -> (Option<u8>, Option<(u16, u16)>) {
    let ports = half(bytes, 0).zip(half(bytes, 2));
    match (protocol, ports) {
        (TCP | UDP | SCTP, Some(ports)) if !hidden => (Some(protocol), Some(ports)),
        _ => (None, None),
    }
}
