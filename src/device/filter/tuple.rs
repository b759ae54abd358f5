//! The hash input of Flow Director and its hash (datasheet 7.1.2.7, 8.2.3.21.2 and .3).

use core::net::{IpAddr, Ipv6Addr};

use crate::device::filter::flow_director::{FlowKind, Layer4Fields, PortBits, Settings};
use crate::device::filter::frame::{Frame, Packet};
use crate::device::rss::FlowTransport;

/// The key of the hash that selects a bucket (FDIRHKEY), as drivers proven on silicon set it.
pub(super) const BUCKET_KEY: u32 = 0x3dad_14e2;
/// The key of the hash that is a signature (FDIRSKEY).
pub(super) const SIGNATURE_KEY: u32 = 0x174d_3614;

/// A protocol as FDIRCMD.L4TYPE has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Protocol {
    Other = 0,
    Udp = 1,
    Tcp = 2,
    Sctp = 3,
}

/// The fields of a flow or of a packet. What is not compared is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tuple {
    pub(super) protocol: Protocol,
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    /// Source and destination port.
    pub(super) ports: (u16, u16),
    pub(super) tag: u16,
    pub(super) flexible: [u8; 2],
}

/// The two hashes of a tuple.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hashes {
    pub(super) bucket: u16,
    pub(super) signature: u16,
}

impl Tuple {
    /// Returns the fields of the packet in `frame` that the device compares, or `None` if it compares none.
    pub(super) fn of(frame: &Frame<'_>, settings: &Settings) -> Option<Self> {
        let packet = frame.packet?;
        let (source, destination) = match (packet.source, packet.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                (IpAddr::V4(source & settings.source), IpAddr::V4(destination & settings.destination))
            }
            // A perfect filter does not hold the destination of IPv6.
            _ if settings.kind == FlowKind::Perfect => return None,
            addresses => addresses,
        };
        let (protocol, bits) = match protocol(&packet) {
            _ if settings.layer4 == Layer4Fields::Ignored => (Protocol::Other, PortBits::NONE),
            Protocol::Tcp => (Protocol::Tcp, settings.tcp_ports()),
            Protocol::Udp => (Protocol::Udp, settings.udp_ports()),
            protocol => (protocol, PortBits::NONE),
        };
        let (source_port, destination_port) = packet.ports.unwrap_or((0, 0));
        let ports = (source_port & bits.source, destination_port & bits.destination);
        let tag = frame.tag.unwrap_or(0) & settings.tag_bits();
        let flexible = settings.flexible.map_or([0; 2], |place| frame.flexible_bytes(place.offset()));
        Some(Self { protocol, source, destination, ports, tag, flexible })
    }

    /// Returns the flow type: FDIRCMD.L4TYPE, and FDIRCMD.IPV6 above it.
    fn kind(&self) -> u32 {
        self.protocol as u32 | u32::from(self.source.is_ipv6()) << 2
    }

    /// Returns the hashes: the bucket as FDIRHASH.HASH, and the signature.
    pub(super) fn hashes(&self, settings: &Settings) -> Hashes {
        Hashes {
            bucket: self.hash(BUCKET_KEY) & (settings.buckets() - 1) as u16,
            signature: self.hash(SIGNATURE_KEY) & 0x7fff,
        }
    }

    /// Returns the hash: for each bit of the repeated key that is 1, it adds 16 bits of the input without carry.
    ///
    /// The input is 42 bytes: tag, addresses in 16 bytes each, ports, flexible bytes, VM pool, flow type. The key has
    /// 32 bits, so words of the input that meet the same key bits are added first. The first word, which has the VM
    /// pool, the flow type and the tag, lies across the ends of the input, and so it meets the key at two places.
    fn hash(&self, key: u32) -> u16 {
        let first = self.kind() << 16 | u32::from(self.tag);
        let addresses = [self.source, self.destination].into_iter().flat_map(words);
        let ports = u32::from(self.ports.0) << 16 | u32::from(self.ports.1);
        let flexible = u32::from(u16::from_be_bytes(self.flexible)) << 16;
        let rest = addresses.fold(ports ^ flexible, |rest, word| rest ^ word);
        let (mut low, high) = (rest.rotate_left(16), rest ^ first ^ first >> 16);
        let mut hash = 0;
        for bit in 0..16 {
            if key >> bit & 1 != 0 {
                hash ^= low >> bit;
            }
            if key >> (bit + 16) & 1 != 0 {
                hash ^= high >> bit;
            }
            if bit == 0 {
                low ^= first ^ first << 16;
            }
        }
        hash as u16
    }
}

fn protocol(packet: &Packet) -> Protocol {
    match packet.transport() {
        FlowTransport::Tcp => Protocol::Tcp,
        FlowTransport::Udp => Protocol::Udp,
        FlowTransport::Other if packet.is_sctp() => Protocol::Sctp,
        FlowTransport::Other => Protocol::Other,
    }
}

/// Returns the four words of an address in its field of 16 bytes, where IPv4 has the last.
fn words(address: IpAddr) -> [u32; 4] {
    let bits = match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => Ipv6Addr::to_bits(address),
    };
    [bits >> 96, bits >> 64, bits >> 32, bits].map(|word| word as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes that a stock driver computed with the same keys.
    #[test]
    fn hashes_are_those_of_a_driver_proven_on_silicon() {
        let mut tuple = Tuple {
            protocol: Protocol::Tcp,
            source: [10, 0, 0, 2].into(),
            destination: [10, 0, 0, 1].into(),
            ports: (5000, 40000),
            tag: 0,
            flexible: [0x08, 0x00],
        };
        let both = |tuple: &Tuple| [BUCKET_KEY, SIGNATURE_KEY].map(|key| tuple.hash(key));
        assert_eq!(both(&tuple), [0x8380, 0x16fc]);
        (tuple.tag, tuple.flexible) = (0x2065, [0x81, 0x00]);
        assert_eq!(both(&tuple), [0xada2, 0x7431]);
        let (source, destination) = ([192, 168, 7, 9].into(), [10, 1, 2, 3].into());
        let (ports, flexible) = ((53, 1234), [0x08, 0x00]);
        let tuple = Tuple { protocol: Protocol::Udp, source, destination, ports, tag: 0, flexible };
        assert_eq!(both(&tuple), [0xf779, 0xadcf]);
    }
}
