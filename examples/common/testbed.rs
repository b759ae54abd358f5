//! The ports of an example: how they are opened and, on exit, given back.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ixgbe::device::{Config, Device, LinkPoll, Running};
use ixgbe::linux::{Container, FormerDriver, PciAddress, SysfsOptions};
use ixgbe::platform::AnyPlatform;
use ixgbe::pool::Pool;
use ixgbe_sim::{Port, PortConfig, Runner};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use super::near::{cpus, stay_near};
use super::privileges::become_user;
use super::{events, mac_of};

/// A device of the examples.
pub type Nic = Device<Running, AnyPlatform>;

/// The arguments that select the ports and their drivers.
#[derive(Debug, clap::Args)]
pub struct PortArguments {
    /// PCI addresses of the ports, such as 0000:03:00.0 [default: ports of the model]
    #[arg(value_name = "ADDRESS")]
    pub addresses: Vec<PciAddress>,
    /// Drive PCI functions through VFIO (the default); needs an IOMMU and the driver vfio-pci.
    #[arg(long, conflicts_with = "sysfs")]
    vfio: bool,
    /// Drive PCI functions through sysfs; needs root and huge pages, and the device can access all memory.
    #[arg(long)]
    pub sysfs: bool,
    /// Take PCI functions even if their network interfaces are in use; only with --sysfs.
    #[arg(long, requires = "sysfs")]
    take: bool,
    /// Rebind PCI functions to their kernel driver on exit; only with --sysfs.
    #[arg(long, requires = "sysfs")]
    rebind: bool,
    /// Let threads run on all CPUs, instead of those near the ports.
    #[arg(long)]
    any_cpu: bool,
    /// Pin each thread that drives queues to a CPU of its own, as far as there are enough.
    #[arg(long)]
    pin: bool,
    /// Drop root and continue as this user after the devices have started.
    #[arg(long)]
    user: Option<String>,
}

/// Ports that are not brought up yet, and what must be undone on exit.
pub struct Testbed {
    platforms: Vec<AnyPlatform>,
    model: Vec<Port>,
    runner: Option<Runner>,
    former: Vec<FormerDriver>,
    rebind: bool,
    user: Option<String>,
    /// The CPUs for threads that are pinned, if `--pin` was given.
    pub cpus: Vec<usize>,
    /// Whether to wait until all ports have a link.
    pub needs_links: bool,
    interrupted: Arc<AtomicBool>,
}

impl PortArguments {
    /// Opens the PCI functions that the user gave, or `model` ports of the model if there are none.
    ///
    /// `functions` lists the numbers of functions that the example can run on.
    pub fn open(&self, functions: &[usize], model: usize) -> Result<Testbed, Box<dyn Error>> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // The second one ends the process at once.
            flag::register_conditional_default(signal, Arc::clone(&interrupted))?;
            flag::register(signal, Arc::clone(&interrupted))?;
        }
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        std::thread::spawn(move || {
            signals.forever().next();
            std::thread::sleep(Duration::from_secs(10));
            eprintln!("error: the program did not end within 10 s: it waits for a file, a pipe or a port");
            std::process::exit(1);
        });
        if !self.addresses.is_empty() && !functions.contains(&self.addresses.len()) {
            let needed: Vec<_> = functions.iter().map(usize::to_string).collect();
            let needed = match &needed[..] {
                [first, _, .., last] => format!("{first} to {last}"),
                _ => needed.join(" or "),
            };
            return Err(format!("{needed} PCI addresses are needed, and {} were given", self.addresses.len()).into());
        }
        if !self.any_cpu {
            // Before anything is allocated, so that the program's own memory is near, too.
            stay_near(&self.addresses)?;
        }
        let mut testbed = Testbed {
            platforms: Vec::new(),
            model: Vec::new(),
            runner: None,
            former: Vec::new(),
            rebind: self.rebind,
            user: self.user.clone(),
            cpus: if self.pin { cpus() } else { Vec::new() },
            needs_links: true,
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
        for address in &self.addresses {
            let platform = if self.sysfs {
                let platform = SysfsOptions::new().take_interface(self.take).open(*address)?;
                testbed.former.extend(platform.former_driver());
                AnyPlatform::new(platform)
            } else {
                let vfio = Container::shared()?.open(*address)?;
                events::watch(*address, &vfio, &testbed.interrupted)?;
                AnyPlatform::new(vfio)
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

    /// Brings up as many devices as an example needs: see [`bring_up_all`](Self::bring_up_all).
    pub fn bring_up<const N: usize>(&mut self, config: &Config) -> Result<[Nic; N], Box<dyn Error>> {
        let nics = self.bring_up_all(config)?;
        nics.try_into().map_err(|nics: Vec<_>| format!("{N} ports are needed, and there are {}", nics.len()).into())
    }

    /// Brings all devices up, attaches each one's pools to the others, and drops root if `--user` was given.
    pub fn bring_up_all(&mut self, config: &Config) -> Result<Vec<Nic>, Box<dyn Error>> {
        if self.is_model() {
            self.runner = Some(Runner::start(self.model.clone())?);
        }
        // Two ports may be each other's partner: all lasers shine before any port waits for light.
        let begin = |platform| Ok(Device::new(platform).reset(config)?.poll_link()?);
        let begun = self.platforms.drain(..).map(begin).collect::<Result<Vec<_>, Box<dyn Error>>>()?;
        let mut nics = Vec::new();
        for begun in begun {
            let nic = match begun {
                LinkPoll::Up(nic) => nic,
                LinkPoll::Pending(nic, _) if self.needs_links => nic.wait_for_link(Duration::from_secs(10))?,
                LinkPoll::Pending(nic, _) => nic.assume_link_up(),
            };
            nic.bring_up().findings.iter().for_each(|finding| eprintln!("note: {finding}"));
            nics.push(nic.start()?);
        }
        let pools: Vec<Pool> = nics.iter().flat_map(Device::pools).cloned().collect();
        nics.iter_mut().try_for_each(|nic| pools.iter().try_for_each(|pool| nic.attach(pool)))?;
        self.user.as_deref().map_or(Ok(()), become_user)?;
        Ok(nics)
    }

    /// Stops devices. Fails if a buffer did not return to its pool, or if a rule of the model was broken.
    pub fn finish(self, nics: impl IntoIterator<Item = Nic>) -> Result<(), Box<dyn Error>> {
        let nics: Vec<_> = nics.into_iter().collect();
        let pools: Vec<Pool> = nics.iter().flat_map(Device::pools).cloned().collect();
        nics.into_iter().try_for_each(|nic| nic.stop().map(drop))?;
        if let Some(pool) = pools.iter().find(|pool| pool.available() != pool.capacity()) {
            return Err(format!("buffers are missing: {pool:?}").into());
        }
        let violations: Vec<_> = self.model.iter().flat_map(Port::violations).collect();
        let broken = |first| format!("the driver broke {} rules of the model, first: {first}", violations.len());
        violations.first().map_or(Ok(()), |first| Err(broken(first).into()))
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
