//! What is behind the device: a host that does what the header in front of a frame asks for, as the specification has it.
//!
//! It reads and writes packets with etherparse, and knows nothing of the driver's own parsing.

use etherparse::{Ethernet2Header, Ipv4Header, Ipv6Header, NetHeaders, PacketHeaders, TransportHeader};

/// Bits and numbers of the header.
pub const NEEDS_CSUM: u8 = 1;
pub const DATA_VALID: u8 = 2;
pub const RSC_INFO: u8 = 4;
pub const TCPV4: u8 = 1;
pub const TCPV6: u8 = 4;
pub const UDP_L4: u8 = 5;

/// A header of the specification's `struct virtio_net_hdr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    pub flags: u8,
    pub gso_type: u8,
    pub hdr_len: u16,
    pub gso_size: u16,
    pub csum_start: u16,
    pub csum_offset: u16,
}

impl Header {
    pub fn read(bytes: &[u8]) -> Self {
        assert_eq!((bytes.len(), &bytes[10..]), (12, &[0, 0][..]), "num_buffers of a frame that is sent is 0");
        let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        Self {
            flags: bytes[0],
            gso_type: bytes[1],
            hdr_len: half(2),
            gso_size: half(4),
            csum_start: half(6),
            csum_offset: half(8),
        }
    }

    /// Returns the bytes up to the number of buffers.
    pub fn bytes(&self) -> [u8; 10] {
        let Self { flags, gso_type, hdr_len, gso_size, csum_start, csum_offset } = *self;
        let mut bytes = [flags, gso_type, 0, 0, 0, 0, 0, 0, 0, 0];
        for (at, half) in [hdr_len, gso_size, csum_start, csum_offset].into_iter().enumerate() {
            bytes[2 + 2 * at..4 + 2 * at].copy_from_slice(&half.to_le_bytes());
        }
        bytes
    }
}

/// Returns the sum of the numbers of 16 bits in network order.
fn sum(bytes: &[u8]) -> u16 {
    let halves = bytes.chunks(2).map(|pair| u64::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u64::from(*low)));
    let total = halves.sum::<u64>();
    // The one's complement sum of what is not 0 is not 0.
    if total == 0 { 0 } else { ((total - 1) % 0xffff + 1) as u16 }
}

/// Writes the checksum that the header leaves open.
pub fn complete(header: &Header, frame: &mut [u8]) {
    let (start, at) = (usize::from(header.csum_start), usize::from(header.csum_start + header.csum_offset));
    let checksum = match !sum(&frame[start..]) {
        0 => 0xffff,
        checksum => checksum,
    };
    frame[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
}

/// Does for a frame what its header asks for. Returns the frames that go onto the wire, all of which are whole.
pub fn carry_out(header: &Header, mut frame: Vec<u8>) -> Vec<Vec<u8>> {
    let Header { flags, gso_type, gso_size, hdr_len, .. } = *header;
    assert_eq!(flags & !NEEDS_CSUM, 0, "these flags are for received frames: {flags:#x}");
    if flags & NEEDS_CSUM != 0 {
        complete(header, &mut frame);
        // For TCP, all ones are as good as zero, which is what `build` writes.
        let at = usize::from(header.csum_start + header.csum_offset);
        if header.csum_offset == 16 && frame[at..at + 2] == [0xff; 2] {
            frame[at..at + 2].fill(0);
        }
    } else {
        assert_eq!(*header, Header::default(), "without NEEDS_CSUM nothing is asked for");
    }
    // Whether it is cut or not: it must be whole then.
    assert_whole(&frame);
    if gso_type == 0 {
        return vec![frame];
    }
    let packet = PacketHeaders::from_ethernet_slice(&frame).unwrap();
    let payload = packet.payload.slice().to_vec();
    assert_eq!(usize::from(hdr_len), frame.len() - payload.len(), "all headers");
    assert!(gso_size > 0);
    let chunks: Vec<_> = payload.chunks(gso_size.into()).collect();
    let count = chunks.len();
    let segment = |(index, payload): (usize, &[u8])| {
        let is_last = index + 1 == count;
        let transport = match packet.transport.clone() {
            Some(TransportHeader::Tcp(mut tcp)) => {
                tcp.sequence_number = tcp.sequence_number.wrapping_add((index * usize::from(gso_size)) as u32);
                tcp.fin &= is_last;
                tcp.psh &= is_last;
                TransportHeader::Tcp(tcp)
            }
            Some(TransportHeader::Udp(mut udp)) => {
                udp.length = (8 + payload.len()) as u16;
                TransportHeader::Udp(udp)
            }
            other => panic!("the host cuts TCP and UDP, and this is {other:?}"),
        };
        let is_tcp = matches!(transport, TransportHeader::Tcp(_));
        match (&packet.net, gso_type) {
            (Some(NetHeaders::Ipv4(..)), TCPV4) | (Some(NetHeaders::Ipv6(..)), TCPV6) if is_tcp => {}
            (Some(NetHeaders::Ipv4(..) | NetHeaders::Ipv6(..)), UDP_L4) if !is_tcp => {}
            (net, kind) => panic!("a packet of {net:?} is said to be of kind {kind}"),
        }
        let link = packet.link.clone().and_then(|link| link.ethernet2()).unwrap();
        build(&link, packet.net.as_ref().unwrap(), transport, index as u16, payload)
    };
    chunks.into_iter().enumerate().map(segment).collect()
}

/// Builds a frame of these headers, with lengths and checksums that fit. The identification of IPv4 is `number` higher.
fn build(
    link: &Ethernet2Header,
    net: &NetHeaders,
    mut transport: TransportHeader,
    number: u16,
    payload: &[u8],
) -> Vec<u8> {
    let mut frame = link.to_bytes().to_vec();
    let len = transport.header_len() + payload.len();
    match net {
        NetHeaders::Ipv4(ip, extensions) => {
            let mut ip: Ipv4Header = ip.clone();
            ip.identification = ip.identification.wrapping_add(number);
            ip.set_payload_len(len + extensions.header_len()).unwrap();
            ip.header_checksum = ip.calc_header_checksum();
            transport.update_checksum_ipv4(&ip, payload).unwrap();
            frame.extend(ip.to_bytes());
        }
        NetHeaders::Ipv6(ip, extensions) => {
            let mut ip: Ipv6Header = ip.clone();
            ip.set_payload_length(len + extensions.header_len()).unwrap();
            transport.update_checksum_ipv6(&ip, payload).unwrap();
            frame.extend(ip.to_bytes());
            extensions.write(&mut frame, ip.next_header).unwrap();
        }
        NetHeaders::Arp(_) => panic!("ARP has no segments"),
    }
    transport.write(&mut frame).unwrap();
    frame.extend(payload);
    frame
}

/// Builds the frame of these headers anew, and compares: lengths and checksums of IP, TCP and UDP.
pub fn assert_whole(frame: &[u8]) {
    let packet = PacketHeaders::from_ethernet_slice(frame).unwrap();
    let (Some(link), Some(net), Some(transport)) = (packet.link, &packet.net, packet.transport) else {
        panic!("the packet has too few headers: {frame:02x?}")
    };
    let payload = packet.payload.slice();
    let mut transport = transport;
    if let TransportHeader::Udp(udp) = &mut transport {
        udp.length = (8 + payload.len()) as u16;
    }
    let whole = build(&link.ethernet2().unwrap(), net, transport, 0, payload);
    if let Some(at) = (0..frame.len().max(whole.len())).find(|at| frame.get(*at) != whole.get(*at)) {
        panic!("byte {at} of {} is not as it must be: {:02x?}, {:02x?}", whole.len(), &frame[..60], &whole[..60]);
    }
}

/// Leaves the checksum of a whole frame open, as a sender does that has it computed by a device. Returns the header.
pub fn leave_open(frame: &mut [u8]) -> Header {
    let packet = PacketHeaders::from_ethernet_slice(frame).unwrap();
    let (offset, protocol) = match packet.transport {
        Some(TransportHeader::Tcp(_)) => (16, 6u8),
        Some(TransportHeader::Udp(_)) => (6, 17),
        other => panic!("{other:?} has no checksum of this kind"),
    };
    let start = frame.len() - packet.payload.slice().len() - packet.transport.unwrap().header_len();
    let addresses = match packet.net.unwrap() {
        NetHeaders::Ipv4(ip, _) => [ip.source, ip.destination].concat(),
        NetHeaders::Ipv6(ip, _) => [ip.source, ip.destination].concat(),
        NetHeaders::Arp(_) => panic!("ARP has no checksum"),
    };
    let len = (frame.len() - start) as u32;
    let pseudo = [&addresses[..], &len.to_be_bytes(), &[0, protocol]].concat();
    frame[start + offset..start + offset + 2].copy_from_slice(&sum(&pseudo).to_be_bytes());
    Header { flags: NEEDS_CSUM, csum_start: start as u16, csum_offset: offset as u16, ..Header::default() }
}
