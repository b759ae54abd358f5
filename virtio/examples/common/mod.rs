//! Code shared by the examples: arguments, and opening devices through VFIO or sysfs.
#![allow(dead_code, reason = "each example uses its own part")]

pub mod forwarding;
#[path = "../../../examples/common/near.rs"]
pub mod near;
#[path = "../../../examples/common/watch.rs"]
pub mod watch;
pub mod way;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ixgbe::linux::{Container, PciAddress, SysfsOptions, VfioOptions};
use ixgbe::pci::Function;
use ixgbe_virtio::device::{DriverOk, Reset};
use ixgbe_virtio::{Config, Device};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;

/// The arguments that all examples have.
#[derive(Debug, clap::Args)]
pub struct DeviceArguments {
    /// Drive PCI functions through sysfs instead of VFIO; needs root and huge pages, and the device can access all memory.
    #[arg(long)]
    pub sysfs: bool,
    /// The longest packet behind an Ethernet header, in bytes [default: the device's].
    #[arg(long)]
    pub mtu: Option<u16>,
    /// The size of a receive buffer in bytes [default: 2048, or what a frame needs].
    #[arg(long)]
    pub buffer_size: Option<usize>,
    /// Leave checksums of received packets and segments as they come from other virtual machines.
    #[arg(long)]
    pub offloads: bool,
    /// The number of queue pairs.
    #[arg(long, default_value_t = 1)]
    pub queue_pairs: u16,
    /// Drop frames with a VLAN tag, except frames of this VLAN.
    #[arg(long)]
    pub vlan: Option<u16>,
    /// Pin each thread that drives queues to a CPU of its own, as far as there are enough.
    #[arg(long)]
    pin: bool,
}

impl DeviceArguments {
    /// Returns the configuration of a device.
    pub fn config(&self) -> Config {
        let mut config = Config::new()
            .queue_pairs(self.queue_pairs)
            .vlan_filter(self.vlan.is_some())
            .receive_offloads(self.offloads);
        if let Some(mtu) = self.mtu {
            config = config.mtu(mtu);
        }
        if let Some(size) = self.buffer_size {
            config = config.buffer_size(size);
        }
        config
    }

    /// Returns the CPUs for threads that are pinned: none without `--pin`.
    pub fn cpus(&self) -> Vec<usize> {
        if self.pin { near::cpus() } else { Vec::new() }
    }
}

/// What the user asks for by signals.
pub struct Signals {
    end: Arc<AtomicBool>,
    reset: Arc<AtomicBool>,
}

impl Signals {
    /// Listens for SIGINT and SIGTERM, which end the program, and for SIGUSR1, which resets the devices.
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let (end, reset) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&end))?;
        }
        flag::register(SIGUSR1, Arc::clone(&reset))?;
        Ok(Self { end, reset })
    }

    /// Returns `true` if the program is to end.
    pub fn is_end(&self) -> bool {
        self.end.load(Ordering::Relaxed)
    }

    /// Returns `true` once for each request to reset the devices.
    pub fn take_reset(&self) -> bool {
        self.reset.swap(false, Ordering::Relaxed)
    }
}

/// What an example does with its devices, whatever their platform.
pub trait Example {
    /// Runs with devices that were just reset.
    fn run<H: Function>(self, devices: Vec<Device<Reset, H>>) -> Result<(), Box<dyn Error>>;
}

/// Opens devices, and runs an example with them. Prints an error as one sentence.
pub fn run(arguments: &DeviceArguments, addresses: &[PciAddress], example: impl Example) -> ExitCode {
    let result = (|| {
        if arguments.sysfs {
            let options = SysfsOptions::new().take_interface(true);
            let open = |address: &PciAddress| Device::open_sysfs(&options, *address);
            return example.run(addresses.iter().map(open).collect::<Result<_, _>>()?);
        }
        let container = Container::shared()?;
        let open = |address: &PciAddress| {
            Ok::<_, Box<dyn Error>>(Device::new(VfioOptions::new().open_function(&container, *address)?)?)
        };
        example.run(addresses.iter().map(open).collect::<Result<_, _>>()?)
    })();
    ended(result)
}

/// Returns how the process ends. Prints an error as one sentence.
pub fn ended(result: Result<(), Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Brings a device up, and prints what was agreed on.
pub fn bring_up<H: Function>(
    device: Device<Reset, H>,
    arguments: &DeviceArguments,
    config: &Config,
) -> Result<Device<DriverOk, H>, Box<dyn Error>> {
    let mut device = device.bring_up(config).map_err(|failed| failed.error)?;
    let terms = device.terms();
    eprintln!(
        "MTU {}, buffers of {} bytes, {} queue pairs, features {}",
        terms.mtu, terms.buffer_size, terms.queue_pairs, terms.features
    );
    if let Some(vlan) = arguments.vlan {
        device.split().0.add_vlan(vlan)?;
    }
    Ok(device)
}
