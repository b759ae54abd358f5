//! Status of a received packet in its descriptor: packet type, checksums, VLAN tag (datasheet 7.1.6.2, 7.1.11, 7.4).

mod common;

use common::*;
use etherparse::{IpHeaders, IpNumber, Ipv4Header, PacketBuilder};
use ixgbe_sim::Fault;

const UDPCS: u64 = 1 << 4;
const L4CS: u64 = 1 << 5;
const IPCS: u64 = 1 << 6;
const L4E: u64 = 1 << 30;
const IPE: u64 = 1 << 31;
const VP: u64 = 1 << 3;

/// Returns the status and errors of `packet`, without DD and EOP, and its packet type.
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
fn right_and_wrong_checksums_are_distinguished() {
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
fn options_are_detected_and_fragments_have_no_transport_to_check() {
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
    // Neither IP nor a complete header.
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

/// Returns `packet` with its EtherType after an LLC and a SNAP header (RFC 1042).
fn in_snap(packet: &[u8]) -> Vec<u8> {
    let length = (packet.len() - 14 + 8) as u16;
    let header = [0xAA, 0xAA, 0x03, 0, 0, 0];
    [&packet[..12], &length.to_be_bytes(), &header, &packet[12..]].concat()
}

#[test]
fn frames_with_llc_and_snap_are_understood() {
    let mut driver = Driver::running();
    let mut packet = in_snap(&tcp(&[7; 100]));
    assert_eq!(status(&mut driver, &packet), (IPCS | L4CS, 1 | 1 << 4));
    packet[58] ^= 1;
    assert_eq!(status(&mut driver, &packet), (IPCS | L4CS | L4E, 1 | 1 << 4));
    // The types of another organisation have other meanings, and so does LLC without SNAP.
    packet[19] = 1;
    assert_eq!(status(&mut driver, &packet), (0, 0));
    let mut packet = in_snap(&tcp(&[7; 100]));
    packet[14..16].copy_from_slice(&[0x42, 0x42]);
    assert_eq!(status(&mut driver, &packet), (0, 0));
    let packet = in_snap(&tcp(&[7; 100]));
    let tagged = [&packet[..12], &[0x81, 0x00, 0x20, 0x65], &packet[12..]].concat();
    assert_eq!(status(&mut driver, &tagged), (IPCS | L4CS, 1 | 1 << 4));
    driver.clean();
}

/// Returns a TCP packet over IPv6 with one extension header of kind `kind`, whose last seven of the first eight bytes
/// are `rest`.
fn extended(kind: u8, rest: [u8; 7]) -> Vec<u8> {
    let mut packet = Vec::new();
    let ip = PacketBuilder::ethernet2([2; 6], MAC).ipv6([0xFD; 16], [0xFE; 16], 64);
    ip.tcp(1, 2, 3, 4).write(&mut packet, &[7; 40]).unwrap();
    let length = u16::from_be_bytes([packet[18], packet[19]]) + 8;
    packet[18..20].copy_from_slice(&length.to_be_bytes());
    packet[20] = kind;
    packet.splice(54..54, [&[6][..], &rest].concat());
    packet
}

#[test]
fn extension_headers_of_ipv6_hide_the_transport_where_they_change_its_checksum() {
    let mut driver = Driver::running();
    const EXTENDED: u64 = 1 << 2 | 1 << 3;
    for (kind, rest, understood) in [
        // Padding in hop-by-hop and destination options, and a routing header without segments left.
        (0, [0, 1, 4, 0, 0, 0, 0], true),
        (60, [0, 1, 4, 0, 0, 0, 0], true),
        (43, [0, 4, 0, 0, 0, 0, 0], true),
        // The destination address is not the final one, or the source address is not the home address.
        (43, [0, 4, 1, 0, 0, 0, 0], false),
        (60, [0, 0, 0xC9, 2, 0, 0, 0], false),
    ] {
        let expected = if understood { (L4CS, EXTENDED | 1 << 4) } else { (0, EXTENDED) };
        assert_eq!(status(&mut driver, &extended(kind, rest)), expected, "{kind} {rest:?}");
    }
    driver.clean();
}

#[test]
fn for_ip_in_ip_at_most_the_outer_header_is_checked() {
    let mut driver = Driver::running();
    let outer = |protocol: u8, inner: &[u8]| {
        let mut packet = Vec::new();
        let ip = Ipv4Header::new(inner.len() as u16, 64, protocol.into(), [10, 0, 0, 2], [10, 0, 0, 1]).unwrap();
        let ip = IpHeaders::Ipv4(ip, Default::default());
        PacketBuilder::ethernet2([2; 6], MAC).ip(ip).write(&mut packet, protocol.into(), inner).unwrap();
        packet
    };
    let mut version6 = Vec::new();
    PacketBuilder::ipv6([0xFD; 16], [0xFE; 16], 64).tcp(1, 2, 3, 4).write(&mut version6, &[7; 40]).unwrap();
    assert_eq!(status(&mut driver, &outer(4, &tcp(&[7; 40])[14..])), (0, 1), "IPv4 in IPv4");
    let mut packet = outer(41, &version6);
    assert_eq!(status(&mut driver, &packet), (IPCS, 1 | 1 << 2), "IPv6 in IPv4");
    packet[22] ^= 1;
    assert_eq!(status(&mut driver, &packet), (IPCS | IPE, 1 | 1 << 2));
    driver.clean();
}

#[test]
fn frames_to_groups_are_marked() {
    const PIF: u64 = 1 << 7;
    let mut driver = Driver::running();
    driver.write(MTA + 4 * (0x563 >> 5), 1 << (0x563 & 31));
    driver.write(MCSTCTRL, 1 << 2);
    assert_eq!(status(&mut driver, &frame(MAC, 60)).0, 0);
    assert_eq!(status(&mut driver, &frame([0xFF; 6], 60)).0, PIF);
    assert_eq!(status(&mut driver, &frame([0x01, 0, 0x5E, 0x12, 0x34, 0x56], 60)).0, PIF);
    driver.clean();
}

#[test]
fn a_checksum_of_udp_that_was_never_sent_seems_wrong_by_erratum_44() {
    const XEC: u32 = 0x4120;
    let mut driver = Driver::running();
    let ethernet = || PacketBuilder::ethernet2([2; 6], MAC);
    let mut packet = Vec::new();
    ethernet().ipv4([10, 0, 0, 2], [10, 0, 0, 1], 64).udp(1, 2).write(&mut packet, &[7; 40]).unwrap();
    let mut version6 = Vec::new();
    ethernet().ipv6([0xFD; 16], [0xFE; 16], 64).udp(1, 2).write(&mut version6, &[7; 40]).unwrap();
    version6[60..62].fill(0);
    for (packet, expected) in [
        (packet.clone(), IPCS | L4CS | UDPCS),
        ([&packet[..40], &[0, 0], &packet[42..]].concat(), IPCS | L4CS | UDPCS | L4E),
        (version6, 0),
        (tcp(&[7; 40]), IPCS | L4CS),
    ] {
        driver.port.clear(Fault::RxUdpChecksumInvented);
        let before = status(&mut driver, &packet).0;
        assert_eq!((before & L4E, driver.read(XEC)), (0, 0));
        driver.port.inject(Fault::RxUdpChecksumInvented);
        assert_eq!(status(&mut driver, &packet).0, expected);
        assert_eq!(driver.read(XEC), u32::from(expected & L4E != 0));
    }
    driver.clean();
}

const VEXT: u64 = 1 << 9;

/// Returns a driver that expects two tags, the outer one of type `outer`.
fn with_double_tags(outer: u16) -> Driver {
    let driver = Driver::running();
    driver.write(0x5078, u32::from(outer) << 16);
    driver.set(CTRL_EXT, 1 << 26);
    driver
}

/// Returns `packet` with tags: their types and contents, the outer one first.
fn tagged(packet: &[u8], tags: &[(u16, u16)]) -> Vec<u8> {
    let tags = tags.iter().flat_map(|(kind, tag)| [kind.to_be_bytes(), tag.to_be_bytes()].concat());
    [packet[..12].to_vec(), tags.collect(), packet[12..].to_vec()].concat()
}

/// Returns what is received of `packet`, its status without DD and EOP, its packet type and its tag.
fn received(driver: &mut Driver, packet: &[u8]) -> (Vec<u8>, u64, u64, u64) {
    driver.port.deliver(packet);
    let (received, words) = driver.receive(0).unwrap();
    driver.refill(0);
    (received, words[1] & 0xFFFF_FFFC, words[0] >> 4 & 0x1FFF, words[1] >> 48)
}

const OUTER: (u16, u16) = (0x88A8, 0x2003);
const INNER: (u16, u16) = (0x8100, 0x4065);

#[test]
fn of_two_tags_the_inner_one_is_stripped_and_what_is_behind_is_checked() {
    const TCP_OVER_IPV4: u64 = 1 | 1 << 4;
    let mut driver = with_double_tags(OUTER.0);
    let good = tcp(&[7; 100]);
    let mut bad = good.clone();
    bad[60] ^= 1;
    for (packet, verdict) in [(&good, IPCS | L4CS), (&bad, IPCS | L4CS | L4E)] {
        driver.clear(rx(0, 0x28), 1 << 30);
        let both = tagged(packet, &[OUTER, INNER]);
        assert_eq!(received(&mut driver, &both), (both.clone(), VEXT | verdict, TCP_OVER_IPV4, 0));
        driver.set(rx(0, 0x28), 1 << 30);
        let outer = tagged(packet, &[OUTER]);
        let expected = (outer.clone(), VEXT | VP | verdict, TCP_OVER_IPV4, u64::from(INNER.1));
        assert_eq!(received(&mut driver, &both), expected);
        // A single tag is the outer one, which stays.
        assert_eq!(received(&mut driver, &outer), (outer.clone(), VEXT | verdict, TCP_OVER_IPV4, 0));
    }
    driver.clean();
}

#[test]
fn without_the_outer_tag_nothing_is_recognised() {
    let mut driver = with_double_tags(OUTER.0);
    driver.set(rx(0, 0x28), 1 << 30);
    let packet = tcp(&[7; 100]);
    for packet in [packet.clone(), tagged(&packet, &[INNER]), tagged(&packet, &[INNER, OUTER])] {
        assert_eq!(received(&mut driver, &packet), (packet.clone(), 0, 0, 0));
    }
    driver.clean();
}

#[test]
fn both_tags_may_have_the_same_type() {
    let mut driver = with_double_tags(0x8100);
    driver.set(rx(0, 0x28), 1 << 30);
    let packet = tcp(&[7; 100]);
    let outer = tagged(&packet, &[(0x8100, 3)]);
    let both = tagged(&packet, &[(0x8100, 3), INNER]);
    assert_eq!(received(&mut driver, &both), (outer.clone(), VEXT | VP | IPCS | L4CS, 0x11, u64::from(INNER.1)));
    assert_eq!(received(&mut driver, &outer), (outer.clone(), VEXT | IPCS | L4CS, 0x11, 0));
    driver.clear(CTRL_EXT, 1 << 26);
    let inner = tagged(&packet, &[INNER]);
    assert_eq!(received(&mut driver, &both), (inner, VP, 0, 3), "the first tag, as the mode is off");
    driver.clean();
}

#[test]
fn filters_look_at_the_inner_tag_and_behind_it() {
    const ETQF: u32 = 0x5128;
    let mut driver = with_double_tags(OUTER.0);
    let id = u32::from(INNER.1) & 0xFFF;
    driver.write(VFTA + id / 32 * 4, 1 << (id % 32));
    driver.set(VLNCTRL, 1 << 30);
    let packet = tcp(&[7; 100]);
    let other = (0x8100, 0x66);
    let filtered = driver.port.counters().dropped_filter;
    driver.port.deliver(&tagged(&packet, &[OUTER, other]));
    assert!(driver.receive(0).is_none(), "the table has no such inner tag");
    assert_eq!(driver.port.counters().dropped_filter, filtered + 1);
    received(&mut driver, &tagged(&packet, &[OUTER, INNER]));
    received(&mut driver, &tagged(&packet, &[(OUTER.0, 0x66), INNER]));
    received(&mut driver, &tagged(&packet, &[OUTER]));
    // An EtherType filter, behind both tags, one, or none.
    driver.write(ETQF + 4 * 3, 1 << 31 | 0x88F7);
    let mut message = frame(MAC, 60);
    message[12..14].copy_from_slice(&[0x88, 0xF7]);
    for tags in [&[OUTER, INNER][..], &[OUTER], &[]] {
        let (_, status, kind, _) = received(&mut driver, &tagged(&message, tags));
        assert_eq!((status & VEXT != 0, kind), (!tags.is_empty(), 1 << 11 | 3), "{tags:x?}");
    }
    driver.clean();
}

#[test]
fn neither_tag_counts_in_the_longest_frame() {
    let mut driver = with_double_tags(OUTER.0);
    driver.set(rx(0, 0x28), 1 << 30);
    let packet = tcp(&vec![7; 1514 - 54]);
    assert_eq!(packet.len(), 1514);
    assert_eq!(received(&mut driver, &tagged(&packet, &[OUTER, INNER])).0.len(), 1518);
    driver.port.deliver(&tagged(&tcp(&vec![7; 1515 - 54]), &[OUTER, INNER]));
    assert!(driver.receive(0).is_none());
    assert_eq!(driver.port.counters().dropped_long, 1);
    driver.clean();
}
