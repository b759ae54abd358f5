//! What a thread gains and loses that waits for packets by polling, asleep, or by one after the other.
//!
//! `cargo bench --bench waiting` prints a table. Another thread hands frames to a port of the model, at times by chance
//! (a Poisson process from a fixed seed). The thread under test receives them by [`Interrupts::receive`] with one
//! [`Patience`], and notes for each the time since it was handed over, which the model's own work is part of. Delays are
//! multiples of the median of the policy that only polls, at the same load. The CPU column is the time on a core, as the
//! scheduler counts it, per time that passed. Both need a core for each thread, and a machine that is idle otherwise.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ixgbe::device::{Config, Device};
use ixgbe::linux::Interrupts;
use ixgbe::packet::Batch;
use ixgbe::wait::Patience;
use ixgbe_sim::{Port, PortConfig};

/// The mean times between two packets.
const GAPS: [Duration; 3] = [Duration::from_micros(20), Duration::from_micros(200), Duration::from_micros(2000)];
/// The times to poll before going to sleep. The last polls only.
const SPINS: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_micros(5),
    Duration::from_micros(20),
    Duration::from_micros(100),
    Duration::from_micros(500),
    Duration::MAX,
];
/// The time that each row takes.
const ROW: Duration = Duration::from_secs(1);

/// What a policy has cost: delays in nanoseconds, sorted, and the part of a core.
struct Measured {
    delays: Vec<u64>,
    cpu: f64,
}

impl Measured {
    /// The delay that `part` of all are at most.
    fn quantile(&self, part: f64) -> f64 {
        let at = (part * self.delays.len() as f64).ceil() as usize;
        self.delays.get(at.saturating_sub(1)).copied().map_or(f64::NAN, |delay| delay as f64)
    }
}

/// The time that this thread has been on a core.
fn on_cpu() -> Result<Duration, Box<dyn Error + Send + Sync>> {
    let path = "/proc/thread-self/schedstat";
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let nanoseconds = text.split(' ').next().and_then(|number| number.parse().ok());
    Ok(Duration::from_nanos(nanoseconds.ok_or(format!("{path} does not begin with a number"))?))
}

/// Hands over a frame at each of the times of `handed`, which it notes, with `gap` between them on average.
fn hand_over(port: &Port, handed: &[AtomicU64], gap: Duration, start: Instant) {
    let (mut chance, mut due) = (0x8259_9825_9982_5998_u64, Duration::ZERO);
    let mut frame = [0xff; 60];
    for (number, time) in handed.iter().enumerate() {
        chance ^= chance >> 12;
        chance ^= chance << 25;
        chance ^= chance >> 27;
        let uniform = (chance.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64;
        due += gap.mul_f64(-(1.0 - uniform).ln());
        while start.elapsed() < due {
            std::hint::spin_loop();
        }
        frame[14..22].copy_from_slice(&(number as u64).to_be_bytes());
        time.store(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        port.deliver(&frame);
    }
}

fn measure(gap: Duration, spin: Duration, row: Duration) -> Result<Measured, Box<dyn Error + Send + Sync>> {
    let count = (row.as_nanos() / gap.as_nanos()).max(1) as usize;
    let handed: Vec<AtomicU64> = (0..count).map(|_| AtomicU64::new(0)).collect();
    let port = Port::new(PortConfig::default());
    let config = Config::new().promiscuous(true).rx_descriptors(4096);
    let mut nic = Device::new(port.claim()?).reset(&config)?.assume_link_up().start()?;
    let interrupts = Interrupts::in_process(1, |raise| port.on_interrupt(raise))?;
    nic.split().0.set_up_interrupts(Duration::ZERO)?;
    let start = Instant::now();
    let measured = thread::scope(|scope| -> Result<_, Box<dyn Error + Send + Sync>> {
        scope.spawn(|| hand_over(&port, &handed, gap, start));
        let (_, mut queues) = nic.split();
        let (mut batch, mut delays) = (Batch::with_capacity(32), Vec::with_capacity(count));
        let (begin, before) = (Instant::now(), on_cpu()?);
        while delays.len() < count {
            let patience = Patience { spin: spin.min(Duration::from_secs(10)), sleep: Duration::from_secs(10) };
            if interrupts.receive(&mut queues[0].rx, &mut batch, patience)? == 0 {
                return Err(format!("{} of {count} packets were lost", count - delays.len()).into());
            }
            let now = start.elapsed().as_nanos() as u64;
            for packet in batch.iter() {
                let number = packet.get(14..22).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
                let handed = number.and_then(|number| handed.get(number as usize)).ok_or("an unknown frame")?;
                delays.push(now.saturating_sub(handed.load(Ordering::Relaxed)));
            }
            batch.clear();
        }
        let cpu = (on_cpu()? - before).as_secs_f64() / begin.elapsed().as_secs_f64();
        delays.sort_unstable();
        Ok(Measured { delays, cpu })
    })?;
    nic.stop()?;
    match port.violations().first() {
        Some(violation) => Err(violation.to_string().into()),
        None => Ok(measured),
    }
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    if !std::env::args().any(|argument| argument == "--bench") {
        for spin in SPINS {
            measure(GAPS[1], spin, Duration::from_millis(20))?;
        }
        return Ok(());
    }
    println!("| packets every | polls for | delay: p50 | p99 | part of a core |");
    println!("|---|---|---|---|---|");
    for gap in GAPS {
        let unit = measure(gap, Duration::MAX, ROW)?.quantile(0.5);
        for spin in SPINS {
            let measured = measure(gap, spin, ROW)?;
            let polls = if spin == Duration::MAX { "ever".into() } else { format!("{spin:?}") };
            let [p50, p99] = [0.5, 0.99].map(|part| measured.quantile(part) / unit);
            println!("| {gap:?} | {polls} | {p50:.1} | {p99:.1} | {:.2} |", measured.cpu);
        }
    }
    Ok(())
}
