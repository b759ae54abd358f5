//! The example `switch` on the model: pulled cables, VLANs, storms, nonsense, and a table that is full.

#[path = "../examples/switch/bridge.rs"]
#[allow(dead_code, reason = "the number of ports is the test's")]
mod bridge;
mod common;
#[path = "../examples/switch/counters.rs"]
mod counters;
#[path = "../examples/switch/table.rs"]
mod table;
#[path = "../examples/switch/vlans.rs"]
mod vlans;
#[path = "../examples/switch/watch.rs"]
mod watch;
#[path = "../examples/switch/worker.rs"]
#[allow(dead_code, reason = "the test's own thread works")]
mod worker;

use std::collections::HashMap;
use std::time::Duration;

use bridge::Bridge;
use common::{Recorder, assert_clean, mac, recorded};
use counters::{Counters, Event, Sum};
use ixgbe::device::{Config, Device, Rate, Running};
use ixgbe::platform::AnyPlatform;
use ixgbe_sim::{Fault, Port};
use table::{LONGEST_AGE, Table};
use watch::Watch;
use worker::Worker;

type Nic = Device<Running, AnyPlatform>;

/// A switch with one thread, the test's own.
struct Switch {
    ports: Vec<Port>,
    wires: Vec<Recorder>,
    nics: Vec<Nic>,
    bridge: Bridge,
    counters: Vec<Vec<Counters>>,
}

impl Switch {
    fn new(access: &[Option<u16>]) -> Self {
        let bridge = Bridge::new(access.to_vec());
        let (ports, wires): (Vec<_>, Vec<_>) = (0..access.len()).map(|index| recorded(index as u8)).unzip();
        let config = Config::new().tx_queues(2).rx_descriptors(512).tx_descriptors(256);
        let config = config.pool_buffers(2 * (512 + 256 * access.len()));
        let config = config.promiscuous(true).strip_vlan(bridge.changes_tags());
        let start = |port: &Port| {
            let nic = Device::new(AnyPlatform::new(port.claim().unwrap())).reset(&config).unwrap();
            common::run(nic)
        };
        let mut nics: Vec<_> = ports.iter().map(start).collect();
        let pools: Vec<_> = nics.iter().flat_map(Device::pools).cloned().collect();
        nics.iter_mut().for_each(|nic| pools.iter().for_each(|pool| nic.attach(pool).unwrap()));
        (0..ports.len()).for_each(|port| bridge.set_up(port, true));
        let counters = vec![(0..ports.len()).map(|_| Counters::default()).collect()];
        Self { ports, wires, nics, bridge, counters }
    }

    /// Delivers frames to ports, and lets the switch forward them. Returns what each port sent.
    fn forward(&mut self, frames: &[(usize, Vec<u8>)]) -> Vec<Vec<Vec<u8>>> {
        frames.iter().for_each(|(port, frame)| self.ports[*port].deliver(frame));
        let mut worker = Worker::new(&self.bridge, &self.counters[0]);
        for nic in &mut self.nics {
            let (_, mut rx, mut tx) = nic.split_queues();
            let flood = tx.pop().unwrap();
            worker.add_port(rx.pop().unwrap(), tx.pop().unwrap(), flood);
        }
        while worker.turn().unwrap() {}
        self.ports.iter().for_each(|port| _ = port.step());
        self.wires.iter().map(Recorder::take).collect()
    }

    fn count(&self, port: usize, event: Event) -> u64 {
        self.counters[0][port].get(event)
    }

    /// Stops all devices: each frame is accounted for, all buffers are back, and no rule of the model was broken.
    fn finish(self) {
        for port in 0..self.ports.len() {
            let out = [Event::Sent, Event::NoRoom, Event::NoBuffer, Event::Unsendable].map(|e| self.count(port, e));
            let sum = self.count(port, Event::Forwarded) + self.count(port, Event::Copies);
            assert_eq!(sum, out.iter().sum::<u64>(), "port {port}: {out:?}");
        }
        let pools: Vec<_> = self.nics.iter().flat_map(Device::pools).cloned().collect();
        self.nics.into_iter().for_each(|nic| drop(nic.stop().unwrap()));
        pools.iter().for_each(|pool| assert_eq!(pool.available(), pool.capacity()));
        self.ports.iter().for_each(assert_clean);
    }
}

const BROADCAST: [u8; 6] = [0xff; 6];

fn frame(destination: [u8; 6], source: [u8; 6], number: u8) -> Vec<u8> {
    [&destination[..], &source, &[0x88, 0xb5], &[number; 60]].concat()
}

/// The frame, with a tag of `vlan`.
fn tagged(vlan: u16, mut frame: Vec<u8>) -> Vec<u8> {
    frame.splice(12..12, [0x81, 0, (vlan >> 8) as u8, vlan as u8]);
    frame
}

/// The host behind port `port`.
fn host(port: usize) -> [u8; 6] {
    mac(port as u8 + 100)
}

/// Lets each host be heard.
fn greet(switch: &mut Switch) {
    for port in 0..switch.ports.len() {
        switch.forward(&[(port, frame(BROADCAST, host(port), 0))]);
    }
}

/// Both ways to forward: in place, and with packets whose tags change.
fn both() -> [Vec<Option<u16>>; 2] {
    [vec![None; 4], vec![Some(10); 4]]
}

#[test]
fn frames_go_to_one_port_once_it_is_known() {
    for access in both() {
        let mut switch = Switch::new(&access);
        let unknown = frame(host(1), host(0), 1);
        let out = switch.forward(&[(0, unknown.clone())]);
        assert_eq!(out, [vec![], vec![unknown.clone()], vec![unknown.clone()], vec![unknown]]);
        let back = frame(host(0), host(1), 2);
        assert_eq!(switch.forward(&[(1, back.clone())]), [vec![back], vec![], vec![], vec![]]);
        let known = frame(host(1), host(0), 3);
        assert_eq!(switch.forward(&[(0, known.clone())]), [vec![], vec![known], vec![], vec![]]);
        let all = frame(BROADCAST, host(0), 4);
        assert_eq!(switch.forward(&[(0, all.clone())]), [vec![], vec![all.clone()], vec![all.clone()], vec![all]]);
        let counted = [Event::Forwarded, Event::Flooded, Event::Copies, Event::Sent].map(|e| switch.count(0, e));
        assert_eq!(counted, [1, 2, 6, 7]);
        switch.finish();
    }
}

#[test]
fn a_pulled_cable_leaves_the_other_outputs_their_rate() {
    for access in both() {
        let mut switch = Switch::new(&access);
        greet(&mut switch);
        // Each host sends to all others, and now and then to all at once.
        let mut offered = Vec::new();
        for from in 0..4 {
            let others = (0..4).filter(|to| *to != from).cycle().take(24);
            offered.extend(others.map(|to| (from, frame(host(to), host(from), 5))));
            offered.push((from, frame(BROADCAST, host(from), 6)));
        }
        // Counts what the ports 0, 1 and 2 send, of frames from each other.
        let rounds = 100;
        let run = |switch: &mut Switch, from: &[(usize, Vec<u8>)]| {
            let mut sent = [0; 4];
            for _ in 0..rounds {
                for (port, out) in switch.forward(from).into_iter().enumerate() {
                    sent[port] += out.iter().filter(|frame| port == 3 || frame[6..12] != host(3)).count();
                }
            }
            sent
        };
        let before = run(&mut switch, &offered);
        assert_eq!(before, [rounds * 18, rounds * 18, rounds * 18, rounds * 27]);
        // At first the switch does not know: the rings to port 3 fill up.
        switch.ports[3].set_link(false);
        let without: Vec<_> = offered.iter().filter(|(port, _)| *port != 3).cloned().collect();
        let unnoticed = run(&mut switch, &without);
        assert!((0..3).all(|port| switch.count(port, Event::NoRoom) > 0), "the rings of port 3 are full");
        switch.bridge.set_up(3, false);
        assert_eq!(switch.bridge.table.find(access[3].unwrap_or(0), host(3)), None, "behind port 3 is nobody");
        let full: Vec<_> = (0..3).map(|port| switch.count(port, Event::NoRoom)).collect();
        let noticed = run(&mut switch, &without);
        let rooms: Vec<_> = (0..3).map(|port| switch.count(port, Event::NoRoom)).collect();
        assert_eq!(rooms, full, "nothing more is given to port 3");
        for (port, before) in before.into_iter().enumerate().take(3) {
            assert!(unnoticed[port] * 100 >= before * 95, "port {port}: {} of {before}", unnoticed[port]);
            assert!(noticed[port] * 100 >= before * 95, "port {port}: {} of {before}", noticed[port]);
            assert!(switch.count(port, Event::NoLink) > 0, "what was for port 3 alone is counted");
        }
        assert_eq!([unnoticed[3], noticed[3]], [0, 0]);
        // Put back.
        switch.ports[3].set_link(true);
        while !switch.nics[3].split_queues().0.link_status().is_up() {
            switch.ports[3].wait(Duration::from_millis(1));
        }
        switch.bridge.set_up(3, true);
        // What waited for the cable leaves first.
        switch.forward(&[]);
        (0..100).for_each(|_| _ = switch.ports[3].step());
        greet(&mut switch);
        switch.wires.iter().for_each(|wire| drop(wire.take()));
        assert_eq!(run(&mut switch, &offered), before);
        switch.finish();
    }
}

#[test]
fn vlans_are_kept_apart_and_tags_change() {
    // Two access ports of VLAN 10, one of VLAN 20, two trunks.
    let mut switch = Switch::new(&[Some(10), Some(10), Some(20), None, None]);
    let plain = frame(BROADCAST, host(0), 1);
    let in_10 = tagged(10, plain.clone());
    let nothing = Vec::<Vec<u8>>::new();
    let out = switch.forward(&[(0, plain.clone())]);
    assert_eq!(out, [nothing.clone(), vec![plain], nothing.clone(), vec![in_10.clone()], vec![in_10]]);
    // From a trunk, to the host that is known in this VLAN alone.
    for (vlan, known) in [(10, true), (20, false)] {
        let untagged = frame(host(0), host(3), 2);
        let out = switch.forward(&[(3, tagged(vlan, untagged.clone()))]);
        let expected: [&[Vec<u8>]; 5] = if known {
            [&[untagged], &[], &[], &[], &[]]
        } else {
            [&[], &[], std::slice::from_ref(&untagged), &[], &[tagged(20, untagged.clone())]]
        };
        assert_eq!(out, expected);
    }
    // Frames without a tag on a trunk are of no access port's VLAN, nor are tags of other VLANs.
    let untagged = frame(BROADCAST, host(4), 3);
    for frame in [untagged.clone(), tagged(30, untagged.clone())] {
        assert_eq!(switch.forward(&[(4, frame.clone())]), [&[][..], &[], &[], &[frame], &[]]);
    }
    // A tag on an access port, and the identifier that no VLAN has.
    for (port, vlan) in [(0, 10), (0, 20), (4, 4095)] {
        assert_eq!(switch.forward(&[(port, tagged(vlan, untagged.clone()))]), [&[] as &[Vec<u8>]; 5]);
    }
    assert_eq!((switch.count(0, Event::OtherVlan), switch.count(4, Event::OtherVlan)), (2, 1));
    // The priority of a tag stays on the way from trunk to trunk.
    let urgent = tagged(7 << 13 | 10, frame(host(4), host(3), 4));
    switch.forward(&[(4, tagged(10, untagged))]);
    assert_eq!(switch.forward(&[(3, urgent.clone())]), [&[][..], &[], &[], &[], &[urgent]]);
    switch.finish();
}

#[test]
fn storms_stay_within_their_rate_and_leave_known_frames_alone() {
    let mut switch = Switch::new(&[None; 3]);
    greet(&mut switch);
    for nic in &mut switch.nics {
        let (mut control, _, tx) = nic.split_queues();
        control.set_rate(tx[1].index(), Rate::megabits(10).unwrap()).unwrap();
    }
    let (mut storm, mut known, began) = (0, 0, switch.ports[1].now());
    let burst: Vec<_> = (0..32).map(|n| (0, frame(BROADCAST, host(0), n))).collect();
    for round in 0..400 {
        let out = switch.forward(&[&burst[..], &[(2, frame(host(1), host(2), 7))]].concat());
        storm += out[1].iter().filter(|frame| frame[..6] == BROADCAST).count() as u128;
        known += out[1].iter().filter(|frame| frame[..6] == host(1)).count();
        assert!(known + 2 > round, "{known} of {round}");
        switch.ports.iter().for_each(|port| port.wait(Duration::from_micros(100)));
    }
    let rate = storm * 8 * 78 * 1_000_000 / (switch.ports[1].now() - began).as_micros();
    assert!((7_000_000..12_000_000).contains(&rate), "{rate} bit/s");
    assert!(switch.count(0, Event::NoRoom) > 5_000 && switch.count(2, Event::NoRoom) == 0);
    switch.finish();
}

#[test]
fn nonsense_is_dropped_and_counted() {
    for access in both() {
        let mut switch = Switch::new(&access);
        greet(&mut switch);
        let nothing = vec![Vec::<Vec<u8>>::new(); 4];
        let mut drops = |frame, event| {
            let before = switch.count(0, event);
            assert_eq!(switch.forward(&[(0, frame)]), nothing, "{event:?}");
            assert_eq!(switch.count(0, event), before + 1, "{event:?}");
        };
        drops(frame(host(1), [0x01, 2, 3, 4, 5, 6], 0), Event::BadSource);
        drops(frame(host(1), BROADCAST, 0), Event::BadSource);
        drops(frame(host(1), [0; 6], 0), Event::BadSource);
        drops(frame([0x01, 0x80, 0xc2, 0, 0, 0], host(0), 0), Event::Reserved);
        drops(frame([0x01, 0x80, 0xc2, 0, 0, 0x0e], host(0), 0), Event::Reserved);
        drops(frame(host(0), host(0), 0), Event::SamePort);
        // The device itself drops frames that are too short or too long.
        for len in [0, 1, 11, 12, 13, 14, 59, 1515, 2000, 9000] {
            assert_eq!(
                switch.forward(&[(0, frame(host(1), host(0), 0).into_iter().cycle().take(len).collect())]),
                nothing
            );
        }
        assert!(switch.bridge.table.len() == 4);
        // One address at two ports, by turns: the last one counts.
        for at in [2, 3, 2, 1] {
            switch.forward(&[(at, frame(BROADCAST, mac(77), 0))]);
            let out = switch.forward(&[(0, frame(mac(77), host(0), 1))]);
            assert_eq!(
                out.iter().map(Vec::len).collect::<Vec<_>>(),
                (0..4).map(|p| usize::from(p == at)).collect::<Vec<_>>()
            );
        }
        // Random frames, some of which are right: none goes back, and the table holds no more than it can.
        let mut state = 1_u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize
        };
        for _ in 0..1_000 {
            let from = random() % 4;
            let frame: Vec<u8> =
                (0..random() % 1_600).map(|at| if at < 12 { random() as u8 & 3 } else { random() as u8 }).collect();
            assert_eq!(switch.forward(&[(from, frame)])[from], nothing[0]);
        }
        switch.finish();
    }
}

#[test]
fn a_full_table_floods_and_old_stations_are_forgotten() {
    let (table, stations) = (Table::new(), 100_000_u32);
    let mac = |n: u32| [2, 0, n.to_be_bytes()[0], n.to_be_bytes()[1], n.to_be_bytes()[2], n.to_be_bytes()[3]];
    let mut learnt = HashMap::new();
    for n in 0..stations {
        table.learn((n % 5) as u16, mac(n), n as usize % 32, u64::from(n) / 1000);
        learnt.extend(table.find((n % 5) as u16, mac(n)).map(|port| (n, port)));
    }
    assert!(learnt.len() == table.len() && (10_000..=16_384).contains(&table.len()), "{}", table.len());
    for n in 0..stations {
        assert_eq!(table.find((n % 5) as u16, mac(n)), learnt.get(&n).map(|_| n as usize % 32));
        assert_eq!(table.find((n % 5) as u16 + 1, mac(n)), None, "another VLAN");
    }
    table.flush(7);
    assert!((0..stations).all(|n| table.find((n % 5) as u16, mac(n)).is_none_or(|port| port != 7)));
    // The seconds of entries wrap around.
    for age in [10, 300, LONGEST_AGE] {
        for now in [0, 1, 1000, 1023, 1024, 5000] {
            let table = Table::new();
            table.learn(1, mac(1), 3, now);
            table.expire(now + u64::from(age), age);
            assert_eq!(table.find(1, mac(1)), Some(3));
            table.expire(now + u64::from(age) + 1, age);
            assert_eq!((table.find(1, mac(1)), table.len()), (None, 0));
        }
    }
}

#[test]
fn ports_that_vanish_leave_a_switch_while_two_are_left() {
    let mut switch = Switch::new(&[None; 3]);
    greet(&mut switch);
    for (vanishes, expected) in
        [(2, Ok(())), (0, Err("fewer than two ports are left, and a switch needs two".to_owned()))]
    {
        switch.ports[vanishes].inject(Fault::SurpriseRemoval);
        let controls = switch.nics.iter_mut().map(|nic| nic.split_queues().0).collect();
        let mut watch = Watch::new(&switch.bridge, &switch.counters, controls);
        watch.examine();
        assert!(switch.bridge.present().all(|port| port != vanishes));
        assert_eq!(watch.look(300).map_err(|error| error.to_string()), expected);
        assert!(!switch.bridge.is_up(vanishes));
        if expected.is_ok() {
            let all = frame(BROADCAST, host(0), 1);
            assert_eq!(switch.forward(&[(0, all.clone())]), [vec![], vec![all], vec![]]);
            assert_eq!(switch.count(0, Event::NoLink), 1);
        }
    }
    assert!(Sum::of(switch.counters.iter().flatten()).dropped() >= 1);
}

#[test]
fn a_port_that_hangs_after_its_cable_was_pulled_is_recovered() {
    let mut switch = Switch::new(&[None; 3]);
    greet(&mut switch);
    switch.ports[2].inject(Fault::LinkLossStopsTransmit);
    let examine = |switch: &mut Switch| {
        let controls = switch.nics.iter_mut().map(|nic| nic.split_queues().0).collect();
        let mut watch = Watch::new(&switch.bridge, &switch.counters, controls);
        watch.examine();
        switch.ports.iter().for_each(|port| port.wait(Duration::from_secs(1)));
        watch.hanging()
    };
    switch.ports[2].inject(Fault::TxStalls);
    switch.forward(&[(0, frame(host(2), host(0), 1))]);
    switch.ports[2].set_link(false);
    switch.ports[2].step();
    switch.ports[2].clear(Fault::TxStalls);
    assert_eq!([examine(&mut switch), examine(&mut switch)], [None, None], "without a cable nothing hangs");
    switch.ports[2].set_link(true);
    let hanging = (0..10).find_map(|_| examine(&mut switch));
    assert_eq!(hanging, Some(2));
    let nic = switch.nics.remove(2).recover().unwrap();
    switch.nics.push(nic);
    switch.ports[2].wait(Duration::from_secs(1));
    let known = frame(host(2), host(0), 2);
    assert_eq!(switch.forward(&[(0, known.clone())]), [vec![], vec![], vec![known]]);
    switch.finish();
}

#[test]
fn the_vlan_option_says_what_is_wrong() {
    assert_eq!(vlans::parse_access_port("3=4094"), Ok((3, 4094)));
    for wrong in ["", "3", "3=", "=5", "3=0", "3=4095", "3=70000", "x=1", "3=5=6", "-1=5"] {
        assert!(vlans::parse_access_port(wrong).is_err(), "{wrong}");
    }
    assert_eq!(vlans::access_ports(3, &[(1, 7)]), Ok(vec![None, Some(7), None]));
    assert!(vlans::access_ports(3, &[(3, 7)]).unwrap_err().contains("there is no port 3"));
    assert!(vlans::access_ports(3, &[(1, 7), (1, 8)]).unwrap_err().contains("VLAN 7 already"));
}
