//! Answers ARP and ICMP echo requests on a VirtIO device: a host that can be pinged.
//!
//! ```console
//! $ cargo run --release -p ixgbe-virtio --example virtio-echo -- 0000:01:00.0 --ip 192.0.2.1
//! ```

mod common;
#[path = "../../examples/common/host.rs"]
#[allow(dead_code, reason = "this host has several threads")]
mod host;

use std::any::Any;
use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use clap::Parser;
use common::near::pin;
use common::watch::{self, Watch};
use common::{DeviceArguments, Example, Signals, bring_up};
use host::{HostArguments, ping};
use ixgbe::linux::{Interrupts, VfioFunction};
use ixgbe::packet::Batch;
use ixgbe::pci::Function;
use ixgbe::port::{InterruptSource, QueuePair, Receive, Transmit};
use ixgbe_virtio::Device;
use ixgbe_virtio::device::{Control, Reset};

/// The longest wait for a packet, and the pause of a thread that polls and finds nothing.
const PATIENCE: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_micros(100);

/// Answers ARP and ICMP echo requests on a VirtIO device, with one thread for each queue pair.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    devices: DeviceArguments,
    #[command(flatten)]
    host: HostArguments,
    /// Wait for interrupts when there is nothing to do, instead of polling; needs VFIO.
    #[arg(long)]
    interrupts: bool,
}

/// An error that a thread can return.
type Failure = Box<dyn Error + Send + Sync>;

/// Who answers, and how its threads wait.
struct Host {
    mac: [u8; 6],
    ip: Ipv4Addr,
    interrupts: Option<Interrupts>,
    /// Set when all threads are to end.
    end: AtomicBool,
}

impl Host {
    /// Answers on a queue pair of any device until the end. Returns the numbers of packets received and of answers.
    fn serve<R, T>(&self, QueuePair { mut rx, mut tx }: QueuePair<R, T>) -> Result<(u64, u64), Failure>
    where
        R: Receive + InterruptSource,
        T: Transmit,
    {
        let (mut batch, mut received, mut answers) = (Batch::with_capacity(32), 0, 0);
        while !self.end.load(Ordering::Relaxed) {
            let count = match &self.interrupts {
                Some(interrupts) => interrupts.receive(&mut rx, &mut batch, PATIENCE)?,
                None => rx.receive(&mut batch)?,
            };
            if count == 0 && self.interrupts.is_none() {
                thread::sleep(PAUSE);
            }
            received += count as u64;
            // The answer goes out in the request's own buffer.
            batch.retain(|packet| ping::answer_in_place(packet, self.mac, self.ip));
            answers += tx.transmit(&mut batch)? as u64;
        }
        Ok((received, answers))
    }

    /// Watches link and presence of the device until a signal comes, or until a thread has ended.
    fn watch<H: Function>(&self, control: &mut Control<'_, H>, signals: &Signals) -> Result<(), Box<dyn Error>> {
        let mut watch = Watch::new("device 0", control);
        while !signals.is_end() && !self.end.load(Ordering::Relaxed) {
            match &self.interrupts {
                Some(interrupts) if interrupts.wait(control.configuration_vector(), PATIENCE)? => {
                    control.check()?;
                    eprintln!("device 0: interrupt, link {}", control.link());
                }
                Some(_) => {}
                None => thread::sleep(PATIENCE),
            }
            watch.look(control)?;
        }
        Ok(())
    }
}

/// Switches on the vectors of a device, which the platform must be able to deliver.
fn interrupts<H: Function>(device: &Device<Reset, H>, vectors: u32) -> Result<Interrupts, Box<dyn Error>> {
    let vfio: Option<&VfioFunction> = (device.function() as &dyn Any).downcast_ref();
    Ok(vfio.ok_or("interrupts need VFIO: leave out --sysfs")?.interrupts(vectors)?)
}

impl Example for &Arguments {
    fn run<H: Function>(self, devices: Vec<Device<Reset, H>>) -> Result<(), Box<dyn Error>> {
        let device = devices.into_iter().next().ok_or("a device is needed")?;
        let config = self.devices.config().interrupts(self.interrupts);
        let interrupts = self.interrupts.then(|| interrupts(&device, config.vectors())).transpose()?;
        let mut device = bring_up(device, &self.devices, &config)?;
        let (mac, signals, cpus) = (device.terms().mac, Signals::new()?, &self.devices.cpus());
        let host = &Host { mac, ip: self.host.ip, interrupts, end: AtomicBool::new(false) };
        println!("{} answers at {mac:02x?}", self.host.ip);
        let (mut control, queues) = device.split();
        let (watched, served) = thread::scope(|scope| {
            let serve = |(number, queues)| {
                scope.spawn(move || {
                    pin(cpus, number);
                    let served = host.serve(queues);
                    // A thread that fails ends the others.
                    host.end.store(true, Ordering::Relaxed);
                    served
                })
            };
            let threads: Vec<_> = queues.into_iter().enumerate().map(serve).collect();
            let watched = host.watch(&mut control, &signals);
            host.end.store(true, Ordering::Relaxed);
            let served = threads.into_iter().map(|thread| thread.join().unwrap_or(Err("a thread panicked".into())));
            (watched, served.collect::<Result<Vec<_>, Failure>>())
        });
        let stopped = device.stop().map_err(|failed| failed.error.to_string());
        watched?;
        let mut total = 0;
        for (pair, (received, answers)) in served.map_err(|error| error as Box<dyn Error>)?.into_iter().enumerate() {
            println!("pair {pair}: {received} packets received, {answers} requests answered");
            total += answers;
        }
        stopped?;
        println!("{total} requests were answered");
        Ok(())
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    common::run(&arguments.devices, &[arguments.host.address], &arguments)
}
