//! Flow Director: initialisation of its table, addition and removal of signature filters, and their effect on packets
//! (datasheet 7.1.2.7, 8.2.3.21).

mod common;

use common::*;
use etherparse::{PacketBuilder, VlanId};
use ixgbe_sim::Rule;

const FDIRHKEY: u32 = 0xEE68;
const FDIRSKEY: u32 = 0xEE6C;
const FDIRFREE: u32 = 0xEE38;
const FDIRUSTAT: u32 = 0xEE50;
const FDIRFSTAT: u32 = 0xEE54;
const FDIRMATCH: u32 = 0xEE58;
const FDIRMISS: u32 = 0xEE5C;
/// FDIRCTRL: 64 KB, the EtherType as flexible bytes, lists of 20, a warning at 64 free filters.
const CONTROL: u32 = 1 | 6 << 16 | 10 << 24 | 4 << 28;
const ADD: u32 = 1 | 1 << 3 | 1 << 11 | 1 << 15 | 2 << 5;
const REMOVE: u32 = 2 | 2 << 5;

/// Returns a driver with four queues and the keys for the hashes below.
fn directing() -> Driver {
    let mut driver = Driver::new();
    driver.port.plug(ixgbe_sim::wire::NoTraffic);
    driver.reset();
    driver.configure();
    driver.write(RXPBSIZE, (512 - 64) << 10);
    driver.write(FDIRHKEY, 0x3DAD_14E2);
    driver.write(FDIRSKEY, 0x174D_3614);
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

fn program(driver: &Driver, filter: u32, command: u32) {
    driver.write(FDIRHASH, filter);
    driver.write(FDIRCMD, command);
    assert_eq!(driver.read(FDIRCMD) & 3, 0, "the command is taken");
}

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
    driver.write(FDIRCMD, 1 << 8);
    driver.write(FDIRCMD, 0);
    driver.write(FDIRCTRL, CONTROL);
    assert!(driver.until(FDIRCTRL, 1 << 3, 1 << 3));
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
fn unmodelled_features_and_early_commands_are_recorded() {
    let driver = directing();
    for (at, value) in [(FDIRCTRL, CONTROL | 1 << 4), (0xEE3C, 1), (0xEE70, 1)] {
        driver.write(at, value);
        assert_eq!(driver.broken(), [Rule::NotModelled], "{at:#x}");
    }
    driver.write(FDIRCTRL, CONTROL);
    driver.write(FDIRCMD, ADD);
    assert_eq!(driver.broken(), [Rule::FlowDirectorNotReady]);
    assert!(driver.until(FDIRCTRL, 1 << 3, 1 << 3));
    driver.write(FDIRCMD, 3);
    assert_eq!(driver.broken(), [Rule::NotModelled]);
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
