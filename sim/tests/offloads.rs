//! Offloads of transmitted packets: checksums, tags, segmentation. A crate that is independent of the model builds the
//! expected packets.

mod common;

use common::*;
use etherparse::{IpHeaders, IpNumber, Ipv4Header, Ipv6Header, PacketBuilder, TcpHeader};
use ixgbe_sim::{Fault, Rule};

const TXSM: u64 = 1 << 41;
const IXSM: u64 = 1 << 40;
const TSE: u64 = 1 << 31;
const VLE: u64 = 1 << 30;
const UDP: u64 = 0;
const TCP: u64 = 1;
const SCTP: u64 = 2;

/// A context descriptor.
#[derive(Clone, Copy)]
struct Context {
    mac_len: u64,
    ip_len: u64,
    transport_len: u64,
    segment: u64,
    tag: u64,
    ipv4: bool,
    transport: u64,
    index: u64,
    snap: bool,
}

const CONTEXT: Context = Context {
    mac_len: 14,
    ip_len: 20,
    transport_len: 20,
    segment: 0,
    tag: 0,
    ipv4: true,
    transport: TCP,
    index: 0,
    snap: false,
};

impl Context {
    fn words(self) -> [u64; 2] {
        let first = self.ip_len | self.mac_len << 9 | self.tag << 16;
        let kind = u64::from(self.snap) << 9 | u64::from(self.ipv4) << 10 | self.transport << 11;
        [first, kind | 2 << 20 | 1 << 29 | self.index << 36 | self.transport_len << 40 | self.segment << 48]
    }
}

/// The headers of a test's packets.
#[derive(Clone)]
struct Headers {
    ipv4: bool,
    transport: u64,
    id: u16,
    tcp: TcpHeader,
}

impl Headers {
    fn new(ipv4: bool, transport: u64) -> Self {
        let mut tcp = TcpHeader::new(5000, 40_000, 0xFFFF_FF00, 1024);
        tcp.ack = true;
        tcp.acknowledgment_number = 77;
        Self { ipv4, transport, id: 0xFFFE, tcp }
    }

    fn ip_len(&self) -> usize {
        if self.ipv4 { 20 } else { 40 }
    }

    fn transport_len(&self) -> usize {
        if self.transport == TCP { self.tcp.header_len() } else { 8 }
    }

    fn context(&self) -> Context {
        let (ip_len, transport_len) = (self.ip_len() as u64, self.transport_len() as u64);
        Context { ip_len, transport_len, ipv4: self.ipv4, transport: self.transport, ..CONTEXT }
    }

    /// Returns the complete packet.
    fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let ip = if self.ipv4 {
            let mut header = Ipv4Header::new(0, 64, IpNumber::TCP, [10, 0, 0, 1], [10, 0, 0, 2]).unwrap();
            header.identification = self.id;
            IpHeaders::Ipv4(header, Default::default())
        } else {
            let (source, destination) = ([0xFD; 16], [0xFE; 16]);
            IpHeaders::Ipv6(Ipv6Header { source, destination, hop_limit: 9, ..Default::default() }, Default::default())
        };
        let builder = PacketBuilder::ethernet2(MAC, [2, 0, 0, 0, 0, 2]).ip(ip);
        let mut packet = Vec::new();
        match self.transport {
            TCP => builder.tcp_header(self.tcp.clone()).write(&mut packet, payload).unwrap(),
            _ => builder.udp(53, 1234).write(&mut packet, payload).unwrap(),
        }
        packet
    }

    /// Returns the packet as a driver posts it. Its only checksum is the pseudo header's, with or without the length of
    /// the transport part. Without that length, it has no other lengths either.
    fn unfinished(&self, payload: &[u8], with_length: bool) -> Vec<u8> {
        let mut packet = self.packet(payload);
        let transport = 14 + self.ip_len();
        let addresses = if self.ipv4 { 26..34 } else { 22..54 };
        let mut sum: u32 = packet[addresses].chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
        sum += if self.transport == TCP { 6 } else { 17 };
        if with_length {
            sum += (packet.len() - transport) as u32;
        } else {
            let length = if self.ipv4 { 16 } else { 18 };
            packet[length..length + 2].fill(0);
            if self.transport == UDP {
                packet[transport + 4..transport + 6].fill(0);
            }
        }
        let sum = (sum & 0xFFFF) + (sum >> 16);
        let sum = (sum & 0xFFFF) + (sum >> 16);
        let at = transport + if self.transport == TCP { 16 } else { 6 };
        packet[at..at + 2].copy_from_slice(&(sum as u16).to_be_bytes());
        if self.ipv4 {
            packet[24..26].fill(0);
        }
        packet
    }
}

/// Posts `packet` in one descriptor with `options`, after `context`, and sends it.
fn send(driver: &mut Driver, context: Option<Context>, packet: &[u8], options: u64, payload: usize) {
    if let Some(context) = context {
        driver.put(0, context.words());
    }
    let (_, ring) = &driver.tx[0];
    // One large buffer, because the tests send one packet at a time.
    ring.buffers.write(0, packet);
    let words = [ring.buffers.address(0), data(packet.len()) | options | (payload as u64) << 46];
    driver.put(0, words);
    driver.ring(0);
    driver.port.run_until_idle(10);
}

fn numbers(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 + n / 256) as u8).collect()
}

#[test]
fn checksums_are_inserted_on_request() {
    let (mut driver, wire) = Driver::recording();
    for (ipv4, transport) in [(true, TCP), (true, UDP), (false, TCP), (false, UDP)] {
        for len in [1, 8, 9, 100, 1333] {
            let headers = Headers::new(ipv4, transport);
            let packet = headers.unfinished(&numbers(len), true);
            let mut right = headers.packet(&numbers(len));
            right.resize(right.len().max(60), 0);
            let options = TXSM | if ipv4 { IXSM } else { 0 };
            // Without segmentation, L4LEN and MSS have no meaning.
            let context = Context { transport_len: 0, ..headers.context() };
            send(&mut driver, Some(context), &packet, options, packet.len());
            assert_eq!(wire.take(), [right], "IPv4 {ipv4}, transport {transport}, {len} bytes");
        }
    }
    driver.clean();
}

#[test]
fn each_checksum_is_inserted_separately_and_none_without_request() {
    let (mut driver, wire) = Driver::recording();
    let headers = Headers::new(true, TCP);
    let (packet, right) = (headers.unfinished(&numbers(64), true), headers.packet(&numbers(64)));
    for (options, ip, tcp) in [(0, false, false), (IXSM, true, false), (TXSM, false, true)] {
        send(&mut driver, Some(headers.context()), &packet, options, packet.len());
        let sent = wire.take().remove(0);
        assert_eq!((sent[24..26] == right[24..26], sent[50..52] == right[50..52]), (ip, tcp), "{options:#x}");
    }
    driver.clean();
}

#[test]
fn a_transport_checksum_alone_needs_no_version() {
    let (mut driver, wire) = Driver::recording();
    let headers = Headers::new(true, TCP);
    let mut packet = headers.unfinished(&numbers(64), true);
    packet[24..26].copy_from_slice(&headers.packet(&numbers(64))[24..26]);
    send(&mut driver, Some(Context { ipv4: false, ..headers.context() }), &packet, TXSM, packet.len());
    assert_eq!(wire.take(), [headers.packet(&numbers(64))]);
    driver.clean();
}

#[test]
fn a_udp_checksum_is_never_zero() {
    let (mut driver, wire) = Driver::recording();
    let headers = Headers::new(true, UDP);
    // The payload that makes the total sum all ones.
    let plain = headers.packet(&[0, 0]);
    let payload = [plain[40], plain[41]];
    let packet = headers.unfinished(&payload, true);
    send(&mut driver, Some(headers.context()), &packet, TXSM | IXSM, packet.len());
    assert_eq!(wire.take()[0][40..42], [0xFF, 0xFF]);
    driver.clean();
}

#[test]
fn a_queue_keeps_two_contexts() {
    let (mut driver, wire) = Driver::recording();
    let [tcp, udp] = [TCP, UDP].map(|transport| Headers::new(true, transport));
    driver.put(0, Context { index: 1, ..udp.context() }.words());
    driver.put(0, tcp.context().words());
    for (headers, index) in [(&udp, 1), (&tcp, 0), (&udp, 1)] {
        let packet = headers.unfinished(&numbers(200), true);
        send(&mut driver, None, &packet, TXSM | IXSM | index << 36, packet.len());
        assert_eq!(wire.take(), [headers.packet(&numbers(200))]);
    }
    driver.clean();
}

#[test]
fn tags_are_inserted_from_the_context_and_from_legacy_descriptors() {
    let (mut driver, wire) = Driver::recording();
    let tagged = |packet: &[u8], kind: [u8; 2]| [&packet[..12], &kind, &[0x20, 0x65], &packet[12..]].concat();
    let headers = Headers::new(true, TCP);
    let packet = headers.unfinished(&numbers(1460), true);
    let context = Context { tag: 0x2065, ..headers.context() };
    send(&mut driver, Some(context), &packet, TXSM | IXSM | VLE, packet.len());
    assert_eq!(wire.take(), [tagged(&headers.packet(&numbers(1460)), [0x81, 0x00])], "with a tag it may be longer");
    // A tag alone does not use the context's lengths.
    let plain = frame([2, 0, 0, 0, 0, 2], 60);
    let context = Context { mac_len: 0, ip_len: 0, ..context };
    send(&mut driver, Some(context), &plain, VLE, plain.len());
    assert_eq!(wire.take(), [tagged(&plain, [0x81, 0x00])]);
    let (_, ring) = &driver.tx[0];
    driver.put(0, [ring.buffers.address(0), 60 | 1 << 24 | 1 << 25 | VLE | 0x2065 << 48]);
    driver.ring(0);
    driver.port.run_until_idle(10);
    assert_eq!(wire.take(), [tagged(&plain, [0x81, 0x00])]);
    driver.clean();
    // The tag's type is DMATXCTL.VT, which is set up before transmission.
    driver.clear(DMATXCTL, 1);
    driver.write(DMATXCTL, 0x88A8 << 16 | 1 << 2);
    driver.set(DMATXCTL, 1);
    send(&mut driver, Some(context), &plain, VLE, plain.len());
    assert_eq!(wire.take(), [tagged(&plain, [0x88, 0xA8])]);
    driver.clean();
}

#[test]
fn a_legacy_descriptor_sums_from_css_and_puts_the_sum_at_cso() {
    let (mut driver, wire) = Driver::recording();
    let headers = Headers::new(true, UDP);
    let mut packet = headers.unfinished(&numbers(101), true);
    let right = headers.packet(&numbers(101));
    packet[24..26].copy_from_slice(&right[24..26]);
    driver.tx[0].1.buffers.write(0, &packet);
    let address = driver.tx[0].1.buffers.address(0);
    driver.put(0, [address, packet.len() as u64 | 40 << 16 | 1 << 24 | 1 << 25 | 1 << 26 | 34 << 40]);
    driver.ring(0);
    driver.port.run_until_idle(10);
    assert_eq!(wire.take(), [right]);
    driver.clean();
}

/// Returns the expected segments of a packet.
fn pieces(headers: &Headers, payload: &[u8], segment: usize) -> Vec<Vec<u8>> {
    let count = payload.len().div_ceil(segment);
    let piece = |(n, part): (usize, &[u8])| {
        let last = n + 1 == count;
        let mut headers = headers.clone();
        headers.id = headers.id.wrapping_add(n as u16);
        headers.tcp.sequence_number = headers.tcp.sequence_number.wrapping_add((n * segment) as u32);
        headers.tcp.fin &= last;
        headers.tcp.psh &= last;
        // By default the last segment clears CWR, and the middle ones keep it (DTXTCPFLGL, DTXTCPFLGH).
        headers.tcp.cwr &= !last;
        let mut packet = headers.packet(part);
        packet.resize(packet.len().max(60), 0);
        packet
    };
    payload.chunks(segment).enumerate().map(piece).collect()
}

#[test]
fn large_packets_are_segmented_and_each_segment_has_headers_of_its_own() {
    let (mut driver, wire) = Driver::recording();
    for (ipv4, transport) in [(true, TCP), (true, UDP), (false, TCP), (false, UDP)] {
        for (len, segment) in [(4_380, 1_460), (4_381, 1_460), (65_000, 1_400), (300, 100), (50, 100), (100, 100)] {
            let mut headers = Headers::new(ipv4, transport);
            (headers.tcp.fin, headers.tcp.psh, headers.tcp.cwr) = (true, true, true);
            headers.tcp.set_options_raw(&[1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
            // The headers leave room for options.
            let segment = segment - 52;
            let packet = headers.unfinished(&numbers(len), false);
            let context = Context { segment: segment as u64, ..headers.context() };
            let options = TSE | TXSM | if ipv4 { IXSM } else { 0 };
            send(&mut driver, Some(context), &packet, options, len);
            let sent = wire.take();
            let right = pieces(&headers, &numbers(len), segment);
            assert_eq!(sent.len(), right.len(), "{len} by {segment}");
            assert!(sent == right, "IPv4 {ipv4}, transport {transport}, {len} by {segment}");
        }
    }
    assert_eq!(driver.read(0x4080), driver.port.counters().transmitted as u32, "GPTC counts frames");
    driver.clean();
}

#[test]
fn a_packet_to_segment_spans_descriptors_and_gets_tags() {
    let (mut driver, wire) = Driver::recording();
    let headers = Headers::new(true, TCP);
    let payload = numbers(3_000);
    let packet = headers.unfinished(&payload, false);
    driver.tx[0].1.buffers.write(0, &packet);
    let address = driver.tx[0].1.buffers.address(0);
    driver.put(0, Context { segment: 1_000, tag: 7, ..headers.context() }.words());
    let part = |len: usize| data(len) & !(1 << 24 | 1 << 27);
    driver.put(0, [address, part(54) | TSE | TXSM | IXSM | VLE | 3_000 << 46]);
    driver.put(0, [address + 54, part(1_999)]);
    driver.put(0, [address + 54 + 1_999, data(1_001)]);
    driver.ring(0);
    driver.port.run_until_idle(10);
    let right: Vec<Vec<u8>> = pieces(&headers, &payload, 1_000)
        .iter()
        .map(|piece| [&piece[..12], &[0x81, 0, 0, 7], &piece[12..]].concat())
        .collect();
    assert_eq!(wire.take(), right);
    assert!(driver.is_done(0, 3) && !driver.is_done(0, 1));
    driver.clean();
}

#[test]
fn a_segment_with_snap_has_a_length_of_its_own() {
    let (mut driver, wire) = Driver::recording();
    let with_snap = |packet: &[u8], len: u16| {
        [&packet[..12], &len.to_be_bytes(), &[0xAA, 0xAA, 3, 0, 0, 0], &packet[12..]].concat()
    };
    for (ipv4, tagged) in [(true, false), (false, false), (true, true)] {
        let headers = Headers::new(ipv4, TCP);
        let payload = numbers(2_500);
        let packet = with_snap(&headers.unfinished(&payload, false), 0);
        let context = Context { mac_len: 22, segment: 1_000, tag: 9, snap: true, ..headers.context() };
        let options = TSE | TXSM | if ipv4 { IXSM } else { 0 } | if tagged { VLE } else { 0 };
        send(&mut driver, Some(context), &packet, options, payload.len());
        let right: Vec<Vec<u8>> = pieces(&headers, &payload, 1_000)
            .iter()
            .map(|piece| with_snap(piece, (piece.len() - 14 + 8) as u16))
            .map(|piece| if tagged { [&piece[..12], &[0x81, 0, 0, 9], &piece[12..]].concat() } else { piece })
            .collect();
        assert!(wire.take() == right, "IPv4 {ipv4}, tagged {tagged}");
    }
    driver.clean();
    let packet = Headers::new(true, TCP).unfinished(&numbers(300), false);
    send(&mut driver, Some(Context { snap: true, segment: 100, ..CONTEXT }), &packet, TSE | TXSM | IXSM, 300);
    assert_eq!((driver.broken(), wire.take().len()), (vec![Rule::TransmitDescriptorMalformed], 0), "no room for SNAP");
}

#[test]
fn with_double_tags_the_inner_one_is_inserted() {
    let (mut driver, wire) = Driver::recording();
    driver.write(0x5078, 0x88A8 << 16);
    driver.clear(DMATXCTL, 1);
    driver.set(DMATXCTL, 1 << 3);
    driver.set(DMATXCTL, 1);
    let outer = |packet: &[u8]| [&packet[..12], &[0x88, 0xA8, 0, 3], &packet[12..]].concat();
    let both = |packet: &[u8]| [&packet[..12], &[0x88, 0xA8, 0, 3, 0x81, 0, 0, 7], &packet[12..]].concat();
    let headers = Headers::new(true, TCP);
    // Neither tag counts in the maximum length.
    let packet = outer(&headers.unfinished(&numbers(1_460), true));
    let context = Context { mac_len: 18, tag: 7, ..headers.context() };
    send(&mut driver, Some(context), &packet, TXSM | IXSM | VLE, packet.len());
    assert_eq!(wire.take(), [both(&headers.packet(&numbers(1_460)))]);
    let payload = numbers(2_500);
    let packet = outer(&headers.unfinished(&payload, false));
    send(&mut driver, Some(Context { segment: 1_460, ..context }), &packet, TSE | TXSM | IXSM | VLE, payload.len());
    assert_eq!(wire.take(), pieces(&headers, &payload, 1_460).iter().map(|piece| both(piece)).collect::<Vec<_>>());
    // Both tags in the packet.
    let packet = both(&headers.packet(&numbers(1_460)));
    send(&mut driver, None, &packet, 0, packet.len());
    assert_eq!(wire.take(), std::slice::from_ref(&packet));
    driver.clean();
    let packet = both(&headers.packet(&numbers(1_461)));
    send(&mut driver, None, &packet, 0, packet.len());
    assert_eq!(driver.broken(), [Rule::TransmitTooLong]);
}

/// Computes CRC32c by dividing polynomials, with the most significant bit first.
fn crc32c(bytes: &[u8]) -> [u8; 4] {
    let bits = bytes.iter().flat_map(|byte| (0..8).map(move |n| u32::from(byte >> n & 1)));
    let divide = |rest: u32, bit: u32| if (rest >> 31) ^ bit == 1 { rest << 1 ^ 0x1EDC_6F41 } else { rest << 1 };
    (!bits.fold(u32::MAX, divide)).reverse_bits().to_le_bytes()
}

/// Returns an SCTP packet, with its checksum or 0 in its place.
fn sctp(ipv4: bool, payload: &[u8], with_sum: bool) -> Vec<u8> {
    let mut packet = Headers::new(ipv4, UDP).packet(&[&[0xAB; 4][..], payload].concat());
    let transport = if ipv4 { 34 } else { 54 };
    packet[if ipv4 { 23 } else { 20 }] = 132;
    packet[transport + 4..transport + 8].fill(0x5A);
    packet[transport + 8..transport + 12].fill(0);
    if with_sum {
        let sum = crc32c(&packet[transport..]);
        packet[transport + 8..transport + 12].copy_from_slice(&sum);
    }
    if ipv4 {
        packet[24..26].fill(0);
        let sum: u32 = packet[14..34].chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
        packet[24..26].copy_from_slice(&(!((sum & 0xFFFF) + (sum >> 16)) as u16).to_be_bytes());
    }
    packet
}

#[test]
fn the_checksum_of_sctp_is_inserted_and_checked() {
    const TRANSPORT_CHECKED: u64 = 1 << 5;
    const TRANSPORT_WRONG: u64 = 1 << 30;
    const XEC: u32 = 0x4120;
    let (mut driver, wire) = Driver::recording();
    for (ipv4, len) in [(true, 0), (true, 1), (true, 100), (false, 0), (false, 1_000)] {
        let context = Context { transport: SCTP, transport_len: 0, ..Headers::new(ipv4, SCTP).context() };
        let packet = sctp(ipv4, &numbers(len), false);
        let mut right = sctp(ipv4, &numbers(len), true);
        right.resize(right.len().max(60), 0);
        send(&mut driver, Some(context), &packet, TXSM, packet.len());
        assert_eq!(wire.take(), [right.clone()], "IPv4 {ipv4}, {len} bytes");
        right[..6].copy_from_slice(&MAC);
        for (wrong, errors) in [(0, 0), (TRANSPORT_WRONG, 1)] {
            driver.port.deliver(&right);
            let (_, [_, status]) = driver.receive(0).unwrap();
            assert_eq!(status & (TRANSPORT_CHECKED | TRANSPORT_WRONG), TRANSPORT_CHECKED | wrong, "{ipv4} {len}");
            assert_eq!(driver.read(XEC), errors);
            right[if ipv4 { 34 } else { 54 }] ^= 1;
        }
    }
    // A header that is cut off is not checked.
    let mut packet = sctp(true, &[], false);
    packet[..6].copy_from_slice(&MAC);
    packet[16..18].copy_from_slice(&31_u16.to_be_bytes());
    packet.resize(60, 0);
    driver.port.deliver(&packet);
    assert_eq!(driver.receive(0).unwrap().1[1] & TRANSPORT_CHECKED, 0);
    driver.clean();
    // The field must be in the packet.
    let packet = sctp(true, &[], false);
    let context = Context { transport: SCTP, ..CONTEXT };
    send(&mut driver, Some(context), &packet[..45], TXSM, 45);
    assert_eq!(driver.broken(), [Rule::TransmitDescriptorMalformed]);
}

#[test]
fn the_driver_sets_the_flag_masks() {
    let (mut driver, wire) = Driver::recording();
    driver.write(0x4A88, 0xFEF << 16 | 0xFFF);
    driver.write(0x4A8C, 0xFF6);
    let mut headers = Headers::new(true, TCP);
    (headers.tcp.fin, headers.tcp.psh) = (true, true);
    let packet = headers.unfinished(&numbers(300), false);
    send(&mut driver, Some(Context { segment: 100, ..headers.context() }), &packet, TSE | TXSM | IXSM, 300);
    assert_eq!(wire.take().iter().map(|frame| frame[47]).collect::<Vec<_>>(), [0x19, 0x09, 0x10]);
    driver.clean();
}

#[test]
fn contradictory_requests_are_recorded_and_sent_if_possible() {
    let (driver, _) = Driver::recording();
    driver.clean();
    let tcp = Headers::new(true, TCP);
    let context = Context { segment: 100, ..tcp.context() };
    let six = Context { segment: 100, ..Headers::new(false, TCP).context() };
    let (all, len) = (TSE | TXSM | IXSM, 200);
    let cases = [
        ("MACLEN", Some(Context { mac_len: 13, ..context }), TXSM, Rule::TransmitDescriptorMalformed),
        ("IPLEN", Some(Context { ip_len: 19, ..context }), IXSM, Rule::TransmitDescriptorMalformed),
        ("L4LEN", Some(Context { transport_len: 19, ..context }), all, Rule::TransmitDescriptorMalformed),
        ("MSS", Some(Context { segment: 0, ..context }), all, Rule::TransmitDescriptorMalformed),
        ("TSE without TXSM", Some(context), TSE | IXSM, Rule::TransmitDescriptorMalformed),
        ("TSE without IXSM", Some(context), TSE | TXSM, Rule::TransmitDescriptorMalformed),
        ("IXSM of IPv6", Some(six), IXSM, Rule::TransmitDescriptorMalformed),
        ("a context of another version", Some(six), TSE | TXSM, Rule::TransmitDescriptorMalformed),
        ("no IP behind MACLEN", Some(Context { mac_len: 18, ..context }), TXSM, Rule::TransmitDescriptorMalformed),
        ("no context", None, TXSM, Rule::TransmitDescriptorMalformed),
        ("no context for a tag", None, VLE, Rule::TransmitDescriptorMalformed),
        ("L4T", Some(Context { transport: 3, ..context }), TXSM, Rule::TransmitDescriptorMalformed),
        (
            "headers beyond the packet",
            Some(Context { ip_len: 400, ..context }),
            TXSM,
            Rule::TransmitDescriptorMalformed,
        ),
        ("PAYLEN", Some(context), all | 1 << 46, Rule::TransmitLengthMismatch),
        ("a segment too long", Some(Context { segment: 1_461, ..context }), all, Rule::TransmitTooLong),
        ("TSE of SCTP", Some(Context { transport: SCTP, ..context }), all, Rule::TransmitDescriptorMalformed),
        ("IPsec", Some(context), 1 << 42, Rule::NotModelled),
        ("LinkSec", Some(context), 1 << 18, Rule::NotModelled),
    ];
    for (what, context, options, rule) in cases {
        let (mut driver, wire) = Driver::recording();
        let len = if rule == Rule::TransmitTooLong { 1_470 } else { len };
        let packet = tcp.unfinished(&numbers(len), options & TSE == 0);
        let payload = if options & TSE != 0 { len } else { packet.len() };
        send(&mut driver, context, &packet, options, payload);
        assert_eq!(driver.broken(), [rule], "{what}");
        // A packet is lost if it cannot be segmented as requested, or is too long.
        let frames = match what {
            "L4LEN" | "MSS" | "TSE of SCTP" | "a context of another version" | "a segment too long" => 0,
            _ if options & TSE != 0 => 2,
            _ => 1,
        };
        let lost = u64::from(frames == 0);
        assert_eq!((wire.take().len(), driver.port.counters().transmit_dropped), (frames, lost), "{what}");
    }
    // Reserved bits of the context itself, and contexts of unmodelled features.
    for (words, rule) in [([1 << 48, 0], Rule::TransmitDescriptorMalformed), ([0, 1 << 15], Rule::NotModelled)] {
        let (mut driver, _) = Driver::recording();
        let [low, high] = context.words();
        driver.put(0, [low | words[0], high | words[1]]);
        let packet = tcp.unfinished(&numbers(len), true);
        send(&mut driver, None, &packet, TXSM, packet.len());
        assert!(driver.broken().contains(&rule), "{words:x?}");
    }
}

#[test]
fn injected_faults_break_offloads() {
    let (mut driver, wire) = Driver::recording();
    let headers = Headers::new(true, TCP);
    driver.port.inject(Fault::TxChecksumsWrong);
    let packet = headers.unfinished(&numbers(64), true);
    send(&mut driver, Some(headers.context()), &packet, TXSM | IXSM, packet.len());
    assert_ne!(wire.take(), [headers.packet(&numbers(64))]);
    driver.port.clear(Fault::TxChecksumsWrong);
    driver.port.inject(Fault::TxSegmentsWrong);
    let packet = headers.unfinished(&numbers(300), false);
    send(&mut driver, Some(Context { segment: 100, ..headers.context() }), &packet, TSE | TXSM | IXSM, 300);
    let sequences: Vec<Vec<u8>> = wire.take().iter().map(|frame| frame[38..42].to_vec()).collect();
    assert_eq!((sequences.len(), &sequences[1]), (3, &sequences[0]));
    driver.clean();
}
