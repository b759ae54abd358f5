//! Forwards packets between two VirtIO devices, in both directions.
//!
//! ```console
//! $ cargo run --release -p ixgbe-virtio --example virtio-forwarder -- 0000:01:00.0 0000:02:00.0
//! $ cargo run --release -p ixgbe-virtio --example virtio-forwarder -- --sysfs 0000:01:00.0 0000:02:00.0
//! ```
//!
//! With `--offloads`, what one device leaves of checksums and segments is requested of the other one. Both must offer it.
//! SIGINT ends it, and SIGUSR1 resets both devices and goes on.

mod common;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use common::watch::Watch;
use common::way::Way;
use common::{DeviceArguments, Example, Signals, bring_up};
use ixgbe::linux::PciAddress;
use ixgbe::pci::Function;
use ixgbe_virtio::Device;
use ixgbe_virtio::device::{DriverOk, Reset};

/// Forwards packets between two VirtIO devices, in both directions.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    devices: DeviceArguments,
    /// The PCI addresses of the devices, such as 0000:03:00.0.
    #[arg(num_args = 2, required = true)]
    addresses: Vec<PciAddress>,
    /// Largest number of packets to move in one call.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch: u16,
}

/// Forwards between two ports until a signal comes. Returns the numbers of packets and bytes that each has received, and
/// sent.
fn serve<H: Function>(
    ports: &mut [Device<DriverOk, H>; 2],
    arguments: &Arguments,
    signals: &Signals,
) -> Result<[[u64; 4]; 2], Box<dyn Error>> {
    let pools = [ports[0].pools(), ports[1].pools()].concat();
    let [one, other] = ports;
    let ((mut control, mut ones), (mut other_control, mut others)) = (one.split(), other.split());
    let (Some(one), Some(other)) = (ones.first_mut(), others.first_mut()) else { return Err("no queues".into()) };
    for pool in &pools {
        one.tx.attach(pool)?;
        other.tx.attach(pool)?;
    }
    let (mut forth, mut back) = (Way::new(arguments.batch), Way::new(arguments.batch));
    let mut watches = [Watch::new("device 0", &mut control), Watch::new("device 1", &mut other_control)];
    while !signals.is_end() && !signals.take_reset() {
        let moved = match arguments.devices.offloads {
            false => forth.forward(&mut one.rx, &mut other.tx)? | back.forward(&mut other.rx, &mut one.tx)?,
            true => {
                forth.forward_offloads(&mut one.rx, &mut other.tx)?
                    | back.forward_offloads(&mut other.rx, &mut one.tx)?
            }
        };
        if !moved {
            std::thread::sleep(Duration::from_micros(100));
        }
        watches[0].look(&mut control)?;
        watches[1].look(&mut other_control)?;
    }
    let counters = [control.counters()?, other_control.counters()?];
    Ok(counters.map(|all| [all.rx_packets, all.rx_octets, all.tx_packets, all.tx_octets]))
}

impl Example for &Arguments {
    fn run<H: Function>(self, devices: Vec<Device<Reset, H>>) -> Result<(), Box<dyn Error>> {
        let signals = Signals::new()?;
        let mut devices = Some(devices);
        while let Some(reset) = devices.take() {
            let up = reset.into_iter().map(|device| bring_up(device, &self.devices, true));
            let mut ports: [_; 2] =
                up.collect::<Result<Vec<_>, _>>()?.try_into().map_err(|_| "two devices are needed")?;
            let pools = [ports[0].pools(), ports[1].pools()].concat();
            let counts = serve(&mut ports, self, &signals);
            let stopped: Result<Vec<_>, _> = ports.into_iter().map(Device::stop).collect();
            let stopped = stopped.map_err(|failed| failed.error)?;
            for (index, [received, bytes, sent, sent_bytes]) in counts?.into_iter().enumerate() {
                println!(
                    "device {index}: {received} packets received with {bytes} bytes, {sent} sent with {sent_bytes}"
                );
            }
            if let Some(pool) = pools.iter().find(|pool| pool.available() != pool.capacity()) {
                return Err(format!("buffers are missing: {pool:?}").into());
            }
            if !signals.is_end() {
                println!("the devices were reset");
                devices = Some(stopped);
            }
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    common::run(&arguments.devices, &arguments.addresses, &arguments)
}
