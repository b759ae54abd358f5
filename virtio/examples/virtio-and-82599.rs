//! Forwards packets between an 82599 and a VirtIO device, in both directions, in one process.
//!
//! Both drivers share packets and pools: a buffer in which one device received a frame is sent by the other.
//!
//! ```console
//! $ cargo run --release -p ixgbe-virtio --example virtio-and-82599 -- 0000:01:00.0 0000:03:00.0
//! ```
//!
//! The first address is the 82599's. SIGINT ends it.

mod common;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use common::forwarding::{ForwardingArguments, all_are_back, serve};
use common::near::pin;
use common::{DeviceArguments, Signals, bring_up, ended};
use ixgbe::linux::{Container, PciAddress, SysfsOptions, VfioOptions};
use ixgbe::pci::Function;
use ixgbe::platform::Platform;
use ixgbe::port::Port;
use ixgbe_virtio::Device;
use ixgbe_virtio::device::Reset;

/// Forwards packets between an 82599 and a VirtIO device, in both directions.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    devices: DeviceArguments,
    /// The PCI address of the 82599.
    ixgbe: PciAddress,
    /// The PCI address of the VirtIO device.
    virtio: PciAddress,
    #[command(flatten)]
    forwarding: ForwardingArguments,
}

impl Arguments {
    /// Opens both devices and forwards.
    fn open(&self) -> Result<(), Box<dyn Error>> {
        if self.devices.sysfs {
            let options = SysfsOptions::new().take_interface(true);
            return self.run(options.open(self.ixgbe)?, Device::open_sysfs(&options, self.virtio)?);
        }
        // One container: a pool is mapped once for both.
        let container = Container::shared()?;
        let virtio = Device::new(VfioOptions::new().open_function(&container, self.virtio)?)?;
        self.run(container.open(self.ixgbe)?, virtio)
    }

    fn run(&self, ixgbe: impl Platform, virtio: Device<Reset, impl Function>) -> Result<(), Box<dyn Error>> {
        let signals = Signals::new()?;
        pin(&self.devices.cpus(), 0);
        let config = ixgbe::device::Config::new().promiscuous(true);
        let mut ixgbe =
            ixgbe::device::Device::new(ixgbe).reset(&config)?.wait_for_link(Duration::from_secs(10))?.start()?;
        let mut virtio = bring_up(virtio, &self.devices, &self.devices.config().promiscuous(true))?;
        let pools = [Port::pools(&ixgbe), virtio.pools()].concat();
        let how = (&self.forwarding, self.devices.offloads);
        let counts = serve(ixgbe.split(), virtio.split(), &pools, how, &signals);
        ixgbe.stop()?;
        virtio.stop().map_err(|failed| failed.error)?;
        for (name, [received, _, sent, _]) in ["82599", "VirtIO"].iter().zip(counts?) {
            println!("{name}: {received} packets received, {sent} sent");
        }
        all_are_back(&pools)
    }
}

fn main() -> ExitCode {
    ended(Arguments::parse().open())
}
