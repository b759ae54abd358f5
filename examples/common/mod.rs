//! What the examples share: arguments, ports of the model, and a device brought up on one.
#![allow(dead_code, reason = "each example uses its own part")]

pub mod report;

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ixgbe::device::{Config, Device, Running};
use ixgbe::pool::Pool;
use ixgbe_sim::wire::generator::Generator;
use ixgbe_sim::wire::pcap::{CaptureCounters, PcapInput, PcapOutput};
use ixgbe_sim::wire::sink::{Sink, SinkCounters};
use ixgbe_sim::wire::{Duplex, Silence};
use ixgbe_sim::{Port, PortConfig, Wire};

/// A device of the examples.
pub type Nic = Device<Running, Port>;

/// Runs an example: what goes wrong is said in a sentence.
pub fn run(example: impl FnOnce() -> Result<(), Box<dyn Error>>) -> ExitCode {
    match example() {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads the output has seen enough.
        Err(error) if error.downcast_ref().map(io::Error::kind) == Some(io::ErrorKind::BrokenPipe) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Which ports to use.
#[derive(Debug, clap::Args)]
pub struct PortArguments {
    /// PCI addresses of the ports; without any, ports of the model are used.
    #[arg(value_name = "ADDRESS")]
    addresses: Vec<String>,
}

impl PortArguments {
    /// The ports, numbered from 0, each without a wire.
    pub fn ports<const N: usize>(&self) -> Result<[Port; N], Box<dyn Error>> {
        if let Some(address) = self.addresses.first() {
            return Err(format!(
                "cannot drive {address}: there is no back end for hardware yet. Without an address, the model is used."
            )
            .into());
        }
        Ok(std::array::from_fn(|index| {
            Port::new(PortConfig { mac: mac_of(index), lan_id: (index % 2) as u8, ..PortConfig::default() })
        }))
    }
}

/// The MAC address of port `index`.
pub fn mac_of(index: usize) -> [u8; 6] {
    [0x02, 0x82, 0x59, 0x90, 0, index as u8]
}

/// Brings the device on `port` up.
pub fn bring_up(port: &Port, config: &Config) -> Result<Nic, Box<dyn Error>> {
    let nic = Device::new(port.clone()).reset(config)?;
    let nic = nic.wait_for_link(Duration::from_secs(10))?;
    Ok(nic.start()?)
}

/// What is at the other end of a port's wire: it sends a known number of frames and takes what comes.
pub struct Partner {
    sent: Option<(Arc<AtomicU64>, u64)>,
    capture: Option<Arc<CaptureCounters>>,
    pub received: Option<Arc<SinkCounters>>,
}

impl Partner {
    /// Plugs `port` into a partner: it sends the capture `input`, or `count` frames of `size` bytes, and writes what it
    /// receives to the capture `output`, or checks it.
    pub fn plug(
        port: &Port,
        (input, output): (Option<&PathBuf>, Option<&PathBuf>),
        (count, size): (u64, usize),
    ) -> Result<Self, Box<dyn Error>> {
        let mut partner = Self { sent: None, capture: None, received: None };
        let sender: Box<dyn Wire> = match input {
            Some(path) => {
                let input = PcapInput::open(path)?;
                partner.capture = Some(input.counters());
                Box::new(input)
            }
            None if count == 0 => Box::new(Silence),
            None => {
                let generator = Generator::new(mac_of(9), size).count(count);
                partner.sent = Some((generator.sent(), count));
                Box::new(generator)
            }
        };
        let receiver: Box<dyn Wire> = match output {
            Some(path) => Box::new(PcapOutput::create(path)?),
            None => {
                let sink = Sink::new();
                partner.received = Some(sink.counters());
                Box::new(sink)
            }
        };
        port.plug(Duplex::new(sender, receiver));
        Ok(partner)
    }

    /// Whether it has sent all that it had.
    pub fn is_done(&self) -> bool {
        let generated = self.sent.as_ref().is_none_or(|(sent, count)| sent.load(Ordering::Acquire) == *count);
        generated && self.capture.as_ref().is_none_or(|capture| capture.is_done())
    }

    /// What was wrong with its capture file, in a sentence.
    pub fn complaint(&self) -> Option<String> {
        let capture = self.capture.as_ref()?;
        let (cut, unfit) = (capture.cut(), capture.unfit());
        let damaged = if capture.is_damaged() { ", and the file is damaged at its end" } else { "" };
        (cut + unfit > 0 || capture.is_damaged())
            .then(|| format!("of the capture, {cut} cut and {unfit} unfit records were left out{damaged}"))
    }
}

/// Makes each of two devices able to send what the other receives.
pub fn attach_each_other(nics: &mut [Nic; 2]) -> Result<(), Box<dyn Error>> {
    let pools: [Vec<Pool>; 2] = [nics[0].pools().cloned().collect(), nics[1].pools().cloned().collect()];
    for (nic, pools) in nics.iter_mut().zip(pools.iter().rev()) {
        pools.iter().try_for_each(|pool| nic.attach(pool))?;
    }
    Ok(())
}

/// Stops devices, and makes sure that every buffer has come home.
pub fn finish(nics: impl IntoIterator<Item = Nic>) -> Result<(), Box<dyn Error>> {
    let nics: Vec<_> = nics.into_iter().collect();
    let pools: Vec<Pool> = nics.iter().flat_map(|nic| nic.pools().cloned().collect::<Vec<_>>()).collect();
    for nic in nics {
        nic.stop()?;
    }
    match pools.iter().find(|pool| pool.available() != pool.capacity()) {
        None => Ok(()),
        Some(pool) => Err(format!("buffers are missing: {pool:?}").into()),
    }
}

/// Fails if the driver did anything to a port that it must not.
pub fn check_ports(ports: &[Port]) -> Result<(), Box<dyn Error>> {
    let violations: Vec<_> = ports.iter().flat_map(Port::violations).collect();
    match violations.first() {
        None => Ok(()),
        Some(first) => Err(format!("the driver broke {} rules of the model, first: {first}", violations.len()).into()),
    }
}
