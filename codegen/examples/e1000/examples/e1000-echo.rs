//! Answers ARP and ICMP echo requests on an 82540EM: `e1000-echo 0000:01:00.0 --ip 192.0.2.1` can be pinged.

#[path = "../../../../examples/common/host.rs"]
mod host;
#[path = "../../../../examples/common/watch.rs"]
mod watch;

use std::process::ExitCode;

use clap::Parser;
use e1000::Device;
use ixgbe::linux::{Container, SysfsOptions, VfioOptions};
use ixgbe::pci::Function;

/// Answers ARP and ICMP echo requests on an 82540EM.
#[derive(Debug, Parser)]
struct Arguments {
    /// Drive the function through sysfs instead of VFIO; needs root and huge pages, and the device can access all memory.
    #[arg(long)]
    sysfs: bool,
    #[command(flatten)]
    host: host::HostArguments,
}

fn echo(function: impl Function, arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let mut device = Device::start(function)?;
    host::serve(&mut device, arguments.host.ip)?;
    Ok(device.stop()?)
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    if arguments.sysfs {
        return echo(SysfsOptions::new().take_interface(true).open_function(arguments.host.address)?, arguments);
    }
    echo(VfioOptions::new().open_function(&Container::shared()?, arguments.host.address)?, arguments)
}

fn main() -> ExitCode {
    let result = run(&Arguments::parse()).inspect_err(|error| eprintln!("error: {error}"));
    if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
