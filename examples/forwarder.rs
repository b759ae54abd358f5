//! Forwards packets between two ports, in both directions.
//!
//! ```console
//! $ cargo run --release --example forwarder
//! $ cargo run --release --example forwarder -- --input traffic.pcap --output forwarded.pcap --touch
//! ```

mod common;

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use common::{Nic, Partner, PortArguments, bring_up, check_violations};
use ixgbe::device::{Config, Statistics};
use ixgbe::packet::Batch;
use ixgbe::queue::QueuePair;
use ixgbe_sim::{Port, Runner};

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
    #[arg(long, default_value_t = 60)]
    size: usize,
    /// How many packets to move at once.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch: u16,
    /// The largest frame, in bytes with CRC.
    #[arg(long, default_value_t = 1518)]
    max_frame: usize,
    /// Change one byte of each packet.
    #[arg(long)]
    touch: bool,
    /// Print the result as JSON, and no tables.
    #[arg(long)]
    json: bool,
}

/// One direction: what was received on one port goes out on another.
struct Direction {
    batch: Batch,
    touch: bool,
    unsendable: u64,
}

impl Direction {
    /// Moves a batch; says whether anything moved.
    fn forward(&mut self, from: &mut QueuePair<'_, Port>, to: &mut QueuePair<'_, Port>) -> bool {
        let waiting = self.batch.len();
        let received = from.rx.receive(&mut self.batch);
        if self.touch {
            for packet in self.batch.iter_mut().skip(waiting) {
                if let Some(byte) = packet.get_mut(3) {
                    *byte = byte.wrapping_add(1);
                }
            }
        }
        match to.tx.transmit(&mut self.batch) {
            Ok(sent) => received + sent > 0,
            Err(_) => {
                self.unsendable += 1;
                drop(self.batch.drain_first());
                true
            }
        }
    }
}

/// The counters of both directions at one moment.
struct Snapshot {
    statistics: [Statistics; 2],
    unsendable: [u64; 2],
    time: Instant,
}

impl Snapshot {
    fn take(nics: &mut [Nic; 2], directions: &[Direction; 2]) -> Result<Self, Box<dyn Error>> {
        let [a, b] = nics;
        let unsendable = [directions[0].unsendable, directions[1].unsendable];
        Ok(Self { statistics: [a.statistics()?, b.statistics()?], unsendable, time: Instant::now() })
    }

    /// Of direction `index`: the name and number of packets in, out, and dropped by reason; and octets out.
    fn row(&self, index: usize) -> ([(&'static str, u64); 9], u64) {
        let (rx, tx) = (&self.statistics[index], &self.statistics[1 - index]);
        let drops = rx.queues.iter().fold((0, 0), |sum, queue| {
            (sum.0 + queue.drops.bad_length, sum.1 + queue.drops.long)
        });
        let dropped = [
            ("missed", rx.rx_missed),
            ("no_descriptor", rx.rx_no_descriptor),
            ("crc", rx.rx_crc_errors),
            ("undersize", rx.rx_undersize),
            ("oversize", rx.rx_oversize),
            ("bad_length", drops.0 + drops.1),
            ("unsendable", self.unsendable[index]),
        ];
        let errors: u64 = dropped[..5].iter().map(|(_, count)| count).sum();
        let mut row = [("in", rx.rx_packets + errors), ("out", tx.tx_packets); 9];
        row[2..].copy_from_slice(&dropped);
        (row, tx.tx_octets)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    Ok(())
}
