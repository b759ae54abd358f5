//! Sends the packets of a capture file: at the file's pace, at a rate, or as fast as it goes.
//!
//! ```console
//! $ cargo run --release --example replay -- --input traffic.pcapng --fast --output sent.pcapng
//! $ cargo run --release --example replay -- 0000:03:00.0 --input traffic.pcap.gz --speed 2
//! $ cargo run --release --example replay -- 0000:03:00.0 --input traffic.pcapng.zst --packets-per-second 100000 --loops 9
//! ```

#[macro_use]
mod common;
#[path = "replay/missing.rs"]
mod missing;
#[path = "replay/pace.rs"]
mod pace;
#[path = "replay/sender.rs"]
mod sender;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use clap::builder::RangedU64ValueParser as Range;
use common::LinkPartner;
use common::testbed::{PortArguments, Testbed};
use ixgbe::device::Config;
use ixgbe_sim::capture::{Content, Interface, Item, LeftOut, Reader};
use missing::Missing;
use pace::{Pace, PaceArguments};
use sender::Sender;

/// The length of the CRC, in bytes.
const CRC: usize = 4;

/// Sends the packets of a capture file.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) ports: PortArguments,
    /// Capture file: pcap or pcapng, also compressed with gzip or zstd. The exit status is 1 when the file is damaged or a
    /// record is left out: one that was cut short, for example, or that has no Ethernet header, such as raw IP.
    #[arg(short, long)]
    input: PathBuf,
    #[command(flatten)]
    pace: PaceArguments,
    /// Longest pause between two packets in seconds, whatever the file says.
    #[arg(long, default_value_t = 60)]
    longest_pause: u32,
    /// How often to send the file; 0 is without end.
    #[arg(long, default_value_t = 1)]
    loops: u64,
    /// Send only packets of this interface of the file: its name, or its number from 0.
    #[arg(long)]
    interface: Option<String>,
    /// Largest frame to send, in bytes with CRC.
    #[arg(long, default_value_t = 9018, value_parser = Range::<usize>::new().range(1518..=15_872))]
    max_frame: usize,
    /// Record what the port of the model sends in this capture file.
    #[arg(long, conflicts_with = "addresses")]
    output: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    common::run(|| {
        let testbed = arguments.ports.open(&[1], 1)?;
        // What cannot be read, or is the output as well, is refused before anything is written.
        let input = Reader::open(&arguments.input)?;
        let plug = |port| LinkPartner::plug(port, (None, arguments.output.as_ref()), (0, 0));
        let partner = testbed.model().first().map(plug).transpose()?;
        let result = replay(&arguments, input, testbed);
        let warning = partner.and_then(|partner| partner.capture_warning());
        result.and(warning.map_or(Ok(()), |warning| Err(warning.into())))
    })
}

/// Sends the file until its end, or until the user ends it.
pub(crate) fn replay(arguments: &Arguments, first: Reader, mut testbed: Testbed) -> Result<(), Box<dyn Error>> {
    let [mut nic] = testbed.bring_up(&Config::new().max_frame(arguments.max_frame))?;
    let pause = Duration::from_secs(arguments.longest_pause.into());
    let (start, mut missing, mut pace) = (Instant::now(), Missing::default(), Pace::new(&arguments.pace, pause));
    let is_over = || testbed.is_interrupted();
    let mut sender = Sender::new(&mut nic, &is_over)?;
    let result = send(arguments, first, &mut sender, &mut missing, &mut pace);
    // What was read before damage or an interruption is sent.
    let flushed = sender.flush();
    println!("sent {} in {:.3} s", sender.summary(), start.elapsed().as_secs_f64());
    println!("{} packets of other interfaces, {} pauses shortened", missing.of_other_interfaces(), pace.shortened());
    drop(sender);
    result.and(flushed).and(testbed.finish([nic])).and(missing.check())
}

/// Reads the file, and gives its packets to the sender when they are due.
fn send(
    arguments: &Arguments,
    first: Reader,
    sender: &mut Sender<'_>,
    missing: &mut Missing,
    pace: &mut Pace,
) -> Result<(), Box<dyn Error>> {
    let is_wanted = |interface: &Interface| {
        let wanted = arguments.interface.as_deref();
        wanted.is_none_or(|wanted| interface.name() == wanted || interface.number().to_string() == wanted)
    };
    // A pipe can be opened once.
    let (mut first, mut round) = (Some(first), 0);
    while (arguments.loops == 0 || round < arguments.loops) && !sender.is_over() {
        round += 1;
        let mut reader = first.take().map_or_else(|| Reader::open(&arguments.input), Ok)?;
        pace.begin_file();
        let mut is_there = false;
        while !sender.is_over() {
            let item = reader.next_item().map_err(|damage| format!("{}: {damage}", arguments.input.display()))?;
            let record = match item {
                Item::End if !is_there => return missing.explain(arguments.interface.as_deref(), &arguments.input),
                Item::End => break,
                Item::Other => continue,
                Item::Record(record) if !is_wanted(record.interface) => {
                    missing.skip(record.interface);
                    continue;
                }
                Item::Record(record) => record,
            };
            is_there = true;
            let frame = match record.content {
                Content::Frame(frame) if frame.len() + CRC <= arguments.max_frame => frame,
                Content::Frame(_) => {
                    missing.leave_out(LeftOut::TooLong);
                    continue;
                }
                Content::LeftOut(why) => {
                    missing.leave_out(why);
                    continue;
                }
            };
            sender.send_at(pace.due(record.stamp, frame.len() + CRC), frame)?;
        }
    }
    Ok(())
}
