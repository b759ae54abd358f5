//! Answers ARP and ICMP echo requests on a virtual function, and goes on when its physical function is reset.
//!
//! ```console
//! $ cargo run --release --example virtual_function                     # on the model, which asks it 1000 times
//! $ cargo run --release --example virtual_function -- 0000:03:10.0     # through VFIO, also with --interrupts
//! ```

#[macro_use]
mod common;

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser;
use common::ping::{answer_in_place, request};
use ixgbe::linux::{Container, Interrupts, PciAddress, SysfsOptions};
use ixgbe::packet::Batch;
use ixgbe::vf::{Config, Event, MAILBOX_VECTOR, Platform, VirtualFunction};
use ixgbe_sim::wire::NoTraffic;
use ixgbe_sim::{HostConfig, Port, PortConfig};

/// The longest wait for an interrupt, after which the loop looks at signals.
const WAIT: Duration = Duration::from_secs(1);
/// The longest time for which the physical function may be gone.
const PATIENCE: Duration = Duration::from_secs(60);
/// The shortest time between two interrupts of a queue.
const MODERATION: Duration = Duration::from_micros(100);

/// Answers ARP and ICMP echo requests on a virtual function.
#[derive(Debug, Parser)]
struct Arguments {
    /// The virtual function, by default one of the model.
    address: Option<PciAddress>,
    /// Use sysfs instead of VFIO: it needs root, and no IOMMU.
    #[arg(long)]
    sysfs: bool,
    /// Wait for interrupts when there is nothing to do, instead of polling; needs VFIO.
    #[arg(long, requires = "address", conflicts_with = "sysfs")]
    interrupts: bool,
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
        Some(address) if arguments.sysfs => serve(SysfsOptions::new().open_virtual(address)?, None, &arguments, |_| ()),
        Some(address) => {
            let function = Container::shared()?.open_virtual(address)?;
            let interrupts =
                arguments.interrupts.then(|| function.interrupts(MAILBOX_VECTOR as u32 + 1)).transpose()?;
            serve(function, interrupts, &arguments, |_| ())
        }
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
            serve(function.claim()?, None, &arguments, ask)
        }
    })
}

/// Answers requests on `platform`. Before each look, `ask` gets the number of answers.
fn serve<H: Platform>(
    platform: H,
    interrupts: Option<Interrupts>,
    arguments: &Arguments,
    ask: impl Fn(u64),
) -> Result<(), Box<dyn Error>> {
    let stop = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&stop))?;
    let mut nic = VirtualFunction::new(platform).reset(&Config::new())?.start()?;
    let (mac, version) = (nic.control().mac(), nic.control().version());
    if interrupts.is_some() {
        nic.control().set_up_interrupts(MODERATION)?;
    }
    println!("{} answers at {mac:02x?}, protocol {version}", arguments.ip);
    let (mut answers, mut batch) = (0, Batch::with_capacity(32));
    while answers < arguments.packets && !stop.load(Ordering::Relaxed) {
        ask(answers);
        let (mut control, mut queues) = nic.split();
        let (mut event, mut received) = (control.poll_event()?, queues[0].rx.receive(&mut batch));
        if let (Some(interrupts), None, 0) = (&interrupts, event, received) {
            control.enable_interrupt();
            queues[0].rx.enable_interrupt();
            // What came before the interrupts were enabled may not raise them.
            (event, received) = (control.poll_event()?, queues[0].rx.receive(&mut batch));
            if event.is_none() && received == 0 {
                if interrupts.wait_any(&[0, MAILBOX_VECTOR], WAIT)? == Some(MAILBOX_VECTOR) {
                    println!("interrupt of the mailbox");
                }
                continue;
            }
        }
        match event {
            Some(Event::HostReset) => {
                println!("the physical function was reset");
                drop(queues);
                batch.clear();
                nic = nic.recover_within(PATIENCE)?;
                println!("the function goes on");
                continue;
            }
            Some(event) => println!("{event:?}"),
            None => {}
        }
        batch.retain(|packet| answer_in_place(packet, mac, arguments.ip));
        answers += queues[0].tx.transmit(&mut batch)? as u64;
        batch.clear();
    }
    let received = nic.control().statistics()?.rx_packets;
    println!("{answers} requests were answered, of {received} packets received");
    nic.stop()?;
    Ok(())
}
