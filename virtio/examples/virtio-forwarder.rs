//! Forwards packets between two VirtIO devices, in both directions.
//!
//! ```console
//! $ cargo run --release -p ixgbe-virtio --example virtio-forwarder -- 0000:01:00.0 0000:02:00.0
//! $ cargo run --release -p ixgbe-virtio --example virtio-forwarder -- --sysfs 0000:01:00.0 0000:02:00.0
//! ```
//!
//! SIGINT ends it, and SIGUSR1 resets both devices and goes on.

mod common;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use common::watch::Watch;
use common::{DeviceArguments, Example, Signals, bring_up};
use ixgbe::linux::PciAddress;
use ixgbe::packet::Batch;
use ixgbe::pci::Function;
use ixgbe::port::{Control, Port, Receive, Transmit, TransmitError};
use ixgbe_virtio::Device;
use ixgbe_virtio::device::Reset;

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

/// Moves a batch from one port to another, whatever devices they are. Returns `true` if any packet moved.
fn forward(from: &mut impl Receive, to: &mut impl Transmit, batch: &mut Batch) -> Result<bool, Box<dyn Error>> {
    let received = from.receive(batch)?;
    match to.transmit(batch) {
        Ok(sent) => Ok(received + sent > 0),
        // It has left the batch, and is dropped here.
        Err(TransmitError::Refused(refused)) => {
            eprintln!("note: {refused}");
            Ok(true)
        }
        Err(error) => Err(error.into()),
    }
}

/// Forwards between two ports until a signal comes. Returns the number of packets that each has received and sent.
fn serve(ports: &mut [impl Port; 2], batch: u16, signals: &Signals) -> Result<[(u64, u64); 2], Box<dyn Error>> {
    let pools = [ports[0].pools(), ports[1].pools()].concat();
    let [one, other] = ports;
    let ((mut control, mut ones), (mut other_control, mut others)) = (one.split(), other.split());
    for pair in &mut ones {
        pools.iter().try_for_each(|pool| pair.tx.attach(pool))?;
    }
    for pair in &mut others {
        pools.iter().try_for_each(|pool| pair.tx.attach(pool))?;
    }
    // Two for each pair: what found no room stays on its pair, and so in its order.
    let two = || [Batch::with_capacity(batch.into()), Batch::with_capacity(batch.into())];
    let mut batches: Vec<_> = ones.iter().map(|_| two()).collect();
    let mut watches = [Watch::new("device 0", &mut control), Watch::new("device 1", &mut other_control)];
    while !signals.is_end() && !signals.take_reset() {
        let mut moved = false;
        // What a pair of one device receives goes out on the same pair of the other.
        for ((one, other), [forth, back]) in ones.iter_mut().zip(&mut others).zip(&mut batches) {
            moved |= forward(&mut one.rx, &mut other.tx, forth)?;
            moved |= forward(&mut other.rx, &mut one.tx, back)?;
        }
        if !moved {
            std::thread::sleep(Duration::from_micros(100));
        }
        watches[0].look(&mut control)?;
        watches[1].look(&mut other_control)?;
    }
    let counters = [control.counters()?, other_control.counters()?];
    Ok(counters.map(|counters| (counters.rx_packets, counters.tx_packets)))
}

impl Example for &Arguments {
    fn run<H: Function>(self, devices: Vec<Device<Reset, H>>) -> Result<(), Box<dyn Error>> {
        let signals = Signals::new()?;
        let mut devices = Some(devices);
        while let Some(reset) = devices.take() {
            let config = self.devices.config().promiscuous(true);
            let up = reset.into_iter().map(|device| bring_up(device, &self.devices, &config));
            let mut ports: [_; 2] =
                up.collect::<Result<Vec<_>, _>>()?.try_into().map_err(|_| "two devices are needed")?;
            let pools = [ports[0].pools(), ports[1].pools()].concat();
            let counts = serve(&mut ports, self.batch, &signals);
            let stopped: Result<Vec<_>, _> = ports.into_iter().map(Device::stop).collect();
            let stopped = stopped.map_err(|failed| failed.error)?;
            for (index, (received, sent)) in counts?.into_iter().enumerate() {
                println!("device {index}: {received} packets received, {sent} sent");
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
