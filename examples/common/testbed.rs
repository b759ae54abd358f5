//! Where an example runs: it opens the ports, and puts everything back in the end.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ixgbe::device::{Config, Device, Running};
use ixgbe::linux::{Container, FormerDriver, PciAddress, SysfsOptions};
use ixgbe::platform::AnyPlatform;
use ixgbe::pool::Pool;
use ixgbe_sim::{Port, PortConfig, Runner};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::mac_of;
use super::privileges::become_user;

/// A device of the examples.
pub type Nic = Device<Running, AnyPlatform>;

/// Which ports to use, and how.
#[derive(Debug, clap::Args)]
pub struct PortArguments {
    /// PCI addresses of the ports, as 0000:03:00.0; without any, ports of the model are used.
    #[arg(value_name = "ADDRESS")]
    addresses: Vec<PciAddress>,
    /// Drive PCI functions through VFIO: this is the default, and needs an IOMMU and the driver vfio-pci.
    #[arg(long, conflicts_with = "sysfs")]
    vfio: bool,
    /// Drive PCI functions through sysfs: as root, with huge pages, and with trust in the device.
    #[arg(long)]
    sysfs: bool,
    /// Take PCI functions though the kernel uses their network interfaces.
    #[arg(long, requires = "sysfs")]
    take: bool,
    /// Give PCI functions back to the kernel's driver in the end.
    #[arg(long, requires = "sysfs")]
    rebind: bool,
    /// Go on as this user once the devices run.
    #[arg(long)]
    user: Option<String>,
}

/// Ports that are not brought up yet, and what must happen when all is over.
pub struct Testbed {
    platforms: Vec<AnyPlatform>,
    model: Vec<Port>,
    runner: Option<Runner>,
    former: Vec<FormerDriver>,
    rebind: bool,
    user: Option<String>,
    interrupted: Arc<AtomicBool>,
}

impl PortArguments {
    /// Opens the PCI functions, of which there must be one of the numbers `functions`; without any, `model` ports of the model.
    pub fn open(&self, functions: &[usize], model: usize) -> Result<Testbed, Box<dyn Error>> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // The second one ends the process at once.
            flag::register_conditional_default(signal, Arc::clone(&interrupted))?;
            flag::register(signal, Arc::clone(&interrupted))?;
        }
        let mut testbed = Testbed {
            platforms: Vec::new(),
            model: Vec::new(),
            runner: None,
            former: Vec::new(),
            rebind: self.rebind,
            user: self.user.clone(),
            interrupted,
        };
        if self.addresses.is_empty() {
            let config = |index| PortConfig { mac: mac_of(index), lan_id: (index % 2) as u8, ..PortConfig::default() };
            testbed.model = (0..model).map(|index| Port::new(config(index))).collect();
            for port in &testbed.model {
                testbed.platforms.push(AnyPlatform::new(port.claim()?));
            }
            return Ok(testbed);
        }
        if !functions.contains(&self.addresses.len()) {
            let needed: Vec<_> = functions.iter().map(usize::to_string).collect();
            let (needed, given) = (needed.join(" or "), self.addresses.len());
            return Err(format!("{needed} PCI addresses are needed, and {given} were given").into());
        }
        for address in &self.addresses {
            let platform = if self.sysfs {
                let platform = SysfsOptions::new().take_interface(self.take).open(*address)?;
                testbed.former.extend(platform.former_driver());
                AnyPlatform::new(platform)
            } else {
                AnyPlatform::new(Container::shared()?.open(*address)?)
            };
            testbed.platforms.push(platform);
        }
        Ok(testbed)
    }
}

impl Testbed {
    /// Returns the ports of the model, if the program runs on it.
    pub fn model(&self) -> &[Port] {
        &self.model
    }

    /// Returns the number of ports.
    pub fn ports(&self) -> usize {
        self.platforms.len()
    }

    /// Returns `true` if the program runs on the model, whose traffic ends.
    pub fn is_model(&self) -> bool {
        !self.model.is_empty()
    }

    /// Returns `true` if the program was asked to end.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Brings all devices up, makes each able to send what the others receive, and gives up root if told to.
    pub fn bring_up<const N: usize>(&mut self, config: &Config) -> Result<[Nic; N], Box<dyn Error>> {
        if self.is_model() {
            self.runner = Some(Runner::start(self.model.clone())?);
        }
        let mut nics = Vec::new();
        for platform in self.platforms.drain(..) {
            let nic = Device::new(platform).reset(config)?;
            let nic = nic.wait_for_link(Duration::from_secs(10))?;
            nics.push(nic.start()?);
        }
        let pools: Vec<Pool> = nics.iter().flat_map(Device::pools).cloned().collect();
        for nic in &mut nics {
            pools.iter().try_for_each(|pool| nic.attach(pool))?;
        }
        if let Some(user) = &self.user {
            become_user(user)?;
        }
        nics.try_into().map_err(|nics: Vec<_>| format!("{N} ports are needed, and there are {}", nics.len()).into())
    }

    /// Stops devices. Fails if a buffer did not return to its pool, or if a rule of the model was broken.
    pub fn finish(self, nics: impl IntoIterator<Item = Nic>) -> Result<(), Box<dyn Error>> {
        let nics: Vec<_> = nics.into_iter().collect();
        let pools: Vec<Pool> = nics.iter().flat_map(Device::pools).cloned().collect();
        for nic in nics {
            nic.stop()?;
        }
        if let Some(pool) = pools.iter().find(|pool| pool.available() != pool.capacity()) {
            return Err(format!("buffers are missing: {pool:?}").into());
        }
        let violations: Vec<_> = self.model.iter().flat_map(Port::violations).collect();
        match violations.first() {
            None => Ok(()),
            Some(first) => {
                Err(format!("the driver broke {} rules of the model, first: {first}", violations.len()).into())
            }
        }
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        self.platforms.clear();
        for former in &self.former {
            match self.rebind.then(|| former.rebind()) {
                Some(Ok(())) => {}
                Some(Err(error)) => eprintln!("{error}; {former}"),
                None => eprintln!("{former}"),
            }
        }
    }
}
