//! Frames with headers of IP, for tests of filters.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
pub const SCTP: u8 = 132;
pub const ICMP: u8 = 1;

/// A packet of IP in a frame of at least 60 bytes.
#[derive(Debug, Clone, Copy)]
pub struct Ip {
    pub to: [u8; 6],
    pub tag: Option<u16>,
    pub source: IpAddr,
    pub destination: IpAddr,
    pub protocol: u8,
    pub ports: (u16, u16),
    /// Whether the packet is a fragment. One of IPv6 has a header for this.
    pub is_fragment: bool,
    /// Whether there are options of IPv4, or a hop-by-hop header of IPv6.
    pub has_options: bool,
}

impl Ip {
    pub fn v4(to: [u8; 6], protocol: u8, source: [u8; 4], destination: [u8; 4], ports: (u16, u16)) -> Self {
        let (source, destination) = (Ipv4Addr::from(source).into(), Ipv4Addr::from(destination).into());
        Self { to, tag: None, source, destination, protocol, ports, is_fragment: false, has_options: false }
    }

    /// The frame, without CRC.
    pub fn frame(&self) -> Vec<u8> {
        let mut frame = self.to.to_vec();
        frame.extend([2, 0, 0, 0, 0, 0xfe]);
        if let Some(tag) = self.tag {
            frame.extend([0x81, 0x00]);
            frame.extend(tag.to_be_bytes());
        }
        let mut layer4 = Vec::new();
        layer4.extend(self.ports.0.to_be_bytes());
        layer4.extend(self.ports.1.to_be_bytes());
        layer4.extend([0; 16]);
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => self.v4_header(&mut frame, source, destination, &layer4),
            (IpAddr::V6(source), IpAddr::V6(destination)) => self.v6_header(&mut frame, source, destination, &layer4),
            _ => panic!("a packet has one version"),
        }
        frame.extend(layer4);
        frame.resize(frame.len().max(60), 0);
        frame
    }

    fn v4_header(&self, frame: &mut Vec<u8>, source: Ipv4Addr, destination: Ipv4Addr, layer4: &[u8]) {
        let words = if self.has_options { 6 } else { 5 };
        let total = (words * 4 + layer4.len()) as u16;
        frame.extend([0x08, 0x00]);
        let start = frame.len();
        frame.extend([0x40 | words as u8, 0]);
        frame.extend(total.to_be_bytes());
        frame.extend([0, 1, if self.is_fragment { 0x20 } else { 0x40 }, 0, 64, self.protocol, 0, 0]);
        frame.extend(source.octets());
        frame.extend(destination.octets());
        // Options that do nothing.
        frame.resize(start + words * 4, 1);
        let sum: u32 = frame[start..].chunks(2).map(|half| u32::from(u16::from_be_bytes([half[0], half[1]]))).sum();
        let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
        frame[start + 10..start + 12].copy_from_slice(&sum.to_be_bytes());
    }

    fn v6_header(&self, frame: &mut Vec<u8>, source: Ipv6Addr, destination: Ipv6Addr, layer4: &[u8]) {
        let mut extensions = Vec::new();
        let mut next = self.protocol;
        if self.is_fragment {
            extensions.extend([next, 0, 0, 1, 0, 0, 0, 1]);
            next = 44;
        }
        if self.has_options {
            // Six bytes of padding.
            extensions.splice(0..0, [next, 0, 1, 4, 0, 0, 0, 0]);
            next = 0;
        }
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        frame.extend(((extensions.len() + layer4.len()) as u16).to_be_bytes());
        frame.extend([next, 64]);
        frame.extend(source.octets());
        frame.extend(destination.octets());
        frame.extend(extensions);
    }
}
