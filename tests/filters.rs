//! Rules for received frames on the model: each kind of rule, its limits, and when it ends.

mod common;
#[path = "common/packets.rs"]
mod packets;

use std::time::Duration;

use common::{Nic, assert_clean, bytes, frame, mac, peek, port, start};
use ixgbe::device::filter::{
    ADDRESSES, Accept, Acceptance, Action, Decision, ETHER_TYPES, EtherType, FIVE_TUPLES, FilterError, FiveTuple,
    FlexibleBytes, Flow, FlowDirector, FlowKind, FlowMemory, IntoRule, Layer4, Layer4Fields, Perfect, PortBits, Ports,
    Precedence, Priority, Rule, RuleHandle, Signature, Table, VlanFields, VlanId,
};
use ixgbe::device::{Config, Error};
use ixgbe::packet::Batch;
use ixgbe::registers::RxQueue;
use ixgbe::{constant, index};
use ixgbe_sim::wire::NoTraffic;
use ixgbe_sim::{Fault, Port};
use packets::{ICMP, Ip, SCTP, TCP, UDP};

const GROUP: [u8; 6] = [0x01, 0, 0x5e, 0, 0, 0x16];
/// The same 12 bits as [`GROUP`] at the end of the wire, so the same bit of MTA.
const SAME_BIT: [u8; 6] = [0x01, 0, 0x5e, 9, 0x0f, 0x16];
/// Somebody else.
const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 0x77];

/// A running device with `config`, on a port that gets frames only from the test.
fn running(config: &Config) -> (Port, Nic) {
    let port = port(0);
    port.plug(NoTraffic);
    let nic = start(&port, config);
    (port, nic)
}

fn add(nic: &mut Nic, rule: impl IntoRule) -> Result<RuleHandle, Error> {
    nic.filters().add(rule)
}

/// Delivers `frame`. Returns the queue that it comes out of, and fails unless the driver says the same.
fn queue_of(port: &Port, nic: &mut Nic, frame: &[u8]) -> Option<usize> {
    let explanation = nic.filters().explain(frame);
    port.deliver(frame);
    port.run_until_idle(10);
    let (_, mut queues) = nic.split();
    let mut batch = Batch::with_capacity(8);
    let mut found = None;
    for (index, queue) in queues.iter_mut().enumerate() {
        while queue.rx.receive(&mut batch) > 0 {
            for packet in batch.drain(..) {
                assert_eq!(bytes(&packet), frame);
                assert_eq!(found.replace(index), None, "a frame comes once");
            }
        }
    }
    let explained = match explanation.action {
        Action::Queue(queue) => Some(queue.get()),
        Action::Drop => None,
    };
    assert_eq!(explained, found, "{explanation:?} for {frame:02x?}");
    found
}

fn is_received(port: &Port, nic: &mut Nic, to: [u8; 6]) -> bool {
    queue_of(port, nic, &frame(to, 60, 1)).is_some()
}

/// A frame to `to` with a VLAN tag.
fn tagged(to: [u8; 6], tag: u16) -> Vec<u8> {
    let mut tagged = frame(to, 60, 2);
    tagged.splice(12..12, [0x81, 0x00].into_iter().chain(tag.to_be_bytes()));
    tagged
}

// Addresses

#[test]
fn a_unicast_address_is_received_while_its_rule_lives() {
    let (port, mut nic) = running(&Config::new());
    assert!(!is_received(&port, &mut nic, OTHER));
    let handle = add(&mut nic, Accept::Unicast(OTHER)).unwrap();
    assert_eq!(handle.rule(), &Rule::Accept(Accept::Unicast(OTHER)));
    assert!(is_received(&port, &mut nic, OTHER));
    assert!(is_received(&port, &mut nic, mac(0)), "its own address too");
    assert!(!is_received(&port, &mut nic, mac(7)));
    handle.remove().unwrap();
    assert!(!is_received(&port, &mut nic, OTHER));
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn equal_rules_accept_until_both_are_gone() {
    let (port, mut nic) = running(&Config::new());
    for rule in [Accept::Unicast(OTHER), Accept::Multicast(GROUP), Accept::MulticastHash(GROUP)] {
        let to = if rule == Accept::Unicast(OTHER) { OTHER } else { GROUP };
        let first = add(&mut nic, rule).unwrap();
        let second = add(&mut nic, rule).unwrap();
        drop(first);
        assert!(is_received(&port, &mut nic, to), "{rule}");
        drop(second);
        assert!(!is_received(&port, &mut nic, to), "{rule}");
    }
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn the_table_of_addresses_has_127_places() {
    let (port, mut nic) = running(&Config::new());
    let address = |n: usize| [2, 1, 0, 0, 0, n as u8];
    let mut handles: Vec<_> = (0..ADDRESSES).map(|n| add(&mut nic, Accept::Unicast(address(n))).unwrap()).collect();
    let full = FilterError::TableFull { table: Table::Addresses, len: 127 };
    assert_eq!(add(&mut nic, Accept::Multicast(GROUP)).unwrap_err(), Error::Filter(full));
    assert!((0..ADDRESSES).all(|n| is_received(&port, &mut nic, address(n))));
    add(&mut nic, Accept::Unicast(address(5))).expect("an address that is there takes no place").keep();
    drop(handles.swap_remove(64));
    let group = add(&mut nic, Accept::Multicast(GROUP)).expect("one place is free");
    assert!(is_received(&port, &mut nic, GROUP));
    assert!(!is_received(&port, &mut nic, SAME_BIT), "the table is exact");
    assert!(!is_received(&port, &mut nic, address(64)));
    drop((handles, group));
    assert!(is_received(&port, &mut nic, address(5)), "its other rule was kept");
    assert!(!is_received(&port, &mut nic, address(6)));
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn the_hash_table_counts_addresses_of_one_bit() {
    let (port, mut nic) = running(&Config::new());
    let one = add(&mut nic, Accept::MulticastHash(GROUP)).unwrap();
    assert!(is_received(&port, &mut nic, SAME_BIT), "the table is inexact");
    let why = nic.filters().explain(&frame(SAME_BIT, 60, 0)).acceptance;
    assert_eq!(why, Some(Acceptance::Rule(Accept::MulticastHash(GROUP))));
    let other = add(&mut nic, Accept::MulticastHash(SAME_BIT)).unwrap();
    drop(one);
    assert!(is_received(&port, &mut nic, GROUP), "the bit is still needed");
    drop(other);
    assert!(!is_received(&port, &mut nic, GROUP));
    assert_eq!(peek(&port, "MCSTCTRL", 0), 0, "the table is off again");
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn addresses_of_the_wrong_kind_are_refused() {
    let (port, mut nic) = running(&Config::new());
    let mut refused = |rule: Accept| match add(&mut nic, rule) {
        Err(Error::Filter(error)) => error,
        other => panic!("{other:?}"),
    };
    for address in [GROUP, [0xff; 6], [0; 6]] {
        assert_eq!(refused(Accept::Unicast(address)), FilterError::NotUnicast { address });
    }
    for address in [OTHER, [0xff; 6], [0; 6]] {
        assert_eq!(refused(Accept::Multicast(address)), FilterError::NotMulticast { address });
        assert_eq!(refused(Accept::MulticastHash(address)), FilterError::NotMulticast { address });
    }
    assert_eq!((1..128).map(|entry| peek(&port, "RAH", entry)).max(), Some(0), "nothing was written");
    nic.stop().unwrap();
    assert_clean(&port);
}

// VLANs

#[test]
fn vlans_are_filtered_while_there_is_a_rule() {
    let (port, mut nic) = running(&Config::new());
    let passes = |nic: &mut Nic, tag: u16| queue_of(&port, nic, &tagged(mac(0), tag)).is_some();
    assert!(passes(&mut nic, 100));
    let hundred = add(&mut nic, Accept::Vlan(constant!(VlanId, 100))).unwrap();
    assert!(passes(&mut nic, 100) && passes(&mut nic, 0xe064), "whatever the priority");
    assert!(!passes(&mut nic, 101) && !passes(&mut nic, 68) && !passes(&mut nic, 4095));
    assert!(passes(&mut nic, 0x6000), "a tag with a priority only");
    assert!(is_received(&port, &mut nic, mac(0)), "no tag");
    let refused = nic.filters().explain(&tagged(mac(0), 101));
    assert_eq!((refused.decision, refused.acceptance), (Decision::NoVlan { id: 101 }, None));
    let second = add(&mut nic, Accept::Vlan(constant!(VlanId, 101))).unwrap();
    let third = add(&mut nic, Accept::Vlan(constant!(VlanId, 4094))).unwrap();
    drop(hundred);
    assert!(!passes(&mut nic, 100) && passes(&mut nic, 101) && passes(&mut nic, 4094));
    // A promiscuous device does not see other VLANs either.
    nic.split().0.set_promiscuous(true).unwrap();
    assert!(!passes(&mut nic, 100));
    drop((second, third));
    assert!(passes(&mut nic, 100));
    assert_eq!((peek(&port, "VFTA", 0), peek(&port, "VFTA", 3), peek(&port, "VFTA", 127)), (0, 0, 0));
    nic.stop().unwrap();
    assert_clean(&port);
}

// Promiscuous modes

#[test]
fn promiscuous_modes_end_with_their_last_rule() {
    let (port, mut nic) = running(&Config::new());
    let unicast = [(); 2].map(|()| add(&mut nic, Accept::AllUnicast).unwrap());
    assert!(is_received(&port, &mut nic, OTHER) && !is_received(&port, &mut nic, GROUP));
    let multicast = add(&mut nic, Accept::AllMulticast).unwrap();
    assert!(is_received(&port, &mut nic, GROUP));
    let [first, second] = unicast;
    drop(first);
    assert!(is_received(&port, &mut nic, OTHER));
    // What the control sets and the rules meet in one register.
    nic.split().0.set_promiscuous(true).unwrap();
    drop((second, multicast));
    assert!(is_received(&port, &mut nic, OTHER) && is_received(&port, &mut nic, GROUP));
    nic.split().0.set_promiscuous(false).unwrap();
    assert!(!is_received(&port, &mut nic, OTHER) && !is_received(&port, &mut nic, GROUP));
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn a_mode_that_ends_in_a_pause_ends_with_the_pause() {
    let (port, mut nic) = running(&Config::new());
    let handle = add(&mut nic, Accept::AllUnicast).unwrap();
    let control = peek(&port, "FCTRL", 0);
    nic.split()
        .0
        .with_receive_paused(|_| {
            handle.remove().unwrap();
            assert_eq!(peek(&port, "FCTRL", 0), control, "the closure has the register to itself");
            assert_eq!(peek(&port, "RXCTRL", 0) & 1, 0, "reception stays off");
        })
        .unwrap();
    assert_ne!(peek(&port, "FCTRL", 0), control);
    assert!(!is_received(&port, &mut nic, OTHER) && is_received(&port, &mut nic, mac(0)));
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn a_mode_that_cannot_be_set_is_not_added() {
    let (port, mut nic) = running(&Config::new());
    port.inject(Fault::SecRxNeverReady);
    assert!(matches!(add(&mut nic, Accept::AllUnicast), Err(Error::TimedOut { .. })));
    port.clear(Fault::SecRxNeverReady);
    nic.split().0.with_receive_paused(|_| ()).unwrap();
    assert!(!is_received(&port, &mut nic, OTHER));
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn an_explanation_names_the_reason() {
    let (port, mut nic) = running(&Config::new().queue_pairs(2).all_multicast(true));
    let handle = add(&mut nic, Accept::Unicast(OTHER)).unwrap();
    let why = |nic: &mut Nic, frame: &[u8]| {
        queue_of(&port, nic, frame);
        let explanation = nic.filters().explain(frame);
        (explanation.acceptance, explanation.decision)
    };
    let accepted = |acceptance| (Some(acceptance), Decision::Default);
    assert_eq!(why(&mut nic, &frame(mac(0), 60, 0)), accepted(Acceptance::OwnAddress));
    assert_eq!(why(&mut nic, &frame([0xff; 6], 60, 0)), accepted(Acceptance::Broadcast));
    assert_eq!(why(&mut nic, &frame(GROUP, 60, 0)), accepted(Acceptance::Promiscuous));
    assert_eq!(why(&mut nic, &frame(OTHER, 60, 0)), accepted(Acceptance::Rule(Accept::Unicast(OTHER))));
    drop(handle);
    assert_eq!(why(&mut nic, &frame(OTHER, 60, 0)), (None, Decision::NoAddress));
    for len in [0, 5, 13, 14, 59] {
        assert_eq!(why(&mut nic, &frame(mac(0), len, 0)), (None, Decision::TooShort));
    }
    assert_eq!(why(&mut nic, &frame(mac(0), 1515, 0)), (None, Decision::TooLong { max: 1518 }));
    // The address changes with the device's.
    nic.split().0.set_mac(OTHER).unwrap();
    assert_eq!(why(&mut nic, &frame(OTHER, 60, 0)), accepted(Acceptance::OwnAddress));
    assert_eq!(why(&mut nic, &frame(mac(0), 60, 0)), (None, Decision::NoAddress));
    nic.stop().unwrap();
    assert_clean(&port);
}

// Handles

#[test]
fn a_handle_that_outlives_the_device_does_nothing() {
    let (port, mut nic) = running(&Config::new());
    let handles = [Accept::Unicast(OTHER), Accept::AllUnicast, Accept::Vlan(constant!(VlanId, 7))]
        .map(|rule| add(&mut nic, rule).unwrap());
    let device = nic.stop().unwrap();
    let mut nic = common::run(device);
    assert!(!is_received(&port, &mut nic, OTHER), "rules end with the stop");
    let again = add(&mut nic, Accept::Unicast(OTHER)).unwrap();
    drop(handles);
    assert!(is_received(&port, &mut nic, OTHER), "a handle of an earlier start leaves this one alone");
    drop(nic);
    port.claim().expect("a handle does not keep the platform");
    again.remove().unwrap();
    assert_clean(&port);
}

#[test]
fn a_rule_is_kept_without_its_handle() {
    let (port, mut nic) = running(&Config::new());
    add(&mut nic, Accept::Unicast(OTHER)).unwrap().keep();
    assert!(is_received(&port, &mut nic, OTHER));
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn handles_are_dropped_on_other_threads() {
    let (port, mut nic) = running(&Config::new().flow_director(FlowDirector::perfect(FlowMemory::Kib64)));
    std::thread::scope(|scope| {
        let mut before = None;
        for round in 0..20_u8 {
            let address = |n: u8| [2, 2, 0, 0, round, n];
            let handles: Vec<_> = (0..20)
                .map(|n| match n % 5 {
                    0 => add(&mut nic, Accept::AllUnicast).unwrap(),
                    1 => add(&mut nic, Accept::Vlan(VlanId::new(u16::from(n) + 1).unwrap())).unwrap(),
                    2 => add(&mut nic, flow(TCP).source_port(u16::from_be_bytes([round, n])).drop()).unwrap(),
                    _ => add(&mut nic, Accept::Unicast(address(n))).unwrap(),
                })
                .collect();
            let now = scope.spawn(move || drop(handles));
            nic.split().0.with_receive_paused(|_| ()).unwrap();
            // At most two rounds are in the tables at once.
            if let Some(before) = before.replace(now) {
                before.join().unwrap();
            }
        }
    });
    assert!(!is_received(&port, &mut nic, OTHER) && is_received(&port, &mut nic, mac(0)));
    assert_eq!((1..128).map(|entry| peek(&port, "RAH", entry) >> 31).max(), Some(0));
    assert_eq!((0..128).map(|entry| peek(&port, "VFTA", entry)).max(), Some(0));
    let statistics = nic.filters().flow_statistics();
    assert_eq!((statistics.added, statistics.removed, statistics.remove_failures), (80, 80, 0));
    assert_eq!(statistics.free, 2046);
    nic.stop().unwrap();
    assert_clean(&port);
}

// Recovery

#[test]
fn rules_survive_a_recovery() {
    let (port, mut nic) = running(&Config::new());
    let unicast = add(&mut nic, Accept::Unicast(OTHER)).unwrap();
    let hashed = add(&mut nic, Accept::MulticastHash(GROUP)).unwrap();
    let vlan = add(&mut nic, Accept::Vlan(constant!(VlanId, 100))).unwrap();
    let all = add(&mut nic, Accept::AllMulticast).unwrap();
    let mut nic = nic.recover().unwrap();
    assert!(is_received(&port, &mut nic, OTHER) && is_received(&port, &mut nic, [0x33; 6]));
    assert!(queue_of(&port, &mut nic, &tagged(mac(0), 101)).is_none());
    drop(all);
    assert!(!is_received(&port, &mut nic, [0x33; 6]) && is_received(&port, &mut nic, GROUP));
    drop((hashed, vlan));
    assert!(queue_of(&port, &mut nic, &tagged(mac(0), 101)).is_some());
    assert!(!is_received(&port, &mut nic, GROUP));
    let mut nic = nic.recover().unwrap();
    assert!(is_received(&port, &mut nic, OTHER) && !is_received(&port, &mut nic, GROUP));
    drop(unicast);
    assert!(!is_received(&port, &mut nic, OTHER));
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn a_handle_can_be_dropped_while_the_device_is_split() {
    let (port, mut nic) = running(&Config::new());
    let handle = add(&mut nic, Accept::Unicast(OTHER)).unwrap();
    let (control, pairs) = nic.into_split();
    handle.remove().unwrap();
    assert_eq!(peek(&port, "RAH", 1) >> 31, 0);
    drop(pairs);
    control.reunite(Duration::from_secs(1)).unwrap().stop().unwrap();
    assert_clean(&port);
}

// EtherType filters

/// A frame of this type for the port.
fn of_type(ether_type: u16) -> Vec<u8> {
    let mut frame = frame(mac(0), 60, 3);
    frame[12..14].copy_from_slice(&ether_type.to_be_bytes());
    frame
}

#[test]
fn an_ether_type_filter_sends_its_frames_to_its_queue() {
    let (port, mut nic) = running(&Config::new().queue_pairs(4));
    let lldp = constant!(EtherType, 0x88cc).to(index!(RxQueue, 2));
    assert_eq!(queue_of(&port, &mut nic, &of_type(0x88cc)), Some(0));
    let handle = add(&mut nic, lldp).unwrap();
    assert_eq!(queue_of(&port, &mut nic, &of_type(0x88cc)), Some(2));
    assert_eq!(queue_of(&port, &mut nic, &of_type(0xcc88)), Some(0));
    let mut tagged = of_type(0x88cc);
    tagged.splice(12..12, [0x81, 0, 0, 5]);
    assert_eq!(queue_of(&port, &mut nic, &tagged), Some(2), "behind a tag");
    let repeated = FilterError::Repeated { table: Table::EtherTypes };
    assert_eq!(
        add(&mut nic, constant!(EtherType, 0x88cc).to(index!(RxQueue, 1))).unwrap_err(),
        Error::Filter(repeated)
    );
    let mut nic = nic.recover().unwrap();
    assert_eq!(queue_of(&port, &mut nic, &of_type(0x88cc)), Some(2), "after a recovery");
    handle.remove().unwrap();
    assert_eq!(queue_of(&port, &mut nic, &of_type(0x88cc)), Some(0));
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn an_ether_type_filter_does_not_accept_frames() {
    let (port, mut nic) = running(&Config::new().queue_pairs(2));
    add(&mut nic, constant!(EtherType, 0x88b5).to(index!(RxQueue, 1))).unwrap().keep();
    assert_eq!(queue_of(&port, &mut nic, &frame(mac(0), 60, 0)), Some(1));
    assert_eq!(queue_of(&port, &mut nic, &frame(OTHER, 60, 0)), None);
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn seven_ether_type_filters_fit_beside_that_of_the_driver() {
    let (port, mut nic) = running(&Config::new().queue_pairs(2));
    let rule = |n: usize| EtherType::new(0x9000 + n as u16).unwrap().to(index!(RxQueue, 1));
    let handles: Vec<_> = (0..ETHER_TYPES).map(|n| add(&mut nic, rule(n)).unwrap()).collect();
    let full = FilterError::TableFull { table: Table::EtherTypes, len: 7 };
    assert_eq!(add(&mut nic, rule(7)).unwrap_err(), Error::Filter(full));
    assert_eq!(peek(&port, "ETQF", 3), 0, "the entry of PTP is free");
    assert!((0..ETHER_TYPES).all(|n| queue_of(&port, &mut nic, &of_type(0x9000 + n as u16)) == Some(1)));
    drop(handles);
    assert_eq!((0..8).map(|n| peek(&port, "ETQF", n) | peek(&port, "ETQS", n)).max(), Some(0));
    add(&mut nic, rule(7)).unwrap().keep();
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn values_that_no_filter_can_have_are_refused() {
    for ether_type in [0, 0x5ff, 0x0800, 0x86dd, 0x8100, 0x88f7] {
        assert_eq!(EtherType::new(ether_type), Err(FilterError::EtherType { ether_type }));
    }
    assert!([0x600, 0x0806, 0xffff].into_iter().all(|ether_type| EtherType::new(ether_type).is_ok()));
    assert!([0, 8, 255].into_iter().all(|p| Priority::new(p) == Err(FilterError::Priority { priority: p })));
    assert_eq!((Priority::new(1), Priority::new(7)), (Ok(Priority::LOWEST), Ok(Priority::HIGHEST)));
    assert!([0, 4095, 4096, u16::MAX].into_iter().all(|id| VlanId::new(id) == Err(FilterError::VlanId { id })));
    for offset in [1, 63, 64, usize::MAX] {
        assert_eq!(FlexibleBytes::new(offset), Err(FilterError::FlexibleBytes { offset }));
    }
    assert_eq!(FlexibleBytes::new(62).map(FlexibleBytes::offset), Ok(62));
}

// Five-tuple filters

const FROM: [u8; 4] = [192, 0, 2, 1];
const TO: [u8; 4] = [198, 51, 100, 7];

fn v4(protocol: u8) -> Ip {
    Ip::v4(mac(0), protocol, FROM, TO, (1024, 80))
}

#[test]
fn a_five_tuple_filter_compares_what_it_names() {
    let (port, mut nic) = running(&Config::new().queue_pairs(4));
    let home = |nic: &mut Nic, ip: Ip| queue_of(&port, nic, &ip.frame());
    type Change = fn(&mut Ip);
    let cases: [(FiveTuple, Change); 5] = [
        (FiveTuple::new().source(FROM.into()), |ip| ip.source = [192, 0, 2, 3].into()),
        (FiveTuple::new().destination(TO.into()), |ip| ip.destination = [7, 100, 51, 198].into()),
        (FiveTuple::new().layer4(Layer4::Tcp(Ports::ANY)), |ip| ip.protocol = UDP),
        (FiveTuple::new().layer4(Layer4::Tcp(Ports::ANY.source(1024))), |ip| ip.ports.0 = 4),
        (FiveTuple::new().layer4(Layer4::Any(Ports::ANY.destination(80))), |ip| ip.ports.1 = 0x5000),
    ];
    for (filter, change) in cases {
        let without = home(&mut nic, v4(TCP)).unwrap();
        let queue = RxQueue::new((without + 1) % 4).unwrap();
        let mut other = v4(TCP);
        change(&mut other);
        let other_queue = home(&mut nic, other);
        let handle = add(&mut nic, filter.to(queue)).unwrap();
        assert_eq!(home(&mut nic, v4(TCP)), Some(queue.get()), "{filter:?}");
        assert_eq!(home(&mut nic, other), other_queue, "{filter:?}");
        drop(handle);
        assert_eq!(home(&mut nic, v4(TCP)), Some(without));
    }
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn protocols_and_fragments_are_told_apart() {
    let (port, mut nic) = running(&Config::new().queue_pairs(5));
    let rules = [
        FiveTuple::new().layer4(Layer4::Tcp(Ports::ANY)).to(index!(RxQueue, 1)),
        FiveTuple::new().layer4(Layer4::Udp(Ports::ANY)).to(index!(RxQueue, 2)),
        FiveTuple::new().layer4(Layer4::Sctp(Ports::ANY)).to(index!(RxQueue, 3)),
        FiveTuple::new().layer4(Layer4::Other).to(index!(RxQueue, 4)),
    ];
    let handles: Vec<_> = rules.into_iter().map(|rule| add(&mut nic, rule).unwrap()).collect();
    for (protocol, queue) in [(TCP, 1), (UDP, 2), (SCTP, 3), (ICMP, 4)] {
        assert_eq!(queue_of(&port, &mut nic, &v4(protocol).frame()), Some(queue));
    }
    // A filter that compares ports does not match a fragment.
    drop(handles);
    add(&mut nic, FiveTuple::new().layer4(Layer4::Any(Ports::ANY.destination(80))).to(index!(RxQueue, 1)))
        .unwrap()
        .keep();
    let fragment = Ip { is_fragment: true, ..v4(UDP) }.frame();
    let why = nic.filters().explain(&fragment).decision;
    assert!(matches!(why, Decision::Hash { .. }), "{why:?}");
    queue_of(&port, &mut nic, &fragment);
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn the_highest_priority_decides() {
    let (port, mut nic) = running(&Config::new().queue_pairs(4));
    let base = FiveTuple::new().source(FROM.into());
    let low = add(&mut nic, base.to(index!(RxQueue, 1))).unwrap();
    let wide = FiveTuple::new().priority(constant!(Priority, 3));
    let middle = add(&mut nic, wide.to(index!(RxQueue, 2))).unwrap();
    assert_eq!(queue_of(&port, &mut nic, &v4(TCP).frame()), Some(2));
    let high = add(&mut nic, base.priority(Priority::HIGHEST).to(index!(RxQueue, 3))).unwrap();
    assert!(low.rule().precedence() < middle.rule().precedence());
    assert_eq!(high.rule().precedence(), Precedence::FiveTuple(Priority::HIGHEST));
    assert_eq!(queue_of(&port, &mut nic, &v4(TCP).frame()), Some(3));
    drop(high);
    assert_eq!(queue_of(&port, &mut nic, &v4(TCP).frame()), Some(2));
    drop(middle);
    assert_eq!(queue_of(&port, &mut nic, &v4(TCP).frame()), Some(1));
    drop(low);
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn filters_of_one_priority_must_not_overlap() {
    let (port, mut nic) = running(&Config::new().queue_pairs(2));
    let to = |filter: FiveTuple| filter.to(index!(RxQueue, 1));
    let base = FiveTuple::new().source(FROM.into()).layer4(Layer4::Tcp(Ports::ANY.source(1)));
    let _handle = add(&mut nic, to(base)).unwrap();
    let repeated = FilterError::Repeated { table: Table::FiveTuples };
    assert_eq!(add(&mut nic, base.to(index!(RxQueue, 0))).unwrap_err(), Error::Filter(repeated));
    let overlapping = [
        FiveTuple::new(),
        FiveTuple::new().destination(TO.into()),
        base.layer4(Layer4::Any(Ports::ANY)),
        base.layer4(Layer4::Tcp(Ports::ANY.destination(2))),
        base.layer4(Layer4::Any(Ports::ANY.source(1).destination(9))),
    ];
    for filter in overlapping {
        let error = add(&mut nic, to(filter)).unwrap_err();
        assert_eq!(error, Error::Filter(FilterError::Overlap { priority: 1 }), "{filter:?}");
        add(&mut nic, to(filter.priority(constant!(Priority, 2)))).expect("another priority").remove().unwrap();
    }
    let apart = [
        base.source(TO.into()),
        base.layer4(Layer4::Udp(Ports::ANY.source(1))),
        base.layer4(Layer4::Any(Ports::ANY.source(2))),
        base.layer4(Layer4::Other),
    ];
    for filter in apart {
        add(&mut nic, to(filter)).unwrap().remove().unwrap();
    }
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn the_device_has_128_five_tuple_filters() {
    let (port, mut nic) = running(&Config::new().queue_pairs(2));
    let rule = |n: usize| FiveTuple::new().source([10, 0, 0, n as u8].into()).to(index!(RxQueue, 1));
    let mut handles: Vec<_> = (0..FIVE_TUPLES).map(|n| add(&mut nic, rule(n)).unwrap()).collect();
    let full = FilterError::TableFull { table: Table::FiveTuples, len: 128 };
    assert_eq!(add(&mut nic, rule(200)).unwrap_err(), Error::Filter(full));
    drop(handles.swap_remove(50));
    handles.push(add(&mut nic, rule(200)).unwrap());
    let from = |n: u8| Ip { source: [10, 0, 0, n].into(), ..v4(ICMP) }.frame();
    assert_eq!([0, 127, 200].map(|n| queue_of(&port, &mut nic, &from(n))), [Some(1); 3]);
    let why = nic.filters().explain(&from(50)).decision;
    assert!(matches!(why, Decision::Hash { .. }), "{why:?}");
    queue_of(&port, &mut nic, &from(50));
    let mut nic = nic.recover().unwrap();
    assert_eq!([0, 127, 200].map(|n| queue_of(&port, &mut nic, &from(n))), [Some(1); 3]);
    drop(handles);
    assert_eq!((0..FIVE_TUPLES).map(|n| peek(&port, "FTQF", n) >> 31).max(), Some(0));
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn queues_that_do_not_run_are_refused() {
    let config = Config::new().queue_pairs(2).flow_director(FlowDirector::perfect(FlowMemory::Kib64));
    let (port, mut nic) = running(&config);
    let two = index!(RxQueue, 2);
    let flow = Flow::<Perfect>::udp().source(FROM.into()).destination(TO.into()).source_port(1).destination_port(2);
    for rule in [constant!(EtherType, 0x88cc).to(two), FiveTuple::new().to(two), flow.to(two)] {
        let error = FilterError::QueueNotRunning { queue: 2, queues: 2 };
        assert_eq!(add(&mut nic, rule).unwrap_err(), Error::Filter(error));
    }
    nic.stop().unwrap();
    assert_clean(&port);
}

// Flow Director

/// The flow of [`v4`].
fn flow(protocol: u8) -> Flow<Perfect> {
    let flow = if protocol == UDP { Flow::<Perfect>::udp() } else { Flow::tcp() };
    flow.source(FROM.into()).destination(TO.into()).source_port(1024).destination_port(80)
}

#[test]
fn a_perfect_filter_matches_its_flow_alone() {
    let config = Config::new().queue_pairs(4).flow_director(FlowDirector::perfect(FlowMemory::Kib64));
    let (port, mut nic) = running(&config);
    let without = queue_of(&port, &mut nic, &v4(TCP).frame()).unwrap();
    let queue = RxQueue::new((without + 1) % 4).unwrap();
    let handle = add(&mut nic, flow(TCP).to(queue)).unwrap();
    assert_eq!(queue_of(&port, &mut nic, &v4(TCP).frame()), Some(queue.get()));
    assert_eq!(
        queue_of(&port, &mut nic, &Ip { tag: Some(9), ..v4(TCP) }.frame()),
        Some(queue.get()),
        "tags are ignored"
    );
    let others = [
        v4(UDP),
        v4(SCTP),
        Ip { source: TO.into(), destination: FROM.into(), ..v4(TCP) },
        Ip { ports: (80, 1024), ..v4(TCP) },
        Ip { ports: (1025, 80), ..v4(TCP) },
        Ip { is_fragment: true, ..v4(TCP) },
    ];
    for other in others {
        let why = nic.filters().explain(&other.frame()).decision;
        assert!(!matches!(why, Decision::Rule(_)), "{other:?}: {why:?}");
        queue_of(&port, &mut nic, &other.frame());
    }
    let repeated = FilterError::Repeated { table: Table::Flows };
    assert_eq!(add(&mut nic, flow(TCP).drop()).unwrap_err(), Error::Filter(repeated));
    let mut nic = nic.recover().unwrap();
    assert_eq!(queue_of(&port, &mut nic, &v4(TCP).frame()), Some(queue.get()), "after a recovery");
    handle.remove().unwrap();
    assert_eq!(queue_of(&port, &mut nic, &v4(TCP).frame()), Some(without));
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn a_flow_can_be_dropped() {
    let config = Config::new().queue_pairs(2).flow_director(FlowDirector::perfect(FlowMemory::Kib64));
    let (port, mut nic) = running(&config);
    let handle = add(&mut nic, flow(UDP).drop()).unwrap();
    assert_eq!(handle.rule().action(), Some(Action::Drop));
    assert_eq!(queue_of(&port, &mut nic, &v4(UDP).frame()), None);
    assert!(queue_of(&port, &mut nic, &v4(TCP).frame()).is_some());
    // A five-tuple filter comes first.
    let tuple = add(&mut nic, FiveTuple::new().to(index!(RxQueue, 1))).unwrap();
    assert_eq!(queue_of(&port, &mut nic, &v4(UDP).frame()), Some(1));
    drop(tuple);
    assert_eq!(queue_of(&port, &mut nic, &v4(UDP).frame()), None);
    handle.remove().unwrap();
    assert!(queue_of(&port, &mut nic, &v4(UDP).frame()).is_some());
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn masks_choose_what_flows_compare() {
    let bits = PortBits { source: 0, destination: 0xff00 };
    let director = FlowDirector::perfect(FlowMemory::Kib128)
        .source_bits([255, 255, 255, 0].into())
        .destination_bits([0, 0, 0, 0].into())
        .layer4(Layer4Fields::Ports { tcp: bits, udp: PortBits::NONE })
        .vlan(VlanFields::IdAndPriority)
        .flexible_bytes(constant!(FlexibleBytes, 6));
    let (port, mut nic) = running(&Config::new().queue_pairs(2).flow_director(director));
    let network = Flow::<Perfect>::tcp()
        .source([192, 0, 2, 0].into())
        .destination_port(0x1200)
        .vlan(constant!(VlanId, 100))
        .vlan_priority(5)
        .flexible_bytes([2, 0]);
    add(&mut nic, network.to(index!(RxQueue, 1))).unwrap().keep();
    let packet = Ip { tag: Some(0xa064), ports: (77, 0x1234), ..v4(TCP) };
    let is_matched = |nic: &mut Nic, frame: &[u8]| {
        queue_of(&port, nic, frame);
        matches!(nic.filters().explain(frame).decision, Decision::Rule(_))
    };
    assert!(is_matched(&mut nic, &packet.frame()));
    for same in [
        Ip { source: [192, 0, 2, 250].into(), ..packet },
        Ip { destination: [8, 8, 8, 8].into(), ..packet },
        Ip { ports: (1, 0x12ff), ..packet },
        Ip { tag: Some(0xb064), ..packet },
    ] {
        assert!(is_matched(&mut nic, &same.frame()), "{same:?}");
    }
    for other in [
        Ip { source: [192, 0, 3, 1].into(), ..packet },
        Ip { ports: (77, 0x1334), ..packet },
        Ip { tag: Some(0x8064), ..packet },
        Ip { tag: Some(0xa065), ..packet },
        Ip { tag: None, ..packet },
        Ip { protocol: UDP, ..packet },
    ] {
        assert!(!is_matched(&mut nic, &other.frame()), "{other:?}");
    }
    let mut flexible = packet.frame();
    flexible[7] = 1;
    assert!(!is_matched(&mut nic, &flexible));
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn flows_that_do_not_fit_the_masks_are_refused() {
    let director = FlowDirector::perfect(FlowMemory::Kib64)
        .source_bits([255, 255, 255, 0].into())
        .layer4(Layer4Fields::Ports { tcp: PortBits { source: 0xff00, destination: 0 }, udp: PortBits::ALL });
    let (port, mut nic) = running(&Config::new().flow_director(director));
    let queue = index!(RxQueue, 0);
    let good = Flow::<Perfect>::tcp().source([10, 0, 0, 0].into()).destination(TO.into()).source_port(0x100);
    let mut refused = |rule: Rule| match add(&mut nic, rule) {
        Err(Error::Filter(error)) => error,
        other => panic!("{other:?}"),
    };
    let not_compared = |field| FilterError::FieldNotCompared { field };
    let missing = |field| FilterError::FieldMissing { field };
    assert_eq!(refused(good.source(FROM.into()).to(queue)), not_compared("source address"));
    assert_eq!(refused(good.source_port(0x101).to(queue)), not_compared("source port"));
    assert_eq!(refused(good.destination_port(1).to(queue)), not_compared("destination port"));
    assert_eq!(refused(good.vlan(constant!(VlanId, 1)).to(queue)), not_compared("VLAN id"));
    assert_eq!(refused(good.vlan_priority(1).to(queue)), not_compared("VLAN priority"));
    assert_eq!(refused(good.flexible_bytes([1, 2]).drop()), not_compared("flexible bytes"));
    assert_eq!(refused(Flow::<Perfect>::udp().to(queue)), missing("source address"));
    let udp = Flow::<Perfect>::udp().source([10, 0, 0, 0].into());
    assert_eq!(refused(udp.to(queue)), missing("destination address"));
    assert_eq!(refused(udp.destination(TO.into()).to(queue)), missing("source port"));
    assert_eq!(refused(Flow::<Perfect>::sctp().source_port(1).to(queue)), missing("source address"));
    let sctp = Flow::<Perfect>::sctp().source([10, 0, 0, 0].into()).destination(TO.into());
    assert_eq!(refused(sctp.source_port(0x100).to(queue)), not_compared("source port"));
    assert_eq!(refused(Flow::<Signature>::tcp().to(queue)), FilterError::FlowKind { configured: FlowKind::Perfect });
    add(&mut nic, good.to(queue)).unwrap().keep();
    nic.stop().unwrap();
    let (_, mut nic) = running(&Config::new());
    assert_eq!(add(&mut nic, good.to(queue)).unwrap_err(), Error::Filter(FilterError::NoFlowDirector));
    assert_clean(&port);
}

#[test]
fn a_full_table_of_flows_is_an_error() {
    let director = FlowDirector::perfect(FlowMemory::Kib64);
    let (port, mut nic) = running(&Config::new().queue_pairs(2).flow_director(director));
    let rule = |n: u16| flow(TCP).source_port(n).to(index!(RxQueue, 1));
    let mut handles: Vec<_> = (0..director.capacity() as u16).map(|n| add(&mut nic, rule(n)).unwrap()).collect();
    let full = FilterError::TableFull { table: Table::Flows, len: 2046 };
    assert_eq!(add(&mut nic, rule(5000)).unwrap_err(), Error::Filter(full));
    let statistics = nic.filters().flow_statistics();
    assert_eq!((statistics.added, statistics.add_failures, statistics.free), (2046, 0, 0));
    let index = handles[100].flow_index();
    drop(handles.swap_remove(100));
    handles.push(add(&mut nic, rule(5000)).unwrap());
    assert_eq!(handles.last().unwrap().flow_index(), index, "an index is used again");
    assert_eq!(queue_of(&port, &mut nic, &Ip { ports: (5000, 80), ..v4(TCP) }.frame()), Some(1));
    drop(handles);
    let statistics = nic.filters().flow_statistics();
    assert_eq!((statistics.added, statistics.removed, statistics.remove_failures), (2047, 2047, 0));
    assert_eq!((statistics.free, statistics.matched), (2046, 1));
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn a_rebuilt_table_has_the_same_flows() {
    let config = Config::new().queue_pairs(2).flow_director(FlowDirector::perfect(FlowMemory::Kib64));
    let (port, mut nic) = running(&config);
    let rule = |n: u16| flow(TCP).source_port(n).to(index!(RxQueue, 1));
    let mut handles: Vec<_> = (0..100).map(|n| add(&mut nic, rule(n)).unwrap()).collect();
    handles.truncate(50);
    nic.filters().rebuild_flows().unwrap();
    for n in [0, 49, 50, 99] {
        let frame = Ip { ports: (n, 80), ..v4(TCP) }.frame();
        let by_rule = matches!(nic.filters().explain(&frame).decision, Decision::Rule(_));
        assert_eq!(by_rule, n < 50);
        queue_of(&port, &mut nic, &frame);
    }
    let statistics = nic.filters().flow_statistics();
    assert_eq!((statistics.added, statistics.removed, statistics.free), (150, 50, 1996));
    drop(handles);
    assert_eq!(nic.filters().flow_statistics().remove_failures, 0);
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn signature_filters_know_ipv6() {
    let config = Config::new().queue_pairs(4).flow_director(FlowDirector::signature(FlowMemory::Kib64));
    let (port, mut nic) = running(&config);
    let (source, destination) = ([0x20; 16], [0x30; 16]);
    let packet = Ip { source: source.into(), destination: destination.into(), ..v4(UDP) };
    let without = queue_of(&port, &mut nic, &packet.frame()).unwrap();
    let queue = RxQueue::new((without + 1) % 4).unwrap();
    let flow = Flow::<Signature>::udp().source(source.into()).destination(destination.into());
    let rule = flow.source_port(1024).destination_port(80).to(queue);
    let handle = add(&mut nic, rule).unwrap();
    assert_eq!(handle.flow_index(), None);
    assert_eq!(queue_of(&port, &mut nic, &packet.frame()), Some(queue.get()));
    let repeated = FilterError::Repeated { table: Table::Flows };
    assert_eq!(add(&mut nic, rule).unwrap_err(), Error::Filter(repeated));
    let mixed = flow.destination([1, 2, 3, 4].into()).source_port(1).destination_port(2).to(queue);
    assert_eq!(add(&mut nic, mixed).unwrap_err(), Error::Filter(FilterError::IpVersions));
    handle.remove().unwrap();
    assert_eq!(queue_of(&port, &mut nic, &packet.frame()), Some(without));
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn two_flows_of_one_signature_are_refused() {
    let config = Config::new().queue_pairs(2).flow_director(FlowDirector::signature(FlowMemory::Kib64));
    let (port, mut nic) = running(&config);
    // The hash adds without carry: these two differ in bits that cancel out in both hashes.
    let flow = |source: u32, destination: u32| {
        let [source, destination] = [source, destination].map(|bits| std::net::Ipv4Addr::from_bits(bits).into());
        Flow::<Signature>::udp().source(source).destination(destination).source_port(1).destination_port(2)
    };
    add(&mut nic, flow(0x0a00_0001, 0x0a00_0100).to(index!(RxQueue, 1))).unwrap().keep();
    let error = add(&mut nic, flow(0x0a00_0100, 0x0a00_0001).to(index!(RxQueue, 0))).unwrap_err();
    assert_eq!(error, Error::Filter(FilterError::Collision), "source and destination meet the same bits of the key");
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn flow_director_leaves_less_room_for_frames() {
    for (memory, kibibytes) in [(FlowMemory::Kib64, 448), (FlowMemory::Kib128, 384), (FlowMemory::Kib256, 256)] {
        let (port, nic) = running(&Config::new().flow_director(FlowDirector::signature(memory)));
        assert_eq!(peek(&port, "RXPBSIZE", 0) >> 10, kibibytes);
        assert!(peek(&port, "FCRTH", 0) & 0x7ffff < kibibytes * 1024);
        nic.stop().unwrap();
        assert_clean(&port);
    }
}
