//! One port of a capture: its packets, their time stamps, and its counters.

use std::error::Error;
use std::time::{Duration, SystemTime};

use ixgbe::device::{Control, PtpMessage};
use ixgbe::offload::Received;
use ixgbe::packet::Batch;
use ixgbe::platform::AnyPlatform;
use ixgbe::port::{Control as _, Counters};
use ixgbe::queue::QueuePair;
use ixgbe_sim::capture::{CaptureError, Description, Filter, Statistics, Writer};

use super::common::testbed::Nic;
use super::common::watch::Watch;

/// A port, and what was captured from it.
pub struct Source<'a> {
    name: &'a str,
    /// The number of the interface in the file.
    index: u32,
    queue: QueuePair<'a, AnyPlatform>,
    control: Control<'a, AnyPlatform>,
    watch: Watch,
    counters: Counters,
    /// All packets that arrived, also those that the address filter refused.
    arrived: u64,
    start: Duration,
    filtered: u64,
    captured: u64,
    batch: Batch<Received>,
    /// The bytes of a packet of several segments.
    gathered: Vec<u8>,
}

/// Returns the interfaces of the file: ports with these names.
pub fn describe<'a>(names: &'a [String], filter: Option<&'a str>, snap: u32) -> Vec<Description<'a>> {
    let description = "port of an 82599; stamps by the system's clock, or as a packet's comment says";
    names.iter().map(|name| Description { name, description, filter, snap }).collect()
}

/// Returns the time since 1970.
fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

impl<'a> Source<'a> {
    /// Captures from the first queue of `nic`, which is interface `index` of the file.
    pub fn new(index: usize, name: &'a str, nic: &'a mut Nic) -> Self {
        let (mut control, mut queues) = nic.split();
        let watch = Watch::new(name, &mut control);
        Self {
            name,
            index: index as u32,
            queue: queues.remove(0),
            control,
            watch,
            counters: Counters::default(),
            arrived: 0,
            start: since_1970(SystemTime::now()),
            filtered: 0,
            captured: 0,
            batch: Batch::with_capacity(64),
            gathered: Vec::new(),
        }
    }

    /// Captures packets that have arrived and that the filter selects: at most `most`, and at most `snap` bytes of each.
    ///
    /// Returns the numbers of packets received and captured.
    pub fn capture(
        &mut self,
        writer: &mut Writer,
        filter: Option<&Filter>,
        snap: u32,
        most: u64,
    ) -> Result<(u64, u64), CaptureError> {
        self.queue.rx.receive_with_metadata(&mut self.batch);
        let (now, received, before) = (since_1970(SystemTime::now()), self.batch.len() as u64, self.captured);
        for packet in self.batch.drain(..) {
            let stamp = if packet.is_time_stamped() { chip_stamp(&mut self.control, &packet) } else { None };
            let frame: &[u8] = if packet.segment_count() == 1 {
                &packet
            } else {
                self.gathered.clear();
                packet.segments().for_each(|segment| self.gathered.extend(segment));
                &self.gathered
            };
            if filter.is_some_and(|filter| !filter.matches(frame)) {
                self.filtered += 1;
                continue;
            }
            let comment = stamp.map(|_| "stamped by the chip");
            let kept = &frame[..frame.len().min(snap as usize)];
            writer.packet(self.index, stamp.unwrap_or(now), kept, frame.len(), comment)?;
            self.captured += 1;
            if self.captured - before == most {
                break;
            }
        }
        Ok((received, self.captured - before))
    }

    /// Reads the port's counters. A port that is gone is an error, and keeps the last ones.
    pub fn look(&mut self) -> Result<(), Box<dyn Error>> {
        // In this order: what arrives between the two is not taken for refused.
        self.arrived = self.control.statistics()?.rx_all_packets;
        self.counters = self.control.counters()?;
        // A stamp that nobody fetches would be in the way of the next one.
        self.control.ptp().map(|mut clock| clock.time()).transpose()?;
        self.watch.look(&mut self.control)
    }

    fn statistics(&self) -> Statistics {
        let now = since_1970(SystemTime::now());
        Statistics::of_port(&self.counters, (self.start, now), self.captured, self.filtered)
    }

    /// Prints what was captured, what is missing, and why if nothing else says so.
    pub fn print(&self, is_promiscuous: bool) {
        let statistics = self.statistics();
        eprintln!("{}: received {}, {}", self.name, statistics.received, statistics.comment);
        if self.captured == 0 && self.filtered > 0 {
            eprintln!("{}: note: the filter selects none of these packets", self.name);
        }
        let refused = self.arrived.saturating_sub(statistics.received);
        if refused > 0 && !is_promiscuous {
            eprintln!("{}: note: {refused} packets for other addresses: --promiscuous captures them", self.name);
        }
    }
}

/// Returns the chip's stamp of a packet on the system's clock: as long ago as by the chip's clock.
fn chip_stamp(control: &mut Control<'_, AnyPlatform>, packet: &Received) -> Option<Duration> {
    let mut clock = control.ptp()?;
    let stamp = clock.receive_stamp(&PtpMessage::parse(packet)?).ok()??;
    let age = clock.time().ok()?.saturating_sub(stamp);
    Some(since_1970(SystemTime::now()).saturating_sub(age))
}

/// Ends a file with the counters of all ports.
pub fn end_file(sources: &mut [Source<'_>], writer: &mut Writer) -> Result<(), CaptureError> {
    for source in sources {
        // The error of a removed port was reported before, or will be when it stops.
        _ = source.look();
        writer.statistics(source.index, &source.statistics())?;
    }
    writer.flush()
}
