//! The header in front of each frame (specification 5.1.6): what a request says in it, and what it says of a frame that
//! was received.

use core::num::NonZeroU16;

use datasheet_runtime::field::{Field, ValueError};
use datasheet_runtime::value;
use ixgbe::offload::drivers::{Segments, Verdict, Work};
use ixgbe::offload::{Received, Requested};
use ixgbe::packet::{Entry, Network, Packet, Transport};
use ixgbe::port::{Offload, Refusal};

use crate::descriptors::NetworkHeaderMemory as Layout;
use crate::descriptors::network_header_memory::GSO_TYPE;
use crate::feature::{Feature, Features};
use crate::queue::HEADER;

/// The bytes of a header.
pub(super) type Header = [u8; HEADER];

/// The header of a frame without requests. The device reads nothing from it but zeros.
pub(super) const NO_REQUESTS: Header = [0; HEADER];

/// The flag that is alone in the first byte of most headers, if one is.
const DATA_VALID: u8 = value!(Layout { DATA_VALID: true }).bits()[0] as u8;

/// The longest packet that an IP header can name, in bytes behind what its length does not count.
const MAX_IP: usize = 65_535;
/// What the length in an IPv6 header does not count: that header, in bytes.
const IPV6_HEADER: usize = 40;

/// Returns the feature with which a device offers something, if it can.
pub(super) const fn feature_of(offload: Offload) -> Option<Feature> {
    match offload {
        Offload::Checksum => Some(Feature::Csum),
        Offload::CutTcp4 => Some(Feature::HostTso4),
        Offload::CutTcp6 => Some(Feature::HostTso6),
        Offload::CutUdp => Some(Feature::HostUso),
        _ => None,
    }
}

/// What a transmit queue sends: packets, alone or with requests.
pub(super) trait Outgoing: Entry {
    /// Returns the header with which a device with these features, which sends frames of up to `max` bytes, sends the packet,
    /// and how many bytes a packet with that header can have. Both are the same for all packets with the same request.
    ///
    /// # Errors
    ///
    /// Why the device cannot do what is requested.
    fn header(&self, features: Features, max: usize) -> Result<(Header, usize), Refusal>;
}

impl Outgoing for Packet {
    #[inline(always)]
    fn header(&self, _features: Features, max: usize) -> Result<(Header, usize), Refusal> {
        Ok((NO_REQUESTS, max))
    }
}

impl Outgoing for Requested {
    fn header(&self, features: Features, max: usize) -> Result<(Header, usize), Refusal> {
        let work = self.work();
        let wanted = [
            work.vlan.map(|_| Offload::Vlan),
            work.time_stamp.then_some(Offload::TimeStamp),
            work.checksum.map(|checksum| match checksum.transport {
                Transport::Tcp | Transport::Udp => Offload::Checksum,
                Transport::Sctp => Offload::SctpChecksum,
            }),
            cut(&work).map(|(offload, ..)| offload),
        ];
        let lacks = |offload: &Offload| !feature_of(*offload).is_some_and(|feature| features.has(feature));
        if let Some(lacking) = wanted.into_iter().flatten().find(lacks) {
            return Err(Refusal::NotOffered(lacking));
        }
        let room = self.packet().headroom();
        if work.checksum.is_some() && room < HEADER {
            return Err(Refusal::NoHeadroom { room, needed: HEADER });
        }
        // All numbers were checked to fit.
        let header = header_of(&work).unwrap_or(NO_REQUESTS);
        let Some(Segments { network, network_at, headers, payload }) = work.segments else { return Ok((header, max)) };
        let frame = headers + usize::from(payload);
        if frame > max {
            return Err(Refusal::TooLong { len: frame, max });
        }
        let uncounted = network_at + if network == Network::Ipv6 { IPV6_HEADER } else { 0 };
        Ok((header, uncounted + MAX_IP))
    }
}

/// Returns how a packet is to be cut, if it is.
fn cut(work: &Work) -> Option<(Offload, GSO_TYPE, Segments)> {
    let (segments, checksum) = (work.segments?, work.checksum?);
    let (offload, kind) = match (checksum.transport, segments.network) {
        (Transport::Udp | Transport::Sctp, _) => (Offload::CutUdp, GSO_TYPE::UdpL4),
        (Transport::Tcp, Network::Ipv4) => (Offload::CutTcp4, GSO_TYPE::Tcpv4),
        (Transport::Tcp, Network::Ipv6) => (Offload::CutTcp6, GSO_TYPE::Tcpv6),
    };
    Some((offload, kind, segments))
}

/// Returns the header for a request.
///
/// The length of the headers is for packets that are cut alone. Nobody needs it otherwise.
fn header_of(work: &Work) -> Result<Header, ValueError> {
    let Some(checksum) = work.checksum else { return Ok(NO_REQUESTS) };
    let mut header = value!(Layout { NEEDS_CSUM: true })
        .try_with(Layout::CSUM_START, checksum.at as u64)?
        .try_with(Layout::CSUM_OFFSET, checksum.offset as u64)?;
    if let Some((_, kind, segments)) = cut(work) {
        header = header
            .with(Layout::GSO_TYPE, kind)
            .try_with(Layout::HDR_LEN, segments.headers as u64)?
            .with(Layout::GSO_SIZE, segments.payload);
    }
    let [low, high] = header.bits().map(u64::to_le_bytes);
    let mut bytes = NO_REQUESTS;
    bytes.iter_mut().zip(low.into_iter().chain(high)).for_each(|(byte, value)| *byte = value);
    Ok(bytes)
}

/// Returns a field of the header at the start of `bytes`.
#[inline(always)]
fn field<F: Field<Layout>>(bytes: &[u8], field: F) -> F::Read {
    const { assert!(F::LSB % 8 + F::WIDTH <= 16 && F::LSB + F::WIDTH <= 8 * HEADER as u32, "two bytes have it") };
    let at = (F::LSB / 8) as usize;
    let pair = match bytes.get(at..at + 2) {
        Some(&[low, high]) => u16::from_le_bytes([low, high]),
        _ => 0,
    };
    field.decode(u64::from(pair) >> (F::LSB % 8) & ((1 << F::WIDTH) - 1))
}

/// Returns how many buffers the frame fills that begins with the header in `bytes`.
#[inline(always)]
pub(super) fn buffers_of(bytes: &[u8]) -> u16 {
    field(bytes, Layout::NUM_BUFFERS) as u16
}

/// How a receive queue hands a frame on.
pub(super) trait Arrival {
    /// What the frame becomes.
    type Entry: Entry;

    /// Makes the entry of a frame without its header, whose bytes are right as they are.
    ///
    /// # Errors
    ///
    /// Returns the packet unchanged if its bytes have to change, or if the header cannot be.
    fn unchanged(packet: Packet, header: &Header, features: Features) -> Result<Self::Entry, Packet>;

    /// Makes the entry of a frame without its header, or `None` if the header cannot be.
    #[inline]
    fn arrived(packet: Packet, header: &Header, features: Features) -> Option<Self::Entry> {
        Self::unchanged(packet, header, features).ok()
    }
}

/// Packets as they are in memory, from a device that has completed them.
pub(super) enum Plain {}

/// Packets whose checksums the driver completes, if that is left to it.
pub(super) enum Completed {}

/// Packets with metadata.
pub(super) enum WithMetadata {}

impl Arrival for Plain {
    type Entry = Packet;

    #[inline(always)]
    fn unchanged(packet: Packet, _header: &Header, _features: Features) -> Result<Packet, Packet> {
        Ok(packet)
    }
}

impl Arrival for Completed {
    type Entry = Packet;

    #[inline(always)]
    fn unchanged(packet: Packet, header: &Header, features: Features) -> Result<Packet, Packet> {
        if field(header, Layout::NEEDS_CSUM) {
            return Err(packet);
        }
        WithMetadata::unchanged(packet, header, features).map(Received::into_packet)
    }

    fn arrived(packet: Packet, header: &Header, features: Features) -> Option<Packet> {
        let mut received = WithMetadata::arrived(packet, header, features)?;
        received.complete_checksum();
        Some(received.into_packet())
    }
}

impl Arrival for WithMetadata {
    type Entry = Received;

    #[inline(always)]
    fn unchanged(packet: Packet, header: &Header, features: Features) -> Result<Received, Packet> {
        let [flags, kind, ..] = *header;
        if kind | flags & !DATA_VALID == 0 || !features.has(Feature::GuestCsum) {
            // Then the header says no more than this, or nothing.
            let is_good = flags & DATA_VALID != 0 && features.has(Feature::GuestCsum);
            return Received::reported(packet, if is_good { Verdict::Good } else { Verdict::NotChecked }, None);
        }
        reported(packet, header, features)
    }
}

/// Makes the entry of a frame whose header says any of all that was agreed on.
#[inline(never)]
fn reported(packet: Packet, header: &Header, features: Features) -> Result<Received, Packet> {
    match (verdict_of(header), segment_of(header, features)) {
        (Some(verdict), Some(segment)) => Received::reported(packet, verdict, segment),
        _ => Err(packet),
    }
}

/// Returns what a header says of the checksum, or `None` if it cannot say so.
#[inline(always)]
fn verdict_of(header: &Header) -> Option<Verdict> {
    Some(match (field(header, Layout::NEEDS_CSUM), field(header, Layout::DATA_VALID)) {
        // Places and numbers of coalesced segments are in the same fields, and the latter were not agreed on.
        (true, _) if field(header, Layout::RSC_INFO) => return None,
        (true, _) => Verdict::Partial {
            start: field(header, Layout::CSUM_START) as u16,
            offset: field(header, Layout::CSUM_OFFSET) as u16,
        },
        (false, true) => Verdict::Good,
        (false, false) => Verdict::NotChecked,
    })
}

/// Returns the size of the segments that a frame is of, if it is of several, or `None` if the header cannot be.
#[inline(always)]
fn segment_of(header: &Header, features: Features) -> Option<Option<NonZeroU16>> {
    let agreed = match field(header, Layout::GSO_TYPE)? {
        GSO_TYPE::None => return Some(None),
        GSO_TYPE::Tcpv4 => features.has(Feature::GuestTso4),
        GSO_TYPE::Tcpv6 => features.has(Feature::GuestTso6),
        GSO_TYPE::UdpL4 => features.has(Feature::GuestUso4) || features.has(Feature::GuestUso6),
        GSO_TYPE::Udp => false,
    };
    NonZeroU16::new(field(header, Layout::GSO_SIZE) as u16).filter(|_| agreed).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ixgbe::offload::drivers::TransportChecksum;

    #[test]
    fn a_header_has_its_fields_where_the_specification_has_them() {
        let checksum = Some(TransportChecksum { transport: Transport::Tcp, at: 0x22, offset: 16 });
        let segments = Some(Segments { network: Network::Ipv4, network_at: 14, headers: 54, payload: 0x5b4 });
        let mut work = Work::default();
        assert_eq!(header_of(&work), Ok(NO_REQUESTS));
        work.checksum = checksum;
        assert_eq!(header_of(&work), Ok([1, 0, 0, 0, 0, 0, 0x22, 0, 16, 0, 0, 0]));
        work.segments = segments;
        assert_eq!(header_of(&work), Ok([1, 1, 54, 0, 0xb4, 5, 0x22, 0, 16, 0, 0, 0]));
        assert_eq!(buffers_of(&[1, 1, 54, 0, 0xb4, 5, 0x22, 0, 16, 0, 7, 9]), 0x907);
    }
}
