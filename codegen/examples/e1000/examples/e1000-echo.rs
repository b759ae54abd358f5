//! Answers ARP and ICMP echo requests on an 82540EM: `e1000-echo 0000:01:00.0 --ip 192.0.2.1` can be pinged.

#[path = "../../../../examples/common/host.rs"]
mod host;
#[path = "../../../../examples/common/ping.rs"]
#[allow(dead_code, reason = "this host only answers")]
mod ping;
#[path = "../../../../examples/common/watch.rs"]
mod watch;

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use clap::Parser;
use e1000::Device;
use ixgbe::linux::{Container, PciAddress, SysfsOptions, VfioOptions};

/// Answers ARP and ICMP echo requests on an 82540EM.
#[derive(Debug, Parser)]
struct Arguments {
    /// Drive the function through sysfs instead of VFIO; needs root and huge pages, and the device can access all memory.
    #[arg(long)]
    sysfs: bool,
    /// The PCI address of the device, such as 0000:03:00.0.
    address: PciAddress,
    /// The address to answer for.
    #[arg(long, default_value = "192.0.2.1")]
    ip: Ipv4Addr,
}

fn run(Arguments { sysfs, address, ip }: Arguments) -> Result<(), Box<dyn Error>> {
    if sysfs {
        let mut device = Device::start(SysfsOptions::new().take_interface(true).open_function(address)?)?;
        host::serve(&mut device, ip)?;
        return Ok(device.stop()?);
    }
    let mut device = Device::start(VfioOptions::new().open_function(&Container::shared()?, address)?)?;
    host::serve(&mut device, ip)?;
    Ok(device.stop()?)
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
