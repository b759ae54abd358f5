//! Queues of an 82599, which computes checksums and cuts large packets.

use core::num::NonZeroUsize;

use ixgbe::dma::Dma;
use ixgbe::offload::{Checksum, Received, Request, RequestRefusal, RequestRefused, Requested};
use ixgbe::packet::{Batch, HeaderError, Headers, Network, Packet, Transport};
use ixgbe::pool::Pool;
use ixgbe::port::{AttachError, QueuePair};
use ixgbe::queue::{Function, Physical, ReceiveQueue, TransmitQueue};
use smoltcp::phy::{self, DeviceCapabilities};
use smoltcp::wire::{IpAddress, Ipv4Packet, Ipv6Packet, TcpPacket, UdpPacket};

use crate::{BATCH, Counters, Queues, sealed};

/// The largest number of buffers of a packet that the chip cuts.
pub(crate) const MOST_BUFFERS: usize = 37;

/// Queues of an 82599, or of a virtual function of one, by its kind `F`. The chip computes the checksums of IPv4, TCP and
/// UDP, and cuts large packets of TCP.
///
/// The stack checks none of these checksums. So it gets a packet only if they are right: by the chip's word, or else
/// computed here, which is counted. These packets are dropped: fragments, whose checksum could not be checked; packets
/// in several buffers, which the stack cannot read; and IP packets whose headers are cut short or contradict each other.
///
/// An owned queue lends itself by its method `queue`, for as long as the adapter is there.
#[derive(Debug)]
pub struct Offloading<'a, H, F = Physical> {
    queues: QueuePair<ReceiveQueue<'a, H, F>, TransmitQueue<'a, H, F>>,
    /// In reverse order.
    arrived: Batch<Received>,
    kept: Batch<Requested>,
}

impl<'a, H: Dma, F: Function<H>> Offloading<'a, H, F> {
    /// Uses these queues.
    #[must_use]
    pub fn new(queues: QueuePair<ReceiveQueue<'a, H, F>, TransmitQueue<'a, H, F>>) -> Self {
        Self { queues, arrived: Batch::with_capacity(BATCH), kept: Batch::with_capacity(1) }
    }
}

/// Returns `true` if the stack may have `packet`. Counts it if not.
fn is_fit(packet: &Received, counters: &mut Counters) -> bool {
    let checksums = (packet.ip_checksum(), packet.transport_checksum());
    let count = match checksums {
        _ if packet.segment_count() > 1 => &mut counters.rx_dropped,
        (Checksum::Bad, _) | (_, Checksum::Bad) => &mut counters.rx_bad,
        (Checksum::Good, Checksum::Good) => return true,
        (_, Checksum::Good) if packet.packet_type().network() == Some(Network::Ipv6) => return true,
        _ => match Headers::parse(packet) {
            Err(HeaderError::NotIp { .. }) => return true,
            Ok(headers) if !headers.is_fragment() => {
                counters.rx_by_software += 1;
                if is_right(packet, &headers) {
                    return true;
                }
                &mut counters.rx_bad
            }
            Ok(_) | Err(_) => &mut counters.rx_dropped,
        },
    };
    *count += 1;
    false
}

/// Computes the checksums that the stack does not check. Returns `true` if they are right.
fn is_right(frame: &[u8], headers: &Headers) -> bool {
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
        Some(Transport::Tcp) => {
            TcpPacket::new_checked(transport).is_ok_and(|tcp| tcp.verify_checksum(&source, &destination))
        }
        Some(Transport::Udp) => {
            UdpPacket::new_checked(transport).is_ok_and(|udp| udp.verify_checksum(&source, &destination))
        }
        Some(Transport::Sctp) | None => true,
    }
}

/// Asks the chip for the checksums of `packet`, and to cut it into frames with `segment` bytes of payload.
fn request(packet: Packet, segment: Option<u16>, counters: &mut Counters) -> Result<Requested, RequestRefused> {
    let headers = match Headers::parse(&packet) {
        Ok(headers) => headers,
        Err(HeaderError::NotIp { .. }) => return Ok(packet.into()),
        Err(error) => return Err(RequestRefused { packet, reason: RequestRefusal::Headers(error) }),
    };
    // ICMP, whose checksum the stack computes.
    counters.tx_by_software += u64::from(headers.transport().is_none());
    let request = Request::new().with_headers(headers);
    match segment {
        Some(payload) => request.segments(payload),
        None => request.checksums(),
    }
    .apply(packet)
}

impl<H: Dma, F: Function<H>> Queues for Offloading<'_, H, F> {}

impl<H: Dma, F: Function<H>> sealed::Queues for Offloading<'_, H, F> {
    fn attach(&mut self, pool: &Pool) -> Result<(), AttachError> {
        Ok(self.queues.tx.attach(pool)?)
    }

    fn describe(&self, longest: usize, capabilities: &mut DeviceCapabilities) {
        let checksum = &mut capabilities.checksum;
        checksum.ipv4 = phy::Checksum::None;
        checksum.tcp = phy::Checksum::None;
        checksum.udp = phy::Checksum::None;
        let longest = NonZeroUsize::new(longest).filter(|longest| longest.get() > capabilities.max_transmission_unit);
        capabilities.segmentation.tcpv4 = longest;
        capabilities.segmentation.tcpv6 = longest;
    }

    fn receive(&mut self, counters: &mut Counters) -> Option<Packet> {
        loop {
            if self.arrived.is_empty() {
                self.queues.rx.receive_with_metadata(&mut self.arrived);
                self.arrived.reverse();
            }
            let packet = self.arrived.pop()?;
            if is_fit(&packet, counters) {
                return Some(packet.into_packet());
            }
        }
    }

    fn send(&mut self, packet: Packet, segment: Option<u16>, counters: &mut Counters) {
        match request(packet, segment, counters).map(|requested| self.kept.push(requested)) {
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
        counters.tx_dropped += u64::from(self.queues.tx.transmit_with_requests(&mut self.kept).is_err());
    }
}
