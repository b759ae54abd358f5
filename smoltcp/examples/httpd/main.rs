//! A web server: a page, and downloads of any size.
//!
//! On the model, the wire ends at a TAP interface, from which the system's own programs reach the server.
//!
//! ```console
//! $ sudo target/release/examples/httpd --gateway 192.0.2.254 --user $USER 0000:03:00.0
//! $ unshare --user --map-root-user --net sh    # or as root
//! # target/release/examples/httpd &
//! # ip address add 192.0.2.2/24 dev ixgbe0 && ip link set ixgbe0 up
//! # curl http://192.0.2.1/100MB -o contents
//! ```

#[path = "../../../examples/common/mod.rs"]
#[macro_use]
mod common;
mod answer;
mod connection;
mod connections;
#[path = "../transfer/host.rs"]
#[allow(dead_code, reason = "the contents of downloads are the host's")]
mod host;
mod http;
#[path = "../../../examples/tap"]
mod tap {
    pub mod beside;
    pub mod bridge;
    pub mod device;
    pub mod frames;
    pub mod requests;
    pub mod sleep;
}

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use common::testbed::{Nic, PortArguments};
use common::watch::Watch;
use connections::Connections;
use ixgbe::device::{Config, FlowControl};
use ixgbe::pool::Pool;
use ixgbe_sim::connect;
use ixgbe_smoltcp::{Adapter, Offloading};
use smoltcp::iface::{self, Interface, PollIngressSingleResult as Ingress, PollResult, SocketSet};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr};
use tap::beside::beside;
use tap::device::Tap;

/// The largest frame, in bytes with CRC.
const MAX_FRAME: usize = 1518;
/// The size of the pool for packets that are sent, in bytes.
const POOL: usize = 4 << 20;
/// The most frames that are received before any is sent.
const BURST: usize = 256;

/// Serves a page, and downloads of any size.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    ports: PortArguments,
    /// Own address, of a network of 256 addresses.
    #[arg(long, default_value = "192.0.2.1")]
    ip: Ipv4Addr,
    /// The router to other networks.
    #[arg(long, value_name = "IP")]
    gateway: Option<Ipv4Addr>,
    /// TCP port.
    #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// The longest time for a request to be whole, and for a client to take nothing of its answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// Name of the TAP interface at the other end of the wire; only on the model.
    #[arg(long, value_name = "NAME", default_value = "ixgbe0", conflicts_with = "addresses")]
    tap: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    common::run(|| httpd(&arguments))
}

fn httpd(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut testbed = arguments.ports.open(&[1], 2)?;
    let config = Config::new().max_frame(MAX_FRAME).flow_control(FlowControl::Both);
    let [one, other] = testbed.model() else {
        let [mut nic] = testbed.bring_up(&config)?;
        serve(&mut nic, arguments, || testbed.is_interrupted())?;
        return testbed.finish([nic]);
    };
    connect(one, other);
    let tap = Tap::open(&arguments.tap)?;
    let [mut nic, mut partner] = testbed.bring_up(&config)?;
    beside(&mut partner, tap, |is_over| serve(&mut nic, arguments, || testbed.is_interrupted() || is_over()))?;
    testbed.finish([nic, partner])
}

/// Serves on one port until `is_over`.
fn serve(nic: &mut Nic, arguments: &Arguments, is_over: impl Fn() -> bool) -> Result<(), Box<dyn Error>> {
    let pool = Pool::with_large_buffers(nic.platform(), POOL)?;
    let (mut control, mut queues) = nic.split();
    let queues = queues.pop().ok_or("a device has a queue pair")?;
    let mut adapter = Adapter::new(Offloading::new(queues), pool, MAX_FRAME)?;
    let config = iface::Config::new(EthernetAddress(control.mac()).into());
    let mut interface = Interface::new(config, &mut adapter, Instant::now());
    interface.update_ip_addrs(|addresses| _ = addresses.push(IpCidr::new(arguments.ip.into(), 24)));
    if let Some(gateway) = arguments.gateway {
        interface.routes_mut().add_default_ipv4_route(gateway)?;
    }
    println!("http://{}:{}/ at {:02x?}", arguments.ip, arguments.port, control.mac());
    let mut watch = Watch::new("port 0", &mut control);
    let mut sockets = SocketSet::new(Vec::new());
    let mut connections = Connections::new(arguments.port, Duration::from_secs(arguments.timeout));
    while !is_over() {
        watch.look(&mut control)?;
        connections.listen(&mut sockets)?;
        let (now, mut received) = (Instant::now(), 0);
        while received < BURST && interface.poll_ingress_single(now, &mut adapter, &mut sockets) != Ingress::None {
            received += 1;
            connections.listen(&mut sockets)?;
        }
        interface.poll_maintenance(now);
        if interface.poll_egress(now, &mut adapter, &mut sockets) == PollResult::None && received == 0 {
            // The other end of the wire may need this processor.
            thread::yield_now();
        }
        connections.serve(&mut sockets)?;
    }
    println!("{} requests were answered, {:?}", connections.answered(), adapter.counters());
    Ok(())
}
