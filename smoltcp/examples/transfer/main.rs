//! Transfers bytes by TCP in both directions at once, and checks them. The chip computes the checksums.
//!
//! ```console
//! $ cargo run --release -p ixgbe-smoltcp --example transfer
//! $ cargo run --release -p ixgbe-smoltcp --example transfer -- --print 1000000 >contents
//! $ nc -l -p 5000 <contents >arrived    # on a host at 192.0.2.1
//! $ cargo run --release -p ixgbe-smoltcp --example transfer -- 0000:03:00.0 --connect 192.0.2.1 --bytes 1000000
//! $ cargo run --release -p ixgbe-smoltcp --example transfer -- --virtual-function 0000:03:10.0 --connect 192.0.2.1
//! ```

#[path = "../../../examples/common/mod.rs"]
mod common;
mod host;
mod virtual_function;

use std::error::Error;
use std::io::{Write, stdout};
use std::net::Ipv4Addr;
use std::process::ExitCode;

use clap::Parser;
use common::testbed::{PortArguments, Testbed};
use common::watch::Watch;
use host::{Host, Role, fill};
use ixgbe::device::{Config, Control};
use ixgbe::dma::Dma;
use ixgbe::linux::PciAddress;
use ixgbe::platform::AnyPlatform;
use ixgbe::pool::{MAX_BUFFER_SIZE, Pool, PoolError};
use ixgbe::queue::QueuePair;
use ixgbe_sim::connect;
use ixgbe_smoltcp::{Adapter, Counters, Offloading, Plain, Queues};

/// The largest frame, in bytes with CRC.
const MAX_FRAME: usize = 1518;

/// Transfers bytes by TCP in both directions at once, and checks them.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    ports: PortArguments,
    /// Drive this virtual function instead; only --sysfs of the options of ports applies.
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["addresses", "take", "rebind", "user", "any_cpu", "plain"])]
    virtual_function: Option<PciAddress>,
    /// Own address, of a network of 256 addresses. A second port has the next one.
    #[arg(long, default_value = "192.0.2.2")]
    ip: Ipv4Addr,
    /// Connect to this address instead of waiting for a connection.
    #[arg(long)]
    connect: Option<Ipv4Addr>,
    /// TCP port.
    #[arg(long, default_value_t = 5000)]
    port: u16,
    /// Number of bytes to send.
    #[arg(long, default_value_t = 20_000_000)]
    bytes: u64,
    /// Number of bytes to receive [default: as many as are sent].
    #[arg(long)]
    receive: Option<u64>,
    /// Have the stack compute all checksums.
    #[arg(long)]
    plain: bool,
    /// Have the chip cut packets of up to as many bytes, with headers; 0 for none. Those of more than a buffer of
    /// 16 KiB are copied once more.
    #[arg(long, value_name = "BYTES", default_value_t = 16_384)]
    tso: usize,
    /// Write as many bytes of the contents to the standard output, for the other end, and do nothing else.
    #[arg(long, value_name = "BYTES")]
    print: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    common::run(|| match (arguments.print, arguments.virtual_function) {
        (Some(bytes), _) => print(bytes),
        (None, Some(address)) => virtual_function::transfer(address, &arguments),
        (None, None) => transfer(&arguments),
    })
}

impl Arguments {
    /// Makes host `n`, whose adapter has the address `mac`.
    fn host<Q: Queues>(&self, n: usize, mac: [u8; 6], adapter: &mut Adapter<Q>) -> Result<Host, Box<dyn Error>> {
        let bytes = (self.bytes, self.receive.unwrap_or(self.bytes));
        let ip = Ipv4Addr::from_bits(self.ip.to_bits().wrapping_add(n as u32));
        let (role, bytes) = match (n, self.connect) {
            (0, None) => (Role::Listen(self.port), bytes),
            (0, Some(host)) => (Role::Connect(host, self.port), bytes),
            _ => (Role::Connect(self.ip, self.port), (bytes.1, bytes.0)),
        };
        Host::new(adapter, (mac, ip), role, bytes)
    }
}

fn print(bytes: u64) -> Result<(), Box<dyn Error>> {
    let (mut block, mut written, mut out) = (vec![0; 65_536], 0, stdout().lock());
    while written < bytes {
        let len = (bytes - written).min(block.len() as u64) as usize;
        fill(written, &mut block[..len]);
        out.write_all(&block[..len])?;
        written += len as u64;
    }
    Ok(())
}

/// A port, split into what a host needs.
struct End<'a> {
    control: Control<'a, AnyPlatform>,
    queues: QueuePair<'a, AnyPlatform>,
    pool: Pool,
}

fn transfer(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut testbed = arguments.ports.open(&[1, 2], 2)?;
    if let [one, other] = testbed.model() {
        connect(one, other);
    }
    let config = Config::new().max_frame(MAX_FRAME);
    let mut nics = match testbed.ports() {
        1 => Vec::from(testbed.bring_up::<1>(&config)?),
        _ => Vec::from(testbed.bring_up::<2>(&config)?),
    };
    let mut ends = Vec::new();
    for nic in &mut nics {
        let pool = pool(nic.platform())?;
        let (control, mut queues) = nic.split();
        ends.push(End { control, queues: queues.pop().ok_or("a device has a queue pair")?, pool });
    }
    if arguments.plain {
        run(arguments, &testbed, ends, |QueuePair { rx, tx }| Plain::new(rx, tx))?;
    } else {
        run(arguments, &testbed, ends, Offloading::new)?;
    }
    testbed.finish(nics)
}

/// Makes the pool of the packets that a host sends: large ones, unless the memory is in small pages.
fn pool<D: Dma>(platform: &D) -> Result<Pool, PoolError> {
    Pool::new(platform, 256, MAX_BUFFER_SIZE).or_else(|_| Pool::new(platform, 1024, 2048))
}

/// Makes a host of each end, and runs all of them until the connection is over.
fn run<'a, Q: Queues>(
    arguments: &Arguments,
    testbed: &Testbed,
    ends: Vec<End<'a>>,
    queues: impl Fn(QueuePair<'a, AnyPlatform>) -> Q,
) -> Result<(), Box<dyn Error>> {
    let (mut hosts, mut watches) = (Vec::new(), Vec::new());
    for (n, mut end) in ends.into_iter().enumerate() {
        let mut adapter = Adapter::new(queues(end.queues), end.pool, MAX_FRAME)?.cut_up_to(arguments.tso);
        hosts.push((arguments.host(n, end.control.mac(), &mut adapter)?, adapter));
        watches.push((Watch::new(format!("port {n}"), &mut end.control), end.control));
    }
    let mut is_over = false;
    while !is_over {
        is_over = true;
        for ((host, adapter), (watch, control)) in hosts.iter_mut().zip(&mut watches) {
            is_over &= host.poll(adapter)?;
            watch.look(control)?;
        }
        if testbed.is_interrupted() {
            return Err("interrupted before the end of the connection".into());
        }
    }
    for (n, (host, adapter)) in hosts.iter().enumerate() {
        report(n, host, &[adapter.counters()]);
    }
    Ok(())
}

/// Prints what host `n` has moved, and what its adapters have counted.
fn report(n: usize, host: &Host, adapters: &[Counters]) {
    let ((sent, received), seconds) = (host.moved(), host.elapsed().as_secs_f64());
    let rate = (sent + received) as f64 / seconds / 1e6;
    println!("port {n}: {sent} bytes sent, {received} received and right, in {seconds:.1} s: {rate:.1} MB/s");
    let sum = |count: fn(&Counters) -> u64| adapters.iter().map(count).sum::<u64>();
    let (received, sent) = (sum(|all| all.rx_by_software), sum(|all| all.tx_by_software));
    println!("port {n}: checksums by software: {received} received, {sent} sent");
    println!("port {n}: {} packets were cut by the chip", sum(|all| all.tx_cut));
    let (bad, others, unsent) = (sum(|all| all.rx_bad), sum(|all| all.rx_dropped), sum(|all| all.tx_dropped));
    println!("port {n}: dropped: {bad} with a wrong checksum, {others} others, {unsent} not sent");
}
