//! Answers ARP and ICMP echo requests on a VirtIO device: a host that can be pinged.
//!
//! ```console
//! $ cargo run --release -p ixgbe-virtio --example virtio-echo -- 0000:01:00.0 --ip 192.0.2.1
//! ```

mod common;
#[path = "../../examples/common/host.rs"]
mod host;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use common::watch;
use common::{DeviceArguments, Example, bring_up};
use host::HostArguments;
use ixgbe::pci::Function;
use ixgbe_virtio::Device;
use ixgbe_virtio::device::Reset;

/// Answers ARP and ICMP echo requests on a VirtIO device.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    devices: DeviceArguments,
    #[command(flatten)]
    host: HostArguments,
}

impl Example for &Arguments {
    fn run<H: Function>(self, devices: Vec<Device<Reset, H>>) -> Result<(), Box<dyn Error>> {
        let device = devices.into_iter().next().ok_or("a device is needed")?;
        let mut device = bring_up(device, &self.devices, false)?;
        host::serve(&mut device, self.host.ip)?;
        device.stop().map_err(|failed| failed.error)?;
        Ok(())
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    common::run(&arguments.devices, &[arguments.host.address], &arguments)
}
