//! Captures what ports receive in a pcapng file, with nanoseconds and the counters of what is missing.
//!
//! ```console
//! $ cargo run --release --example capture -- 0000:03:00.0 0000:03:00.1 --output dump.pcapng.gz --filter 'udp port 53'
//! $ cargo run --release --example capture -- 0000:03:00.0 --output dump.pcapng --file-seconds 60 --files 10
//! $ cargo run --release --example capture -- 0000:03:00.0 --promiscuous --output - | tshark -r -
//! ```

#[macro_use]
mod common;
#[path = "capture/source.rs"]
mod source;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use clap::builder::RangedU64ValueParser as Range;
use common::LinkPartner;
use common::testbed::{PortArguments, Testbed};
use ixgbe::device::{Config, PtpStamps};
use ixgbe::linux::PciAddress;
use ixgbe_sim::capture::{Filter, Writer};
use source::{Source, describe, end_file};

/// The longest time for which captured packets stay in memory.
const FLUSH: Duration = Duration::from_millis(100);
/// The time between two looks at ports without packets, and the time without packets that ends a capture on the model.
const NAP: Duration = Duration::from_micros(50);
const IDLE: Duration = Duration::from_millis(300);

/// Captures what ports receive in a pcapng file.
#[derive(Debug, Parser)]
#[command(group = clap::ArgGroup::new("series").multiple(true))]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) ports: PortArguments,
    /// File to write, or `-` for the standard output. .gz and .zst compress it.
    #[arg(short, long)]
    output: PathBuf,
    /// Capture only packets that this filter selects, in the syntax of tcpdump. Needs libpcap.
    #[arg(long)]
    filter: Option<String>,
    /// Receive all packets, whatever their destination.
    #[arg(long)]
    promiscuous: bool,
    /// Largest number of bytes to keep of a packet.
    #[arg(long, default_value_t = 262_144, value_parser = clap::value_parser!(u32).range(1..=262_144))]
    snap: u32,
    /// Largest frame to receive, in bytes with CRC.
    #[arg(long, default_value_t = 9018, value_parser = Range::<usize>::new().range(1518..=15_872))]
    max_frame: usize,
    /// Stamp packets of PTP by the chip's clock, which notes when they arrive. Each has a comment then.
    #[arg(long)]
    chip_time: bool,
    /// End after this number of packets.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after this number of seconds.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=u32::MAX.into()))]
    seconds: Option<u64>,
    /// Start another file, numbered before the extension, after this number of bytes or soon after.
    #[arg(long, group = "series", value_parser = clap::value_parser!(u64).range(1..))]
    file_bytes: Option<u64>,
    /// Start another file after this number of seconds.
    #[arg(long, group = "series", value_parser = clap::value_parser!(u64).range(1..=u32::MAX.into()))]
    file_seconds: Option<u64>,
    /// Keep only this number of files, the last ones.
    #[arg(long, requires = "series", value_parser = Range::<usize>::new().range(1..))]
    files: Option<usize>,
    /// Feed a port of the model from this capture file, instead of generated packets; once for each port.
    #[arg(long, conflicts_with = "addresses")]
    input: Vec<PathBuf>,
    /// Number of packets to generate on the model.
    #[arg(long, default_value_t = 100_000)]
    packets: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    common::run(|| {
        let testbed = arguments.ports.open(&[1, 2, 3, 4, 5, 6, 7, 8], arguments.input.len().max(1))?;
        let plug = |(index, port)| LinkPartner::plug(port, (arguments.input.get(index), None), (arguments.packets, 60));
        let partners = testbed.model().iter().enumerate().map(plug).collect::<Result<Vec<_>, _>>()?;
        let is_done = || !partners.is_empty() && partners.iter().all(LinkPartner::is_done);
        let warning = || partners.iter().find_map(LinkPartner::capture_warning);
        capture(&arguments, testbed, &is_done).and_then(|()| warning().map_or(Ok(()), |warning| Err(warning.into())))
    })
}

/// Captures until a limit is reached, the user ends it, or nothing more comes once `is_done`.
pub(crate) fn capture(
    arguments: &Arguments,
    mut testbed: Testbed,
    is_done: &dyn Fn() -> bool,
) -> Result<(), Box<dyn Error>> {
    let filter = arguments.filter.as_deref().map(Filter::new).transpose()?;
    let addresses = arguments.ports.addresses.iter().map(PciAddress::to_string);
    let names: Vec<_> = addresses.chain((0..testbed.model().len()).map(|index| format!("model{index}"))).collect();
    let interfaces = describe(&names, arguments.filter.as_deref(), arguments.snap);
    let series = (arguments.file_bytes.is_some() || arguments.file_seconds.is_some()).then_some(arguments.files);
    let mut writer = Writer::create(&arguments.output, series, &interfaces)?;
    let config = Config::new().rx_descriptors(4096).tx_descriptors(64).buffer_size(2048);
    let config = config.promiscuous(arguments.promiscuous).max_frame(arguments.max_frame);
    let config = if arguments.chip_time { config.ptp(PtpStamps::EventsV2).all_multicast(true) } else { config };
    let mut nics = testbed.bring_up_all(&config)?;
    let named = nics.iter_mut().zip(&names).enumerate();
    let mut sources: Vec<_> = named.map(|(index, (nic, name))| Source::new(index, name, nic)).collect();
    let result = (|| {
        let (start, mut captured) = (Instant::now(), 0);
        let (mut idle_since, mut flushed, mut file_began) = (start, start, start);
        let is_past = |from: Instant, limit: Option<u64>| limit.is_some_and(|most| from.elapsed().as_secs() >= most);
        while !testbed.is_interrupted() && !is_past(start, arguments.seconds) {
            let (mut is_idle, is_done) = (true, is_done());
            for source in &mut sources {
                let room = arguments.count.map_or(u64::MAX, |count| count - captured);
                let (received, written) = source.capture(&mut writer, filter.as_ref(), arguments.snap, room)?;
                captured += written;
                if Some(captured) == arguments.count {
                    return Ok(());
                }
                is_idle &= received == 0;
            }
            if !is_idle || !is_done {
                idle_since = Instant::now();
            } else if idle_since.elapsed() > IDLE {
                break;
            }
            std::thread::sleep(if is_idle { NAP } else { Duration::ZERO });
            if flushed.elapsed() >= FLUSH {
                flushed = Instant::now();
                writer.flush()?;
                sources.iter_mut().try_for_each(Source::look)?;
            }
            let is_large = arguments.file_bytes.is_some_and(|limit| writer.written() >= limit);
            if is_large || is_past(file_began, arguments.file_seconds) {
                file_began = Instant::now();
                end_file(&mut sources, &mut writer)?;
                writer.next_file()?;
            }
        }
        Ok::<_, Box<dyn Error>>(())
    })();
    // Whatever ended the capture: the file ends with its counters, and the ports stop.
    let ended = end_file(&mut sources, &mut writer).and_then(|()| writer.finish());
    sources.iter().for_each(|source| source.print(arguments.promiscuous));
    result.and(ended.map_err(Into::into)).and(testbed.finish(nics))
}
