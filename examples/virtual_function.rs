//! Answers ARP and ICMP echo requests on a virtual function, and goes on when its physical function is reset.
//!
//! ```console
//! $ cargo run --release --example virtual_function                     # on the model, which asks it 1000 times
//! $ cargo run --release --example virtual_function -- 0000:03:10.0     # through VFIO
//! ```

mod common;

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use common::ping::{answer_in_place, request};
use ixgbe::device::Running;
use ixgbe::linux::{Container, PciAddress, SysfsOptions};
use ixgbe::packet::Batch;
use ixgbe::vf::{Config, Event, Platform, VirtualFunction};
use ixgbe_sim::wire::NoTraffic;
use ixgbe_sim::{HostConfig, Port, PortConfig};

/// The longest time for which the physical function may be gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers ARP and ICMP echo requests on a virtual function.
#[derive(Debug, Parser)]
struct Arguments {
    /// The virtual function, by default one of the model.
    address: Option<PciAddress>,
    /// Use sysfs instead of VFIO: it needs root, and no IOMMU.
    #[arg(long)]
    sysfs: bool,
    /// The address to answer for.
    #[arg(long, default_value = "192.0.2.1")]
    ip: Ipv4Addr,
    /// Number of requests to answer before the end.
    #[arg(long, default_value_t = 1000)]
    packets: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    common::run(|| match arguments.address {
        Some(address) if arguments.sysfs => serve(SysfsOptions::new().open_virtual(address)?, &arguments, |_| ()),
        Some(address) => serve(Container::shared()?.open_virtual(address)?, &arguments, |_| ()),
        None => {
            let port = Port::new(PortConfig::default());
            port.plug(NoTraffic);
            let function = port.host(HostConfig::default())?.remove(0);
            let (mac, ip) = ([0x02, 0x82, 0x59, 0x10, 0xED, 0], arguments.ip);
            let ask = |number| {
                if let Some(mut frame) = request(number, [2; 6], mac, ip) {
                    // As long as a MAC makes it: the model drops shorter ones.
                    frame.resize(frame.len().max(60), 0);
                    port.deliver(&frame);
                }
                // Sends the answers: nothing else drives the model.
                port.run_until_idle(100);
            };
            serve(function.claim()?, &arguments, ask)
        }
    })
}

/// Answers requests on `platform`. Before each look, `ask` gets the number of answers.
fn serve<H: Platform>(platform: H, arguments: &Arguments, ask: impl Fn(u64)) -> Result<(), Box<dyn Error>> {
    let stop = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&stop))?;
    let mut nic = VirtualFunction::new(platform).reset(&Config::new())?.start()?;
    let (mac, version) = (nic.control().mac(), nic.control().version());
    println!("{} answers at {mac:02x?}, protocol {version}", arguments.ip);
    let (mut answers, mut batch) = (0, Batch::with_capacity(32));
    while answers < arguments.packets && !stop.load(Ordering::Relaxed) {
        ask(answers);
        let (mut control, mut queues) = nic.split();
        match control.poll_event()? {
            Some(Event::HostReset) => {
                println!("the physical function was reset");
                drop(queues);
                nic = recover(nic)?;
                println!("the function goes on");
                continue;
            }
            Some(event) => println!("{event:?}"),
            None => {}
        }
        queues[0].rx.receive(&mut batch);
        batch.retain(|packet| answer_in_place(packet, mac, arguments.ip));
        answers += queues[0].tx.transmit(&mut batch)? as u64;
        batch.clear();
    }
    let received = nic.control().statistics()?.rx_packets;
    println!("{answers} requests were answered, of {received} packets received");
    nic.stop()?;
    Ok(())
}

/// Recovers a function, as soon as its physical function is back.
fn recover<H: Platform>(nic: VirtualFunction<Running, H>) -> Result<VirtualFunction<Running, H>, Box<dyn Error>> {
    let start = Instant::now();
    let mut failed = match nic.recover() {
        Ok(nic) => return Ok(nic),
        Err(failed) => failed,
    };
    while start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(100));
        match failed.device.reset(&Config::new()) {
            Ok(nic) => return Ok(nic.start()?),
            Err(again) => failed = again,
        }
    }
    Err(failed.error.into())
}
