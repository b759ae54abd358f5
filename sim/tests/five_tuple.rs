//! Filters by five-tuple, and the filter for SYN packets (datasheet 7.1.2.4, 7.1.2.5, 8.2.3.7.16 to .20).

mod common;

use common::filters::*;
use common::*;
use ixgbe_sim::{Decision, Rule};

const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;
const ICMP: u8 = 1;

/// Masks for everything but the protocol, and for everything.
const PROTOCOL_ALONE: u32 = 0xF;
const ALL: u32 = 0x1F;

fn running() -> Driver {
    let driver = with_queues();
    start(&driver);
    driver
}

#[test]
fn every_part_is_compared_unless_it_is_masked() {
    let mut driver = running();
    let packet =
        Packet { source: [1, 2, 3, 4], destination: [5, 6, 7, 8], ports: [0x1234, 0x5678], ..Packet::default() };
    type Change = fn(&mut Packet);
    let changes: [(u32, Change); 7] = [
        (0, |packet| packet.source = [4, 3, 2, 1]),
        (0, |packet| packet.source[0] ^= 0x80),
        (1, |packet| packet.destination[3] ^= 1),
        (2, |packet| packet.ports[0] ^= 1),
        (2, |packet| packet.ports[0] = 0x3412),
        (3, |packet| packet.ports[1] ^= 0x8000),
        (4, |packet| packet.protocol = UDP),
    ];
    for mask in 0..=ALL {
        write_five_tuple(&driver, 77, &packet, mask, 4, 2);
        assert_eq!(queue_of(&mut driver, &packet), Some(2), "{mask:#x}");
        for (part, change) in changes {
            let mut other = packet;
            change(&mut other);
            let matches = mask & 1 << part != 0;
            assert_eq!(queue_of(&mut driver, &other), Some(if matches { 2 } else { 0 }), "{mask:#x} {other:x?}");
        }
    }
    assert_eq!(driver.port.destination(&packet.frame()).unwrap().decision, Decision::FiveTuple(77));
    driver.clean();
}

#[test]
fn protocols_are_tcp_udp_sctp_and_all_others() {
    let mut driver = running();
    for wanted in [TCP, UDP, SCTP, ICMP] {
        let packet = |protocol| Packet { protocol, ..Packet::default() };
        write_five_tuple(&driver, 0, &packet(wanted), PROTOCOL_ALONE, 1, 1);
        for protocol in [TCP, UDP, SCTP, ICMP, 47] {
            let same = protocol == wanted || (wanted == ICMP && protocol == 47);
            assert_eq!(queue_of(&mut driver, &packet(protocol)), Some(usize::from(same)), "{wanted} {protocol}");
        }
    }
    // Only TCP, UDP and SCTP have ports.
    let other = Packet { protocol: ICMP, ..Packet::default() };
    write_five_tuple(&driver, 0, &other, 0, 1, 1);
    assert_eq!(queue_of(&mut driver, &other), Some(0));
    write_five_tuple(&driver, 0, &other, 1 << 2 | 1 << 3, 1, 1);
    assert_eq!(queue_of(&mut driver, &other), Some(1));
    driver.clean();
}

#[test]
fn fragments_have_neither_ports_nor_a_protocol_and_ipv6_has_no_filters() {
    let mut driver = running();
    let packet = Packet { protocol: UDP, ..Packet::default() };
    for fragment in [0x2000, 0x2001, 1] {
        let fragment = Packet { fragment, ..packet };
        write_five_tuple(&driver, 9, &packet, 0x10, 1, 3);
        assert_eq!((queue_of(&mut driver, &packet), queue_of(&mut driver, &fragment)), (Some(3), Some(0)));
        write_five_tuple(&driver, 9, &packet, 0xC, 1, 3);
        assert_eq!((queue_of(&mut driver, &packet), queue_of(&mut driver, &fragment)), (Some(3), Some(0)));
        write_five_tuple(&driver, 9, &packet, 0x1C, 1, 3);
        assert_eq!((queue_of(&mut driver, &packet), queue_of(&mut driver, &fragment)), (Some(3), Some(3)));
    }
    write_five_tuple(&driver, 9, &packet, ALL, 1, 3);
    assert_eq!(queue_of(&mut driver, &packet), Some(3));
    let (queue, _) = delivered(&mut driver, &version6([0xFD; 16], [0xFE; 16], UDP, packet.ports)).unwrap();
    assert_eq!(queue, 0);
    // Neither has a frame without IP.
    assert_eq!(delivered(&mut driver, &frame(MAC, 60)).unwrap().0, 0);
    driver.clean();
}

#[test]
fn the_highest_priority_counts_and_then_the_lowest_index() {
    let mut driver = running();
    let packet = Packet::default();
    write_five_tuple(&driver, 127, &packet, ALL, 7, 1);
    write_five_tuple(&driver, 0, &packet, 0, 6, 2);
    assert_eq!(queue_of(&mut driver, &packet), Some(1));
    write_five_tuple(&driver, 64, &packet, 0, 7, 3);
    assert_eq!(queue_of(&mut driver, &packet), Some(3));
    driver.write(FTQF + 64 * 4, 0);
    driver.write(FTQF + 127 * 4, 0);
    assert_eq!(queue_of(&mut driver, &packet), Some(2));
    driver.write(FTQF, 0);
    assert_eq!(queue_of(&mut driver, &packet), Some(0));
    driver.clean();
}

#[test]
fn filters_that_were_never_written_have_no_effect() {
    let mut driver = Driver::new();
    driver.port.plug(ixgbe_sim::wire::NoTraffic);
    driver.reset();
    (0..4).for_each(|queue| driver.add_rx(queue, 64));
    driver.start_receive();
    driver.wait_for_link();
    assert!((0..128).any(|n| driver.peek(FTQF + n * 4) & 1 << 31 != 0), "some seem to be on");
    for n in 0..=u8::MAX {
        assert_eq!(queue_of(&mut driver, &Packet { source: [n; 4], ..Packet::default() }), Some(0));
    }
    assert!(driver.broken().contains(&Rule::FiveTupleFilterUndefined));
}

#[test]
fn filters_that_the_chip_does_not_have_are_recorded() {
    let mut driver = running();
    let good = 1 << 2 | ALL << 25 | 1 << 30 | 1 << 31;
    let action = 0xE800 + 5 * 4;
    driver.write(FTQF + 5 * 4, good);
    assert_eq!(driver.broken(), [Rule::FiveTupleFilterInvalid], "L34TIMIR was never written");
    driver.write(action, 1 << 21);
    driver.write(FTQF + 5 * 4, good);
    assert_eq!(driver.broken(), [Rule::FiveTupleFilterInvalid], "without the prescribed bits");
    driver.write(action, 1 << 19 | 1 << 21);
    driver.write(FTQF + 5 * 4, good);
    driver.clean();
    assert_eq!(queue_of(&mut driver, &Packet::default()), Some(1));
    for wrong in [good & !(1 << 2), good & !(1 << 30)] {
        driver.write(FTQF + 5 * 4, wrong);
        assert_eq!(driver.broken(), [Rule::FiveTupleFilterInvalid], "{wrong:#x}");
    }
    driver.write(FTQF + 5 * 4, 0);
    driver.clean();
}

#[test]
fn packets_that_open_a_connection_have_a_filter_of_their_own() {
    let mut driver = running();
    const ONE: u32 = 1;
    let syn = Packet { flags: 2, ..Packet::default() };
    driver.write(SYNQF, ONE | 2 << 1);
    assert_eq!(queue_of(&mut driver, &syn), Some(2));
    assert_eq!(driver.port.destination(&syn.frame()).unwrap().decision, Decision::Syn);
    assert_eq!(queue_of(&mut driver, &Packet { flags: 0x12, ..syn }), Some(2), "with ACK");
    assert_eq!(queue_of(&mut driver, &Packet { flags: 0x19, ..syn }), Some(0), "all but SYN");
    assert_eq!(queue_of(&mut driver, &Packet { protocol: UDP, ..syn }), Some(0));
    assert_eq!(queue_of(&mut driver, &Packet { fragment: 0x2000, ..syn }), Some(0));
    assert_eq!(delivered(&mut driver, &version6([0xFD; 16], [0xFE; 16], TCP, [1, 2])).unwrap().0, 2);
    // A five-tuple filter comes first, or second.
    write_five_tuple(&driver, 0, &syn, ALL, 1, 3);
    assert_eq!(queue_of(&mut driver, &syn), Some(3));
    driver.write(SYNQF, ONE | 2 << 1 | 1 << 31);
    assert_eq!(queue_of(&mut driver, &syn), Some(2));
    assert_eq!(queue_of(&mut driver, &Packet { flags: 0, ..syn }), Some(3));
    driver.clean();
}
