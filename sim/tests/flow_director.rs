//! Flow Director: initialisation of its table, and signature filters (datasheet 7.1.2.7, 8.2.3.21).
//!
//! Perfect filters are in `perfect_filters.rs`.

mod common;

use common::filters::*;
use common::*;
use etherparse::{PacketBuilder, VlanId};
use ixgbe_sim::Rule;

/// FDIRCTRL: 64 KB, the EtherType as flexible bytes, lists of 20, a warning at 64 free filters.
const CONTROL: u32 = 1 | 6 << 16 | 10 << 24 | 4 << 28;
const ADD: u32 = 1 | 1 << 3 | 1 << 11 | 1 << 15 | 2 << 5;
const REMOVE: u32 = 2 | 2 << 5;
const QUERY: u32 = 3;

/// Returns a driver with four queues and the keys for the hashes below.
fn directing() -> Driver {
    let mut driver = Driver::new();
    driver.port.plug(ixgbe_sim::wire::NoTraffic);
    driver.reset();
    driver.configure();
    driver.write(RXPBSIZE, (512 - 64) << 10);
    driver.write(FDIRHKEY, BUCKET_KEY);
    driver.write(FDIRSKEY, SIGNATURE_KEY);
    driver.write(FDIRCTRL, CONTROL);
    assert_eq!(driver.read(FDIRCTRL) & 1 << 3, 0, "the table takes a while");
    assert!(driver.until(FDIRCTRL, 1 << 3, 1 << 3));
    (0..4).for_each(|queue| driver.add_rx(queue, 64));
    driver.start_receive();
    driver.wait_for_link();
    driver.clean();
    driver
}

/// Returns a TCP packet from 10.0.0.2:5000 to 10.0.0.1:40000.
fn packet(tag: Option<u16>) -> Vec<u8> {
    let mut packet = Vec::new();
    let ethernet = PacketBuilder::ethernet2([2; 6], MAC);
    let (source, destination) = ([10, 0, 0, 2], [10, 0, 0, 1]);
    let ip = match tag {
        Some(tag) => ethernet.single_vlan(VlanId::try_new(tag & 0xFFF).unwrap()).ipv4(source, destination, 64),
        None => ethernet.ipv4(source, destination, 64),
    };
    ip.tcp(5000, 40_000, 1, 1).write(&mut packet, &[0; 20]).unwrap();
    if let Some(tag) = tag {
        packet[14..16].copy_from_slice(&tag.to_be_bytes());
    }
    packet
}

/// The packets' filters: the low 15 bits of the two hashes, computed by independent code.
const FILTER: u32 = 0x16FC << 16 | 0x0380;
const TAGGED_FILTER: u32 = 0x7431 << 16 | 0x2DA2;

/// Returns the queue in which the packet arrives.
fn queue_of(driver: &mut Driver, packet: &[u8]) -> Option<usize> {
    driver.port.deliver(packet);
    (0..4).find(|queue| driver.receive(*queue).is_some())
}

#[test]
fn a_flow_goes_to_the_queue_of_its_filter() {
    let mut driver = directing();
    assert_eq!(queue_of(&mut driver, &packet(None)), Some(0));
    program(&driver, FILTER, ADD | 2 << 16);
    assert_eq!(queue_of(&mut driver, &packet(None)), Some(2));
    assert_eq!(queue_of(&mut driver, &packet(Some(0x2065))), Some(0), "the tag belongs to the flow");
    program(&driver, TAGGED_FILTER, ADD | 3 << 16);
    assert_eq!(queue_of(&mut driver, &packet(Some(0x2065))), Some(3));
    // Other flows, and a frame without a flow.
    let mut other = packet(None);
    other[35] ^= 1;
    assert_eq!(queue_of(&mut driver, &other), Some(0));
    assert_eq!(queue_of(&mut driver, &frame(MAC, 60)), Some(0));
    assert_eq!([FDIRMATCH, FDIRMISS].map(|at| driver.read(at)), [2, 3]);
    assert_eq!([FDIRMATCH, FDIRMISS].map(|at| driver.read(at)), [0, 0], "reading clears");
    driver.clean();
}

#[test]
fn a_match_is_reported_and_the_canonical_form_indicator_is_no_part_of_a_flow() {
    const FLM: u64 = 1 << 2;
    let mut driver = directing();
    let matched = |driver: &mut Driver, packet: &[u8]| {
        driver.port.deliver(packet);
        let (queue, words) = (0..4).find_map(|queue| Some((queue, driver.receive(queue)?.1))).unwrap();
        (queue, words[1] & FLM != 0)
    };
    assert_eq!(matched(&mut driver, &packet(Some(0x2065))), (0, false));
    program(&driver, TAGGED_FILTER, ADD | 3 << 16);
    assert_eq!(matched(&mut driver, &packet(Some(0x2065))), (3, true));
    assert_eq!(matched(&mut driver, &packet(Some(0x3065))), (3, true), "CFI is 1");
    assert_eq!(matched(&mut driver, &packet(None)), (0, false));
    // A filter without a queue also reports its match.
    program(&driver, FILTER, ADD & !(1 << 15));
    assert_eq!(matched(&mut driver, &packet(None)), (0, true));
    driver.clean();
}

#[test]
fn filters_are_changed_and_removed_and_counted() {
    let mut driver = directing();
    assert_eq!(driver.read(FDIRFREE), 8 * 1024 - 2);
    program(&driver, FILTER, ADD | 2 << 16);
    program(&driver, FILTER, ADD | 1 << 16);
    assert_eq!(queue_of(&mut driver, &packet(None)), Some(1), "changed");
    program(&driver, FILTER, (ADD | 3 << 16) & !(1 << 3));
    assert_eq!(queue_of(&mut driver, &packet(None)), Some(1), "not changed without Filter-Update");
    // An existing filter cannot be added, even if it is changed (8.2.3.21.13, 8.2.3.21.22).
    assert_eq!((driver.read(FDIRFREE), driver.read(FDIRUSTAT), driver.read(FDIRFSTAT)), (8 * 1024 - 3, 1, 2));
    program(&driver, FILTER, REMOVE);
    assert_eq!(queue_of(&mut driver, &packet(None)), Some(0));
    driver.read(EICR);
    assert_eq!(driver.peek(EICR) & 1 << 16, 0);
    program(&driver, FILTER, REMOVE);
    assert_eq!(driver.peek(EICR) & 1 << 16, 1 << 16, "a remove that fails raises an interrupt");
    let counts = [FDIRFREE, FDIRUSTAT, FDIRFSTAT].map(|at| driver.read(at));
    assert_eq!(counts, [8 * 1024 - 2, 1 << 16, 1 << 8]);
    // All filters at once.
    program(&driver, FILTER, ADD | 2 << 16);
    empty(&driver, CONTROL);
    assert_eq!((queue_of(&mut driver, &packet(None)), driver.read(FDIRFREE)), (Some(0), 8 * 1024 - 2));
    driver.clean();
}

#[test]
fn a_full_table_is_reported() {
    let driver = directing();
    driver.read(EICR);
    for n in 0..8 * 1024 - 2 {
        assert_eq!(driver.peek(EICR) & 1 << 16 != 0, n >= 8 * 1024 - 2 - 64, "filter {n}");
        program(&driver, n, ADD);
    }
    assert_eq!((driver.read(FDIRFREE), driver.read(FDIRFSTAT)), (0, 0));
    program(&driver, 8 * 1024 - 2, ADD);
    assert_eq!((driver.read(FDIRFREE), driver.read(FDIRFSTAT)), (0, 1));
    driver.clean();
}

#[test]
fn commands_before_the_table_is_initialised_are_lost() {
    let driver = directing();
    driver.write(FDIRCMD, 1 << 8);
    driver.write(FDIRCMD, 0);
    driver.write(FDIRCTRL, CONTROL);
    driver.write(FDIRCMD, ADD);
    assert_eq!(driver.broken(), [Rule::FlowDirectorNotReady]);
    assert!(driver.until(FDIRCTRL, 1 << 3, 1 << 3));
    assert_eq!(driver.read(FDIRFREE), 8 * 1024 - 2);
}

#[test]
fn a_table_that_is_initialised_again_without_being_cleared_is_full() {
    let mut driver = directing();
    driver.write(FDIRCTRL, CONTROL);
    assert_eq!(driver.broken(), [Rule::FlowDirectorNotCleared]);
    assert!(driver.until(FDIRCTRL, 1 << 3, 1 << 3));
    program(&driver, FILTER, ADD | 2 << 16);
    assert_eq!((driver.read(FDIRFREE), driver.read(FDIRUSTAT), driver.read(FDIRFSTAT)), (0, 0, 1));
    assert_eq!(queue_of(&mut driver, &packet(None)), Some(0));
    empty(&driver, CONTROL);
    program(&driver, FILTER, ADD | 2 << 16);
    assert_eq!((driver.read(FDIRFREE), queue_of(&mut driver, &packet(None))), (8 * 1024 - 3, Some(2)));
    driver.clean();
    // Without memory, there is no table.
    driver.write(FDIRCTRL, 0);
    assert_eq!(queue_of(&mut driver, &packet(None)), Some(0));
    driver.clean();
}

#[test]
fn a_mask_is_not_changed_while_there_are_filters() {
    let driver = directing();
    driver.write(FDIRM, 1);
    driver.clean();
    program(&driver, FILTER, ADD);
    driver.write(FDIRM, 1);
    driver.clean();
    for at in [FDIRM, FDIRHKEY] {
        driver.write(at, 2);
        assert_eq!(driver.broken(), [Rule::FlowDirectorChangedInUse], "{at:#x}");
    }
    program(&driver, FILTER, REMOVE);
    driver.write(FDIRM, 0);
    driver.clean();
}

#[test]
fn masks_ignore_what_a_signature_would_contain() {
    let mut driver = directing();
    // The EtherType is a flexible byte here, and a tag changes it.
    driver.write(FDIRM, 1 << 0 | 1 << 1 | 1 << 4);
    let fields = Fields { flexible: 0, ..Fields::of(&Packet::default()) };
    program(&driver, fields.hash(SIGNATURE_KEY) << 16 | fields.hash(BUCKET_KEY), ADD | 2 << 16);
    for tag in [None, Some(0x2065), Some(0x0001)] {
        assert_eq!(queue_of(&mut driver, &packet(tag)), Some(2), "{tag:?}");
    }
    driver.clean();
}

#[test]
fn an_added_filter_that_exists_collides() {
    const COLLISION: u64 = 1 << 22;
    let mut driver = directing();
    let status = |driver: &mut Driver| {
        driver.port.deliver(&packet(None));
        driver.receive(2).unwrap().1[1] & 7 << 20
    };
    program(&driver, FILTER, ADD | 2 << 16);
    program(&driver, FILTER, ADD | 2 << 16);
    assert_eq!(status(&mut driver), 0, "an update is no collision");
    program(&driver, FILTER, (ADD | 3 << 16) & !(1 << 3));
    assert_eq!(status(&mut driver), COLLISION);
    program(&driver, FILTER, ADD | 2 << 16);
    assert_eq!(status(&mut driver), COLLISION, "an update leaves it");
    program(&driver, FILTER, QUERY);
    assert_eq!(driver.read(FDIRCMD) & (1 << 2 | 1 << 12), 1 << 2 | 1 << 12);
    driver.clean();
}

#[test]
fn a_query_returns_a_filter() {
    let driver = directing();
    const BUCKET: u32 = 0x0380;
    assert_eq!(driver.read(FDIRLEN), 0);
    program(&driver, FILTER, QUERY);
    assert_eq!((driver.read(FDIRCMD) & 1 << 2, driver.read(FDIRHASH), driver.read(FDIRLEN)), (0, FILTER, 0));
    let command = ADD | 77 << 16;
    program(&driver, FILTER, command);
    // Two more in the same bucket. The device ignores the bits of a hash that no bucket has.
    program(&driver, 1 << 16 | BUCKET, command);
    program(&driver, 2 << 16 | BUCKET | 1 << 14, command);
    // The longest list is one longer than what is read, and the register forgets it.
    assert_eq!([driver.read(FDIRLEN), driver.read(FDIRLEN)], [2, 0]);
    program(&driver, FILTER, QUERY);
    assert_eq!(driver.read(FDIRCMD), command & !(3 | 1 << 3) | 1 << 2);
    assert_eq!((driver.read(FDIRHASH), driver.read(FDIRLEN)), (FILTER | 1 << 15, 3 << 8));
    // A bucket that is in use, without the filter.
    program(&driver, 3 << 16 | BUCKET, QUERY);
    assert_eq!(driver.read(FDIRCMD) & (1 << 2 | 0x7F << 16), 0);
    assert_eq!((driver.read(FDIRHASH), driver.read(FDIRLEN)), (3 << 16 | BUCKET | 1 << 15, 3 << 8));
    assert_eq!(driver.read(FDIRFSTAT), 0);
    driver.clean();
}

#[test]
fn a_list_that_is_too_long_is_reported_even_when_it_shrinks() {
    const LENGTH: u64 = 1 << 20;
    let mut driver = directing();
    empty(&driver, CONTROL & !(0xF << 24) | 1 << 24);
    let error = |driver: &mut Driver| {
        driver.port.deliver(&packet(None));
        driver.receive(2).unwrap().1[1] & 7 << 20
    };
    let others = [1, 2].map(|n| n << 16 | FILTER & 0x7FFF);
    program(&driver, others[0], ADD);
    program(&driver, FILTER, ADD | 2 << 16);
    assert_eq!(error(&mut driver), 0, "the second of two");
    program(&driver, FILTER, REMOVE);
    program(&driver, others[1], ADD);
    program(&driver, FILTER, ADD | 2 << 16);
    assert_eq!(error(&mut driver), LENGTH, "the third");
    // Erratum 2.
    program(&driver, others[0], REMOVE);
    assert_eq!(error(&mut driver), LENGTH);
    driver.clean();
}

#[test]
fn filters_that_the_chip_does_not_have_are_recorded() {
    let driver = directing();
    program(&driver, FILTER, ADD | 1 << 9);
    assert_eq!(driver.broken(), [Rule::FlowDirectorFilterInvalid], "a signature filter that drops");
    program(&driver, FILTER, REMOVE);
    program(&driver, FILTER, ADD | 1 << 10);
    assert_eq!(driver.broken(), [Rule::NotModelled], "low latency interrupts");
}

/// What an 82599 reported of packets in a bucket of 13 bits and with a signature, as the test plans of DPDK record it.
#[test]
fn reports_are_those_of_silicon() {
    let mut driver = directing();
    driver.stop_receive();
    driver.write(RXCSUM, 1 << 13);
    driver.start_receive();
    empty(&driver, CONTROL | 1 << 5);
    let between = |protocol| Packet {
        source: [192, 168, 0, 1],
        destination: [192, 168, 0, 2],
        ports: [1024; 2],
        protocol,
        ..Packet::default()
    };
    let address = |last: u16| {
        let mut address = *b"\x20\x01\x0d\xb8\x85\xa3\0\0\0\0\x8a\x2e\x03\x70\0\0";
        address[14..].copy_from_slice(&last.to_be_bytes());
        address
    };
    let vectors = [
        (between(17).frame(), 1, 0x143C, 0xE230),
        (between(6).frame(), 2, 0x1B47, 0xBD2B),
        (between(1).frame(), 0, 0x1681, 0xF3ED),
        (version6(address(0x7000), address(0x7338), 17, [1024; 2]), 4 | 1, 0x04AA, 0xEA83),
    ];
    // DPDK sets FDIRM.DIPv6, which ignores nothing of a signature.
    driver.write(FDIRM, 1 << 5);
    for (frame, kind, bucket, id) in vectors {
        let filter = (id & 0x7FFF) << 16 | bucket;
        let (queue, words) = delivered(&mut driver, &frame).unwrap();
        assert_eq!((queue, words[0] >> 32, words[0] & 0xF, words[1] & FLM), (0, 0, 0, 0), "no filter matches");
        program(&driver, filter, ADD & !(3 << 5) | kind << 5 | 3 << 16);
        let (queue, words) = delivered(&mut driver, &frame).unwrap();
        assert_eq!((queue, words[0] & 0xF, words[1] & FLM), (3, 15, FLM), "{bucket:#x}");
        assert_eq!(words[0] >> 32, u64::from(bucket << 16 | id), "{bucket:#x}");
    }
    driver.clean();
}

#[test]
fn ports_of_sctp_are_no_part_of_a_flow() {
    let mut driver = directing();
    driver.write(FDIRM, 1 << 4);
    let filter = Fields { kind: 3, ..Fields::of(&Packet { ports: [0; 2], ..Packet::default() }) };
    program(&driver, filter.hash(SIGNATURE_KEY) << 16 | filter.hash(BUCKET_KEY), ADD | 3 << 5 | 1 << 16);
    for ports in [[1, 2], [3, 4]] {
        assert_eq!(queue_of(&mut driver, &Packet { protocol: 132, ports, ..Packet::default() }.frame()), Some(1));
    }
    driver.clean();
}

#[test]
fn the_table_takes_room_from_the_packet_buffer() {
    let mut driver = Driver::new();
    driver.port.plug(ixgbe_sim::wire::NoTraffic);
    driver.reset();
    driver.configure();
    driver.write(FDIRCTRL, CONTROL);
    driver.add_rx(0, 64);
    driver.start_receive();
    assert_eq!(driver.broken(), [Rule::ReceiveBufferTooLarge]);
}
