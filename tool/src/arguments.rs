//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use ixgbe::linux::{PciAddress, PciAddressError};

const EXIT_STATUS: &str = "\
Exit status: 0 if all is well; 1 if the command found something, such as no link or a failed test; 2 if the arguments \
are invalid, or the command could not be carried out.";

/// Lists, shows, tests and identifies ports of Intel's 82599
#[derive(Debug, Parser)]
#[command(name = "ixgbectl", version, after_help = EXIT_STATUS)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    List(List),
    Show(Show),
    Registers(Registers),
    Stats(Stats),
    Blink(Blink),
    Selftest(Selftest),
    /// Print a script that completes arguments in a shell
    Completions {
        shell: clap_complete::Shell,
    },
}

/// A port: a PCI function, or one of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Function(PciAddress),
    #[cfg(feature = "model")]
    Model,
}

impl FromStr for Target {
    type Err = PciAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            #[cfg(feature = "model")]
            "model" => Ok(Self::Model),
            _ => text.parse().map(Self::Function),
        }
    }
}

/// List the functions of 82599s, physical and virtual, with driver, IOMMU group, NUMA node and interface
///
/// It only reads, and needs no rights.
#[derive(Debug, Args)]
pub struct List {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Show a port: its link and why there is none, driver, firmware, MAC address, queues
///
/// It changes nothing: it resets nothing, writes no register, and reads none that a read changes. Registers need root,
/// and a function that no driver of the kernel has; the rest needs no rights.
#[derive(Debug, Args)]
pub struct Show {
    /// The port, such as 0000:03:00.0; `model` is one of the software model
    #[arg(value_name = "ADDRESS")]
    pub target: Target,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Print registers, decoded field by field, of a port that anybody may drive
///
/// It only reads, and leaves out registers that a read changes. It needs root, and a kernel that does not keep the
/// registers to a driver.
#[derive(Debug, Args)]
pub struct Registers {
    /// The port, such as 0000:03:00.0; `model` is one of the software model
    #[arg(value_name = "ADDRESS")]
    pub target: Target,
    /// Print these registers, such as STATUS or RXDCTL [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Print all elements of arrays, not only the first
    #[arg(long)]
    pub all: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Print the counters that the driver of a port keeps
///
/// They are read from the kernel's network interface. Reading the chip's own counters clears them, which would take
/// them from the driver: a port without an interface is refused.
#[derive(Debug, Args)]
pub struct Stats {
    /// The port, such as 0000:03:00.0; `model` is one of the software model
    #[arg(value_name = "ADDRESS")]
    pub target: Target,
    /// Print again each time this many seconds have passed, with rates
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub watch: Option<u64>,
    /// Print one line of JSON each time
    #[arg(long, conflicts_with = "prometheus")]
    pub json: bool,
    /// Print the text format of Prometheus
    #[arg(long, conflicts_with = "watch")]
    pub prometheus: bool,
}

/// The port to drive, and the way to it.
#[derive(Debug, Args)]
pub struct Drive {
    /// The port, such as 0000:03:00.0; `model` is one of the software model
    #[arg(value_name = "ADDRESS")]
    pub target: Target,
    /// Drive it through sysfs instead of VFIO; needs root and huge pages, and the device can access all memory
    #[arg(long)]
    pub sysfs: bool,
    /// Take the function even if its network interface is in use; only with --sysfs
    #[arg(long, requires = "sysfs")]
    pub take: bool,
    /// Rebind the function to its kernel driver on exit; only with --sysfs
    #[arg(long, requires = "sysfs")]
    pub rebind: bool,
}

/// Blink an LED of a port, so that a person finds it
///
/// It resets the port, and its link goes down. A port that the kernel's driver has is refused: `ethtool --identify`
/// blinks that one and leaves its link alone.
#[derive(Debug, Args)]
pub struct Blink {
    #[command(flatten)]
    pub drive: Drive,
    /// For how long
    #[arg(default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub seconds: u64,
}

/// Test a card in loopback: no cable is needed, and no frame leaves the port
///
/// It resets the port. It never writes its EEPROM, its flash or its module.
#[derive(Debug, Args)]
pub struct Selftest {
    #[command(flatten)]
    pub drive: Drive,
    /// Also test the wire: wait for a link, send one frame and count errors for a second
    #[arg(long)]
    pub link: bool,
    /// Write a report to this file, to be sent with a bug report
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Write all register accesses to this file; MAC address and serial numbers are among them
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Leave in the report what identifies the card: MAC addresses and the module's serial number
    #[arg(long)]
    pub identify: bool,
    /// Send frames of up to this many bytes, with CRC
    #[arg(long, value_name = "BYTES", default_value_t = 9018, value_parser = clap::value_parser!(u16).range(1518..=15872))]
    pub max_frame: u16,
    /// Send every Nth length only
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub stride: u16,
    /// Stop and start the device this many times
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub cycles: u16,
    /// Give the model this fault, to see what a card with it would report
    #[cfg(feature = "model")]
    #[arg(long, value_name = "FAULT")]
    pub fault: Option<ixgbe_sim::Fault>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
