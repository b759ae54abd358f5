//! Forwards packets between two ports, in both directions.
//!
//! ```console
//! $ cargo run --release --example forwarder
//! $ cargo run --release --example forwarder -- --in-place --queues 2
//! $ cargo run --release --example forwarder -- --input traffic.pcap --output forwarded.pcap --touch
//! $ cargo run --release --example forwarder -- 0000:01:00.0 0000:02:00.0
//! ```

#[macro_use]
mod common;
mod forwarder {
    pub mod direction;
    pub mod report;
}

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use common::LinkPartner;
use common::testbed::PortArguments;
use common::watch::Watch;
use forwarder::direction::{Direction, Progress};
use forwarder::report::{Report, Row};
use ixgbe::device::Config;
use ixgbe::port::Control;

/// Forwards packets between two ports, in both directions.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    ports: PortArguments,
    /// Feed the first port from this capture file (pcap or pcapng, also compressed with gzip) instead of generated
    /// packets. The exit status is 1 when the file is damaged or a record is left out.
    #[arg(long)]
    input: Option<PathBuf>,
    /// Record what leaves the second port in this capture file.
    #[arg(long)]
    output: Option<PathBuf>,
    /// Number of packets to generate for each port.
    #[arg(long, default_value_t = 1_000_000)]
    packets: u64,
    /// Size of generated packets in bytes, without CRC.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(60..=15_868))]
    size: u16,
    /// Largest number of packets to move in one call.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch: u16,
    /// Number of queue pairs of each port; each pair has its own thread.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16))]
    queues: u16,
    /// The largest frame in bytes, with CRC.
    #[arg(long, default_value_t = 1518)]
    max_frame: usize,
    /// Forward in place: move buffers from ring to ring, instead of receiving and sending batches of packets.
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
    let mut testbed = arguments.ports.open(&[2], 2)?;
    let generate = |input: &Option<PathBuf>| if input.is_none() { arguments.packets } else { 0 };
    let size = usize::from(arguments.size);
    let backward = if arguments.input.is_none() && arguments.output.is_none() { arguments.packets } else { 0 };
    let partners = match testbed.model() {
        [one, other] => vec![
            LinkPartner::plug(one, (arguments.input.as_ref(), None), (generate(&arguments.input), size))?,
            LinkPartner::plug(other, (None, arguments.output.as_ref()), (backward, size))?,
        ],
        _ => vec![],
    };
    let queues = usize::from(arguments.queues);
    let config = Config::new().promiscuous(true).max_frame(arguments.max_frame).queue_pairs(queues);
    let mut nics = testbed.bring_up(&config)?;
    let mut watches = [0, 1].map(|index| Watch::new(format!("port {index}"), &mut nics[index].split().0));

    let mut report = Report::new();
    let done = AtomicBool::new(false);
    let progress: Vec<[Progress; 2]> = (0..queues).map(|_| Default::default()).collect();
    let unsendable = |direction: usize| progress.iter().map(|both| both[direction].unsendable()).sum::<u64>();
    let moved = || progress.iter().flatten().map(Progress::moved).sum::<u64>();
    let interrupted = thread::scope(|scope| {
        let [one, other] = &mut nics;
        let ((control, ones), (other_control, others)) = (one.split(), other.split());
        for (number, ((mut one, mut other), progress)) in ones.into_iter().zip(others).zip(&progress).enumerate() {
            let (done, testbed) = (&done, &testbed);
            scope.spawn(move || {
                let direction = |of| Direction::new(arguments.batch.into(), arguments.in_place, arguments.touch, of);
                common::near::pin(&testbed.cpus, number);
                let [mut forth, mut back] = [direction(&progress[0]), direction(&progress[1])];
                while !done.load(Ordering::Relaxed) {
                    if !(forth.forward(&mut one, &mut other) | back.forward(&mut other, &mut one)) {
                        thread::yield_now();
                    }
                }
            });
        }
        let mut controls = [control, other_control];
        let result = (|| {
            let (mut last_move, mut last_look, mut before) = (Instant::now(), Instant::now(), 0);
            loop {
                thread::sleep(Duration::from_millis(5));
                if moved() != before {
                    (last_move, before) = (Instant::now(), moved());
                }
                for (watch, control) in watches.iter_mut().zip(&mut controls) {
                    watch.look(control)?;
                }
                // The model's traffic ends by itself, a network's when the user ends the program. Packets that are on their way
                // then leave when the devices stop.
                let interrupted = testbed.is_interrupted();
                let over = testbed.is_model() && partners.iter().all(LinkPartner::is_done);
                let idle = over && last_move.elapsed() > Duration::from_millis(100);
                if idle || interrupted || last_look.elapsed() > Duration::from_secs(1) {
                    last_look = Instant::now();
                    let [one, other] = [controls[0].counters()?, controls[1].counters()?];
                    report.add([Row::new(&one, &other, unsendable(0)), Row::new(&other, &one, unsendable(1))]);
                    if !arguments.json {
                        report.print_last();
                    }
                    // Whatever is missing after a second without a move is lost.
                    if interrupted || idle && (report.is_balanced() || last_move.elapsed() > Duration::from_secs(1)) {
                        return Ok::<_, Box<dyn Error>>(interrupted);
                    }
                }
            }
        })();
        done.store(true, Ordering::Relaxed);
        result
    })?;

    testbed.finish(nics)?;
    report.finish(arguments.json, &partners, interrupted)
}
