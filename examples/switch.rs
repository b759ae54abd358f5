//! A learning switch between any number of ports, with VLANs and a limit for storms.
//!
//! Each thread has a receive queue of each port, and transmit queues of its own to every port: there are no locks. Frames
//! for many ports leave through queues apart, whose rate `--storm` limits. A port without a cable is left out until it has
//! one again. There is no spanning tree: do not connect two ports in a ring.
//!
//! ```console
//! $ cargo run --release --example switch
//! $ cargo run --release --example switch -- --vlan 0=10 --vlan 1=10 --storm 1000
//! $ cargo run --release --example switch -- 0000:01:00.0 0000:01:00.1 0000:02:00.0
//! ```

mod common;
mod switch {
    pub mod bridge;
    pub mod counters;
    pub mod stations;
    pub mod table;
    pub mod vlans;
    pub mod watch;
    pub mod worker;
}

use std::error::Error;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use clap::Parser;
use common::testbed::{Nic, PortArguments, Testbed};
use ixgbe::device::{Config, Rate};
use switch::bridge::{Bridge, MOST_PORTS};
use switch::counters::{Counters, Sum};
use switch::stations::{Network, lock};
use switch::table::LONGEST_AGE;
use switch::vlans::{access_ports, parse_access_port};
use switch::watch::Watch;
use switch::worker::Worker;

/// Numbers of descriptors of a receive ring and a transmit ring.
const RINGS: (usize, usize) = (512, 256);
/// The time between two looks at the links.
const INTERVAL: Duration = Duration::from_millis(20);

/// A learning switch between any number of ports.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    ports: PortArguments,
    /// Number of ports of the model, if no PCI addresses are given.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(2..=MOST_PORTS as i64))]
    modelled: u8,
    /// Number of frames that each station behind the ports of the model sends.
    #[arg(long, default_value_t = 20_000)]
    packets: u64,
    /// Number of threads. Each has its own queues of every port.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    queues: u8,
    /// Make a port, counted from 0, an access port of this VLAN: its frames have no tags. The other ports are trunks.
    #[arg(long = "vlan", value_name = "PORT=ID", value_parser = parse_access_port)]
    vlans: Vec<(usize, u16)>,
    /// Largest rate at which a port sends broadcasts and frames for unknown stations, in Mbit/s [default: unlimited]
    #[arg(long, value_name = "MBIT", value_parser = clap::value_parser!(u64).range(1..))]
    storm: Option<u64>,
    /// Seconds after which a station that sends nothing is forgotten.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u16).range(1..=LONGEST_AGE.into()))]
    age: u16,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    common::run(|| run(&arguments))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut testbed = arguments.ports.open(&Vec::from_iter(2..=MOST_PORTS), arguments.modelled.into())?;
    let access = access_ports(testbed.ports(), &arguments.vlans)?;
    let network = testbed.is_model().then(|| Network::plug(testbed.model(), &access, arguments.packets));
    let (bridge, queues) = (Bridge::new(access), usize::from(arguments.queues));
    let config =
        Config::new().promiscuous(true).strip_vlan(bridge.changes_tags()).rx_queues(queues).tx_queues(2 * queues);
    // Without cables, all rings that a thread sends with may be full of buffers from one pool.
    let buffers = 2 * (RINGS.0 + RINGS.1 * bridge.ports());
    let config = config.rx_descriptors(RINGS.0).tx_descriptors(RINGS.1).pool_buffers(buffers);
    let mut nics = testbed.bring_up_all(&config, testbed.is_model())?;
    let counters: Vec<Vec<_>> = (0..queues).map(|_| (0..nics.len()).map(|_| Counters::default()).collect()).collect();
    let vanished = forward(arguments, &testbed, &bridge, &counters, network.as_deref(), &mut nics)?;
    if vanished.is_empty() {
        testbed.finish(nics)?;
    } else {
        // The rings of a port that has vanished keep the others' buffers.
        let left = nics.into_iter().enumerate().filter(|(port, _)| !vanished.contains(port));
        left.map(|(_, nic)| nic).try_for_each(|nic| nic.stop().map(drop))?;
    }
    let total = Sum::of(counters.iter().flatten());
    match network {
        Some(network) => lock(&network).check(total.dropped()),
        None => Ok(()),
    }
}

/// Forwards until the end. Returns the ports that have vanished.
fn forward(
    arguments: &Arguments,
    testbed: &Testbed,
    bridge: &Bridge,
    counters: &[Vec<Counters>],
    network: Option<&Mutex<Network>>,
    nics: &mut [Nic],
) -> Result<Vec<usize>, Box<dyn Error>> {
    // The queues of all threads together keep the limit.
    let rate =
        arguments.storm.and_then(|storm| Rate::kilobits(storm.saturating_mul(1000) / u64::from(arguments.queues)));
    let mut workers: Vec<_> = counters.iter().map(|counters| Worker::new(bridge, counters)).collect();
    let mut controls = Vec::new();
    for nic in nics {
        let (mut control, rx, mut known) = nic.split_queues();
        let flood = known.split_off(rx.len());
        for ((worker, rx), (known, flood)) in workers.iter_mut().zip(rx).zip(known.into_iter().zip(flood)) {
            let limited = rate.map_or(Ok(()), |rate| control.set_rate(flood.index(), rate));
            limited.map_err(|error| format!("--storm for {} queues: {error}", arguments.queues))?;
            worker.add_port(rx, known, flood);
        }
        controls.push(control);
    }
    let (mut watch, end) = (Watch::new(bridge, counters, controls, arguments.age), AtomicBool::new(false));
    watch.look()?;
    thread::scope(|scope| {
        let threads: Vec<_> = workers.into_iter().map(|worker| scope.spawn(|| worker.run(&end))).collect();
        let watched = loop {
            thread::sleep(INTERVAL);
            let is_over = || network.is_some_and(|network| lock(network).is_over());
            match watch.look() {
                Ok(()) if !testbed.is_interrupted() && !end.load(Ordering::Relaxed) && !is_over() => {}
                looked => break looked,
            }
        };
        end.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().map_err(|_| "a thread panicked")??;
        }
        watched
    })?;
    watch.print();
    Ok(watch.vanished())
}
