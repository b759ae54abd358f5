//! Checksums and segments, both ways. The host behind the device is [`fake::host`], which knows nothing of the driver's own
//! parsing.

mod fake;

use std::num::NonZeroU16;

use etherparse::{IpNumber, Ipv6RawExtHeader, PacketBuilder, PacketHeaders};
use fake::host::{self, DATA_VALID, Header, NEEDS_CSUM, RSC_INFO, TCPV4, TCPV6, UDP_L4};
use fake::{ALL, Fake, FakeFunction, RECEIVING, SENDING, on_both_rings, stop};
use ixgbe::offload::drivers::Verdict;
use ixgbe::offload::{Checksum, Received, Request, Requested, VlanTag};
use ixgbe::packet::{Batch, Headers, Network, Packet, Transport};
use ixgbe::pool::Pool;
use ixgbe::port::{Offload, ReceiveMetadata, Refusal, TransmitError, TransmitRequests};
use ixgbe_virtio::device::DriverOk;
use ixgbe_virtio::feature::{Feature, Features};
use ixgbe_virtio::{Config, Device, Error};
use proptest::prelude::*;

type Live = Device<DriverOk, FakeFunction>;

fn live(offered: u128) -> (Fake, Live) {
    let (fake, function) = Fake::new(offered);
    let config = Config::new().queue_sizes(64, 64).receive_offloads(true);
    (fake, Device::new(function).unwrap().bring_up(&config).unwrap())
}

fn bytes(packet: &Packet) -> Vec<u8> {
    packet.segments().collect::<Vec<_>>().concat()
}

/// The kinds of packets.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Kind {
    network: Network,
    transport: Transport,
    /// Options of TCP, or an extension of IPv6.
    longer: bool,
}

const KINDS: [Kind; 8] = {
    let mut kinds = [Kind { network: Network::Ipv4, transport: Transport::Tcp, longer: false }; 8];
    let mut index = 0;
    while index < 8 {
        if index & 1 != 0 {
            kinds[index].network = Network::Ipv6;
        }
        if index & 2 != 0 {
            kinds[index].transport = Transport::Udp;
        }
        kinds[index].longer = index & 4 != 0;
        index += 1;
    }
    kinds
};

/// Returns a whole frame of this kind.
fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let link = PacketBuilder::ethernet2([2; 6], [4; 6]);
    let ip = match kind.network {
        Network::Ipv4 => link.ipv4([10, 1, 2, 3], [192, 168, 255, 254], 64),
        Network::Ipv6 if kind.longer => {
            let extension = Ipv6RawExtHeader::new_raw(IpNumber::UDP, &[0; 6]).unwrap();
            let extensions = etherparse::Ipv6Extensions {
                destination_options: Some(extension),
                ..etherparse::Ipv6Extensions::default()
            };
            let header = etherparse::Ipv6Header {
                source: [0xfd; 16],
                destination: [9; 16],
                hop_limit: 64,
                ..Default::default()
            };
            link.ip(etherparse::IpHeaders::Ipv6(header, extensions))
        }
        Network::Ipv6 => link.ipv6([0xfd; 16], [9; 16], 64),
    };
    let mut frame = vec![];
    match kind.transport {
        Transport::Udp => ip.udp(5, 6).write(&mut frame, payload).unwrap(),
        _ => {
            let tcp = ip.tcp(5, 6, 0xffff_f000, 7).ack(9).psh();
            let tcp = if kind.longer { tcp.options_raw(&[1; 12]).unwrap() } else { tcp };
            tcp.write(&mut frame, payload).unwrap();
        }
    }
    frame
}

fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 + at / 256) as u8).collect()
}

/// Makes a packet of several buffers.
fn packet_of(pool: &Pool, frame: &[u8]) -> Packet {
    let (first, rest) = frame.split_at(frame.len().min(2048));
    let mut packet = pool.take_copy(first).unwrap();
    rest.chunks(1777).for_each(|part| packet.append_segment(pool.take_copy(part).unwrap()).unwrap());
    packet
}

/// Returns the request for a frame: its checksums, and segments of this size.
fn request(frame: &[u8], segment: Option<u16>) -> Request<Headers> {
    let request = Request::new().with_headers(Headers::parse(frame).unwrap());
    match segment {
        Some(size) => request.segments(size),
        None => request.checksums(),
    }
}

/// Returns the frame with fields of wrong numbers that the request is to replace.
fn spoilt(mut frame: Vec<u8>) -> Vec<u8> {
    let headers = Headers::parse(&frame).unwrap();
    let at = headers.transport_at() + if headers.transport() == Some(Transport::Tcp) { 16 } else { 6 };
    frame[at..at + 2].copy_from_slice(&[0x12, 0x34]);
    if headers.network() == Network::Ipv4 {
        frame[24..26].copy_from_slice(&[0x56, 0x78]);
    }
    frame
}

/// Sends packets with requests, and returns the header and the bytes that the device has of each.
fn send(fake: &Fake, device: &mut Live, requested: Vec<Requested>) -> Vec<(Header, Vec<u8>)> {
    let mut batch = Batch::with_capacity(32);
    requested.into_iter().for_each(|requested| batch.push(requested).unwrap());
    let count = batch.len();
    let (_, mut queues) = device.split();
    assert_eq!(queues[0].tx.transmit_with_requests(&mut batch).unwrap(), count);
    let sent = fake.sent_with_headers();
    queues[0].tx.reclaim().unwrap();
    sent.into_iter().map(|(header, frame)| (Header::read(&header), frame)).collect()
}

fn receive(device: &mut Live) -> Batch<Received> {
    let mut batch = Batch::with_capacity(8);
    let (_, mut queues) = device.split();
    ReceiveMetadata::receive_with_metadata(&mut queues[0].rx, &mut batch).unwrap();
    batch
}

/// Delivers a frame with a header.
fn deliver(fake: &Fake, header: &Header, frame: &[u8]) {
    let mut state = fake.state();
    state.write_frame_with(&header.bytes(), frame).unwrap();
    state.publish_used(0);
}

on_both_rings! {
    checksums_are_completed_by_the_host,
    segments_are_cut_by_the_host,
    requests_of_all_kinds_share_a_batch,
    what_is_known_of_a_checksum_is_said,
    a_packet_of_several_segments_is_one_and_can_be_cut_again,
    headers_that_lie_are_counted_and_dropped,
    one_header_among_many_says_something_of_its_own_frame_alone,
}

fn checksums_are_completed_by_the_host(rings: u128) {
    let (fake, mut device) = live(ALL | SENDING | rings);
    let pool = device.pools()[0].clone();
    for kind in KINDS {
        for len in [0, 1, 2, 17, 1000, 1399] {
            let whole = frame(kind, &payload(len));
            let requested = request(&whole, None).apply(pool.take_copy(&spoilt(whole.clone())).unwrap()).unwrap();
            let [(header, sent)] = &send(&fake, &mut device, vec![requested])[..] else { panic!("one frame") };
            assert_eq!((header.flags, header.gso_type), (NEEDS_CSUM, 0));
            // Nothing but the checksum itself is left to the host.
            let mut open = whole.clone();
            assert_eq!((host::leave_open(&mut open), &open), (*header, sent), "{kind:?}, {len}");
            assert_eq!(host::carry_out(header, sent.clone()), [whole], "{kind:?}, {len}");
        }
    }
    stop(&fake, device);
}

fn segments_are_cut_by_the_host(rings: u128) {
    let (fake, mut device) = live(ALL | SENDING | rings);
    let pool = Pool::new(device.function(), 64, 2048).unwrap();
    device.split().1[0].tx.attach(&pool).unwrap();
    for kind in KINDS {
        for (len, size) in [(1, 1), (10, 3), (1000, 1000), (1001, 1000), (2920, 1400), (63_000, 1399)] {
            let (whole, payload) = (frame(kind, &payload(len)), payload(len));
            let packet = packet_of(&pool, &spoilt(whole.clone()));
            let requested = request(&whole, Some(size)).apply(packet).unwrap();
            let [(header, sent)] = &send(&fake, &mut device, vec![requested])[..] else { panic!("one packet") };
            // Its headers are as for one whole packet.
            let mut open = whole.clone();
            host::leave_open(&mut open);
            assert_eq!(&open, sent, "{kind:?}, {len}");
            let gso_type = match (kind.transport, kind.network) {
                _ if len <= usize::from(size) => 0,
                (Transport::Udp, _) => UDP_L4,
                (_, Network::Ipv4) => TCPV4,
                (_, Network::Ipv6) => TCPV6,
            };
            assert_eq!(header.gso_type, gso_type);
            let frames = host::carry_out(header, sent.clone());
            assert_eq!(frames.len(), len.div_ceil(size.into()).max(1), "{kind:?}, {len}");
            frames.iter().for_each(|frame| host::assert_whole(frame));
            let parts = frames.iter().map(|frame| PacketHeaders::from_ethernet_slice(frame).unwrap().payload.slice());
            assert_eq!(parts.collect::<Vec<_>>().concat(), payload, "{kind:?}, {len}");
        }
    }
    assert_eq!(pool.available(), 64);
    stop(&fake, device);
}

fn requests_of_all_kinds_share_a_batch(rings: u128) {
    let (fake, mut device) = live(ALL | SENDING | rings);
    let pool = device.pools()[0].clone();
    let [tcp4, tcp6, ..] = KINDS;
    let (four, six) = (frame(tcp4, &payload(900)), frame(tcp6, &payload(700)));
    let plain: Requested = pool.take_copy(&four).unwrap().into();
    let ip_alone = Request::new().with_headers(Headers::parse(&four).unwrap()).ip_checksum();
    let mut without_sum = four.clone();
    without_sum[24..26].fill(0xee);
    // A packet without a request needs no headroom.
    let mut full = pool.take_copy(&four).unwrap();
    let room = full.headroom();
    full.prepend(&vec![7; room]).unwrap();
    let expected_full = bytes(&full);
    let requested = vec![
        request(&six, Some(200)).apply(pool.take_copy(&six).unwrap()).unwrap(),
        plain,
        ip_alone.apply(pool.take_copy(&without_sum).unwrap()).unwrap(),
        full.into(),
        request(&four, None).apply(pool.take_copy(&spoilt(four.clone())).unwrap()).unwrap(),
    ];
    let sent = send(&fake, &mut device, requested);
    assert_eq!(host::carry_out(&sent[0].0, sent[0].1.clone()).len(), 4);
    // The checksum of an IPv4 header is computed by the driver.
    assert_eq!(sent[1..3], [(Header::default(), four.clone()), (Header::default(), four.clone())]);
    assert_eq!(sent[3], (Header::default(), expected_full));
    assert_eq!(host::carry_out(&sent[4].0, sent[4].1.clone()), [four]);
    stop(&fake, device);
}

/// Applies a request, and returns why it is refused.
fn refused(fake: &Fake, device: &mut Live, requested: Requested) -> Refusal {
    let mut batch = Batch::with_capacity(4);
    let pool = device.pools()[0].clone();
    batch.push(pool.take_copy(&[7; 60]).unwrap().into()).unwrap();
    batch.push(requested).unwrap();
    batch.push(pool.take_copy(&[8; 60]).unwrap().into()).unwrap();
    let (_, mut queues) = device.split();
    let refused = match TransmitRequests::transmit_with_requests(&mut queues[0].tx, &mut batch) {
        Err(TransmitError::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    };
    assert_eq!((refused.sent, batch.len()), (1, 1), "those around it are sent");
    assert_eq!(queues[0].tx.transmit_with_requests(&mut batch).unwrap(), 1);
    assert_eq!(fake.sent(), [[7; 60], [8; 60]]);
    refused.reason
}

#[test]
fn what_the_device_does_not_offer_is_refused_by_name() {
    let [tcp4, tcp6, udp4, ..] = KINDS;
    let cases = [
        (ALL, tcp4, None, Offload::Checksum),
        (ALL, udp4, None, Offload::Checksum),
        (ALL | fake::CSUM, tcp4, Some(100), Offload::CutTcp4),
        (ALL | fake::CSUM | fake::HOST_TSO6, tcp4, Some(100), Offload::CutTcp4),
        (ALL | fake::CSUM | fake::HOST_TSO4, tcp6, Some(100), Offload::CutTcp6),
        (ALL | fake::CSUM | fake::HOST_TSO4 | fake::HOST_TSO6, udp4, Some(100), Offload::CutUdp),
    ];
    for (offered, kind, segment, expected) in cases {
        let (fake, mut device) = live(offered);
        let whole = frame(kind, &payload(500));
        let packet = device.pools()[0].take_copy(&whole).unwrap();
        let requested = request(&whole, segment).apply(packet).unwrap();
        assert_eq!(refused(&fake, &mut device, requested), Refusal::NotOffered(expected));
        assert!(!device.split().1[0].tx.offers(expected));
        stop(&fake, device);
    }
    // With all that a device can offer.
    let (fake, mut device) = live(ALL | SENDING);
    let pool = device.pools()[0].clone();
    let (_, queues) = device.split();
    for offload in [Offload::Checksum, Offload::CutTcp4, Offload::CutTcp6, Offload::CutUdp] {
        assert!(queues[0].tx.offers(offload), "{offload}");
    }
    for offload in [Offload::SctpChecksum, Offload::Vlan, Offload::TimeStamp] {
        assert!(!queues[0].tx.offers(offload), "{offload}");
    }
    let whole = frame(tcp4, &payload(500));
    let tag = Request::new().vlan(VlanTag::from_bits(7));
    let tagged = tag.apply(pool.take_copy(&whole).unwrap()).unwrap();
    assert_eq!(refused(&fake, &mut device, tagged), Refusal::NotOffered(Offload::Vlan));
    let stamped = Request::new().time_stamp().apply(pool.take_copy(&whole).unwrap()).unwrap();
    assert_eq!(refused(&fake, &mut device, stamped), Refusal::NotOffered(Offload::TimeStamp));
    let mut sctp = frame(udp4, &payload(50));
    sctp[23] = 132;
    let requested = request(&sctp, None).apply(pool.take_copy(&sctp).unwrap()).unwrap();
    assert_eq!(refused(&fake, &mut device, requested), Refusal::NotOffered(Offload::SctpChecksum));
    let text = Refusal::NotOffered(Offload::SctpChecksum).to_string();
    assert_eq!(text, "the device does not insert checksums of SCTP");
    stop(&fake, device);
}

#[test]
fn what_does_not_fit_is_refused() {
    let [tcp4, tcp6, ..] = KINDS;
    let (fake, mut device) = live(ALL | SENDING);
    let pool = Pool::new(device.function(), 64, 16 * 1024).unwrap();
    device.split().1[0].tx.attach(&pool).unwrap();
    // The frames would be longer than those that the device takes.
    let whole = frame(tcp4, &payload(3000));
    let requested = request(&whole, Some(1465)).apply(pool.take_copy(&whole).unwrap()).unwrap();
    assert_eq!(refused(&fake, &mut device, requested), Refusal::TooLong { len: 1519, max: 1518 });
    // The length of IP has 16 bits. An 82599 needs none for a packet that it cuts.
    for (kind, max) in [(tcp4, 14 + 65_535), (tcp6, 54 + 65_535)] {
        for more in [0, 1] {
            let mut long = frame(kind, &payload(100));
            let headers = Headers::parse(&long).unwrap();
            let at = if kind.network == Network::Ipv4 { 16 } else { 18 };
            long[at..at + 2].fill(0);
            long.resize(max + more, 9);
            let mut packet = pool.take_copy(&long[..16_000]).unwrap();
            long[16_000..].chunks(16_000).for_each(|part| {
                packet.append_segment(pool.take_copy(part).unwrap()).unwrap();
            });
            let requested = Request::new().with_headers(headers).segments(1400).apply(packet).unwrap();
            if more > 0 {
                assert_eq!(refused(&fake, &mut device, requested), Refusal::TooLong { len: max + 1, max });
            } else {
                let [(header, sent)] = &send(&fake, &mut device, vec![requested])[..] else { panic!("one packet") };
                assert!(host::carry_out(header, sent.clone()).len() > 46);
            }
        }
    }
    // A header of its own needs room in front of the packet.
    let whole = frame(tcp4, &payload(500));
    for room in [11, 12] {
        let mut packet = pool.take_copy(&whole[128 - room..]).unwrap();
        packet.prepend(&whole[..128 - room]).unwrap();
        assert_eq!(packet.headroom(), room);
        let requested = request(&whole, None).apply(packet).unwrap();
        if room < 12 {
            assert_eq!(refused(&fake, &mut device, requested), Refusal::NoHeadroom { room, needed: 12 });
        } else {
            let [(header, sent)] = &send(&fake, &mut device, vec![requested])[..] else { panic!("one packet") };
            assert_eq!(host::carry_out(header, sent.clone()), [&whole[..]]);
        }
    }
    assert_eq!(pool.available(), 64);
    stop(&fake, device);
}

fn what_is_known_of_a_checksum_is_said(rings: u128) {
    let (fake, mut device) = live(ALL | RECEIVING | rings);
    assert_eq!(fake.state().accepted, ALL | RECEIVING | rings);
    for kind in KINDS {
        for len in [0, 1, 700, 1399] {
            let whole = frame(kind, &payload(len));
            for (flags, expected) in
                [(0, Checksum::NotChecked), (DATA_VALID, Checksum::Good), (0xf8, Checksum::NotChecked)]
            {
                deliver(&fake, &Header { flags, csum_start: 9999, csum_offset: 9, ..Header::default() }, &whole);
                let batch = receive(&mut device);
                assert_eq!((batch[0].transport_checksum(), bytes(&batch[0])), (expected, whole.clone()));
                assert_eq!((batch[0].ip_checksum(), batch[0].segment_size()), (Checksum::NotChecked, None));
                assert_eq!((batch[0].rss(), batch[0].vlan(), batch[0].flow_director()), (None, None, None));
            }
            let mut open = whole.clone();
            let header = host::leave_open(&mut open);
            deliver(&fake, &header, &open);
            let mut batch = receive(&mut device);
            assert_eq!((batch[0].transport_checksum(), bytes(&batch[0])), (Checksum::Partial, open.clone()));
            batch[0].complete_checksum();
            assert_eq!((batch[0].transport_checksum(), bytes(&batch[0])), (Checksum::Good, whole.clone()));
            // Who does not ask gets a whole packet.
            deliver(&fake, &header, &open);
            let mut plain = Batch::with_capacity(4);
            assert_eq!(device.split().1[0].rx.receive(&mut plain), Ok(1));
            assert_eq!(bytes(&plain[0]), whole);
        }
    }
    stop(&fake, device);
}

#[test]
fn without_the_feature_the_header_says_nothing() {
    let (fake, function) = Fake::new(ALL | SENDING | RECEIVING);
    let mut device = Device::new(function).unwrap().bring_up(&Config::new().queue_sizes(64, 64)).unwrap();
    assert_eq!(fake.state().accepted, ALL | SENDING, "no offload of reception is accepted by default");
    let whole = frame(KINDS[0], &payload(100));
    for flags in [NEEDS_CSUM, DATA_VALID, 0xff] {
        deliver(&fake, &Header { flags, gso_type: 9, ..Header::default() }, &whole);
        let batch = receive(&mut device);
        assert_eq!((batch[0].transport_checksum(), batch[0].segment_size()), (Checksum::NotChecked, None));
        deliver(&fake, &Header { flags, gso_type: 9, ..Header::default() }, &whole);
        let mut plain = Batch::with_capacity(4);
        assert_eq!(device.split().1[0].rx.receive(&mut plain), Ok(1));
        assert_eq!(bytes(&plain[0]), whole);
    }
    stop(&fake, device);
}

fn a_packet_of_several_segments_is_one_and_can_be_cut_again(rings: u128) {
    let (fake, mut device) = live(ALL | SENDING | RECEIVING | rings);
    for (kind, len) in KINDS.into_iter().flat_map(|kind| [(kind, 2001), (kind, 30_000), (kind, 64_000)]) {
        let whole = frame(kind, &payload(len));
        let mut open = whole.clone();
        let gso_type = match (kind.transport, kind.network) {
            (Transport::Udp, _) => UDP_L4,
            (_, Network::Ipv4) => TCPV4,
            (_, Network::Ipv6) => TCPV6,
        };
        let header = Header { gso_type, gso_size: 1400, hdr_len: 3, ..host::leave_open(&mut open) };
        deliver(&fake, &header, &open);
        let mut batch = receive(&mut device);
        let received = batch.pop().unwrap();
        assert_eq!(
            (received.transport_checksum(), received.segment_size()),
            (Checksum::Partial, NonZeroU16::new(1400))
        );
        assert_eq!((bytes(&received), received.segment_count()), (open.clone(), (open.len() + 12).div_ceil(2048)));
        // It goes on, cut as it would have been, from its own buffers.
        if received.segment_count() <= 37 {
            let again = request(&received, received.segment_size().map(NonZeroU16::get)).apply(received.into_packet());
            let [(header, sent)] = &send(&fake, &mut device, vec![again.unwrap()])[..] else { panic!("one packet") };
            assert_eq!((header.gso_type, header.gso_size, sent), (gso_type, 1400, &open));
            assert_eq!(host::carry_out(header, sent.clone()).len(), len.div_ceil(1400));
        }
        // Who does not ask gets it with its checksum.
        let header = Header { hdr_len: 0, ..host::leave_open(&mut whole.clone()) };
        deliver(&fake, &Header { gso_type, gso_size: 1, ..header }, &open);
        let mut plain = Batch::with_capacity(4);
        assert_eq!(device.split().1[0].rx.receive(&mut plain), Ok(1));
        assert_eq!(bytes(&plain[0]), whole, "{kind:?}");
    }
    stop(&fake, device);
}

fn headers_that_lie_are_counted_and_dropped(rings: u128) {
    let whole = frame(KINDS[0], &payload(100));
    let open = host::leave_open(&mut whole.clone());
    let len = whole.len() as u16;
    let lies = [
        // Where the checksum is: behind the frame, in front of it, in its Ethernet header.
        Header { csum_start: len - 17, ..open },
        Header { csum_start: len, csum_offset: 0, ..open },
        Header { csum_start: u16::MAX, csum_offset: u16::MAX, ..open },
        Header { csum_offset: len - 34, ..open },
        Header { csum_start: 0, ..open },
        Header { csum_start: 13, ..open },
        Header { flags: NEEDS_CSUM | RSC_INFO, ..open },
        // Of which kind it is: none that there is, or that was agreed on, or no size.
        Header { gso_type: TCPV4, gso_size: 0, ..open },
        Header { gso_type: 2, gso_size: 100, ..open },
        Header { gso_type: 3, gso_size: 100, ..open },
        Header { gso_type: TCPV4 | 0x80, gso_size: 100, ..open },
        Header { gso_type: 0xff, gso_size: 100, ..open },
        Header { gso_type: TCPV6, gso_size: 100, ..open },
        Header { gso_type: UDP_L4, gso_size: 100, ..open },
    ];
    let (fake, mut device) = live(ALL | fake::GUEST_CSUM | fake::GUEST_TSO4 | rings);
    for (index, lie) in lies.into_iter().enumerate() {
        deliver(&fake, &lie, &whole);
        deliver(&fake, &Header { flags: DATA_VALID, ..Header::default() }, &whole);
        let batch = receive(&mut device);
        assert_eq!(batch.len(), 1, "{lie:?}");
        assert_eq!(batch[0].transport_checksum(), Checksum::Good);
        // So it is for those who do not ask.
        deliver(&fake, &lie, &whole);
        let mut plain = Batch::with_capacity(4);
        assert_eq!(device.split().1[0].rx.receive(&mut plain), Ok(0), "{lie:?}");
        let counters = device.split().0.counters().unwrap();
        assert_eq!(counters.rx_dropped, [("short", 0), ("bad header", 2 * (index as u64 + 1))]);
    }
    stop(&fake, device);
}

/// Ends a block of frames at each of its places, with a partial checksum or a lie.
fn one_header_among_many_says_something_of_its_own_frame_alone(rings: u128) {
    const COUNT: usize = 20;
    let (fake, mut device) = live(ALL | RECEIVING | rings);
    let frames: Vec<_> = (0..COUNT).map(|number| frame(KINDS[number % 8], &payload(50 + number))).collect();
    for other in 0..COUNT {
        for (with_metadata, lies) in [(false, false), (false, true), (true, false), (true, true)] {
            for (number, whole) in frames.iter().enumerate() {
                let mut sent = whole.clone();
                let header = match (number == other, lies) {
                    (true, false) => host::leave_open(&mut sent),
                    (true, true) => Header { gso_type: 0xff, gso_size: 100, ..Header::default() },
                    _ => Header { flags: DATA_VALID, ..Header::default() },
                };
                deliver(&fake, &header, &sent);
            }
            let expected = (0..COUNT).filter(|number| !lies || *number != other);
            let mut received = vec![];
            let (_, mut queues) = device.split();
            if with_metadata {
                let mut batch = Batch::with_capacity(32);
                queues[0].rx.receive_with_metadata(&mut batch).unwrap();
                for (mut packet, number) in batch.into_iter().zip(expected.clone()) {
                    let said = if number == other { Checksum::Partial } else { Checksum::Good };
                    assert_eq!(packet.transport_checksum(), said, "{number} and {other}");
                    packet.complete_checksum();
                    received.push(bytes(&packet));
                }
            } else {
                let mut batch = Batch::with_capacity(32);
                queues[0].rx.receive(&mut batch).unwrap();
                received.extend(batch.iter().map(bytes));
            }
            let expected: Vec<_> = expected.map(|number| frames[number].clone()).collect();
            assert_eq!(received, expected, "{other}, {with_metadata}, {lies}");
        }
    }
    assert_eq!(device.split().0.counters().unwrap().rx_dropped, [("short", 0), ("bad header", 2 * COUNT as u64)]);
    stop(&fake, device);
}

#[test]
fn packets_of_several_segments_need_room() {
    let agree = |offered: u128, config: Config| {
        let (fake, function) = Fake::new(offered);
        let device = Device::new(function).unwrap().acknowledge().drive();
        let result = device.negotiate(&config.receive_offloads(true));
        result.map(|device| (device.terms().features, fake)).map_err(|failed| failed.error)
    };
    let coalescing = Features::all(&[Feature::GuestTso4, Feature::GuestTso6, Feature::GuestUso4, Feature::GuestUso6]);
    let has = |offered, config: Config| {
        let (features, _) = agree(offered, config).unwrap();
        assert!(features.has(Feature::GuestCsum));
        !(features & coalescing).is_empty()
    };
    let offered = ALL | RECEIVING;
    assert!(has(offered, Config::new()));
    assert!(has(offered, Config::new().queue_sizes(33, 8)));
    assert!(!has(offered, Config::new().queue_sizes(32, 8)), "32 buffers of 2048 bytes hold 65,536");
    assert!(!has(offered, Config::new().buffer_size(1024)), "a packet has at most 64 buffers");
    assert!(has(offered, Config::new().buffer_size(16_384).queue_sizes(8, 8)));
    assert!(!has(offered & !fake::MRG_RXBUF, Config::new().buffer_size(16_384)));
    let required = Config::new().queue_sizes(8, 8).require(Feature::GuestTso4);
    let error = agree(offered, required).err().unwrap();
    assert_eq!(error, Error::NotOffered { features: Features::of(Feature::GuestTso4) });
    // A queue of the device is shorter than what the program asks for.
    let (fake, function) = Fake::new(offered);
    fake.state().queues[0].max = 16;
    let config = Config::new().receive_offloads(true);
    let error = Device::new(function).unwrap().bring_up(&config).err().unwrap().error;
    assert_eq!(error, Error::ReceiveRoom { queue: 0, room: 32_768, needed: 65_601 });
}

#[test]
fn a_verdict_outside_of_the_packet_is_refused() {
    let (_fake, device) = live(ALL);
    let pool = device.pools()[0].clone();
    let packet = || pool.take_copy(&[7; 60]).unwrap();
    for (start, offset, fits) in [(14, 44, true), (14, 45, false), (13, 0, false), (58, 0, true), (u16::MAX, 3, false)]
    {
        let result = Received::reported(packet(), Verdict::Partial { start, offset }, None);
        assert_eq!(result.is_ok(), fits, "{start}, {offset}");
    }
}

/// Makes a packet and how it is cut, both by chance.
fn any_packet() -> impl Strategy<Value = (Kind, Vec<u8>, u16)> {
    let payload = (0usize..20_000, any::<u8>()).prop_map(|(len, seed)| {
        (0..len).map(|at| (at.wrapping_mul(at).wrapping_mul(seed.into()) >> 3) as u8).collect::<Vec<_>>()
    });
    (prop::sample::select(&KINDS[..]), payload, 1u16..1400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Sends a packet from one device to another, as on a host that hands frames on with their headers.
    #[test]
    fn any_packet_is_the_same_on_the_other_side(
        (kind, payload, size) in any_packet(), packed in any::<bool>(), with_metadata in any::<bool>(),
    ) {
        let rings = if packed { fake::RING_PACKED } else { 0 };
        let (sender, mut from) = live(ALL | SENDING | rings);
        let (receiver, mut to) = live(ALL | RECEIVING | rings);
        let pool = from.pools()[0].clone();
        let whole = frame(kind, &payload);
        // Nothing below 500 frames, which take a while.
        let size = size.max((payload.len() / 500 + 1) as u16);
        let requested = request(&whole, Some(size)).apply(packet_of(&pool, &spoilt(whole.clone()))).unwrap();
        let [(header, sent)] = &send(&sender, &mut from, vec![requested])[..] else { panic!("one packet") };
        let frames = host::carry_out(header, sent.clone());
        let parts = frames.iter().map(|frame| PacketHeaders::from_ethernet_slice(frame).unwrap().payload.slice());
        prop_assert_eq!(parts.collect::<Vec<_>>().concat(), payload);
        for frame in &frames {
            host::assert_whole(frame);
        }
        deliver(&receiver, header, sent);
        let arrived = if with_metadata {
            let mut batch = receive(&mut to);
            prop_assert_eq!(batch[0].transport_checksum(), Checksum::Partial);
            prop_assert_eq!(batch[0].segment_size().map(NonZeroU16::get), (frames.len() > 1).then_some(size));
            batch[0].complete_checksum();
            bytes(&batch[0])
        } else {
            let mut plain = Batch::with_capacity(4);
            prop_assert_eq!(to.split().1[0].rx.receive(&mut plain), Ok(1));
            bytes(&plain[0])
        };
        prop_assert_eq!(arrived, whole);
        stop(&sender, from);
        stop(&receiver, to);
    }

    /// Takes whatever header and frame a device makes up: no panic, and nothing is lost.
    #[test]
    fn any_header_is_taken_or_dropped(
        frames in prop::collection::vec((any::<[u8; 10]>(), prop::collection::vec(any::<u8>(), 0..3000)), 1..20),
        small in any::<bool>(),
    ) {
        let (fake, mut device) = live(ALL | RECEIVING);
        for (mut header, frame) in frames {
            if small {
                // Numbers that are near the truth.
                header.iter_mut().skip(1).step_by(2).for_each(|high| *high &= 3);
            }
            let mut state = fake.state();
            state.write_frame_with(&header, &frame).unwrap();
            state.publish_used(0);
            drop(state);
            let mut batch = receive(&mut device);
            for received in &mut batch {
                prop_assert!(received.segment_size().is_none() || header[1] != 0);
                prop_assert_eq!(received.packet_type().network(), None);
                received.complete_checksum();
                prop_assert!(received.transport_checksum() != Checksum::Partial);
                prop_assert_eq!(received.len(), frame.len());
            }
            drop(batch);
            let mut state = fake.state();
            state.write_frame_with(&header, &frame).unwrap();
            state.publish_used(0);
            drop(state);
            let mut plain = Batch::with_capacity(4);
            device.split().1[0].rx.receive(&mut plain).unwrap();
        }
        stop(&fake, device);
    }
}
