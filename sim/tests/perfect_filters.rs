//! Perfect filters of Flow Director: what they compare, masks, dropping, reports (datasheet 7.1.2.7, 8.2.3.21).

mod common;

use common::filters::*;
use common::*;
use ixgbe_sim::{Decision, Rule};

/// FDIRCTRL: 64 KB, perfect filters, queue 127 for dropped packets, the EtherType as flexible bytes, lists of 20.
const CONTROL: u32 = 1 | 1 << 4 | 127 << 8 | 6 << 16 | 10 << 24 | 4 << 28;
const UPDATE: u32 = 1 << 3;
const DROP: u32 = 1 << 9;
const LAST: u32 = 1 << 11;
const QUEUE: u32 = 1 << 15;
/// Commands.
const ADD: u32 = 1;
const REMOVE: u32 = 2;
const QUERY: u32 = 3;
const PLACES: u32 = 2 * 1024 - 2;

/// Returns a driver with four queues and an empty table, which reports matches.
fn directing(control: u32) -> Driver {
    let driver = with_queues();
    driver.write(RXPBSIZE, (512 - 64) << 10);
    driver.write(FDIRHKEY, BUCKET_KEY);
    driver.write(FDIRSKEY, SIGNATURE_KEY);
    driver.write(FDIRCTRL, control);
    assert!(driver.until(FDIRCTRL, 1 << 3, 1 << 3));
    driver.write(RXCSUM, 1 << 13);
    start(&driver);
    driver
}

/// Writes the registers of a filter, and a command. Bits 23:16 of `action` are the queue.
fn command(driver: &Driver, fields: &Fields, id: u32, action: u32) {
    for (n, word) in (0..).zip(fields.source) {
        driver.write(0xEE0C + n * 4, word.swap_bytes());
    }
    driver.write(0xEE1C, fields.destination[3].swap_bytes());
    driver.write(0xEE20, u32::from(fields.ports[0]) | u32::from(fields.ports[1]) << 16);
    driver.write(0xEE24, u32::from(fields.vlan) | u32::from(fields.flexible.swap_bytes()) << 16);
    program(driver, fields.hash(BUCKET_KEY) | id << 16, action | u32::from(fields.kind) << 5);
}

fn add(driver: &Driver, fields: &Fields, id: u32, queue: u32) {
    command(driver, fields, id, ADD | UPDATE | LAST | QUEUE | queue << 16);
}

/// Returns the fields with the EtherType as flexible bytes.
fn fields(packet: &Packet) -> Fields {
    Fields { flexible: if packet.tag.is_some() { 0x8100 } else { 0x0800 }, ..Fields::of(packet) }
}

fn udp() -> Packet {
    Packet { protocol: 17, ..Packet::default() }
}

#[test]
fn every_field_is_compared_bit_by_bit_unless_it_is_masked() {
    let mut driver = directing(CONTROL);
    let packet = Packet { tag: Some(0x2065), ..Packet::default() };
    let wanted = Fields::of(&packet);
    let clear = [FDIRM, FDIRSIP4M, FDIRDIP4M, FDIRTCPM, FDIRUDPM];
    // Each mask, and the field without the bits that it ignores. Only masks of ports are reversed.
    let masks: [(&[(u32, u32)], Fields); 9] = [
        (&[], wanted),
        (&[(FDIRM, 1 << 0)], Fields { vlan: 0x2000, ..wanted }),
        (&[(FDIRM, 1 << 1)], Fields { vlan: 0x0065, ..wanted }),
        (&[(FDIRM, 1 << 3), (FDIRTCPM, u32::MAX), (FDIRUDPM, u32::MAX)], Fields { kind: 0, ports: [0; 2], ..wanted }),
        (&[(FDIRSIP4M, 0x0300_00FF)], Fields { source: [0; 4], ..wanted }),
        (&[(FDIRDIP4M, 0xFF00_0000)], Fields { destination: [0, 0, 0, 0x0A00_0000], ..wanted }),
        (&[(FDIRTCPM, 0x0000_00FF)], Fields { ports: [5000 & 0xFF, 40_000], ..wanted }),
        (&[(FDIRTCPM, 0x8000_0000)], Fields { ports: [5000, 40_000 & !1], ..wanted }),
        (&[(FDIRUDPM, u32::MAX)], wanted),
    ];
    type Change = fn(&mut Packet);
    // Changes, and the masks with which the packet matches all the same.
    let changes: [(Change, &[usize]); 10] = [
        (|packet| packet.tag = Some(0x2064), &[1]),
        (|packet| packet.tag = Some(0x6065), &[2]),
        (|packet| packet.tag = Some(0x3065), &[0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (|packet| packet.protocol = 17, &[3]),
        (|packet| packet.source = [77, 0, 0, 1], &[4]),
        (|packet| packet.source[2] = 1, &[]),
        (|packet| packet.destination[3] = 77, &[5]),
        (|packet| packet.ports[0] ^= 0x8100, &[3, 6]),
        (|packet| packet.ports[1] ^= 1, &[3, 7]),
        (|packet| packet.ports[1] ^= 2, &[3]),
    ];
    for (n, (registers, filter)) in masks.iter().enumerate() {
        empty(&driver, CONTROL);
        clear.iter().for_each(|at| driver.write(*at, 0));
        registers.iter().for_each(|(at, value)| driver.write(*at, *value));
        add(&driver, &Fields { flexible: 0x8100, ..*filter }, 1, 2);
        assert_eq!(queue_of(&mut driver, &packet), Some(2), "{n}");
        for (change, matching) in changes {
            let mut other = packet;
            change(&mut other);
            let queue = if matching.contains(&n) { 2 } else { 0 };
            assert_eq!(queue_of(&mut driver, &other), Some(queue), "mask {n}: {other:x?}");
        }
    }
    driver.clean();
}

#[test]
fn flexible_bytes_are_any_two_of_the_first_64() {
    let mut driver = directing(CONTROL);
    let packet = udp();
    for offset in [0, 6, 7, 18, 31] {
        empty(&driver, CONTROL & !(0x1F << 16) | offset << 16);
        let frame = packet.frame();
        let at = offset as usize * 2;
        let filter = Fields { flexible: u16::from_be_bytes([frame[at], frame[at + 1]]), ..Fields::of(&packet) };
        add(&driver, &filter, 1, 3);
        assert_eq!(delivered(&mut driver, &frame).unwrap().0, 3, "{offset}");
        if at >= 42 {
            for byte in [at, at + 1] {
                let mut other = frame.clone();
                other[byte] ^= 1;
                assert_eq!(delivered(&mut driver, &other).unwrap().0, 0, "{offset}");
            }
        }
    }
    empty(&driver, CONTROL);
    driver.write(FDIRM, 1 << 4);
    add(&driver, &Fields::of(&packet), 1, 3);
    assert_eq!(queue_of(&mut driver, &packet), Some(3));
    driver.clean();
}

/// What an 82599 reported with perfect filters in 64 KB, as the test plans of DPDK record it.
#[test]
fn reports_are_those_of_silicon() {
    let mut driver = directing(CONTROL | 1 << 5);
    let between = |source, destination, ports, protocol| Packet { source, destination, ports, protocol, ..udp() };
    let (one, two) = ([192, 168, 0, 1], [192, 168, 0, 2]);
    let ports = [1024; 2];
    type Vector<'a> = (&'a [(u32, u32)], Fields, Packet, u32, u32);
    let plain = |protocol, bucket, id| -> Vector<'_> {
        let packet = between(one, two, ports, protocol);
        (&[], fields(&packet), packet, bucket, id)
    };
    let near = |source, destination, sent| between(source, destination, sent, 17);
    let tagged = Packet { tag: Some(0x0FFF), ..near(one, two, ports) };
    let vectors = [
        plain(17, 0x43C, 0x14),
        plain(6, 0x347, 0x15),
        plain(1, 0x681, 0x17),
        (
            &[(FDIRSIP4M, 0xFF00_0000), (FDIRDIP4M, 0xFF00_0000)],
            fields(&near([192, 168, 0, 0], [192, 168, 0, 0], ports)),
            near([192, 168, 0, 15], [192, 168, 0, 15], ports),
            0x6CF,
            0x17,
        ),
        (
            &[(FDIRUDPM, 0xFF00_FF00)],
            fields(&near([10, 11, 12, 1], [10, 11, 12, 2], [0x4400, 0x4500])),
            near([10, 11, 12, 1], [10, 11, 12, 2], [0x4411, 0x4517]),
            0x41D,
            0x4,
        ),
        (
            &[(FDIRM, 1 << 3), (FDIRUDPM, u32::MAX)],
            fields(&between(one, two, ports, 1)),
            near(one, two, ports),
            0x681,
            0x42,
        ),
        (&[(FDIRM, 1 << 4)], Fields::of(&between(one, two, ports, 1)), between(one, two, ports, 47), 0x2F3, 0x42),
        (&[], fields(&tagged), tagged, 0x7E9, 0x47),
        (&[(FDIRM, 3)], Fields { vlan: 0, ..fields(&tagged) }, Packet { tag: Some(0x17), ..tagged }, 0x7E8, 0x47),
    ];
    for (masks, filter, packet, bucket, id) in vectors {
        empty(&driver, CONTROL | 1 << 5);
        [FDIRM, FDIRSIP4M, FDIRDIP4M, FDIRTCPM, FDIRUDPM].iter().for_each(|at| driver.write(*at, 0));
        masks.iter().for_each(|(at, value)| driver.write(*at, *value));
        let (queue, words) = delivered(&mut driver, &packet.frame()).unwrap();
        assert_eq!((queue, words[0] >> 32, words[0] & 0xF, words[1] & FLM), (0, 0, 0, 0), "no filter matches");
        add(&driver, &filter, id, 1);
        let (queue, words) = delivered(&mut driver, &packet.frame()).unwrap();
        assert_eq!((queue, words[0] & 0xF, words[1] & FLM), (1, 15, FLM), "{bucket:#x}");
        assert_eq!(words[0] >> 32, u64::from(bucket << 16 | id), "{bucket:#x}");
    }
    // Report-Status-always reports the bucket of packets without a match too.
    empty(&driver, CONTROL | 1 << 5 | 1 << 7);
    driver.write(FDIRM, 1 << 4);
    let packet = between(one, two, ports, 1);
    let (queue, words) = delivered(&mut driver, &packet.frame()).unwrap();
    assert_eq!((queue, words[0] >> 32, words[0] & 0xF, words[1] & FLM), (0, 0x2F3 << 16, 15, 0));
    add(&driver, &Fields::of(&packet), 1, 1);
    let (queue, words) = delivered(&mut driver, &packet.frame()).unwrap();
    assert_eq!((queue, words[0] >> 32, words[0] & 0xF, words[1] & FLM), (1, 0x2F3 << 16 | 1, 15, FLM));
    // A frame that cannot match is not reported.
    assert_eq!(delivered(&mut driver, &frame(MAC, 60)).unwrap().1[0], 0);
    driver.clean();
}

#[test]
fn without_a_report_the_descriptor_has_the_hash_of_rss() {
    let mut driver = directing(CONTROL);
    (0..32).for_each(|n| driver.write(RETA + n * 4, 0x0303_0303));
    (0..10).for_each(|n| driver.write(RSSRK + n * 4, 0x1234_5678));
    driver.write(MRQC, 1 | 1 << 22);
    let (queue, before) = delivered(&mut driver, &udp().frame()).unwrap();
    assert_eq!((queue, before[0] & 0xF), (3, 7));
    add(&driver, &fields(&udp()), 1, 2);
    let (queue, words) = delivered(&mut driver, &udp().frame()).unwrap();
    assert_eq!((queue, words[0], words[1] & FLM), (2, before[0], FLM));
    // A filter without a queue leaves the queue to RSS.
    command(&driver, &fields(&udp()), 1, ADD | UPDATE | LAST | 2 << 16);
    let (queue, words) = delivered(&mut driver, &udp().frame()).unwrap();
    assert_eq!((queue, words[1] & FLM), (3, FLM));
    driver.clean();
}

#[test]
fn a_filter_that_drops_sends_to_the_queue_for_it() {
    const DROPPED: u64 = 1 << 21;
    let mut driver = directing(CONTROL);
    command(&driver, &fields(&udp()), 7, ADD | UPDATE | LAST | DROP | 1 << 16);
    let decision = Decision::FlowDirector { id: 7, drop: true };
    assert_eq!(driver.port.destination(&udp().frame()).map(|to| (to.queue, to.decision)), Some((127, decision)));
    driver.port.deliver(&udp().frame());
    assert_eq!((driver.port.counters().dropped_no_queue, driver.port.counters().delivered), (1, 0));
    assert_eq!([FDIRMATCH, 0x1430].map(|at| driver.read(at)), [1, 1], "it matched, and it counts as dropped");
    // The queue can be one that receives.
    empty(&driver, CONTROL & !(0x7F << 8) | 2 << 8);
    command(&driver, &fields(&udp()), 7, ADD | UPDATE | LAST | DROP | 1 << 16);
    let (queue, words) = delivered(&mut driver, &udp().frame()).unwrap();
    assert_eq!((queue, words[1] & (FLM | 7 << 20)), (2, FLM | DROPPED));
    driver.clean();
}

#[test]
fn behind_the_end_of_a_list_a_filter_does_not_drop() {
    const LENGTH: u64 = 1 << 20;
    let mut driver = directing(CONTROL & !(0xF << 24) | 1 << 24);
    // Addresses whose sum is the same have the same hash.
    let flow = |n| Packet { source: [10, 0, n, 2], destination: [10, 0, n, 1], ..udp() };
    for n in 0..3 {
        command(&driver, &fields(&flow(n)), n.into(), ADD | UPDATE | LAST | DROP | QUEUE | 1 << 16);
    }
    assert_eq!(driver.read(FDIRLEN), 2);
    for n in 0..2 {
        assert_eq!(queue_of(&mut driver, &flow(n)), None, "{n}");
    }
    let (queue, words) = delivered(&mut driver, &flow(2).frame()).unwrap();
    assert_eq!((queue, words[1] & (FLM | 7 << 20)), (1, FLM | LENGTH));
    driver.clean();
}

#[test]
fn filters_are_found_changed_and_removed_by_bucket_and_index() {
    let mut driver = directing(CONTROL);
    let flow = |n| Packet { source: [10, 0, n, 2], destination: [10, 0, n, 1], tag: Some(0x6123), ..udp() };
    let hash = fields(&flow(0)).hash(BUCKET_KEY);
    assert_eq!(driver.read(FDIRFREE), PLACES);
    for n in 0..3 {
        add(&driver, &fields(&flow(n)), 0x100 + u32::from(n), 1 + u32::from(n));
    }
    for n in 0..3 {
        assert_eq!(queue_of(&mut driver, &flow(n)), Some(1 + usize::from(n)), "in one bucket");
    }
    // The query returns all of a filter. Bit 6 of FDIRCMD may read wrong (erratum 4): in the model it does not.
    (0..6).for_each(|n| driver.write(0xEE0C + n * 4, 0));
    program(&driver, hash | 0x101 << 16, QUERY);
    let registers = [0xEE18, 0xEE1C, 0xEE20, 0xEE24].map(|at| driver.read(at));
    let ports = 5000 | 40_000 << 16;
    assert_eq!(registers, [0x0201_000A, 0x0101_000A, ports, 0x6123 | 0x0081 << 16]);
    assert_eq!(driver.read(FDIRCMD), 1 << 2 | 1 << 5 | LAST | QUEUE | 2 << 16);
    assert_eq!((driver.read(FDIRHASH) & 0xFFFF, driver.read(FDIRLEN)), (hash | 1 << 15, 3 << 8 | 2));
    // With an update, an index gets other fields; without one, nothing changes.
    add(&driver, &fields(&flow(9)), 0x101, 3);
    assert_eq!((queue_of(&mut driver, &flow(1)), queue_of(&mut driver, &flow(9))), (Some(0), Some(3)));
    command(&driver, &fields(&flow(1)), 0x101, ADD | LAST | QUEUE | 2 << 16);
    assert_eq!((queue_of(&mut driver, &flow(1)), queue_of(&mut driver, &flow(9))), (Some(0), Some(3)));
    assert_eq!((driver.read(FDIRUSTAT), driver.read(FDIRFSTAT), driver.read(FDIRFREE)), (3, 2, PLACES - 3));
    // What is removed is what the index says, whatever the other registers hold.
    program(&driver, hash | 0x101 << 16, REMOVE);
    assert_eq!(queue_of(&mut driver, &flow(9)), Some(0));
    assert_eq!([0, 2].map(|n| queue_of(&mut driver, &flow(n))), [Some(1), Some(3)]);
    driver.read(EICR);
    program(&driver, hash | 0x101 << 16, REMOVE);
    assert_eq!(driver.peek(EICR) & 1 << 16, 1 << 16);
    assert_eq!((driver.read(FDIRUSTAT), driver.read(FDIRFSTAT), driver.read(FDIRFREE)), (1 << 16, 1 << 8, PLACES - 2));
    driver.clean();
}

#[test]
fn a_table_of_perfect_filters_has_a_quarter_of_the_places() {
    let mut driver = directing(CONTROL);
    for n in 0..PLACES {
        command(&driver, &Fields { ports: [n as u16; 2], ..fields(&udp()) }, n, ADD | LAST | QUEUE | 1 << 16);
    }
    assert_eq!((driver.read(FDIRFREE), driver.read(FDIRUSTAT), driver.read(FDIRFSTAT)), (0, PLACES, 0));
    add(&driver, &fields(&udp()), PLACES, 2);
    assert_eq!((driver.read(FDIRFREE), driver.read(FDIRUSTAT), driver.read(FDIRFSTAT)), (0, 0, 1));
    assert_eq!(queue_of(&mut driver, &udp()), Some(0), "lost silently");
    assert_eq!(queue_of(&mut driver, &Packet { ports: [7; 2], ..udp() }), Some(1));
    driver.clean();
}

#[test]
fn the_destination_of_ipv6_is_the_devices_own_address_or_another() {
    let mut driver = directing(CONTROL);
    let own = [0xFE, 0x80, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];
    let other = [0xFD; 16];
    let source = [0xFC, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    let words = |address: [u8; 16]| [0, 4, 8, 12].map(|n| u32::from_be_bytes(*address[n..].first_chunk().unwrap()));
    for (n, word) in (0..).zip(words(own)) {
        driver.write(0x5880 + n * 4, word.swap_bytes());
    }
    driver.write(0x5838, 1 << 16);
    let frame = |to| version6(source, to, 17, [1, 2]);
    let filter = |to| Fields {
        kind: 4 | 1,
        source: words(source),
        destination: words(to),
        ports: [1, 2],
        flexible: 0x86DD,
        ..Fields::default()
    };
    const OWN: u32 = 1 << 4;
    for to_own in [OWN, 0] {
        empty(&driver, CONTROL);
        for (id, to) in [(1, own), (2, other)] {
            command(&driver, &filter(to), id, ADD | UPDATE | LAST | QUEUE | to_own | 2 << 16);
        }
        let expected = if to_own != 0 { [2, 0] } else { [0, 2] };
        assert_eq!([own, other].map(|to| delivered(&mut driver, &frame(to)).unwrap().0), expected);
        let mut changed = frame(if to_own != 0 { own } else { other });
        changed[14 + 8 + 5] ^= 1;
        assert_eq!(delivered(&mut driver, &changed).unwrap().0, 0, "the source");
    }
    // Without the comparison, the destination is still part of the hash.
    empty(&driver, CONTROL);
    driver.write(FDIRM, 1 << 5);
    add(&driver, &filter(own), 1, 3);
    assert_eq!([own, other].map(|to| delivered(&mut driver, &frame(to)).unwrap().0), [3, 0]);
    // Masks of bytes.
    empty(&driver, CONTROL);
    driver.write(FDIRIP6M, 1 << 5 | 0xFFFF << 16);
    let mut masked = Fields { destination: [0; 4], ..filter(own) };
    masked.source[1] &= !(0xFF << 16);
    add(&driver, &masked, 1, 3);
    for to in [own, other] {
        let mut changed = frame(to);
        changed[14 + 8 + 5] ^= 1;
        assert_eq!(delivered(&mut driver, &changed).unwrap().0, 3);
        changed[14 + 8 + 4] ^= 1;
        assert_eq!(delivered(&mut driver, &changed).unwrap().0, 0);
    }
    driver.clean();
}

#[test]
fn filters_that_the_chip_does_not_have_are_recorded() {
    let driver = directing(CONTROL);
    for wrong in [
        Fields { vlan: 0x1065, ..fields(&udp()) },
        Fields { kind: 3, ports: [1, 0], ..fields(&udp()) },
        Fields { kind: 3, ports: [0, 1], ..fields(&udp()) },
    ] {
        add(&driver, &wrong, 1, 1);
        assert_eq!(driver.broken(), [Rule::FlowDirectorFilterInvalid], "{wrong:x?}");
    }
    add(&driver, &Fields { kind: 3, ports: [0; 2], ..fields(&udp()) }, 2, 1);
    driver.clean();
}
