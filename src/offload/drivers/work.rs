//! What is requested for a packet.

use crate::descriptors::advanced_transmit_context_read::L4T;
use crate::descriptors::{AdvancedTransmitContextRead as Context, AdvancedTransmitDataRead as Data};
use crate::field::Field;
use crate::offload::received::{fold, sum};
use crate::offload::request::{IPV4_CHECKSUM, IPV6_HEADER, UDP_LEN, put};
use crate::offload::requested::Terms;
use crate::offload::{Requested, VlanTag};
use crate::packet::{IPV4_TOTAL, IPV6_PAYLOAD, Network, Transport};
use crate::value;

/// What the device is to do for a packet, as its driver needs to know it: [`Requested::work`] returns it.
///
/// The checksum of an IPv4 header is not part of it, because [`Requested::complete`] computes that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Work {
    /// The checksum of a transport protocol that the device is to insert.
    pub checksum: Option<TransportChecksum>,
    /// How the device is to cut the packet. Then a checksum is requested, too.
    pub segments: Option<Segments>,
    /// The VLAN tag that the device is to insert.
    pub vlan: Option<VlanTag>,
    /// The device is to note when it sends the packet.
    pub time_stamp: bool,
}

/// A checksum that a device is to insert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportChecksum {
    /// The protocol.
    pub transport: Transport,
    /// Where its header begins, in bytes. From there on to its end the packet is summed.
    pub at: usize,
    /// Where the checksum is in the header, in bytes.
    pub offset: usize,
}

/// How a device is to cut a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segments {
    /// The version of IP.
    pub network: Network,
    /// Where the IP header begins, in bytes.
    pub network_at: usize,
    /// The length of all headers, which each frame has, in bytes.
    pub headers: usize,
    /// The most bytes behind the headers of each frame.
    pub payload: u16,
}

/// Returns a field of a descriptor with these words.
fn field<R, F: Field<R>>(words: [u64; 2], field: F) -> F::Read {
    const { assert!(F::LSB / 64 == (F::LSB + F::WIDTH - 1) / 64 && F::WIDTH < 64, "it lies in one word") };
    field.decode(words[F::LSB as usize / 64] >> (F::LSB % 64) & ((1 << F::WIDTH) - 1))
}

impl Requested {
    /// Returns what is requested, for the driver of a device that is no 82599.
    #[must_use]
    #[inline]
    pub fn work(&self) -> Work {
        let (context, data) = (self.terms().context.words(), [0, self.terms().word]);
        let [mac, ip] = [field(context, Context::MACLEN), field(context, Context::IPLEN)].map(|len| len as usize);
        let [transport, payload] = [field(context, Context::L4LEN), field(context, Context::MSS)];
        let (kind, at) = (transport_of(context), mac + ip);
        let segments = field(data, Data::TSE).then(|| Segments {
            network: if field(context, Context::IPV4) { Network::Ipv4 } else { Network::Ipv6 },
            network_at: mac,
            headers: at + transport as usize,
            payload: payload as u16,
        });
        Work {
            checksum: kind.filter(|_| field(data, Data::TXSM)).map(|transport| TransportChecksum {
                transport,
                at,
                offset: transport.checksum_at(),
            }),
            segments,
            vlan: field(data, Data::VLE).then(|| VlanTag::from_bits(field(context, Context::VLAN) as u16)),
            time_stamp: field(data, Data::TSTAMP1588),
        }
    }

    /// Completes the packet's headers, as devices other than an 82599 take them. It is for once, before the packet is sent.
    ///
    /// Headers of IP and UDP then have the packet's length, also if it is to be cut. The checksum of an IPv4 header is
    /// computed here, if it is requested. A requested checksum of TCP or UDP is the sum of the pseudo header with the length
    /// of the whole packet: the sum of everything from the transport's header on, inverted, is the packet's checksum.
    #[inline(always)]
    pub fn complete(&mut self) {
        const INCOMPLETE: u64 = value!(Data { IXSM: true, TSE: true }).bits()[1];
        let terms = *self.terms();
        if terms.word & INCOMPLETE != 0 {
            let len = self.packet_len();
            terms.complete(self.packet_mut(), len);
        }
    }
}

impl Terms {
    /// Completes the headers at the start of a packet of `len` bytes.
    fn complete(self, bytes: &mut [u8], len: usize) {
        let (context, data) = (self.context.words(), [0, self.word]);
        let [mac, ip] = [field(context, Context::MACLEN), field(context, Context::IPLEN)].map(|len| len as usize);
        let (front, rest) = bytes.split_at_mut((mac + ip).min(bytes.len()));
        let Some(header) = front.get_mut(mac..) else { return };
        if field(data, Data::TSE) {
            let transport_len = len.saturating_sub(mac + ip) as u16;
            match field(context, Context::IPV4) {
                true => put(header, IPV4_TOTAL, len.saturating_sub(mac) as u16),
                false => put(header, IPV6_PAYLOAD, len.saturating_sub(mac + IPV6_HEADER) as u16),
            }
            let transport = transport_of(context);
            if transport == Some(Transport::Udp) {
                put(rest, UDP_LEN, transport_len);
            }
            // An 82599 would have added the length of each frame.
            if let Some(at) = transport.map(Transport::checksum_at)
                && let Some(seed) = rest.get(at..).and_then(<[u8]>::first_chunk)
            {
                let seed = u32::from(u16::from_be_bytes(*seed)) + u32::from(transport_len);
                put(rest, at, fold(seed));
            }
        }
        if field(data, Data::IXSM) {
            // The field is 0.
            let checksum = !sum(header);
            put(header, IPV4_CHECKSUM, checksum);
        }
    }
}

/// Returns the transport protocol of a context, or `None` for a number that is none.
fn transport_of(context: [u64; 2]) -> Option<Transport> {
    Some(match field(context, Context::L4T)? {
        L4T::Tcp => Transport::Tcp,
        L4T::Udp => Transport::Udp,
        L4T::Sctp => Transport::Sctp,
    })
}
