//! Code shared by the examples: arguments, the ports they run on, and link partners for ports of the model.
#![allow(dead_code, unused_macros, reason = "each example uses its own part")]

/// Prints a line. [`run`] fails if the standard output does not take it, after the ports have stopped.
macro_rules! println {
    ($($line:tt)*) => {
        _ = std::io::Write::write_fmt(&mut std::io::stdout(), format_args!("{}\n", format_args!($($line)*)))
    };
}

/// Prints a line to the standard error output, whatever becomes of it.
macro_rules! eprintln {
    ($($line:tt)*) => {
        _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{}\n", format_args!($($line)*)))
    };
}

pub mod events;
pub mod near;
pub mod ping;
mod privileges;
pub mod testbed;
pub mod watch;

use std::error::Error;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use ixgbe_sim::capture::{CaptureError, LeftOut};
use ixgbe_sim::wire::generator::Generator;
use ixgbe_sim::wire::pcap::{CaptureCounters, PcapInput, PcapOutput};
use ixgbe_sim::wire::sink::{Sink, SinkCounters};
use ixgbe_sim::wire::{Duplex, NoTraffic};
use ixgbe_sim::{Port, Wire};

/// Runs an example, and prints an error as one sentence.
pub fn run(example: impl FnOnce() -> Result<(), Box<dyn Error>>) -> ExitCode {
    match example().and_then(|()| Ok(io::stdout().flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the output closed it, as `head` does.
        Err(error) if error.downcast_ref().map(io::Error::kind) == Some(io::ErrorKind::BrokenPipe) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the MAC address of port `index`.
pub fn mac_of(index: usize) -> [u8; 6] {
    [0x02, 0x82, 0x59, 0x90, 0, index as u8]
}

/// The link partner of a port: it sends a known number of frames, and takes all that the port sends.
pub struct LinkPartner {
    sent: Option<(Arc<AtomicU64>, u64)>,
    capture: Option<Arc<CaptureCounters>>,
    output: Arc<OnceLock<CaptureError>>,
    pub received: Option<Arc<SinkCounters>>,
}

impl LinkPartner {
    /// Connects `port` to a link partner. The partner sends the capture `input`, or else `count` frames of `size`
    /// bytes. It writes what it receives to the capture `output`, or else checks it.
    pub fn plug(
        port: &Port,
        (input, output): (Option<&PathBuf>, Option<&PathBuf>),
        (count, size): (u64, usize),
    ) -> Result<Self, Box<dyn Error>> {
        let mut partner = Self { sent: None, capture: None, output: Arc::default(), received: None };
        let sender: Box<dyn Wire> = match input {
            Some(path) => {
                let input = PcapInput::open(path)?;
                partner.capture = Some(input.counters());
                Box::new(input)
            }
            None if count == 0 => Box::new(NoTraffic),
            None => {
                // Several flows, for RSS to spread.
                let generator = Generator::new(mac_of(9), size).flows(64).count(count).lossless();
                partner.sent = Some((generator.sent(), count));
                Box::new(generator)
            }
        };
        let receiver: Box<dyn Wire> = match output {
            Some(path) => {
                let output = PcapOutput::create(path)?;
                partner.output = output.failure();
                Box::new(output)
            }
            None => {
                let sink = Sink::new();
                partner.received = Some(sink.counters());
                Box::new(sink)
            }
        };
        port.plug(Duplex::new(sender, receiver));
        Ok(partner)
    }

    /// Returns `true` if it has sent all its frames.
    pub fn is_done(&self) -> bool {
        let generated = self.sent.as_ref().is_none_or(|(sent, count)| sent.load(Ordering::Acquire) == *count);
        generated && self.capture.as_ref().is_none_or(|capture| capture.is_done())
    }

    /// Returns what is wrong with its capture files as a sentence, if anything is: of the output, once the port is gone.
    pub fn capture_warning(&self) -> Option<String> {
        let capture = self.capture.as_deref();
        let count = |why| capture.map_or(0, |capture| capture.left_out(why));
        let left_out = LeftOut::ALL.into_iter().map(|why| (count(why), why)).filter(|(count, _)| *count > 0);
        let mut complaints: Vec<_> = left_out.map(|(count, why)| format!("left out {count} {why}")).collect();
        complaints.extend(capture.and_then(CaptureCounters::damage).map(str::to_owned));
        complaints.extend(self.output.get().map(CaptureError::to_string));
        (!complaints.is_empty()).then(|| format!("records of the capture are missing: {}", complaints.join(", ")))
    }
}
