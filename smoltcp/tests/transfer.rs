//! The stack on the model: two ports that are connected, each with a host.

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../examples/transfer/host.rs"]
mod host;

use std::net::Ipv4Addr;
use std::time::Duration;

use common::{Nic, assert_clean, connected, pool_of};
use host::{Host, Role};
use ixgbe::device::Config;
use ixgbe::pool::Pool;
use ixgbe::queue::QueuePair;
use ixgbe::vf::{self, Event, VirtualFunction};
use ixgbe_sim::wire::cable;
use ixgbe_sim::wire::faults::Faults;
use ixgbe_sim::{HostConfig, Port, PortPlatform, Wire};
use ixgbe_smoltcp::{Adapter, Counters, Offloading, Plain, Queues};

/// Bytes each way.
const BYTES: u64 = if cfg!(debug_assertions) { 1_000_000 } else { 20_000_000 };
/// Bytes over a wire that loses some of them, where the stack waits for its timers.
const FEW_BYTES: u64 = 500_000;
/// The number of buffers for packets to send, and their size in bytes.
const BUFFERS: (usize, usize) = (128, 16 * 1024);
const IPS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];

fn queues(nic: &mut Nic) -> QueuePair<'_, PortPlatform> {
    nic.split().1.pop().unwrap()
}

/// Transfers in both directions at once. Returns the counters of both ends.
fn transfer<'a, Q: Queues>(
    (ports, nics): (&[Port], &'a mut [Nic]),
    (buffers, size): (usize, usize),
    adapter: impl Fn(QueuePair<'a, PortPlatform>, Pool) -> Adapter<Q>,
) -> Vec<Counters> {
    let roles = [Role::Listen(80), Role::Connect(IPS[0], 80)];
    let bytes = [(BYTES, BYTES + 1), (BYTES + 1, BYTES)];
    let mut hosts = Vec::new();
    for (n, nic) in nics.iter_mut().enumerate() {
        let (mac, pool) = (nic.mac(), Pool::new(nic.platform(), buffers, size).unwrap());
        let mut adapter = adapter(queues(nic), pool);
        hosts.push((Host::new(&mut adapter, (mac, IPS[n]), roles[n], bytes[n]).unwrap(), adapter));
    }
    loop {
        ports.iter().for_each(|port| _ = port.step());
        let over =
            hosts.iter_mut().map(|(host, adapter)| host.poll(adapter).unwrap()).filter(|is_over| *is_over).count();
        if over == hosts.len() {
            break;
        }
    }
    ports.iter().for_each(assert_clean);
    for ((host, _), bytes) in hosts.iter().zip(bytes) {
        assert_eq!(host.moved(), bytes);
        println!("{:.1} MB/s", 2e-6 * BYTES as f64 / host.elapsed().as_secs_f64());
    }
    hosts.iter().map(|(_, adapter)| adapter.counters()).collect()
}

fn stop(nics: [Nic; 2]) {
    for nic in nics {
        let pool = pool_of(&nic);
        nic.stop().unwrap();
        assert_eq!(pool.available(), pool.capacity());
    }
}

/// Returns the number of frames that the port sent.
fn frames(port: &Port) -> u64 {
    port.counters().transmitted
}

#[test]
fn the_chip_computes_all_checksums() {
    let (ports, mut nics) = connected(&Config::new());
    let counters = transfer((&ports, &mut nics), BUFFERS, |queues, pool| {
        Adapter::new(Offloading::new(queues), pool, 1518).unwrap().cut_up_to(0)
    });
    assert_eq!(counters, [Counters::default(); 2]);
    stop(nics);
}

#[test]
fn packets_wait_for_room_in_the_ring_and_for_buffers() {
    for (ring, buffers) in [(64, 512), (512, 1), (64, 64)] {
        let (ports, mut nics) = connected(&Config::new().tx_descriptors(ring));
        let counters = transfer((&ports, &mut nics), (buffers, 2048), |queues, pool| {
            Adapter::new(Offloading::new(queues), pool, 1518).unwrap().cut_up_to(0)
        });
        assert_eq!(counters, [Counters::default(); 2]);
        stop(nics);
    }
}

#[test]
fn the_chip_cuts_large_packets() {
    // As long as a buffer, and longer.
    for longest in [16_384, 65_536] {
        let (ports, mut nics) = connected(&Config::new());
        let mut counters = transfer((&ports, &mut nics), BUFFERS, |queues, pool| {
            Adapter::new(Offloading::new(queues), pool, 1518).unwrap().cut_up_to(longest)
        });
        for counters in &mut counters {
            // Some packets are shorter: the window ends within them.
            let least = BYTES / longest as u64;
            assert!((least..8 * least).contains(&counters.tx_cut), "{counters:?}");
            counters.tx_cut = 0;
        }
        assert_eq!(counters, [Counters::default(); 2]);
        stop(nics);
    }
}

#[test]
fn the_stack_computes_all_checksums_of_any_port() {
    let (ports, mut nics) = connected(&Config::new());
    let counters = transfer((&ports, &mut nics), BUFFERS, |QueuePair { rx, tx }, pool| {
        Adapter::new(Plain::new(rx, tx), pool, 1518).unwrap()
    });
    for (n, counters) in counters.iter().enumerate() {
        // All but ARP.
        let arp = 1;
        assert_eq!(counters.tx_by_software, frames(&ports[n]) - arp);
        assert_eq!(counters.rx_by_software, frames(&ports[1 - n]) - arp);
        assert_eq!((counters.rx_bad, counters.rx_dropped, counters.tx_dropped), (0, 0, 0));
    }
    stop(nics);
}

/// Sends `FEW_BYTES` one way over a wire with these faults, both ways, and checks them. Returns how many bytes of payload the
/// sender put on the wire, and how many frames did not arrive as they were sent.
fn transfer_over(faults: Faults) -> (u64, u64) {
    let ports = [0, 1].map(common::port);
    let (one, other) = cable::cable();
    let (one, other) = (one.with_faults(faults), other.with_faults(Faults { seed: faults.seed + 1, ..faults }));
    let counters = [one.counters(), other.counters()];
    ports[0].plug(one);
    ports[1].plug(other);
    let mut nics = ports.each_ref().map(|port| common::start(port, &Config::new()));
    let roles = [Role::Listen(80), Role::Connect(IPS[0], 80)];
    let mut hosts = Vec::new();
    for (n, nic) in nics.iter_mut().enumerate() {
        let (mac, pool) = (nic.mac(), Pool::new(nic.platform(), BUFFERS.0, 2048).unwrap());
        let mut adapter = Adapter::new(Offloading::new(queues(nic)), pool, 1518).unwrap().cut_up_to(0);
        let bytes = [(1, FEW_BYTES), (FEW_BYTES, 1)][n];
        hosts.push((Host::new(&mut adapter, (mac, IPS[n]), roles[n], bytes).unwrap(), adapter));
    }
    // The last acknowledgement can get lost too. The end that has received all of the other's bytes is over then.
    while !hosts.iter_mut().any(|(host, adapter)| host.poll(adapter).unwrap()) || hosts[0].0.moved().1 < FEW_BYTES {
        ports.iter().for_each(|port| _ = port.step());
    }
    assert_eq!(
        (hosts[0].0.moved(), hosts[1].0.moved()),
        ((1, FEW_BYTES), (FEW_BYTES, 1)),
        "each host checks the contents"
    );
    let dropped = hosts.iter().map(|(_, adapter)| adapter.counters().rx_bad).sum::<u64>();
    let [altered, corrupted] = [0, 1]
        .map(|what| counters.iter().map(|counters| [counters.altered(), counters.corrupted()][what]).sum::<u64>());
    drop(hosts);
    ports.iter().for_each(assert_clean);
    let crc_errors = nics.iter_mut().map(|nic| nic.split().0.statistics().unwrap().rx_crc_errors).sum::<u64>();
    assert_eq!(crc_errors, corrupted, "the chip notices what the wire damaged");
    assert!(dropped <= altered, "the chip finds no checksum wrong that is right");
    let sent = ports[1].counters();
    stop(nics);
    // Ethernet, IPv4 and TCP without options.
    let payload = sent.transmitted_bytes - 54 * sent.transmitted;
    (payload, counters.iter().map(|counters| counters.lost() + counters.corrupted() + counters.altered()).sum())
}

#[test]
fn contents_arrive_over_a_wire_that_loses_delays_doubles_and_damages_frames() {
    let (payload, bad) = transfer_over(Faults::default());
    assert_eq!(bad, 0);
    let faults = Faults {
        loss: 0.01,
        corruption: 0.005,
        alteration: 0.01,
        duplication: 0.01,
        delay: 0.02,
        longest_delay: Duration::from_micros(200),
        seed: 82_599,
    };
    let (payload_again, bad) = transfer_over(faults);
    assert!(bad > 0, "the wire is bad");
    assert!(payload_again > payload, "{payload_again} bytes instead of {payload}: what was lost was sent again");
}

/// Resets the physical function of one end. An adapter borrows the queues, so it ends, and the host goes on with another.
///
/// One way at a time: two ends of smoltcp that have sent a whole window each ignore each other's acknowledgements for a
/// while, if both lost the first packet of it.
#[test]
fn a_connection_outlives_resets_of_the_physical_function() {
    for bytes in [(BYTES, 1), (1, BYTES)] {
        transfer_with_resets(bytes);
    }
}

/// Has a virtual function send and receive as many bytes, and resets its physical function twice meanwhile.
fn transfer_with_resets(bytes: (u64, u64)) {
    const RESETS: u64 = 2;
    let (ports, config) = ([0, 1].map(common::port), vf::Config::new());
    ixgbe_sim::connect(&ports[0], &ports[1]);
    let function = ports[0].host(HostConfig::default()).unwrap().remove(0);
    let mut other = common::start(&ports[1], &Config::new());
    let mut nic = VirtualFunction::new(function.claim().unwrap()).reset(&config).unwrap().start().unwrap();
    let pools = [pool_of(&other), nic.pools().next().unwrap().clone()];
    let pool = Pool::new(nic.platform(), BUFFERS.0, BUFFERS.1).unwrap();
    let other_pool = Pool::new(other.platform(), BUFFERS.0, BUFFERS.1).unwrap();
    let mut other_adapter = Adapter::new(Offloading::new(queues(&mut other)), other_pool, 1518).unwrap();
    let (role, back) = (Role::Connect(IPS[0], 80), (bytes.1, bytes.0));
    let mut other_host = Host::new(&mut other_adapter, (common::mac(1), IPS[1]), role, back).unwrap();
    let (mut host, mut cut, mut resets) = (None, 0, 0);
    loop {
        let (mut control, mut queues) = nic.split();
        let mut adapter = Adapter::new(Offloading::new(queues.remove(0)), pool.clone(), 1518).unwrap();
        let mac = control.mac();
        let host = host.get_or_insert_with(|| Host::new(&mut adapter, (mac, IPS[0]), Role::Listen(80), bytes).unwrap());
        let is_over = loop {
            ports.iter().for_each(|port| _ = port.step());
            if host.poll(&mut adapter).unwrap() & other_host.poll(&mut other_adapter).unwrap() {
                break true;
            }
            if resets < RESETS && host.moved().0 + host.moved().1 > BYTES * (resets + 1) / (RESETS + 1) {
                ports[0].reset_host();
                resets += 1;
            }
            if control.poll_event().unwrap() == Some(Event::HostReset) {
                break false;
            }
        };
        let counters = adapter.counters();
        cut += counters.tx_cut;
        assert_eq!((counters.rx_by_software, counters.tx_by_software, counters.rx_bad), (0, 0, 0));
        drop(adapter);
        if is_over {
            break;
        }
        ports.iter().for_each(|port| port.wait(Duration::from_millis(100)));
        nic = nic.recover().unwrap();
    }
    assert_eq!((nic.control().statistics().unwrap().recoveries, resets), (RESETS, RESETS));
    assert!(cut >= bytes.0 / 65_536, "{cut} packets were cut");
    assert_eq!((host.unwrap().moved(), other_host.moved()), (bytes, back));
    drop(other_adapter);
    nic.stop().unwrap();
    other.stop().unwrap();
    pools.iter().chain([&pool]).for_each(|pool| assert_eq!(pool.available(), pool.capacity()));
    ports.iter().for_each(assert_clean);
}
