//! Answers ARP and ICMP echo requests: a host that can be pinged.
//!
//! With a second port, that port sends as many requests as `--packets` says. When somebody unbinds the function of a port
//! from VFIO, the program says so and ends in order, as all examples do.
//!
//! ```console
//! $ cargo run --release --example echo -- --interrupts
//! $ cargo run --release --example echo -- 0000:03:00.0 --ip 192.0.2.1 --interrupts
//! $ cargo run --release --example echo -- 0000:03:00.0 0000:03:00.1
//! ```

#[path = "echo/asker.rs"]
mod asker;
#[macro_use]
mod common;

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use asker::exchange;
use clap::Parser;
use common::events;
use common::ping::answer_in_place;
use common::testbed::{Nic, PortArguments};
use common::watch::Watch;
use ixgbe::device::Config;
use ixgbe::linux::Interrupts;
use ixgbe::packet::Batch;
use ixgbe_sim::connect;

/// The shortest time between two interrupts of a queue.
const MODERATION: Duration = Duration::from_micros(100);
/// The longest wait for a packet, after which the loop looks at the link and at signals.
const PATIENCE: Duration = Duration::from_millis(100);

/// Answers ARP and ICMP echo requests.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    ports: PortArguments,
    /// The address to answer for.
    #[arg(long, default_value = "192.0.2.1")]
    ip: Ipv4Addr,
    /// Number of requests to answer before the end.
    #[arg(long, default_value_t = 1000)]
    packets: u64,
    /// Wait for interrupts when there is nothing to do, instead of polling; not with --sysfs.
    #[arg(long)]
    interrupts: bool,
}

/// A port that answers.
struct Host {
    nic: Nic,
    watch: Watch,
    interrupts: Option<Interrupts>,
    batch: Batch,
    ip: Ipv4Addr,
}

impl Host {
    fn new(mut nic: Nic, arguments: &Arguments) -> Result<Self, Box<dyn Error>> {
        let watch = Watch::new("port 0", &mut nic.split().0);
        let interrupts = arguments.interrupts.then(|| interrupts(&mut nic)).transpose()?;
        Ok(Self { nic, watch, interrupts, batch: Batch::with_capacity(32), ip: arguments.ip })
    }

    /// Receives and answers packets. Returns the number of answers sent.
    fn serve(&mut self) -> Result<u64, Box<dyn Error>> {
        self.watch.look(&mut self.nic.split().0)?;
        let mac = self.nic.mac();
        let (mut control, mut queues) = self.nic.split();
        match &self.interrupts {
            None => _ = queues[0].rx.receive(&mut self.batch),
            Some(interrupts) => {
                interrupts.receive(&mut queues[0].rx, &mut self.batch, PATIENCE)?;
                if interrupts.vector(control.link_vector())?.take()? {
                    eprintln!("port 0: interrupt, link {}", control.acknowledge_link_interrupt());
                }
            }
        }
        self.batch.retain(|packet| answer_in_place(packet, mac, self.ip));
        Ok(queues[0].tx.transmit(&mut self.batch)? as u64)
    }
}

/// Sets a device up to raise interrupts for its queue and its link.
fn interrupts(nic: &mut Nic) -> Result<Interrupts, Box<dyn Error>> {
    let vectors = nic.split().0.link_vector() + 1;
    let interrupts = events::interrupts(nic.platform(), vectors)?;
    nic.split().0.set_up_interrupts(MODERATION)?;
    Ok(interrupts)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    common::run(|| echo(&arguments))
}

fn echo(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut testbed = arguments.ports.open(&[1, 2], 2)?;
    if testbed.ports() == 1 {
        let [nic] = testbed.bring_up(&Config::new())?;
        common::near::pin(&testbed.cpus, 0);
        let (mut host, mut answers) = (Host::new(nic, arguments)?, 0);
        println!("{} answers at {:02x?}", arguments.ip, host.nic.mac());
        while answers < arguments.packets && !testbed.is_interrupted() {
            answers += host.serve()?;
        }
        println!("{answers} requests were answered, of {} packets received", host.nic.statistics()?.rx_packets);
        drop(host.batch);
        return testbed.finish([host.nic]);
    }
    if let [one, other] = testbed.model() {
        connect(one, other);
    }
    let [nic, mut other] = testbed.bring_up(&Config::new())?;
    common::near::pin(&testbed.cpus, 0);
    let (mut host, mut asking) = (Host::new(nic, arguments)?, Batch::with_capacity(32));
    let (mac, pool) = (host.nic.mac(), other.pools().next().cloned().ok_or("a queue has a pool")?);
    let (mut asked, mut answers, start) = (0, 0, Instant::now());
    while answers < arguments.packets && !testbed.is_interrupted() {
        host.serve()?;
        // A few at a time: a host that is asked too fast drops.
        let ask = (asked < arguments.packets && asked - answers < 32).then_some(asked);
        let (sent, answered) = exchange(&mut other, &pool, &mut asking, (mac, arguments.ip), ask)?;
        asked += sent;
        answers += answered;
        if start.elapsed() > Duration::from_secs(30) {
            return Err(format!("{answers} of {asked} requests were answered in time").into());
        }
    }
    println!("{answers} of {asked} requests were answered in {:.3} s", start.elapsed().as_secs_f64());
    drop((host.batch, asking));
    testbed.finish([host.nic, other])
}
