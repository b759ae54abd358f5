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

use clap::Parser;
use common::forwarding::{ForwardingArguments, all_are_back, serve};
use common::near::pin;
use common::{DeviceArguments, Example, Signals, bring_up};
use ixgbe::linux::PciAddress;
use ixgbe::pci::Function;
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
    #[command(flatten)]
    forwarding: ForwardingArguments,
}

impl Example for &Arguments {
    fn run<H: Function>(self, devices: Vec<Device<Reset, H>>) -> Result<(), Box<dyn Error>> {
        let signals = Signals::new()?;
        pin(&self.devices.cpus(), 0);
        let mut devices = Some(devices);
        while let Some(reset) = devices.take() {
            let config = self.devices.config().promiscuous(true);
            let up = reset.into_iter().map(|device| bring_up(device, &self.devices, &config));
            let [mut one, mut other]: [_; 2] =
                up.collect::<Result<Vec<_>, _>>()?.try_into().map_err(|_| "two devices are needed")?;
            let pools = [one.pools(), other.pools()].concat();
            let counts = serve(one.split(), other.split(), &pools, (&self.forwarding, self.devices.offloads), &signals);
            let stopped: Result<Vec<_>, _> = [one, other].into_iter().map(Device::stop).collect();
            let stopped = stopped.map_err(|failed| failed.error)?;
            for (index, [received, bytes, sent, sent_bytes]) in counts?.into_iter().enumerate() {
                println!(
                    "device {index}: {received} packets received with {bytes} bytes, {sent} sent with {sent_bytes}"
                );
            }
            all_are_back(&pools)?;
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
