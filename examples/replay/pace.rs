//! When the packets of a file are due.

use std::time::{Duration, Instant};

/// How fast to send: at the file's pace, unless something else is asked for.
#[derive(Debug, Clone, clap::Args)]
#[group(multiple = false)]
pub struct PaceArguments {
    /// Send faster than at the file's pace, by this factor; slower if it is below 1.
    #[arg(long, value_parser = factor)]
    speed: Option<f64>,
    /// Send this number of packets per second.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    packets_per_second: Option<u64>,
    /// Send this number of bits per second, counting frames with CRC.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    bits_per_second: Option<u64>,
    /// Send as fast as it goes.
    #[arg(long)]
    fast: bool,
}

fn factor(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|factor: &f64| factor.is_finite() && *factor > 0.0);
    factor.ok_or_else(|| "it is no number above 0".into())
}

/// The times at which packets are due, from the first one on.
#[derive(Debug)]
pub struct Pace {
    arguments: PaceArguments,
    longest_pause: Duration,
    start: Instant,
    packets: u64,
    bits: u64,
    /// The time since the start, by the stamps of the file.
    elapsed: Duration,
    /// The latest stamp of the file.
    latest: Option<i64>,
    shortened: u64,
}

impl Pace {
    /// Starts now. A pause between two packets is at most `longest_pause`, whatever their stamps are.
    pub fn new(arguments: &PaceArguments, longest_pause: Duration) -> Self {
        let (start, arguments) = (Instant::now(), arguments.clone());
        let elapsed = Duration::ZERO;
        Self { arguments, longest_pause, start, packets: 0, bits: 0, elapsed, latest: None, shortened: 0 }
    }

    /// Begins the file: its first packet is due when the last one of the round before was.
    pub fn begin_file(&mut self) {
        self.latest = None;
    }

    /// Returns the number of pauses that were shortened.
    pub fn shortened(&self) -> u64 {
        self.shortened
    }

    /// Returns when the next packet is due, which has `stamp` and this length. A stamp that is earlier than one
    /// before it counts as equal to that.
    pub fn due(&mut self, stamp: Option<i64>, len: usize) -> Instant {
        let PaceArguments { speed, packets_per_second, bits_per_second, fast } = self.arguments;
        let of_rate = |count: u64, rate: u64| Duration::from_secs_f64(count as f64 / rate as f64);
        let after = match (packets_per_second, bits_per_second) {
            (Some(rate), _) => of_rate(self.packets, rate),
            (_, Some(rate)) => of_rate(self.bits, rate),
            _ if fast => Duration::ZERO,
            _ => self.by_stamps(stamp, speed.unwrap_or(1.0)),
        };
        self.packets += 1;
        self.bits += 8 * len as u64;
        self.start.checked_add(after).unwrap_or(self.start)
    }

    fn by_stamps(&mut self, stamp: Option<i64>, speed: f64) -> Duration {
        if let Some(stamp) = stamp {
            let latest = self.latest.unwrap_or(stamp).max(stamp);
            let pause = latest.saturating_sub(self.latest.unwrap_or(stamp)) as f64 / 1e9 / speed;
            let longest = self.longest_pause.as_secs_f64();
            self.shortened += u64::from(pause > longest);
            self.elapsed += Duration::from_secs_f64(pause.min(longest));
            self.latest = Some(latest);
        }
        self.elapsed
    }
}
