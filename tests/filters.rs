//! Rules for received frames on the model: each kind of rule, its limits, and when it ends.

mod common;

use std::time::Duration;

use common::{Nic, assert_clean, bytes, frame, mac, peek, port, start};
use ixgbe::device::filter::{
    ADDRESSES, Accept, Acceptance, Action, Decision, FilterError, Rule, RuleHandle, Table, VlanId,
};
use ixgbe::device::{Config, Error};
use ixgbe::packet::Batch;
use ixgbe_sim::wire::NoTraffic;
use ixgbe_sim::{Fault, Port};

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

fn add(nic: &mut Nic, rule: impl Into<Rule>) -> Result<RuleHandle, Error> {
    nic.split().0.filters().add(rule)
}

/// Delivers `frame`. Returns the queue that it comes out of, and fails unless the driver says the same.
fn queue_of(port: &Port, nic: &mut Nic, frame: &[u8]) -> Option<usize> {
    let explanation = nic.split().0.filters().explain(frame);
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
    let why = nic.split().0.filters().explain(&frame(SAME_BIT, 60, 0)).acceptance;
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
    let hundred = add(&mut nic, Accept::Vlan(VlanId::of::<100>())).unwrap();
    assert!(passes(&mut nic, 100) && passes(&mut nic, 0xe064), "whatever the priority");
    assert!(!passes(&mut nic, 101) && !passes(&mut nic, 68) && !passes(&mut nic, 4095));
    assert!(passes(&mut nic, 0x6000), "a tag with a priority only");
    assert!(is_received(&port, &mut nic, mac(0)), "no tag");
    let refused = nic.split().0.filters().explain(&tagged(mac(0), 101));
    assert_eq!((refused.decision, refused.acceptance), (Decision::NoVlan { id: 101 }, None));
    let second = add(&mut nic, Accept::Vlan(VlanId::of::<101>())).unwrap();
    let third = add(&mut nic, Accept::Vlan(VlanId::of::<4094>())).unwrap();
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

// Handles

#[test]
fn a_handle_that_outlives_the_device_does_nothing() {
    let (port, mut nic) = running(&Config::new());
    let handles = [Accept::Unicast(OTHER), Accept::AllUnicast, Accept::Vlan(VlanId::of::<7>())]
        .map(|rule| add(&mut nic, rule).unwrap());
    let device = nic.stop().unwrap();
    let mut nic = common::run(device);
    assert!(!is_received(&port, &mut nic, OTHER), "rules end with the stop");
    let again = add(&mut nic, Accept::Unicast(OTHER)).unwrap();
    drop(handles);
    assert!(is_received(&port, &mut nic, OTHER), "a handle of an earlier start leaves this one alone");
    drop(nic);
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
    let (port, mut nic) = running(&Config::new());
    std::thread::scope(|scope| {
        let mut before = None;
        for round in 0..20_u8 {
            let address = |n: u8| [2, 2, 0, 0, round, n];
            let handles: Vec<_> = (0..20)
                .map(|n| match n % 5 {
                    0 => add(&mut nic, Accept::AllUnicast).unwrap(),
                    1 => add(&mut nic, Accept::Vlan(VlanId::new(u16::from(n) + 1).unwrap())).unwrap(),
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
    nic.stop().unwrap();
    assert_clean(&port);
}

// Recovery

#[test]
fn rules_survive_a_recovery() {
    let (port, mut nic) = running(&Config::new());
    let unicast = add(&mut nic, Accept::Unicast(OTHER)).unwrap();
    let hashed = add(&mut nic, Accept::MulticastHash(GROUP)).unwrap();
    let vlan = add(&mut nic, Accept::Vlan(VlanId::of::<100>())).unwrap();
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
