//! Metadata of received packets, and requests for packets that are sent, on the model. Checksums are computed here
//! again, in another way than the driver and the model do.

mod common;

use std::time::Duration;

use common::{assert_clean, bytes, connected, pool_of};
use ixgbe::device::filter::{EtherType, Flow, FlowDirector, FlowMemory, Perfect};
use ixgbe::device::{Config, PtpMessage, PtpStamps, TransmitStamp};
use ixgbe::offload::{Checksum, Received, Request, RequestRefusal, Requested, VlanTag};
use ixgbe::packet::{Batch, HeaderError, Headers, Network, Packet, Transport};
use ixgbe::pool::Pool;
use ixgbe::port::Refusal;
use ixgbe::queue::{InPlaceForwarder, QueuePair, Route};
use ixgbe::registers::RxQueue;
use ixgbe::{constant, index};
use ixgbe_sim::{Fault, Port};

/// A frame to the partner, with `payload` bytes behind its headers. Its checksums are 0, its lengths right, or 0 where
/// the fields are too small.
fn frame(network: Network, transport: Transport, payload: usize) -> Vec<u8> {
    let l4 = match transport {
        Transport::Tcp => 20,
        Transport::Udp => 8,
        Transport::Sctp => 12,
    };
    let mut frame = common::mac(1).to_vec();
    frame.extend([2, 0, 0, 0, 0, 9]);
    let len = ((l4 + payload) % 65536) as u16;
    match network {
        Network::Ipv4 => {
            frame.extend([0x08, 0x00, 0x45, 0]);
            let total = if l4 + payload + 20 > 65535 { 0 } else { len + 20 };
            frame.extend(total.to_be_bytes());
            frame.extend([0x12, 0x34, 0x40, 0, 64, transport.protocol(), 0, 0, 10, 0, 0, 1, 192, 168, 77, 2]);
        }
        Network::Ipv6 => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            let total = if l4 + payload > 65535 { 0 } else { len };
            frame.extend(total.to_be_bytes());
            frame.extend([transport.protocol(), 64]);
            frame.extend((1..=32).map(|byte: u8| byte.wrapping_mul(37)));
        }
    }
    frame.extend([0x30, 0x39, 0, 80]);
    match transport {
        Transport::Tcp => frame.extend([1, 2, 3, 4, 5, 6, 7, 8, 0x50, 0x18, 0x20, 0, 0, 0, 0, 0]),
        Transport::Udp => frame.extend([len.to_be_bytes(), [0, 0]].concat()),
        Transport::Sctp => frame.extend([9, 9, 9, 9, 0, 0, 0, 0]),
    }
    frame.extend((0..payload).map(|at| (at * 31 + at / 256) as u8));
    frame
}

/// The one's complement sum of `bytes`, one byte after the other.
fn ones(bytes: &[u8]) -> u32 {
    let sum = bytes.iter().enumerate().fold(0_u64, |sum, (at, byte)| sum + (u64::from(*byte) << (8 * (1 - at % 2))));
    (sum % 0xffff) as u32
}

/// Fails unless the frame's checksums of IPv4 and of TCP or UDP are right.
fn assert_checksums(frame: &[u8]) {
    let headers = Headers::parse(frame).unwrap();
    let (ip, l4) = (headers.network_at(), headers.transport_at());
    let addresses = match headers.network() {
        Network::Ipv4 => {
            assert_eq!(ones(&frame[ip..l4]), 0, "the header of {frame:x?}");
            ip + 12..ip + 20
        }
        Network::Ipv6 => ip + 8..ip + 40,
    };
    let end = headers.end(frame).expect("a length");
    let segment = &frame[l4..end];
    let protocol = u32::from(headers.transport().unwrap().protocol());
    let all = ones(&frame[addresses]) + protocol + segment.len() as u32 + ones(segment);
    assert_eq!(all % 0xffff, 0, "the transport of {frame:x?}");
    if headers.transport() == Some(Transport::Udp) {
        assert_ne!(segment[6..8], [0, 0], "a checksum of 0 says that there is none");
    }
}

fn packet(pool: &Pool, bytes: &[u8]) -> Packet {
    pool.take_copy(bytes).unwrap()
}

fn requested(packets: impl IntoIterator<Item = Requested>) -> Batch<Requested> {
    let mut batch = Batch::with_capacity(512);
    packets.into_iter().for_each(|packet| batch.push(packet).unwrap());
    batch
}

fn with_checksums(packet: Packet) -> Requested {
    let headers = Headers::parse(&packet).unwrap();
    Request::new().with_headers(headers).checksums().apply(packet).unwrap()
}

/// Two running devices on ports that are connected.
struct Pair {
    ports: [Port; 2],
    nics: [common::Nic; 2],
}

impl Pair {
    fn new(config: &Config) -> Self {
        let (ports, nics) = connected(config);
        Self { ports, nics }
    }

    fn pool(&self) -> Pool {
        pool_of(&self.nics[0])
    }

    /// Sends the packets, and returns what the partner received.
    fn send(&mut self, mut batch: Batch<Requested>) -> Vec<Received> {
        let mut all = vec![];
        let mut arrived = Batch::with_capacity(64);
        for _ in 0..1000 {
            let (_, mut from) = self.nics[0].split();
            from[0].tx.transmit_with_requests(&mut batch).unwrap();
            let (_, mut to) = self.nics[1].split();
            self.ports.iter().for_each(|port| _ = port.step());
            while to[0].rx.receive_with_metadata(&mut arrived) > 0 {
                all.extend(arrived.drain(..));
            }
        }
        assert!(batch.is_empty());
        self.ports.iter().for_each(assert_clean);
        all
    }

    fn stop(self) {
        for nic in self.nics {
            let pool = pool_of(&nic);
            nic.stop().unwrap();
            assert_eq!(pool.available(), pool.capacity());
        }
    }
}

#[test]
fn checksums_are_inserted_and_judged() {
    let mut pair = Pair::new(&Config::new());
    let pool = pair.pool();
    let kinds: Vec<_> = [Network::Ipv4, Network::Ipv6]
        .into_iter()
        .flat_map(|network| [Transport::Tcp, Transport::Udp].map(|transport| (network, transport)))
        .collect();
    let frames: Vec<_> = (0..200)
        .map(|n| {
            let (network, transport) = kinds[n / 3 % kinds.len()];
            (network, transport, frame(network, transport, n * 7 % 1400))
        })
        .collect();
    for frames in frames.chunks(40) {
        let sent = requested(frames.iter().map(|(.., frame)| with_checksums(packet(&pool, frame))));
        let received = pair.send(sent);
        assert_eq!(received.len(), frames.len());
        for (received, (network, transport, frame)) in received.iter().zip(frames) {
            assert_checksums(received);
            let kind = received.packet_type();
            assert_eq!((kind.network(), kind.transport()), (Some(*network), Some(*transport)));
            let ip = if *network == Network::Ipv4 { Checksum::Good } else { Checksum::NotChecked };
            assert_eq!((received.ip_checksum(), received.transport_checksum()), (ip, Checksum::Good), "{received:?}");
            let payload = Headers::parse(frame).unwrap().len();
            assert_eq!(received[payload..frame.len()], frame[payload..]);
            assert_eq!(received.wire_len(), frame.len().max(60) + 4);
        }
        drop(received);
    }
    pair.stop();
}

#[test]
fn wrong_checksums_are_bad_and_a_missing_one_is_not() {
    let mut pair = Pair::new(&Config::new());
    let pool = pair.pool();
    let good = |frame: &[u8]| {
        let mut packet = packet(&pool, frame);
        let headers = Headers::parse(&packet).unwrap();
        for (at, from, to) in [(24, 14, 34), (50, 34, frame.len())] {
            let pseudo = if at == 50 { ones(&frame[26..34]) + 6 + (frame.len() - 34) as u32 } else { 0 };
            let sum = !((pseudo + ones(&frame[from..to])) % 0xffff) as u16;
            packet[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        }
        assert_eq!(headers.transport(), Some(Transport::Tcp));
        packet
    };
    let tcp = frame(Network::Ipv4, Transport::Tcp, 101);
    let mut packets = [good(&tcp), good(&tcp), good(&tcp)];
    packets[1][24] ^= 1;
    packets[2][80] ^= 1;
    let mut udp = packet(&pool, &frame(Network::Ipv4, Transport::Udp, 50));
    udp[24..26].copy_from_slice(&packets[0][24..26].iter().map(|_| 0).collect::<Vec<u8>>());
    let verdicts = |received: &Received| (received.ip_checksum(), received.transport_checksum());
    let received = pair.send(requested(packets.into_iter().chain([udp]).map(Requested::from)));
    let [first, second, third, fourth] = &received[..] else { panic!("{received:?}") };
    assert_eq!(verdicts(first), (Checksum::Good, Checksum::Good));
    assert_eq!(verdicts(second), (Checksum::Bad, Checksum::Good));
    assert_eq!(verdicts(third), (Checksum::Good, Checksum::Bad));
    assert_eq!(verdicts(fourth), (Checksum::Bad, Checksum::NotChecked));
}

#[test]
fn large_packets_are_cut() {
    for network in [Network::Ipv4, Network::Ipv6] {
        let mut pair = Pair::new(&Config::new());
        let pool = pair.pool();
        for len in [1, 1399, 1400, 1401, 2800, 20_000, 65_000, 74_000] {
            let whole = frame(network, Transport::Tcp, len);
            let headers = Headers::parse(&whole).unwrap();
            let request = Request::new().with_headers(headers).segments(1400);
            let received = pair.send(requested([request.apply(packet(&pool, &whole)).unwrap()]));
            assert_eq!(received.len(), len.div_ceil(1400), "{len} bytes");
            let mut rest = &whole[headers.len()..];
            let mut sequence = u32::from_be_bytes([1, 2, 3, 4]);
            for (n, received) in received.iter().enumerate() {
                assert_checksums(received);
                assert_eq!(received.transport_checksum(), Checksum::Good);
                let end = headers.end(received).unwrap();
                let (payload, left) = rest.split_at(end - headers.len());
                assert_eq!(received[headers.len()..end], *payload, "segment {n} of {len} bytes");
                let at = headers.transport_at() + 4;
                assert_eq!(received[at..at + 4], sequence.to_be_bytes());
                let pushes = received[at + 9] & 8 != 0;
                assert_eq!(pushes, left.is_empty(), "PSH belongs to the last");
                (rest, sequence) = (left, sequence.wrapping_add(payload.len() as u32));
            }
            assert!(rest.is_empty());
        }
        pair.stop();
    }
}

#[test]
fn the_largest_packet_is_cut_and_a_larger_one_refused() {
    let mut pair = Pair::new(&Config::new());
    let pool = Pool::new(&pair.ports[0], 64, 16384).unwrap();
    pair.nics[0].attach(&pool).unwrap();
    let bytes_of = |payload| frame(Network::Ipv4, Transport::Tcp, payload);
    let request = Request::new().with_headers(Headers::parse(&bytes_of(1)).unwrap()).segments(1460);
    let largest = (1 << 18) - 1;
    let received = pair.send(requested([request.apply(packet(&pool, &bytes_of(largest))).unwrap()]));
    let payload: Vec<u8> = received.iter().flat_map(|received| received[54..].to_vec()).collect();
    assert_eq!((received.len(), &payload[..]), (180, &bytes_of(largest)[54..]));
    drop(received);
    let refused = |pool: &Pool, payload| request.apply(packet(pool, &bytes_of(payload))).unwrap_err().reason;
    assert_eq!(refused(&pool, largest + 1), RequestRefusal::TooLong { len: largest + 1, max: largest });
    // In buffers of 2 KiB it is in more than the device takes.
    let small = pair.pool();
    assert_eq!(refused(&small, 37 * 2048), RequestRefusal::TooManyBuffers { count: 38, max: 37 });
    pair.stop();
    assert_eq!(pool.available(), pool.capacity());
}

#[test]
fn tags_are_inserted_and_stripped() {
    let tag = VlanTag::new(77).unwrap().with_priority(3).unwrap();
    for strips in [false, true] {
        let mut pair = Pair::new(&Config::new().strip_vlan(strips));
        let pool = pair.pool();
        let bytes_sent = frame(Network::Ipv4, Transport::Udp, 100);
        let headers = Headers::parse(&bytes_sent).unwrap();
        let both = Request::new().vlan(tag).with_headers(headers).checksums().apply(packet(&pool, &bytes_sent));
        let alone = Request::new().vlan(tag).apply(packet(&pool, &bytes_sent)).unwrap();
        let none = Requested::from(packet(&pool, &bytes_sent));
        let received = pair.send(requested([both.unwrap(), alone, none]));
        assert_eq!(received.len(), 3);
        for received in &received[..2] {
            assert_eq!((received.vlan(), received.is_vlan_stripped()), (Some(tag), strips), "{received:?}");
            assert_eq!(received.len(), bytes_sent.len() + if strips { 0 } else { 4 });
            assert_eq!(received.wire_len(), bytes_sent.len() + 8);
        }
        assert_checksums(&received[0]);
        assert_eq!((received[2].vlan(), bytes(&received[2])), (None, bytes_sent));
        drop(received);
        pair.stop();
    }
}

#[test]
fn of_two_tags_the_inner_one_is_reported() {
    for strip in [false, true] {
        let mut pair = Pair::new(&Config::new().strip_vlan(strip));
        let pool = pair.pool();
        let port = &pair.ports[1];
        let mode = common::peek(port, "CTRL_EXT", 0) | 1 << 26;
        // SAFETY: neither register controls memory accesses by these bits: they choose what a VLAN tag is.
        unsafe {
            port.write32(common::at("EXVET", 0), 0x88a8 << 16);
            port.write32(common::at("CTRL_EXT", 0), mode);
        }
        let tcp = frame(Network::Ipv4, Transport::Tcp, 100);
        let both = [&tcp[..12], &[0x88, 0xa8, 0, 3, 0x81, 0, 0x40, 7], &tcp[12..]].concat();
        let received = pass(&mut pair, with_checksums(packet(&pool, &both)));
        assert_eq!((received.ip_checksum(), received.transport_checksum()), (Checksum::Good, Checksum::Good));
        assert_eq!(received.packet_type().transport(), Some(Transport::Tcp));
        assert_eq!((received.is_vlan_stripped(), received.wire_len()), (strip, both.len() + 4));
        // What is left in the packet begins with the outer tag, which is of another type.
        assert_eq!(received.vlan(), strip.then(|| VlanTag::from_bits(0x4007)));
        assert_eq!(received[12..16], [0x88, 0xa8, 0, 3]);
        drop(received);
        pair.stop();
    }
}

#[test]
fn contexts_are_sent_only_when_they_change() {
    let mut pair = Pair::new(&Config::new());
    let pool = pair.pool();
    let kinds = [(Network::Ipv4, Transport::Tcp), (Network::Ipv4, Transport::Udp), (Network::Ipv6, Transport::Tcp)];
    let all = |order: &[usize]| {
        requested(order.iter().map(|kind| {
            let (network, transport) = kinds[*kind];
            with_checksums(packet(&pool, &frame(network, transport, 64)))
        }))
    };
    let posted = |pair: &mut Pair, order: &[usize]| {
        let before = common::peek(&pair.ports[0], "TDT", 0);
        let received = pair.send(all(order));
        received.iter().for_each(|received| assert_checksums(received));
        assert_eq!(received.len(), order.len());
        common::peek(&pair.ports[0], "TDT", 0).wrapping_sub(before) as usize % 512
    };
    assert_eq!(posted(&mut pair, &[0; 20]), 21);
    assert_eq!(posted(&mut pair, &[0; 20]), 20, "the context is still there");
    assert_eq!(posted(&mut pair, &[1, 0, 1, 0, 0, 1]), 7, "there are two");
    assert_eq!(posted(&mut pair, &[2, 0, 2, 0]), 6, "the older one is replaced: the UDP one, then TCP's");
    pair.stop();
}

#[test]
fn what_cannot_be_done_is_refused_with_the_packet() {
    let mut pair = Pair::new(&Config::new());
    let pool = pair.pool();
    let tcp = frame(Network::Ipv4, Transport::Tcp, 3000);
    let headers = Headers::parse(&tcp).unwrap();
    let refused = |request: Request<Headers>, bytes: &[u8]| {
        let refused = request.apply(packet(&pool, bytes)).unwrap_err();
        assert_eq!(common::bytes(&refused.packet), bytes, "{}", refused.reason);
        refused.reason
    };
    let with = |at: usize, value: u8| {
        let mut changed = tcp.clone();
        changed[at] = value;
        changed
    };
    let request = Request::new().with_headers(headers);
    let segments = request.segments(1460);
    assert_eq!(refused(request.segments(0), &tcp), RequestRefusal::NoSegmentSize);
    assert_eq!(refused(segments, &with(47, 0x80)), RequestRefusal::CongestionWindowReduced);
    assert!(matches!(refused(segments, &with(16, 0xff)), RequestRefusal::Length { .. }));
    let mut short = tcp.clone();
    short[16..18].copy_from_slice(&[0, 39]);
    assert_eq!(refused(segments, &short), RequestRefusal::Length { end: 53, len: tcp.len() }, "inside the headers");
    assert_eq!(refused(segments, &with(20, 0x20)), RequestRefusal::NoTransport, "a fragment");
    assert_eq!(refused(segments, &with(23, 17)), RequestRefusal::NoTransport, "UDP");
    for (at, value) in [(14, 0x46), (14, 0x65), (46, 0x60)] {
        assert!(matches!(refused(segments, &with(at, value)), RequestRefusal::Headers(_)));
    }
    for len in [14, 33, 53] {
        assert!(matches!(refused(segments, &tcp[..len]), RequestRefusal::Headers(_)), "{len}");
    }
    let sctp = frame(Network::Ipv4, Transport::Sctp, 3000);
    let sctp_headers = Headers::parse(&sctp).unwrap();
    let reason = refused(Request::new().with_headers(sctp_headers).segments(1000), &sctp);
    assert_eq!(reason, RequestRefusal::NotCut(Transport::Sctp));
    assert!(Request::new().vlan(VlanTag::from_bits(1)).apply(packet(&pool, &tcp[..16])).is_err());
    // What is too long for the wire is refused by the queue, and the rest goes on.
    let long = request.segments(1500).apply(packet(&pool, &tcp)).unwrap();
    let good = segments.apply(packet(&pool, &tcp)).unwrap();
    let mut batch = requested([long, good]);
    let refused = pair.nics[0].split().1[0].tx.transmit_with_requests(&mut batch).unwrap_err();
    assert_eq!((refused.reason, refused.sent), (Refusal::TooLong { len: 1554, max: 1518 }, 0));
    drop(refused);
    assert_eq!(pair.send(batch).len(), 3);
    pair.stop();
}

#[test]
fn headers_that_are_too_long_are_refused() {
    let mut pair = Pair::new(&Config::new());
    let pool = pair.pool();
    // An option of IPv6 makes them as long as that.
    let with_headers_of = |len: usize| {
        let mut frame = frame(Network::Ipv6, Transport::Udp, 300);
        let extension = len - 62;
        frame[18..20].copy_from_slice(&(308 + extension as u16).to_be_bytes());
        frame[20] = 60;
        frame.splice(54..54, vec![0; extension]);
        frame[54..56].copy_from_slice(&[17, (extension / 8 - 1) as u8]);
        let headers = Headers::parse(&frame).unwrap();
        assert_eq!((headers.transport(), headers.len()), (Some(Transport::Udp), len));
        (packet(&pool, &frame), Request::new().with_headers(headers))
    };
    let too_long = |len, max| Some(RequestRefusal::HeadersTooLong { len, max });
    for (len, whole, cut) in [
        (238, None, None),
        (246, None, too_long(246, 240)),
        (510, None, too_long(510, 240)),
        (518, too_long(518, 511), too_long(518, 511)),
    ] {
        let (packet, request) = with_headers_of(len);
        assert_eq!(request.checksums().apply(packet).err().map(|refused| refused.reason), whole, "{len}");
        let (packet, request) = with_headers_of(len);
        assert_eq!(request.segments(100).apply(packet).err().map(|refused| refused.reason), cut, "{len}");
    }
    let (packet, request) = with_headers_of(510);
    let received = pair.send(requested([request.checksums().apply(packet).unwrap()]));
    assert_checksums(&received[0]);
    drop(received);
    pair.stop();
}

/// The device sums up to the packet's end, so a UDP packet that ends earlier would get a wrong checksum.
#[test]
fn a_length_of_udp_is_right_or_set() {
    let mut pair = Pair::new(&Config::new());
    let pool = pair.pool();
    for network in [Network::Ipv4, Network::Ipv6] {
        let frame = frame(network, Transport::Udp, 30);
        let headers = Headers::parse(&frame).unwrap();
        let request = Request::new().with_headers(headers);
        let with_len = |len: u16| {
            let mut packet = packet(&pool, &frame);
            packet[headers.transport_at() + 4..][..2].copy_from_slice(&len.to_be_bytes());
            packet
        };
        for len in [1, 37, 39] {
            for request in [request.checksums(), request.segments(1000)] {
                let error = HeaderError::Field { field: "the length of UDP", value: usize::from(len) };
                assert_eq!(request.apply(with_len(len)).unwrap_err().reason, RequestRefusal::Headers(error));
            }
        }
        // When it is cut, the device sets it. Without its checksum, it is the program's.
        let sent = [request.segments(1000).apply(with_len(0)), request.segments(10).apply(with_len(1))];
        let mut received = pair.send(requested(sent.map(Result::unwrap)));
        assert_eq!(received.len(), 4);
        for (received, len) in received.iter().zip([38, 18, 18, 18]) {
            assert_eq!(received[headers.transport_at() + 4..][..2], [0, len]);
            assert_checksums(received);
        }
        received.clear();
        assert!(request.ip_checksum().apply(with_len(1)).is_ok());
    }
    pair.stop();
}

/// Lengths that the program gives are compared with the extensions in the packet.
#[test]
fn extensions_that_do_not_lead_to_the_transport_are_refused() {
    let mut pair = Pair::new(&Config::new());
    let pool = pair.pool();
    let headers = Headers::new(14, Network::Ipv6, 48, Some(Transport::Udp), 8).unwrap();
    let request = Request::new().with_headers(headers).checksums();
    // The first header names `first`, and 8 bytes behind it are an extension that names `next`.
    let extended = |first: u8, next: u8, words: u8, left: u8| {
        let mut frame = frame(Network::Ipv6, Transport::Udp, 30);
        (frame[19], frame[20]) = (frame[19] + 8, first);
        frame.splice(54..54, [next, words, 0, left, 0, 0, 0, 0]);
        frame
    };
    const UDP: u8 = 17;
    let bad = [(UDP, UDP, 0, 0), (0, 6, 0, 0), (60, UDP, 1, 0), (44, UDP, 0, 0), (43, UDP, 0, 1)];
    for (first, next, words, left) in bad {
        let refused = request.apply(packet(&pool, &extended(first, next, words, left))).unwrap_err();
        assert_eq!(refused.reason, RequestRefusal::NoTransport, "{first}, {next}, {words}, {left}");
    }
    // The last extension is an authentication header: its length is given, and believed.
    let good = [(0, UDP, 0, 0), (60, UDP, 0, 0), (43, UDP, 0, 0), (51, UDP, 0, 0)];
    let good = good.map(|(first, next, words, left)| packet(&pool, &extended(first, next, words, left)));
    let sent = requested(good.map(|packet| request.apply(packet).unwrap()));
    let received = pair.send(sent);
    assert_eq!(received.len(), 4);
    received[..3].iter().for_each(|frame| assert_checksums(frame));
    drop(received);
    pair.stop();
}

#[test]
fn padding_is_not_summed() {
    let mut pair = Pair::new(&Config::new());
    let pool = pair.pool();
    for network in [Network::Ipv4, Network::Ipv6] {
        let mut padded = frame(network, Transport::Udp, 3);
        let len = padded.len();
        padded.extend([0xa5; 9]);
        let received = pair.send(requested([with_checksums(packet(&pool, &padded))]));
        assert_checksums(&received[0]);
        assert_eq!(received[0].len(), len.max(60));
    }
    pair.stop();
}

/// A generator of random numbers (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as usize % limit
    }
}

/// Packets with and without requests, of two pools, in one and in several buffers, in batches of any size, on a small
/// ring whose device lags behind: all arrive once, in order, with the right bytes, and every buffer returns.
#[test]
fn requests_of_all_kinds_mix() {
    let seeds = std::env::var("IXGBE_SEEDS").map_or(4, |seeds| seeds.parse().unwrap());
    for seed in 1..=seeds {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 + seed);
        let mut pair = Pair::new(&Config::new().tx_descriptors(64).pool_buffers(2048));
        let pools = [pair.pool(), Pool::new(&pair.ports[0], 512, 1024).unwrap()];
        pair.nics[0].attach(&pools[1]).unwrap();
        let (mut batch, mut arrived) = (Batch::with_capacity(64), Batch::with_capacity(64));
        let (mut expected, mut received) = (std::collections::VecDeque::new(), 0);
        for turn in 0..400 {
            for _ in 0..random.below(20) {
                let (network, transport) = (
                    [Network::Ipv4, Network::Ipv6][random.below(2)],
                    [Transport::Tcp, Transport::Udp][random.below(2)],
                );
                let len = [3, 100, 1000, 1300, 4000][random.below(if turn < 350 { 5 } else { 1 })];
                let cuts = len > 1300 || random.below(8) == 0;
                let bytes = frame(network, if cuts { Transport::Tcp } else { transport }, len);
                let headers = Headers::parse(&bytes).unwrap();
                let Ok(packet) = pools[random.below(2)].take_copy(&bytes) else { continue };
                let tag = VlanTag::from_bits(random.below(3) as u16 + 1);
                let has_tag = random.below(3) == 0;
                let request = if has_tag { Request::new().vlan(tag) } else { Request::new() };
                let requested = match random.below(3) {
                    _ if cuts => request.with_headers(headers).segments(500).apply(packet).unwrap(),
                    0 => request.apply(packet).unwrap(),
                    _ => request.with_headers(headers).checksums().apply(packet).unwrap(),
                };
                if batch.push(requested).is_err() {
                    break;
                }
                let payload = &bytes[headers.len()..];
                for piece in payload.chunks(if cuts { 500 } else { usize::MAX }) {
                    expected.push_back((piece.to_vec(), headers.len(), has_tag.then_some(tag)));
                }
            }
            pair.nics[0].split().1[0].tx.transmit_with_requests(&mut batch).unwrap();
            if random.below(4) > 0 {
                pair.ports.iter().for_each(|port| _ = port.step());
            }
            let (_, mut to) = pair.nics[1].split();
            while to[0].rx.receive_with_metadata(&mut arrived) > 0 {
                for packet in arrived.drain(..) {
                    let (payload, at, tag) = expected.pop_front().expect("no packet comes twice");
                    let at = at + if tag.is_some() { 4 } else { 0 };
                    assert_eq!((packet.vlan(), &packet[at..at + payload.len()]), (tag, &payload[..]));
                    received += 1;
                }
            }
        }
        let rest = pair.send(std::mem::replace(&mut batch, Batch::with_capacity(0)));
        assert_eq!(rest.len(), expected.len());
        assert!(received > 1000, "{received}");
        drop(rest);
        pair.stop();
        assert_eq!(pools[1].available(), pools[1].capacity());
    }
}

/// Headers that are cut, nested, changed at random or no headers at all: each is an error, or a request that the model
/// finds nothing wrong with.
#[test]
fn headers_that_lie_are_refused_or_sent_right() {
    let mut pair = Pair::new(&Config::new());
    let pool = pair.pool();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (mut refused, mut sent) = (0, 0);
    for _ in 0..300 {
        let mut batch = Batch::with_capacity(32);
        for _ in 0..32 {
            let network = [Network::Ipv4, Network::Ipv6][random.below(2)];
            let transport = [Transport::Tcp, Transport::Udp, Transport::Sctp][random.below(3)];
            let mut bytes = frame(network, transport, random.below(200));
            // A tag, or a header of IPv6 that goes on.
            if random.below(4) == 0 {
                bytes.splice(12..12, [0x81, 0, 0, 5]);
            }
            for _ in 0..random.below(4) {
                let at = 12 + random.below(bytes.len().min(60) - 12);
                bytes[at] = [0, 6, 17, 43, 44, 60, 0xff, random.below(256) as u8][random.below(8)];
            }
            bytes.truncate(if random.below(4) == 0 { random.below(bytes.len() + 1) } else { usize::MAX });
            let Ok(headers) = Headers::parse(&bytes) else {
                refused += 1;
                continue;
            };
            assert!(headers.len() <= bytes.len());
            let request = Request::new().with_headers(headers);
            let request = if random.below(2) == 0 { request.segments(33) } else { request.checksums() };
            match request.apply(packet(&pool, &bytes)) {
                Ok(requested) => batch.push(requested).unwrap(),
                Err(back) => {
                    assert_eq!(common::bytes(&back.packet), bytes, "{}", back.reason);
                    refused += 1;
                }
            }
        }
        sent += batch.len();
        let mut left = batch;
        while !left.is_empty() {
            pair.nics[0].split().1[0].tx.transmit_with_requests(&mut left).unwrap();
            pair.ports.iter().for_each(|port| _ = port.run_until_idle(1000));
            common::receive(&mut pair.nics[1]);
        }
        assert_clean(&pair.ports[0]);
    }
    assert!(refused > 1000 && sent > 1000, "{refused} refused, {sent} sent");
    pair.stop();
}

/// Whatever the device writes back, its metadata is read without harm.
#[test]
fn metadata_of_a_device_that_lies_is_harmless() {
    for fault in [Fault::RxGarbage, Fault::RxErrors, Fault::RxNoEop, Fault::RxLength(2049), Fault::RxLength(14)] {
        let mut pair = Pair::new(&Config::new().queue_pairs(2).strip_vlan(true));
        let pool = pair.pool();
        pair.ports[1].inject(fault);
        let mut arrived: Batch<Received> = Batch::with_capacity(32);
        for n in 0..100 {
            let bytes = frame(Network::Ipv4, Transport::Udp, n % 50);
            common::transmit(&mut pair.nics[0], &bytes);
            pair.ports.iter().for_each(|port| _ = port.run_until_idle(100));
            for queue in &mut pair.nics[1].split().1 {
                queue.rx.receive_with_metadata(&mut arrived);
            }
            for received in arrived.drain(..) {
                // All that can be asked for.
                assert!(!format!("{received:?}").is_empty());
                _ = (received.flow_director(), received.is_time_stamped(), received.wire_len(), received.vlan());
            }
        }
        assert!(pool.available() > 0);
        pair.stop();
    }
}

/// Sends one packet, and returns it as the partner received it.
fn pass(pair: &mut Pair, packet: Requested) -> Received {
    let mut received = pair.send(requested([packet]));
    assert_eq!(received.len(), 1);
    received.remove(0)
}

#[test]
fn a_packet_carries_the_stamp_of_both_clocks() {
    let mut pair = Pair::new(&Config::new().ptp(PtpStamps::EventsV2));
    let pool = pair.pool();
    let clocks_start = pair.ports[0].now();
    for nic in &mut pair.nics {
        nic.split().0.ptp().unwrap().set_time(clocks_start).unwrap();
    }
    // A Delay_Req message to the partner's own address.
    let mut message = [&common::mac(1)[..], &common::mac(0), &[0x88, 0xf7, 1, 2]].concat();
    message.resize(60, 7);
    for sequence in 0..3_u8 {
        message[45] = sequence;
        pair.nics[0].split().0.ptp().unwrap().request_transmit_stamp().unwrap();
        let received = pass(&mut pair, Request::new().time_stamp().apply(packet(&pool, &message)).unwrap());
        assert!(received.is_time_stamped());
        assert!(received.packet_type().ether_type_filter().is_some(), "the filter for PTP");
        let parsed = PtpMessage::parse(&received).unwrap();
        let arrived = pair.nics[1].split().0.ptp().unwrap().receive_stamp(&parsed).unwrap().expect("a stamp");
        let sent = match pair.nics[0].split().0.ptp().unwrap().transmit_stamp().unwrap() {
            TransmitStamp::Taken(sent) => sent,
            other => panic!("{other:?}"),
        };
        // The model's cable takes no time, and each port has its own clock.
        assert!(arrived.abs_diff(sent) < Duration::from_millis(50), "sent {sent:?}, arrived {arrived:?}");
        // A packet without a request, and one that is no PTP, have none.
        let plain = pass(&mut pair, packet(&pool, &frame(Network::Ipv4, Transport::Udp, 9)).into());
        assert!(!plain.is_time_stamped());
    }
    for nic in &mut pair.nics {
        let counters = nic.split().0.ptp().unwrap().counters();
        assert_eq!((counters.rx_lost, counters.tx_lost, counters.tx_refused), (0, 0, 0));
    }
    pair.stop();
}

#[test]
fn the_filter_that_decided_is_named() {
    let flows = FlowDirector::<Perfect>::perfect(FlowMemory::Kib64);
    let mut pair = Pair::new(&Config::new().queue_pairs(2).flow_director(flows));
    let pool = pair.pool();
    let (tcp, mut lldp) = (frame(Network::Ipv4, Transport::Tcp, 10), frame(Network::Ipv4, Transport::Udp, 10));
    lldp[12..14].copy_from_slice(&[0x88, 0xcc]);
    let queue = index!(RxQueue, 0);
    let mut handles = vec![];
    for port in [81, 80] {
        let flow = Flow::<Perfect>::tcp().source([10, 0, 0, 1].into()).destination([192, 168, 77, 2].into());
        let rule = flow.source_port(0x3039).destination_port(port).to(queue);
        handles.push(pair.nics[1].split().0.filters().add(rule).unwrap());
    }
    let _lldp = pair.nics[1].split().0.filters().add(constant!(EtherType, 0x88cc).to(queue)).unwrap();
    let received = pass(&mut pair, packet(&pool, &tcp).into());
    let report = received.flow_director().expect("a match");
    assert_eq!((report.id, report.id.is_some()), (handles[1].flow_index(), true));
    assert_eq!((received.rss(), received.packet_type().transport()), (None, Some(Transport::Tcp)));
    drop(received);
    let received = pass(&mut pair, packet(&pool, &lldp).into());
    assert_eq!((received.flow_director(), received.transport_checksum()), (None, Checksum::NotChecked));
    assert!(received.packet_type().ether_type_filter().is_some(), "{received:?}");
    // Without its rule, the flow is any packet, and the hash is there again.
    handles.pop().unwrap().remove().unwrap();
    drop(received);
    let received = pass(&mut pair, packet(&pool, &tcp).into());
    assert_eq!(received.flow_director(), None);
    drop(received);
    pair.stop();
}

/// A ring that takes packets with requests, and buffers of a receive ring in between: each buffer returns to where it
/// came from, whatever contexts are in between.
#[test]
fn requests_mix_with_forwarding_in_place() {
    let mut random = Random(0x0123_4567_89ab_cdef);
    let mut pair = Pair::new(&Config::new().rx_descriptors(64).tx_descriptors(64).pool_buffers(512));
    let (pool, partners) = (pair.pool(), pool_of(&pair.nics[1]));
    let mut expected = std::collections::VecDeque::new();
    let mut back = 0;
    for turn in 0..2000_u32 {
        let mut to_forward: Batch = Batch::with_capacity(8);
        for _ in 0..random.below(8) {
            let mut bytes = common::frame(common::mac(0), 60, turn as u8);
            bytes[14..18].copy_from_slice(&turn.to_be_bytes());
            to_forward.push(packet(&partners, &bytes)).unwrap();
        }
        pair.nics[1].split().1[0].tx.transmit(&mut to_forward).unwrap();
        drop(to_forward);
        pair.ports.iter().for_each(|port| _ = port.run_until_idle(100));
        let (_, mut queues) = pair.nics[0].split();
        let QueuePair { rx, tx } = &mut queues[0];
        let room = tx.reclaim();
        let mut forwarder = InPlaceForwarder::new(rx, core::slice::from_mut(tx)).unwrap();
        forwarder.forward(random.below(room.min(8) + 1), |bytes| {
            bytes[..6].copy_from_slice(&common::mac(1));
            expected.push_back(bytes.to_vec());
            Route::Output(0)
        });
        drop(forwarder);
        let mut batch = Batch::with_capacity(8);
        for _ in 0..random.below(8) {
            let tag = VlanTag::from_bits(random.below(4) as u16 + 1);
            let bytes = frame(Network::Ipv4, Transport::Udp, 30);
            let Ok(copy) = pool.take_copy(&bytes) else { break };
            batch.push(Request::new().vlan(tag).apply(copy).unwrap()).unwrap();
        }
        let sent = tx.transmit_with_requests(&mut batch).unwrap();
        (0..sent).for_each(|_| expected.push_back(frame(Network::Ipv4, Transport::Udp, 30)));
        drop(batch);
        pair.ports.iter().for_each(|port| _ = port.run_until_idle(100));
        let mut arrived: Batch<Received> = Batch::with_capacity(64);
        let (_, mut to) = pair.nics[1].split();
        while to[0].rx.receive_with_metadata(&mut arrived) > 0 {
            for received in arrived.drain(..) {
                let due = expected.pop_front().expect("no packet comes twice");
                let end = if received.vlan().is_some() { 16 } else { 12 };
                assert_eq!((&received[..12], &received[end..]), (&due[..12], &due[12..]), "turn {turn}");
                back += 1;
            }
        }
    }
    assert!(expected.is_empty() && back > 5000, "{back} of {}", back + expected.len());
    pair.ports.iter().for_each(assert_clean);
    pair.stop();
}
