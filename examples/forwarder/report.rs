//! The forwarder's counters, and their output.

use std::error::Error;
use std::time::{Duration, Instant};

use ixgbe::port::Counters;

use crate::common::LinkPartner;

/// The counters of one direction: from what one port received to what the other sent.
#[derive(Debug, Clone, Default)]
pub struct Row {
    received: u64,
    sent: u64,
    octets: u64,
    dropped: Vec<(&'static str, u64)>,
}

impl Row {
    pub fn new(rx: &Counters, tx: &Counters, unsendable: u64) -> Self {
        let received = rx.rx_packets + rx.rx_lost.iter().map(|(_, count)| count).sum::<u64>();
        let mut dropped = [&rx.rx_lost[..], &rx.rx_dropped].concat();
        dropped.push(("unsendable", unsendable));
        Self { received, sent: tx.tx_packets, octets: tx.tx_octets, dropped }
    }

    fn dropped(&self) -> u64 {
        self.dropped.iter().map(|(_, count)| count).sum()
    }

    fn reasons(&self) -> String {
        let counted = self.dropped.iter().filter(|(_, count)| *count > 0);
        counted.map(|(reason, count)| format!("{reason} {count}")).collect::<Vec<_>>().join(", ")
    }
}

/// Snapshots of both directions.
#[derive(Debug)]
pub struct Report {
    start: Instant,
    previous: (Instant, [Row; 2]),
    last: (Instant, [Row; 2]),
    /// When the counters last changed: the end of the work.
    end: Instant,
}

impl Report {
    pub fn new() -> Self {
        let start = Instant::now();
        let none = (start, [Row::default(), Row::default()]);
        Self { start, previous: none.clone(), last: none, end: start }
    }

    pub fn add(&mut self, rows: [Row; 2]) {
        let now = Instant::now();
        if (0..2).any(|index| rows[index].sent != self.last.1[index].sent) {
            self.end = now;
        }
        self.previous = std::mem::replace(&mut self.last, (now, rows));
    }

    /// Returns `true` if every packet that came in went out or was dropped for a known reason.
    pub fn is_balanced(&self) -> bool {
        self.last.1.iter().all(|row| row.received == row.sent + row.dropped())
    }

    pub fn print_last(&self) {
        print_rows(&self.previous.1, &self.last.1, self.last.0 - self.previous.0);
    }

    /// Prints the result. Fails if a capture was left out in part, or if packets are missing without an interruption.
    pub fn finish(&self, json: bool, partners: &[LinkPartner], interrupted: bool) -> Result<(), Box<dyn Error>> {
        if json {
            println!("{}", self.json(partners));
        } else {
            self.print_total(partners);
        }
        match partners.iter().find_map(LinkPartner::capture_warning) {
            Some(capture_warning) => Err(capture_warning.into()),
            None if self.is_balanced() || interrupted => Ok(()),
            None => Err("packets in and out do not add up".into()),
        }
    }

    fn print_total(&self, partners: &[LinkPartner]) {
        println!("\nin total:");
        print_rows(&[Row::default(), Row::default()], &self.last.1, self.end - self.start);
        for received in partners.iter().filter_map(|partner| partner.received.as_ref()).filter(|r| r.frames() > 0) {
            println!(
                "the partner checked {} packets: {} lost, {} doubled, {} out of order, {} changed",
                received.frames(),
                received.lost(),
                received.duplicated(),
                received.reordered(),
                received.corrupted()
            );
        }
    }

    fn json(&self, partners: &[LinkPartner]) -> serde_json::Value {
        let seconds = (self.end - self.start).as_secs_f64();
        let directions = self.last.1.iter().map(|row| {
            let dropped: serde_json::Map<_, _> = row
                .dropped
                .iter()
                .map(|(reason, count)| (reason.replace(' ', "_").to_lowercase(), (*count).into()))
                .collect();
            serde_json::json!({
                "in": row.received, "out": row.sent, "dropped": dropped,
                "mpps": row.sent as f64 / seconds / 1e6, "mbit_s": row.octets as f64 * 8.0 / seconds / 1e6,
            })
        });
        let complaints: Vec<_> = partners.iter().filter_map(LinkPartner::capture_warning).collect();
        serde_json::json!({
            "directions": directions.collect::<Vec<_>>(), "seconds": seconds, "balanced": self.is_balanced(),
            "complaints": complaints,
        })
    }
}

fn print_rows(from: &[Row; 2], to: &[Row; 2], time: Duration) {
    println!("direction |           in |          out |   dropped |    Mpps |   Mbit/s | why dropped");
    let seconds = time.as_secs_f64().max(f64::EPSILON);
    for (name, (from, to)) in ["0 -> 1", "1 -> 0"].into_iter().zip(from.iter().zip(to)) {
        println!(
            "{name:<9} | {:>12} | {:>12} | {:>9} | {:>7.3} | {:>8.1} | {}",
            to.received,
            to.sent,
            to.dropped(),
            (to.sent - from.sent) as f64 / seconds / 1e6,
            (to.octets - from.octets) as f64 * 8.0 / seconds / 1e6,
            to.reasons()
        );
    }
}
