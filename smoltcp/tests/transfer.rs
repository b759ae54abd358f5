//! The stack on the model: two ports that are connected, each with a host.

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../examples/transfer/host.rs"]
mod host;

use std::net::Ipv4Addr;

use common::{Nic, assert_clean, connected, pool_of};
use host::{Host, Role};
use ixgbe::device::Config;
use ixgbe::pool::Pool;
use ixgbe::queue::QueuePair;
use ixgbe_sim::{Port, PortPlatform};
use ixgbe_smoltcp::{Adapter, Counters, Offloading, Plain, Queues};

/// Bytes each way.
const BYTES: u64 = if cfg!(debug_assertions) { 1_000_000 } else { 20_000_000 };
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
        hosts.push(Host::new(adapter(queues(nic), pool), (mac, IPS[n]), roles[n], bytes[n]).unwrap());
    }
    loop {
        ports.iter().for_each(|port| _ = port.step());
        let over = hosts.iter_mut().map(|host| host.poll().unwrap()).filter(|is_over| *is_over).count();
        if over == hosts.len() {
            break;
        }
    }
    ports.iter().for_each(assert_clean);
    for (host, bytes) in hosts.iter().zip(bytes) {
        assert_eq!(host.moved(), bytes);
        println!("{:.1} MB/s", 2e-6 * BYTES as f64 / host.elapsed().as_secs_f64());
    }
    hosts.iter().map(Host::counters).collect()
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
