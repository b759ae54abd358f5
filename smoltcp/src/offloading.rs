//! Queues of a device that computes checksums and cuts large packets.

use core::num::NonZeroUsize;

use ixgbe::offload::{Checksum, Received, Request, RequestRefusal, RequestRefused, Requested};
use ixgbe::packet::{Batch, HeaderError, Headers, Network, Packet, Transport};
use ixgbe::pool::Pool;
use ixgbe::port::{AttachError, Offload, QueuePair, ReceiveMetadata, TransmitError, TransmitRequests};
use smoltcp::phy::{self, DeviceCapabilities};
use smoltcp::wire::{IpAddress, Ipv4Packet, Ipv6Packet, TcpPacket, UdpPacket};

use crate::{BATCH, Counters, Frame, Queues, sealed};

/// The largest number of buffers of a packet that is cut.
pub(crate) const MOST_BUFFERS: usize = 37;

/// Queues of a device that computes checksums of IPv4, TCP and UDP, and cuts large packets of TCP: an 82599, a virtual
/// function of one, or a VirtIO device whose host does so. What the device does not offer for packets that are sent, the stack does.
///
/// The stack checks none of these checksums. So it gets a packet only if they are right: by the device's word, or else
/// computed here, which is counted. A [partial](Checksum::Partial) one is right, because the packet was not on a wire. These
/// packets are dropped: fragments, whose checksum could not be checked; and IP packets whose headers are cut short or
/// contradict each other.
///
/// A VirtIO device needs `receive_offloads` in its configuration, or the checksum of each packet is computed here.
#[derive(Debug)]
pub struct Offloading<R, T> {
    queues: QueuePair<R, T>,
    /// In reverse order.
    arrived: Batch<Received>,
    kept: Batch<Requested>,
}

impl<R: ReceiveMetadata, T: TransmitRequests> Offloading<R, T> {
    /// Uses these queues.
    #[must_use]
    pub fn new(queues: QueuePair<R, T>) -> Self {
        Self { queues, arrived: Batch::with_capacity(BATCH), kept: Batch::with_capacity(1) }
    }
}

/// Returns the frame of `packet` if the stack may have it. Counts it if not.
fn fit(packet: Received, counters: &mut Counters) -> Option<Frame> {
    let (ip, transport) = (packet.ip_checksum(), packet.transport_checksum());
    let network = packet.packet_type().network();
    let frame = Frame::from(packet.into_packet());
    let is_known = matches!(transport, Checksum::Good | Checksum::Partial);
    let count = match ip {
        _ if ip == Checksum::Bad || transport == Checksum::Bad => &mut counters.rx_bad,
        _ if is_known && (ip == Checksum::Good || network == Some(Network::Ipv6)) => return Some(frame),
        _ => match Headers::parse(&frame) {
            Err(HeaderError::NotIp { .. }) => return Some(frame),
            Ok(headers) if !headers.is_fragment() => {
                counters.rx_by_software += u64::from(!is_known);
                if is_right(&frame, &headers, is_known) {
                    return Some(frame);
                }
                &mut counters.rx_bad
            }
            Ok(_) | Err(_) => &mut counters.rx_dropped,
        },
    };
    *count += 1;
    None
}

/// Computes the checksums that the stack does not check: of an IPv4 header, and of what follows unless that `is_known` to be
/// right. Returns `true` if they are right.
fn is_right(frame: &[u8], headers: &Headers, is_known: bool) -> bool {
    let end = headers.end(frame).unwrap_or_default();
    let (Some(ip), Some(transport)) = (frame.get(headers.network_at()..), frame.get(headers.transport_at()..end))
    else {
        return false;
    };
    let addresses: Option<(IpAddress, IpAddress)> = match headers.network() {
        Network::Ipv4 => Ipv4Packet::new_checked(ip)
            .ok()
            .filter(Ipv4Packet::verify_checksum)
            .map(|ip| (ip.src_addr().into(), ip.dst_addr().into())),
        Network::Ipv6 => Ipv6Packet::new_checked(ip).ok().map(|ip| (ip.src_addr().into(), ip.dst_addr().into())),
    };
    let Some((source, destination)) = addresses else { return false };
    match headers.transport() {
        _ if is_known => true,
        Some(Transport::Tcp) => {
            TcpPacket::new_checked(transport).is_ok_and(|tcp| tcp.verify_checksum(&source, &destination))
        }
        Some(Transport::Udp) => {
            UdpPacket::new_checked(transport).is_ok_and(|udp| udp.verify_checksum(&source, &destination))
        }
        Some(Transport::Sctp) | None => true,
    }
}

impl<R: ReceiveMetadata, T: TransmitRequests> Offloading<R, T> {
    /// Asks the device for the checksums of `packet`, and to cut it into frames with `segment` bytes of payload.
    fn request(
        &self,
        packet: Packet,
        segment: Option<u16>,
        counters: &mut Counters,
    ) -> Result<Requested, RequestRefused> {
        let headers = match Headers::parse(&packet) {
            Ok(headers) => headers,
            Err(HeaderError::NotIp { .. }) => return Ok(packet.into()),
            Err(error) => return Err(RequestRefused { packet, reason: RequestRefusal::Headers(error) }),
        };
        let has_checksum = headers.transport().is_some() && self.inserts_checksums();
        // ICMP, whose checksum the stack computes, and what the device does not do.
        counters.tx_by_software += u64::from(!has_checksum);
        let request = Request::new().with_headers(headers);
        match segment {
            Some(payload) => request.segments(payload),
            None if has_checksum => request.checksums(),
            None => request.ip_checksum(),
        }
        .apply(packet)
    }

    fn inserts_checksums(&self) -> bool {
        self.queues.tx.offers(Offload::Checksum)
    }
}

impl<R: ReceiveMetadata, T: TransmitRequests> Queues for Offloading<R, T> {}

impl<R: ReceiveMetadata, T: TransmitRequests> sealed::Queues for Offloading<R, T> {
    fn attach(&mut self, pool: &Pool) -> Result<(), AttachError> {
        self.queues.tx.attach(pool)
    }

    fn describe(&self, longest: usize, capabilities: &mut DeviceCapabilities) {
        let by_stack = if self.inserts_checksums() { phy::Checksum::None } else { phy::Checksum::Tx };
        let checksum = &mut capabilities.checksum;
        checksum.ipv4 = phy::Checksum::None;
        (checksum.tcp, checksum.udp) = (by_stack, by_stack);
        let longest = NonZeroUsize::new(longest).filter(|longest| longest.get() > capabilities.max_transmission_unit);
        let cut = |offload| longest.filter(|_| self.queues.tx.offers(offload));
        capabilities.segmentation.tcpv4 = cut(Offload::CutTcp4);
        capabilities.segmentation.tcpv6 = cut(Offload::CutTcp6);
    }

    fn receive(&mut self, counters: &mut Counters) -> Option<Frame> {
        loop {
            // A ring that is its device's has no packets now.
            if self.arrived.is_empty() && self.queues.rx.receive_with_metadata(&mut self.arrived).is_ok() {
                self.arrived.reverse();
            }
            if let Some(frame) = fit(self.arrived.pop()?, counters) {
                return Some(frame);
            }
        }
    }

    fn send(&mut self, packet: Packet, segment: Option<u16>, counters: &mut Counters) {
        match self.request(packet, segment, counters).map(|requested| self.kept.push(requested)) {
            Ok(Ok(())) => {
                counters.tx_cut += u64::from(segment.is_some());
                self.advance(counters);
            }
            Ok(Err(_)) | Err(_) => counters.tx_dropped += 1,
        }
    }

    fn is_clear(&self) -> bool {
        self.kept.is_empty()
    }

    fn advance(&mut self, counters: &mut Counters) {
        let refused = matches!(self.queues.tx.transmit_with_requests(&mut self.kept), Err(TransmitError::Refused(_)));
        counters.tx_dropped += u64::from(refused);
    }
}
