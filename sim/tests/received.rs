//! What a descriptor says of a received packet: its type, which checksums are right, its VLAN tag (datasheet 7.1.6.2,
//! 7.1.11, 7.4).

mod common;

use common::*;
use etherparse::{IpHeaders, IpNumber, Ipv4Header, PacketBuilder};

const UDPCS: u64 = 1 << 4;
const L4CS: u64 = 1 << 5;
const IPCS: u64 = 1 << 6;
const L4E: u64 = 1 << 30;
const IPE: u64 = 1 << 31;
const VP: u64 = 1 << 3;

/// Status and errors of `packet`, but for DD and EOP, and its type.
fn status(driver: &mut Driver, packet: &[u8]) -> (u64, u64) {
    driver.port.deliver(packet);
    let (_, words) = driver.receive(0).unwrap();
    driver.refill(0);
    assert_eq!(words[1] & 3, 3);
    (words[1] & 0xFFFF_FFFC, words[0] >> 4 & 0x1FFF)
}

fn tcp(payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    let ip = PacketBuilder::ethernet2([2; 6], MAC).ipv4([10, 0, 0, 2], [10, 0, 0, 1], 64);
    ip.tcp(5000, 40_000, 1, 1).write(&mut packet, payload).unwrap();
    packet
}

#[test]
fn right_and_wrong_checksums_are_told_apart() {
    let mut driver = Driver::running();
    let ethernet = || PacketBuilder::ethernet2([2; 6], MAC);
    for len in [0, 1, 9, 10, 999] {
        let payload = vec![0xA7; len];
        let mut packet = tcp(&payload);
        packet.resize(packet.len().max(60), 0xEE);
        assert_eq!(status(&mut driver, &packet), (IPCS | L4CS, 1 | 1 << 4), "{len} bytes");
        packet[30] ^= 1;
        assert_eq!(status(&mut driver, &packet).0, IPCS | IPE | L4CS | L4E, "an address is in both sums");
        packet[30] ^= 1;
        packet[22] ^= 1;
        assert_eq!(status(&mut driver, &packet).0, IPCS | IPE | L4CS, "the time to live is in one");
        packet[22] ^= 1;
        packet[50] ^= 1;
        assert_eq!(status(&mut driver, &packet).0, IPCS | L4CS | L4E);

        let mut packet = Vec::new();
        ethernet().ipv4([10, 0, 0, 2], [10, 0, 0, 1], 64).udp(1, 2).write(&mut packet, &payload).unwrap();
        packet.resize(packet.len().max(60), 0xEE);
        assert_eq!(status(&mut driver, &packet), (IPCS | L4CS | UDPCS, 1 | 1 << 5));
        packet[41] ^= 1;
        assert_eq!(status(&mut driver, &packet).0, IPCS | L4CS | UDPCS | L4E);
        packet[40..42].fill(0);
        assert_eq!(status(&mut driver, &packet).0, IPCS, "UDP without a checksum has none to check");

        let mut packet = Vec::new();
        ethernet().ipv6([0xFD; 16], [0xFE; 16], 64).tcp(1, 2, 3, 4).write(&mut packet, &payload).unwrap();
        assert_eq!(status(&mut driver, &packet), (L4CS, 1 << 2 | 1 << 4));
        packet[70] ^= 1;
        assert_eq!(status(&mut driver, &packet).0, L4CS | L4E);
    }
    driver.clean();
}

#[test]
fn options_are_seen_and_fragments_have_no_transport_to_check() {
    let mut driver = Driver::running();
    let build = |header: Ipv4Header| {
        let ip = IpHeaders::Ipv4(header, Default::default());
        let mut packet = Vec::new();
        PacketBuilder::ethernet2([2; 6], MAC).ip(ip).udp(1, 2).write(&mut packet, &[5; 40]).unwrap();
        packet
    };
    let header = || Ipv4Header::new(0, 64, IpNumber::UDP, [10, 0, 0, 2], [10, 0, 0, 1]).unwrap();
    let mut options = header();
    options.options = [1, 1, 1, 0].into();
    assert_eq!(status(&mut driver, &build(options)), (IPCS | L4CS | UDPCS, 3 | 1 << 5));
    let mut fragment = header();
    fragment.more_fragments = true;
    assert_eq!(status(&mut driver, &build(fragment)), (IPCS, 1));
    // Neither IP nor a whole header.
    assert_eq!(status(&mut driver, &frame(MAC, 60)), (0, 0));
    let mut packet = frame(MAC, 60);
    packet[12..16].copy_from_slice(&[0x08, 0x00, 0x4F, 0]);
    assert_eq!(status(&mut driver, &packet).0, 0, "a header beyond the frame");
    driver.clean();
}

#[test]
fn a_tag_of_another_type_is_one_when_vlnctrl_says_so() {
    let mut driver = Driver::running();
    driver.set(rx(0, 0x28), 1 << 30);
    let packet = tcp(&[7; 100]);
    let tagged = |kind: u16| [&packet[..12], &kind.to_be_bytes(), &[0x20, 0x65], &packet[12..]].concat();
    for kind in [0x8100, 0x88A8] {
        let rest = driver.read(VLNCTRL) & !0xFFFF;
        driver.write(VLNCTRL, rest | kind);
        for other in [0x8100, 0x88A8] {
            driver.port.deliver(&tagged(other as u16));
            let (received, words) = driver.receive(0).unwrap();
            driver.refill(0);
            if kind == other {
                assert_eq!((received, words[1] >> 48), (packet.clone(), 0x2065));
                assert_eq!(words[1] & 0xFFFF_FFFC, VP | IPCS | L4CS, "what is behind the tag is checked");
            } else {
                assert_eq!((received, words[1] >> 48, words[1] & 0xFFFF_FFFC), (tagged(other as u16), 0, 0));
            }
        }
    }
    driver.clean();
}

#[test]
fn the_canonical_form_indicator_is_filtered_on_request() {
    let mut driver = Driver::running();
    let packet = tcp(&[7; 100]);
    let tagged = |tag: u16| [&packet[..12], &[0x81, 0x00], &tag.to_be_bytes(), &packet[12..]].concat();
    driver.write(VFTA + 0x65 / 32 * 4, 1 << (0x65 % 32));
    let passes = |driver: &mut Driver| {
        [0x0065, 0x1065].map(|tag| {
            driver.port.deliver(&tagged(tag));
            driver.receive(0).is_some()
        })
    };
    let (filter, enable, set) = (1 << 30, 1 << 29, 1 << 28);
    for (control, expected) in [
        (filter, [true, true]),
        (filter | enable, [true, false]),
        (filter | enable | set, [false, true]),
        (filter | set, [true, true]),
    ] {
        let rest = driver.read(VLNCTRL) & !(filter | enable | set);
        driver.write(VLNCTRL, rest | control);
        assert_eq!(passes(&mut driver), expected, "{control:#x}");
    }
    driver.clean();
}
