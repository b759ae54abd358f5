//! Forwards packets between two ports, in both directions.
//!
//! ```console
//! $ cargo run --release --example forwarder
//! $ cargo run --release --example forwarder -- --in-place
//! $ cargo run --release --example forwarder -- --input traffic.pcap --output forwarded.pcap --touch
//! $ cargo run --release --example forwarder -- 0000:01:00.0 0000:02:00.0
//! ```

mod common;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use common::Partner;
use common::bench::PortArguments;
use common::direction::Direction;
use common::report::{Report, Row};
use common::watch::Watch;
use ixgbe::device::Config;

/// Forwards packets between two ports, in both directions.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    ports: PortArguments,
    /// Feed the first port from this capture file instead of generated packets.
    #[arg(long)]
    input: Option<PathBuf>,
    /// Record what leaves the second port in this capture file.
    #[arg(long)]
    output: Option<PathBuf>,
    /// How many packets to generate for each port.
    #[arg(long, default_value_t = 1_000_000)]
    packets: u64,
    /// Size of generated packets in bytes, without CRC.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(60..=15_868))]
    size: u16,
    /// How many packets to move at once.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch: u16,
    /// The largest frame in bytes, with CRC.
    #[arg(long, default_value_t = 1518)]
    max_frame: usize,
    /// Pass packets from ring to ring where they are, instead of receiving and sending batches of them.
    #[arg(long)]
    in_place: bool,
    /// Add one to a byte of each packet.
    #[arg(long)]
    touch: bool,
    /// Print the result as JSON, and no tables.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    common::run(|| forward(&arguments))
}

fn forward(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut bench = arguments.ports.open(&[2], 2)?;
    let generate = |input: &Option<PathBuf>| if input.is_none() { arguments.packets } else { 0 };
    let size = usize::from(arguments.size);
    let backward = if arguments.input.is_none() && arguments.output.is_none() { arguments.packets } else { 0 };
    let partners = match bench.model() {
        [one, other] => vec![
            Partner::plug(one, (arguments.input.as_ref(), None), (generate(&arguments.input), size))?,
            Partner::plug(other, (None, arguments.output.as_ref()), (backward, size))?,
        ],
        _ => vec![],
    };
    let config = Config::new().promiscuous(true).max_frame(arguments.max_frame);
    let mut nics = bench.bring_up(&config)?;
    let mut watches = [0, 1].map(|index| Watch::new(format!("port {index}"), &mut nics[index]));

    let direction = || Direction::new(arguments.batch.into(), arguments.in_place, arguments.touch);
    let mut directions = [direction(), direction()];
    let mut report = Report::new();
    let (mut last_move, mut last_look) = (Instant::now(), Instant::now());
    let mut interrupted;
    loop {
        let mut moved = false;
        {
            let [one, other] = &mut nics;
            let ((_, mut one), (_, mut other)) = (one.split(), other.split());
            for _ in 0..64 {
                moved |= directions[0].forward(&mut one[0], &mut other[0]);
                moved |= directions[1].forward(&mut other[0], &mut one[0]);
            }
        }
        for (watch, nic) in watches.iter_mut().zip(&mut nics) {
            watch.look(nic)?;
        }
        if moved {
            last_move = Instant::now();
        }
        // The model comes to an end, a network must be told to; what is on its way then leaves when the devices stop.
        interrupted = bench.is_interrupted();
        let done = bench.is_model() && partners.iter().all(Partner::is_done);
        let idle = done && last_move.elapsed() > Duration::from_millis(100);
        if idle || interrupted || last_look.elapsed() > Duration::from_secs(1) {
            last_look = Instant::now();
            let statistics = [nics[0].statistics()?, nics[1].statistics()?];
            let row = |index: usize| Row::new(&statistics[index], &statistics[1 - index], directions[index].unsendable);
            report.add([row(0), row(1)]);
            if !arguments.json {
                report.print_last();
            }
            // Whatever is missing after a second without a move is lost.
            if interrupted || idle && (report.is_balanced() || last_move.elapsed() > Duration::from_secs(1)) {
                break;
            }
        }
    }

    drop(directions);
    bench.finish(nics)?;
    report.print_total(arguments.json, &partners);
    if report.is_balanced() || interrupted { Ok(()) } else { Err("packets in and out do not add up".into()) }
}
