//! Sends packets as fast as it can, or at a rate.
//!
//! ```console
//! $ cargo run --release --example generator -- --size 60 --packets 1000000
//! $ cargo run --release --example generator -- --rate 100000
//! $ cargo run --release --example generator -- 0000:03:00.0 --packets 10000000
//! ```

#[macro_use]
mod common;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use common::LinkPartner;
use common::testbed::PortArguments;
use common::watch::Watch;
use ixgbe::device::Config;
use ixgbe::packet::Batch;
use ixgbe::port::{Control, Port, Transmit};

/// Sends packets as fast as it can, or at a rate.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    ports: PortArguments,
    /// Size of the packets in bytes, without CRC.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(60..=15_868))]
    size: u16,
    /// Number of packets to send.
    #[arg(long, default_value_t = 1_000_000)]
    packets: u64,
    /// Packets per second [default: as many as possible].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// Largest number of packets to send in one call.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch: u16,
}

/// Returns a broadcast frame of the local experimental EtherType from `source`.
fn frame(source: [u8; 6], size: usize) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend(source);
    frame.extend([0x88, 0xb5]);
    frame.extend((14..size).map(|index| index as u8));
    frame
}

/// Sends packets on any device until all are sent or `is_interrupted`. Returns their number.
fn send(arguments: &Arguments, port: &mut impl Port, is_interrupted: impl Fn() -> bool) -> Result<u64, Box<dyn Error>> {
    let size = usize::from(arguments.size);
    let pool = port.pools().into_iter().next().ok_or("a device has a receive queue with a pool")?;
    let (mut control, mut queues) = port.split();
    let queue = &mut queues.first_mut().ok_or("a device has a queue pair")?.tx;
    let mut watch = Watch::new("port 0", &mut control);
    println!("sending {} packets of {size} bytes", arguments.packets);

    let (template, mut batch) = (frame(control.mac(), size), Batch::with_capacity(arguments.batch.into()));
    let (start, mut sent, mut looked) = (Instant::now(), 0, Instant::now());
    while sent < arguments.packets && !is_interrupted() {
        watch.look(&mut control)?;
        let due = arguments.rate.map_or(u64::MAX, |rate| (start.elapsed().as_secs_f64() * rate as f64) as u64);
        let wanted = due.min(arguments.packets).saturating_sub(sent).min(arguments.batch.into()) as usize;
        while batch.len() < wanted {
            // Without a free buffer, those that were sent come back first.
            let Ok(packet) = pool.take_copy(&template) else { break };
            if batch.push(packet).is_err() {
                break;
            }
        }
        let now = queue.transmit(&mut batch)?;
        sent += now as u64;
        if now == 0 {
            std::thread::sleep(Duration::from_micros(50));
        }
        if looked.elapsed() > Duration::from_secs(1) {
            looked = Instant::now();
            println!("{sent} packets, {:.3} Mpps", sent as f64 / start.elapsed().as_secs_f64() / 1e6);
        }
    }
    Ok(sent)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    common::run(|| generate(&arguments))
}

fn generate(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut testbed = arguments.ports.open(&[1], 1)?;
    let partner = testbed.model().first().map(|port| LinkPartner::plug(port, (None, None), (0, 0))).transpose()?;
    let size = usize::from(arguments.size);
    let [mut nic] = testbed.bring_up(&Config::new().max_frame((size + 4).max(1518)))?;
    common::near::pin(&testbed.cpus, 0);
    let start = Instant::now();
    let sent = send(arguments, &mut nic, || testbed.is_interrupted())?;
    // Stopping lets what was posted leave; the partner counts it.
    let seconds = start.elapsed().as_secs_f64();
    testbed.finish([nic])?;
    println!("in total: {sent} packets sent, {:.3} Mpps", sent as f64 / seconds / 1e6);
    match partner.and_then(|partner| partner.received).map(|received| received.foreign()) {
        Some(arrived) if arrived != sent => Err(format!("only {arrived} packets arrived").into()),
        _ => Ok(()),
    }
}
