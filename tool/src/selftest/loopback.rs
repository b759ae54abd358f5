//! The checks in loopback: lengths, queues, segments, short frames, counters, interrupts, restarts, latency and rate.

use std::error::Error;
use std::time::Duration;

use ixgbe::device::{Config, Device, Loopback, Reset, StartError, Unbound};
use ixgbe::platform::AnyPlatform;
use ixgbe::pool::Pool;
use serde_json::{Value, json};

use super::card::Card;
use super::counters::Expected;
use super::frames::{Frames, SHORTEST};
use super::table::{Check, Table};
use super::traffic::{IN_FLIGHT, Nic, Planned, Traffic};
use super::{Options, filters, interrupts, kinds};
use crate::progress;

const START: Check = Check { name: "loopback", register: "AUTOC, HLREG0, LINKS", section: "14.1" };
const QUEUES: Check = Check { name: "queues by RSS", register: "RETA, MRQC", section: "8.2.3.7.12" };
const LENGTHS: Check = Check { name: "frames of every length", register: "MAXFRS", section: "8.2.3.22.13" };
const SEGMENTS: Check = Check { name: "frames in several segments", register: "TDT", section: "7.2.3" };
const CYCLES: Check = Check { name: "stop and start", register: "CTRL", section: "4.2.1.6.1" };
const HEALTH: Check = Check { name: "health", register: "EICR, PICAUSE", section: "8.2.3.5.1" };
const LATENCY: Check = Check { name: "latency", register: "", section: "" };
const RATE: Check = Check { name: "rate", register: "", section: "" };

/// The number of queue pairs.
pub const QUEUE_PAIRS: usize = 16;
/// The number of descriptors of each ring.
const RING: usize = 256;
/// The size of a buffer, in which an ordinary frame fits.
const BUFFER: usize = 2048;
/// The size of a segment in the check of segments.
const SEGMENT: usize = 1024;
/// The number of bytes of a CRC.
const CRC: usize = 4;
/// The number of differences after which no more cycles are made.
const MOST_DIFFERENCES: usize = 20;
/// The time limit of a wait for the link, which is forced.
const LINK: Duration = Duration::from_secs(1);

/// Returns the configuration of the device in loopback.
pub fn config(max_frame: usize) -> Config {
    let config = Config::new().queue_pairs(QUEUE_PAIRS).rx_descriptors(RING).tx_descriptors(RING);
    config.max_frame(max_frame).buffer_size(BUFFER).all_multicast(true).loopback(Loopback::Mac)
}

/// Makes all checks in loopback. Returns the figures and the device, which is stopped.
pub fn check(card: &Card, device: Stopped, options: &Options, table: &mut Table) -> (Value, Idle) {
    let pools = Pool::new(device.platform(), QUEUE_PAIRS * RING * 2, BUFFER)
        .and_then(|pool| Ok([pool, Pool::new(device.platform(), 1024, SEGMENT)?]));
    let pools = match pools {
        Ok(pools) => pools,
        Err(error) => {
            table.skipped(START, error.to_string());
            return (Value::Null, device.into_unbound());
        }
    };
    let mut nic = match start(device, &pools) {
        Ok(nic) => nic,
        Err((error, device)) => {
            table.differs(START, error);
            return (Value::Null, device);
        }
    };
    let figures = check_traffic(card, &mut nic, &pools, options, table).unwrap_or_else(|error| {
        table.differs(START, error.to_string());
        Value::Null
    });
    let device = check_cycles(card, nic, &pools, options, table);
    (figures, device)
}

/// A device that is stopped and initialised.
type Stopped = Device<Reset, AnyPlatform>;
/// A device that must be reset before use.
type Idle = Device<Unbound, AnyPlatform>;

/// Starts the device with the first pool; it can send packets of both.
fn start(mut device: Stopped, [pool, small]: &[Pool; 2]) -> Result<Nic, (String, Idle)> {
    if let Err(error) = device.attach(small) {
        return Err((error.to_string(), device.into_unbound()));
    }
    let device = device.wait_for_link(LINK).map_err(|failed| (failed.to_string(), failed.device.into_unbound()))?;
    device.start_with(std::slice::from_ref(pool)).map_err(|failed| match failed {
        StartError::RolledBack(failed) => (failed.to_string(), failed.device.into_unbound()),
        StartError::NotStopped(failed) => (failed.to_string(), failed.device),
    })
}

/// Makes the checks of a device that runs. Returns the figures.
fn check_traffic(
    card: &Card,
    nic: &mut Nic,
    [pool, small]: &[Pool; 2],
    options: &Options,
    table: &mut Table,
) -> Result<Value, Box<dyn Error>> {
    let link = nic.link();
    table.judge(START, if link.is_up() { Vec::new() } else { vec![format!("link {link}")] }, format!("link {link}"));
    let rss = nic.split().0.rss();
    let frames = Frames::new(nic.mac(), &rss, QUEUE_PAIRS).ok_or("RSS sends nothing to one of the queues")?;
    let mut expected = Expected::default();
    let mut traffic = Traffic::new(card, &frames, &mut expected);
    check_queues(nic, pool, &mut traffic, table)?;
    check_lengths(nic, pool, &mut traffic, options, table)?;
    check_segments(nic, small, &mut traffic, options, table)?;
    traffic.expected.check(nic, table);
    interrupts::check(card, nic, pool, (&mut traffic, QUEUE_PAIRS), table)?;
    kinds::check(card, nic, pool, table)?;
    filters::check(card, nic, pool, table)?;
    filters::check_padding(card, nic, pool, table)?;
    check_health(nic, table);
    let latency = measure_latency(card, nic, pool, &mut traffic, options, table)?;
    let rate = measure_rate(card, nic, pool, &mut traffic, options, table)?;
    Ok(json!({ "latency_ns": latency, "rate": rate }))
}

/// Sends a few frames from each transmit queue to each receive queue.
fn check_queues(nic: &mut Nic, pool: &Pool, traffic: &mut Traffic, table: &mut Table) -> Result<(), Box<dyn Error>> {
    let pairs = (0..QUEUE_PAIRS).flat_map(|tx| (0..QUEUE_PAIRS).map(move |rx| (tx, rx)));
    traffic.exchange(nic, pool, pairs.flat_map(|(tx, rx)| (0..4).map(move |_| Planned { tx, rx, len: 60 })))?;
    let (differences, frames, _) = traffic.take();
    let detail = format!("{frames} frames from {QUEUE_PAIRS} transmit queues to {QUEUE_PAIRS} receive queues");
    table.judge(QUEUES, differences, detail);
    Ok(())
}

/// Sends frames of the lengths that the options ask for, on all queues in turn.
fn check_lengths(
    nic: &mut Nic,
    pool: &Pool,
    traffic: &mut Traffic,
    options: &Options,
    table: &mut Table,
) -> Result<(), Box<dyn Error>> {
    let (first, last) = (60, options.max_frame - CRC);
    // The lengths round the limits of counters and buffers are always among them.
    let is_limit = |len| matches!(len + CRC, 64..=66 | 127 | 128 | 255 | 256 | 511 | 512 | 1023 | 1024 | 1518 | 1519);
    let is_sent =
        |len: &usize| len.is_multiple_of(options.stride) || is_limit(*len) || len % 1024 <= 1 || *len + 4 >= last;
    let plan = (first..=last).filter(is_sent).enumerate();
    traffic.exchange(nic, pool, plan.map(|(n, len)| Planned { tx: n % QUEUE_PAIRS, rx: n / 3 % QUEUE_PAIRS, len }))?;
    let (differences, frames, octets) = traffic.take();
    table.judge(LENGTHS, differences, format!("{frames} frames of {first} to {last} bytes, {octets} octets"));
    Ok(())
}

/// Sends frames in segments of 1 KiB: up to one that takes as many as the largest frame has.
fn check_segments(
    nic: &mut Nic,
    pool: &Pool,
    traffic: &mut Traffic,
    options: &Options,
    table: &mut Table,
) -> Result<(), Box<dyn Error>> {
    let last = options.max_frame - CRC;
    let lens = (SEGMENT - 1..=last).step_by(509).chain([SEGMENT, SEGMENT + 1, last]);
    let plan = lens.filter(|len| *len <= last).enumerate();
    traffic.exchange(nic, pool, plan.map(|(n, len)| Planned { tx: n % QUEUE_PAIRS, rx: n % QUEUE_PAIRS, len }))?;
    let (differences, frames, _) = traffic.take();
    table.judge(SEGMENTS, differences, format!("{frames} frames of up to {} segments", last.div_ceil(SEGMENT)));
    Ok(())
}

/// Asks the device for what is wrong with it.
fn check_health(nic: &mut Nic, table: &mut Table) {
    let symptoms = nic.split().0.health().iter().map(ToString::to_string).collect();
    table.judge(HEALTH, symptoms, "no symptom");
}

/// Stops and starts the device, and sends frames on all queues each time. No buffer may be missing afterwards. Returns
/// the device, which is stopped.
fn check_cycles(card: &Card, nic: Nic, pools: &[Pool; 2], options: &Options, table: &mut Table) -> Idle {
    let mut differences = Vec::new();
    let device = cycle(card, nic, pools, options, &mut differences).unwrap_or_else(|(error, device)| {
        differences.push(error);
        device
    });
    table.judge(CYCLES, differences, format!("{} times, with frames on all queues each time", options.cycles));
    device
}

fn cycle(
    card: &Card,
    mut nic: Nic,
    pools: &[Pool; 2],
    options: &Options,
    differences: &mut Vec<String>,
) -> Result<Idle, (String, Idle)> {
    for cycle in progress::bar(CYCLES.name, options.cycles as u64).wrap_iter(1..=options.cycles) {
        let device = nic.stop().map_err(|failed| (format!("stop {cycle}: {failed}"), failed.device))?;
        for pool in pools.iter().filter(|pool| pool.available() != pool.capacity()) {
            let missing = pool.capacity() - pool.available();
            differences.push(format!("stop {cycle}: {missing} of {} buffers are missing", pool.capacity()));
        }
        nic = start(device, pools).map_err(|(error, device)| (format!("start {cycle}: {error}"), device))?;
        let rss = nic.split().0.rss();
        let mut expected = Expected::default();
        match Frames::new(nic.mac(), &rss, QUEUE_PAIRS) {
            None => differences.push(format!("start {cycle}: RSS sends nothing to one of the queues")),
            Some(frames) => {
                let mut traffic = Traffic::new(card, &frames, &mut expected);
                let plan = (0..2 * QUEUE_PAIRS).map(|n| {
                    let len = 60 + n;
                    Planned { tx: n % QUEUE_PAIRS, rx: n * 7 % QUEUE_PAIRS, len }
                });
                if let Err(error) = traffic.exchange(&mut nic, &pools[0], plan) {
                    differences.push(format!("start {cycle}: {error}"));
                }
                let found = traffic.take().0.into_iter();
                differences.extend(found.map(|difference| format!("start {cycle}: {difference}")));
            }
        }
        if differences.len() > MOST_DIFFERENCES {
            break;
        }
    }
    match nic.stop() {
        Ok(device) => Ok(device.into_unbound()),
        Err(failed) => Err((format!("last stop: {failed}"), failed.device)),
    }
}

/// Measures how long one frame takes through the device and back.
fn measure_latency(
    card: &Card,
    nic: &mut Nic,
    pool: &Pool,
    traffic: &mut Traffic,
    options: &Options,
    table: &mut Table,
) -> Result<Value, Box<dyn Error>> {
    let mut times = Vec::new();
    for _ in 0..options.samples {
        let start = card.world.now();
        traffic.send(nic, pool, 0, &[Planned { tx: 0, rx: 0, len: SHORTEST.max(60) }])?;
        card.poll(Duration::from_millis(20), || traffic.receive(nic) > 0);
        times.push(card.world.now().saturating_sub(start).as_nanos() as u64);
        traffic.collect(nic);
    }
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len() - 1)).copied().unwrap_or(0);
    let micros = |time: u64| time as f64 / 1000.0;
    let [median, high] = [at(50), at(99)];
    let detail = format!("median {:.1} us, 99% below {:.1} us{}", micros(median), micros(high), clock(card));
    table.judge(LATENCY, traffic.take().0, detail);
    Ok(json!({ "least": at(0), "median": median, "p99": high }))
}

/// Measures how many frames pass in batches.
fn measure_rate(
    card: &Card,
    nic: &mut Nic,
    pool: &Pool,
    traffic: &mut Traffic,
    options: &Options,
    table: &mut Table,
) -> Result<Value, Box<dyn Error>> {
    let start = card.world.now();
    let plan =
        (0..options.samples * IN_FLIGHT).map(|n| Planned { tx: n % QUEUE_PAIRS, rx: n % QUEUE_PAIRS, len: 1514 });
    traffic.exchange(nic, pool, plan)?;
    let seconds = card.world.now().saturating_sub(start).as_secs_f64();
    let (differences, frames, octets) = traffic.take();
    let (per_second, gigabits) = (frames as f64 / seconds, octets as f64 * 8.0 / seconds / 1e9);
    let detail = format!(
        "{frames} checked frames of 1514 bytes, {:.3} Mpps, {gigabits:.2} Gbit/s{}",
        per_second / 1e6,
        clock(card)
    );
    table.judge(RATE, differences, detail);
    Ok(json!({ "frames_per_second": per_second, "bits_per_second": gigabits * 1e9 }))
}

fn clock(card: &Card) -> &'static str {
    if card.world.violations().is_some() { " (model time)" } else { "" }
}
