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

#[macro_use]
mod common;
mod switch {
    pub mod bridge;
    pub mod counters;
    pub mod stations;
    pub mod table;
    pub mod threads;
    pub mod vlans;
    pub mod watch;
    pub mod worker;
}

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use common::testbed::PortArguments;
use ixgbe::device::{Config, Rate};
use switch::bridge::{Bridge, MOST_PORTS};
use switch::counters::{Counters, Sum};
use switch::stations::{Network, lock};
use switch::table::LONGEST_AGE;
use switch::threads::Threads;
use switch::vlans::{access_ports, parse_access_port};

/// Numbers of descriptors of a receive ring and a transmit ring.
const RINGS: (usize, usize) = (512, 256);
/// The size of a packet's buffer, and of all of them at most, in bytes.
const BUFFER: u64 = 2048;
const MOST_MEMORY: u64 = 4 << 30;

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
    // A port of a network may get its cable later.
    testbed.needs_links = testbed.is_model();
    let network = testbed.is_model().then(|| Network::plug(testbed.model(), &access, arguments.packets));
    let (bridge, queues) = (Bridge::new(access), usize::from(arguments.queues));
    let config =
        Config::new().promiscuous(true).strip_vlan(bridge.changes_tags()).rx_queues(queues).tx_queues(2 * queues);
    // Without cables, all rings that a thread sends with may be full of buffers from one pool.
    let buffers = 2 * (RINGS.0 + RINGS.1 * bridge.ports());
    let bytes = (testbed.ports() * queues * buffers) as u64 * BUFFER;
    if bytes > MOST_MEMORY {
        let (ports, memory) = (testbed.ports(), bytes >> 30);
        return Err(format!("{ports} ports with {queues} queues need {memory} GiB for packets: lower --queues").into());
    }
    let config =
        config.rx_descriptors(RINGS.0).tx_descriptors(RINGS.1).pool_buffers(buffers).buffer_size(BUFFER as usize);
    let mut nics = testbed.bring_up_all(&config)?;
    let counters: Vec<Vec<_>> = (0..queues).map(|_| (0..nics.len()).map(|_| Counters::default()).collect()).collect();
    // The queues of all threads together keep the limit.
    let storm = arguments.storm.map(|storm| storm.saturating_mul(1000) / u64::from(arguments.queues));
    let threads = Threads {
        bridge: &bridge,
        counters: &counters,
        storm: storm.and_then(Rate::kilobits),
        age: arguments.age,
        pin: &|number| common::near::pin(&testbed.cpus, number),
    };
    let is_over = || testbed.is_interrupted() || network.as_ref().is_some_and(|network| lock(network).is_over());
    while let Some(port) = threads.forward(&mut nics, is_over)? {
        let nic = nics.remove(port).recover()?;
        nics.insert(port, nic);
    }
    let is_interrupted = testbed.is_interrupted();
    if bridge.present().count() == nics.len() {
        testbed.finish(nics)?;
    } else {
        // The rings of a port that has vanished keep the others' buffers.
        let mut nics: Vec<_> = nics.into_iter().map(Some).collect();
        bridge.present().filter_map(|port| nics[port].take()).try_for_each(|nic| nic.stop().map(drop))?;
    }
    let total = Sum::of(counters.iter().flatten());
    match network {
        Some(network) if !is_interrupted => lock(&network).check(total.dropped()),
        _ => Ok(()),
    }
}
