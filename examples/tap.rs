//! Connects a port with a TAP interface: ping, ssh, iperf3 and DHCP of the system run over the card.
//!
//! Checksums and the cutting of large packets are left to the chip. On the model there are two ports, connected by a
//! wire, and an interface for each: move one to another network namespace, or the kernel takes a shorter way.
//!
//! ```console
//! $ cargo build --release --example tap
//! $ sudo target/release/examples/tap 0000:03:00.0 --user $USER &
//! $ sudo dhclient ixgbe0
//! $ unshare --user --map-root-user --net sh    # on the model, or as root
//! # target/release/examples/tap &
//! # unshare --net sleep 1000 &
//! # ip link set ixgbe1 netns $!
//! # nsenter --net --target $! sh -c 'ip address add 192.0.2.2/24 dev ixgbe1 && ip link set ixgbe1 up'
//! # ip address add 192.0.2.1/24 dev ixgbe0 && ip link set ixgbe0 up && ping 192.0.2.2
//! ```

#[macro_use]
mod common;
mod tap {
    pub mod bridge;
    pub mod device;
    pub mod frames;
    pub mod requests;
    pub mod sleep;
}

use std::error::Error;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use clap::Parser;
use common::testbed::PortArguments;
use ixgbe::device::{Config, FlowControl};
use ixgbe_sim::connect;
use tap::bridge::Bridge;
use tap::device::Tap;
use tap::requests::Counts;

/// The largest frame, in bytes with CRC: a packet of 1500 bytes, and a VLAN tag.
const MAX_FRAME: usize = 1522;
/// The time between two looks at the threads and at the end.
const INTERVAL: Duration = Duration::from_millis(20);

/// Connects ports with TAP interfaces.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    ports: PortArguments,
    /// Name of the TAP interface; once for each port [default: ixgbe0, ixgbe1].
    #[arg(long = "tap", value_name = "NAME")]
    taps: Vec<String>,
    /// Receive the frames for all addresses, for an interface that is part of a bridge.
    #[arg(long)]
    promiscuous: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    common::run(|| tap(&arguments))
}

fn tap(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut testbed = arguments.ports.open(&[1, 2], 2)?;
    if let [one, other] = testbed.model() {
        connect(one, other);
    }
    if arguments.taps.len() > testbed.ports() {
        return Err(
            format!("{} TAP interfaces are too many for {} ports", arguments.taps.len(), testbed.ports()).into()
        );
    }
    // Before the ports are brought up, which drops root.
    let name = |n: usize| arguments.taps.get(n).cloned().unwrap_or_else(|| format!("ixgbe{n}"));
    let taps = (0..testbed.ports()).map(|n| Tap::open(&name(n))).collect::<Result<Vec<_>, _>>()?;
    let config = Config::new()
        .max_frame(MAX_FRAME)
        // As the kernel's driver has it.
        .flow_control(FlowControl::Both)
        .all_multicast(true)
        .promiscuous(arguments.promiscuous);
    let mut nics = match testbed.ports() {
        1 => Vec::from(testbed.bring_up::<1>(&config)?),
        _ => Vec::from(testbed.bring_up::<2>(&config)?),
    };
    let mut bridges = Vec::new();
    for (nic, tap) in nics.iter_mut().zip(taps) {
        println!("{}: {:02x?}", tap.name(), nic.mac());
        bridges.push((tap.name().to_owned(), Bridge::new(nic, tap, !arguments.ports.sysfs)?));
    }
    let end = &AtomicBool::new(false);
    let counts = thread::scope(|scope| {
        let run = |bridge: Bridge<'_>| bridge.run(end).map_err(|error| error.to_string());
        let threads: Vec<_> =
            bridges.into_iter().map(|(name, bridge)| (name, scope.spawn(move || run(bridge)))).collect();
        while !testbed.is_interrupted() && !threads.iter().any(|(_, thread)| thread.is_finished()) {
            thread::sleep(INTERVAL);
        }
        end.store(true, Ordering::Relaxed);
        let join = |(name, thread): (String, thread::ScopedJoinHandle<'_, Result<Counts, String>>)| {
            let counts = thread.join().map_err(|_| format!("{name}: the thread panicked"))?;
            Ok::<_, String>((name, counts?))
        };
        threads.into_iter().map(join).collect::<Result<Vec<_>, _>>()
    })?;
    for (name, counts) in counts {
        println!("{name}: {counts}");
    }
    testbed.finish(nics)
}
