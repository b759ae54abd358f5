//! Receive side scaling: the queue of a packet, and the hash in its descriptor (datasheet 7.1.2.8).

mod common;

use common::*;
use etherparse::PacketBuilder;
use ixgbe_sim::Fault;

/// The key of Microsoft's verification suite, whose hashes are published.
const KEY: [u8; 40] = [
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b,
    0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac,
    0x01, 0xfa,
];

/// Returns a driver with four queues, and `fields` selected. Entry n of the table selects queue n / 32.
fn spreading(fields: u32) -> Driver {
    let mut driver = Driver::new();
    driver.port.plug(ixgbe_sim::wire::NoTraffic);
    driver.reset();
    driver.configure();
    for (n, word) in (0..).zip(KEY.chunks_exact(4)) {
        driver.write(RSSRK + n * 4, u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    }
    (0..32).for_each(|n| driver.write(RETA + n * 4, n / 8 * 0x0101_0101));
    driver.write(MRQC, 1 | fields << 16);
    driver.write(RXCSUM, 1 << 13);
    (0..4).for_each(|queue| driver.add_rx(queue, 64));
    driver.start_receive();
    driver.wait_for_link();
    driver
}

/// Source, destination, ports; the hash with ports, and without.
type Vector<Address> = (Address, Address, [u16; 2], u32, u32);

/// Fields of MRQC.
const IPV4_TCP: u32 = 1;
const IPV4: u32 = 1 << 1;
const IPV6: u32 = 1 << 4;
const IPV6_TCP: u32 = 1 << 5;

/// Returns RSS_TYPE and hash of the next packet, which must be in the queue that the table selects.
#[track_caller]
fn next(driver: &mut Driver, hash: u32) -> (u64, u32) {
    let queue = (hash & 0x7F) as usize / 32;
    let (_, words) = driver.receive(queue).expect("nothing in the queue of the hash");
    (words[0] & 0xF, (words[0] >> 32) as u32)
}

#[test]
fn the_published_hashes_are_reported_and_select_the_queue() {
    let mut driver = spreading(IPV4_TCP | IPV4 | IPV6 | IPV6_TCP);
    let ethernet = || PacketBuilder::ethernet2([2; 6], MAC);
    let vectors: [Vector<[u8; 4]>; 5] = [
        ([66, 9, 149, 187], [161, 142, 100, 80], [2794, 1766], 0x51cc_c178, 0x323e_8fc2),
        ([199, 92, 111, 2], [65, 69, 140, 83], [14230, 4739], 0xc626_b0ea, 0xd718_262a),
        ([24, 19, 198, 95], [12, 22, 207, 184], [12898, 38024], 0x5c2b_394a, 0xd2d0_a5de),
        ([38, 27, 205, 30], [209, 142, 163, 6], [48228, 2217], 0xafc7_327f, 0x8298_9176),
        ([153, 39, 163, 191], [202, 188, 127, 2], [44251, 1303], 0x10e8_28a2, 0x5d18_09c5),
    ];
    for (source, destination, ports, with, without) in vectors {
        let mut packet = Vec::new();
        let ip = || ethernet().ipv4(source, destination, 64);
        ip().tcp(ports[0], ports[1], 1, 1).write(&mut packet, &[0; 20]).unwrap();
        driver.port.deliver(&packet);
        assert_eq!(next(&mut driver, with), (1, with));
        // UDP is not selected: only its addresses are hashed.
        packet.clear();
        ip().udp(ports[0], ports[1]).write(&mut packet, &[0; 20]).unwrap();
        driver.port.deliver(&packet);
        assert_eq!(next(&mut driver, without), (2, without));
    }
    let vectors: [Vector<&str>; 3] = [
        ("3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", [2794, 1766], 0x4020_7d3d, 0x2cc1_8cd5),
        ("3ffe:501:8::260:97ff:fe40:efab", "ff02::1", [14230, 4739], 0xdde5_1bbf, 0x0f0c_461c),
        ("3ffe:1900:4545:3:200:f8ff:fe21:67cf", "fe80::200:f8ff:fe21:67cf", [44251, 38024], 0x02d1_feef, 0x4b61_e985),
    ];
    for (source, destination, ports, with, without) in vectors {
        let address = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().octets();
        let mut packet = Vec::new();
        let ip = || ethernet().ipv6(address(source), address(destination), 64);
        ip().tcp(ports[0], ports[1], 1, 1).write(&mut packet, &[]).unwrap();
        driver.port.deliver(&packet);
        assert_eq!(next(&mut driver, with), (3, with), "{source}");
        packet.clear();
        ip().udp(ports[0], ports[1]).write(&mut packet, &[]).unwrap();
        driver.port.deliver(&packet);
        assert_eq!(next(&mut driver, without), (5, without), "{source}");
    }
    driver.clean();
}

#[test]
fn unselected_packets_have_no_hash_and_go_to_queue_0() {
    let mut driver = spreading(IPV4_TCP);
    let mut packet = Vec::new();
    let ip = PacketBuilder::ethernet2([2; 6], MAC).ipv4([66, 9, 149, 187], [161, 142, 100, 80], 64);
    ip.udp(2794, 1766).write(&mut packet, &[0; 20]).unwrap();
    driver.port.deliver(&packet);
    driver.port.deliver(&frame(MAC, 60));
    assert_eq!([0, 0].map(|_| next(&mut driver, 0)), [(0, 0), (0, 0)]);
    driver.clean();
}

#[test]
fn the_injected_fault_sends_all_packets_to_queue_0() {
    let mut driver = spreading(IPV4_TCP);
    driver.port.inject(Fault::RxQueueWrong);
    let mut packet = Vec::new();
    let ip = PacketBuilder::ethernet2([2; 6], MAC).ipv4([66, 9, 149, 187], [161, 142, 100, 80], 64);
    ip.tcp(2794, 1766, 1, 1).write(&mut packet, &[0; 20]).unwrap();
    driver.port.deliver(&packet);
    assert!(driver.receive(0).is_some());
    driver.clean();
}

/// Returns a UDP packet over IPv4 from port `source`.
fn udp(source: u16) -> Vec<u8> {
    let mut packet = frame(MAC, 80);
    packet[12..14].copy_from_slice(&[0x08, 0x00]);
    packet[14..34].copy_from_slice(&[0x45, 0, 0, 66, 0, 0, 0, 0, 64, 17, 0, 0, 66, 9, 149, 187, 161, 142, 100, 80]);
    packet[34..36].copy_from_slice(&source.to_be_bytes());
    packet[36..38].copy_from_slice(&1766_u16.to_be_bytes());
    packet
}

#[test]
fn rss_spreads_by_the_hash_and_reports_it() {
    let mut driver = Driver::new();
    driver.port.plug(ixgbe_sim::wire::NoTraffic);
    driver.reset();
    driver.configure();
    for (n, word) in (0..).zip(KEY.chunks_exact(4)) {
        driver.write(RSSRK + n * 4, u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    }
    // Entry n selects queue n / 32.
    (0..32).for_each(|n| driver.write(RETA + n * 4, n / 8 * 0x0101_0101));
    // Each queue has its own set of counters.
    driver.write(0x2300, 0x0403_0201);
    driver.write(MRQC, 1 | 1 << 17 | 1 << 22);
    driver.write(RXCSUM, 1 << 13);
    (0..4).for_each(|queue| driver.add_rx(queue, 64));
    driver.start_receive();
    driver.wait_for_link();
    // 2794 to 1766 is the first of the published vectors.
    driver.port.deliver(&udp(2794));
    let queue = (0x51cc_c178_u32 & 0x7F) as usize / 32;
    let (packet, words) = driver.receive(queue).unwrap();
    assert_eq!(packet, udp(2794));
    assert_eq!(words[0] >> 32, 0x51cc_c178);
    assert_eq!(words[0] as u32, 7 | 1 << 4 | 1 << 9, "IPv4 and UDP");
    // A fragment has no ports.
    let mut fragment = udp(2794);
    fragment[20] = 0x20;
    driver.port.deliver(&fragment);
    let (_, words) = driver.receive((0x323e_8fc2_u32 & 0x7F) as usize / 32).unwrap();
    assert_eq!([1, 2, 3, 4].map(|set| driver.read(0x1030 + set * 0x40)), [0, 0, 1, 1], "QPRC");
    assert_eq!((words[0] >> 32, words[0] as u32), (0x323e_8fc2, 2 | 1 << 4));
    // A packet without a hash goes to queue 0.
    driver.port.deliver(&frame(MAC, 60));
    assert_eq!(driver.receive(0).unwrap().1[0], 0);
    let before = driver.port.counters().delivered;
    (0..200).for_each(|port| driver.port.deliver(&udp(port)));
    let got: Vec<usize> = (0..4)
        .map(|nth| {
            let mut count = 0;
            while driver.receive(nth).is_some() {
                count += 1;
            }
            count
        })
        .collect();
    assert_eq!(got.iter().sum::<usize>() as u64, driver.port.counters().delivered - before);
    assert!(got.iter().all(|count| *count > 30), "{got:?}");
    driver.clean();
}

#[test]
fn with_double_tags_there_is_no_hash() {
    let mut driver = spreading(IPV4_TCP | IPV4);
    let mut packet = Vec::new();
    let (source, destination) = ([66, 9, 149, 187], [161, 142, 100, 80]);
    let ip = PacketBuilder::ethernet2([2; 6], MAC).ipv4(source, destination, 64);
    ip.tcp(2794, 1766, 1, 1).write(&mut packet, &[0; 20]).unwrap();
    driver.port.deliver(&packet);
    assert_eq!(next(&mut driver, 0x51cc_c178), (1, 0x51cc_c178));
    driver.set(CTRL_EXT, 1 << 26);
    let packet = [&packet[..12], &[0x81, 0, 0, 3], &packet[12..]].concat();
    driver.port.deliver(&packet);
    let (_, words) = driver.receive(0).expect("queue 0 has frames without a hash");
    assert_eq!((words[0] & 0xF, words[0] >> 32), (0, 0));
    driver.clean();
}
