//! Answers ARP and ICMP echo requests on a VirtIO device: a host that can be pinged.
//!
//! ```console
//! $ cargo run --release -p ixgbe-virtio --example virtio-echo -- 0000:01:00.0 --ip 192.0.2.1
//! ```

mod common;
#[path = "../../examples/common/ping.rs"]
#[allow(dead_code, reason = "this host only answers")]
mod ping;

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use common::watch::Watch;
use common::{DeviceArguments, Example, Signals, bring_up};
use ixgbe::linux::PciAddress;
use ixgbe::packet::Batch;
use ixgbe::pci::Function;
use ixgbe::port::{Control, Port, Receive, Transmit};
use ixgbe_virtio::Device;
use ixgbe_virtio::device::Reset;

/// Answers ARP and ICMP echo requests on a VirtIO device.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    devices: DeviceArguments,
    /// The PCI address of the device, such as 0000:03:00.0.
    address: PciAddress,
    /// The address to answer for.
    #[arg(long, default_value = "192.0.2.1")]
    ip: Ipv4Addr,
}

/// Answers on any port until a signal comes. Returns the number of answers.
fn serve(port: &mut impl Port, ip: Ipv4Addr, signals: &Signals) -> Result<u64, Box<dyn Error>> {
    let (mut control, mut queues) = port.split();
    let queues = queues.first_mut().ok_or("a device has a queue pair")?;
    let (mac, mut batch, mut answers) = (control.mac(), Batch::with_capacity(32), 0);
    let mut watch = Watch::new("device 0", &mut control);
    while !signals.is_end() {
        watch.look(&mut control)?;
        if queues.rx.receive(&mut batch)? == 0 {
            std::thread::sleep(Duration::from_micros(100));
        }
        // The answer goes out in the request's own buffer.
        batch.retain(|packet| {
            let bytes = packet.segments().collect::<Vec<_>>().concat();
            ping::answer(&bytes, mac, ip).is_some_and(|reply| {
                packet.truncate(0);
                packet.extend_from_slice(&reply).is_ok()
            })
        });
        answers += queues.tx.transmit(&mut batch)? as u64;
    }
    Ok(answers)
}

impl Example for &Arguments {
    fn run<H: Function>(self, devices: Vec<Device<Reset, H>>) -> Result<(), Box<dyn Error>> {
        let device = devices.into_iter().next().ok_or("a device is needed")?;
        let mut device = bring_up(device, &self.devices, false)?;
        println!("{} answers at {:02x?}", self.ip, device.terms().mac);
        let answers = serve(&mut device, self.ip, &Signals::new()?)?;
        device.stop().map_err(|failed| failed.error)?;
        println!("{answers} requests were answered");
        Ok(())
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    common::run(&arguments.devices, &[arguments.address], &arguments)
}
