//! The checks in loopback: lengths, queues, segments, short frames, counters, interrupts, restarts, latency and rate.

use std::error::Error;
use std::time::Duration;

use ixgbe::device::{Config, Device, LinkUp, Loopback, Reset, Running};
use ixgbe::platform::AnyPlatform;
use ixgbe::pool::Pool;
use serde_json::{Value, json};

use super::card::Card;
use super::counters::Expected;
use super::frames::{Frames, SHORTEST};
use super::table::{Check, Table};
use super::traffic::{IN_FLIGHT, Nic, Planned, Traffic};
use super::{Options, filters, interrupts};

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
/// The time limit of a wait for the link, which is forced.
const LINK: Duration = Duration::from_secs(1);

/// Returns the configuration of the device in loopback.
pub fn config(max_frame: usize) -> Config {
    let config = Config::new().queue_pairs(QUEUE_PAIRS).rx_descriptors(RING).tx_descriptors(RING);
    config.max_frame(max_frame).buffer_size(BUFFER).all_multicast(true).loopback(Loopback::Mac)
}

/// Makes all checks in loopback. Returns the figures.
pub fn check(
    card: &Card,
    device: Device<Reset, AnyPlatform>,
    options: &Options,
    table: &mut Table,
) -> Result<Value, Box<dyn Error>> {
    let pool = Pool::new(device.platform(), QUEUE_PAIRS * RING * 2, BUFFER)?;
    let small = Pool::new(device.platform(), 1024, SEGMENT)?;
    let mut device = device;
    device.attach(&small)?;
    let mut nic = match start(device, &pool) {
        Ok(nic) => nic,
        Err(error) => {
            table.differs(START, error.to_string());
            return Ok(Value::Null);
        }
    };
    let status = nic.link();
    table.judge(
        START,
        if status.is_up() { Vec::new() } else { vec![format!("link {status}")] },
        format!("link {status}"),
    );

    let rss = nic.split().0.rss();
    let frames = Frames::new(nic.mac(), &rss, QUEUE_PAIRS).ok_or("RSS sends nothing to one of the queues")?;
    let mut expected = Expected::default();
    let mut traffic = Traffic::new(card, &frames, &mut expected);
    check_queues(&mut nic, &pool, &mut traffic, table)?;
    check_lengths(&mut nic, &pool, &mut traffic, options, table)?;
    check_segments(&mut nic, &small, &mut traffic, options, table)?;
    traffic.expected.check(&mut nic, table);
    interrupts::check(card, &mut nic, &pool, (&mut traffic, QUEUE_PAIRS), table)?;
    filters::check(card, &mut nic, &pool, table)?;
    filters::check_padding(card, &mut nic, &pool, table)?;
    check_health(&mut nic, table);
    let latency = measure_latency(card, &mut nic, &pool, &mut traffic, options, table)?;
    let rate = measure_rate(card, &mut nic, &pool, &mut traffic, options, table)?;
    let differences = check_cycles(nic, [&pool, &small], &mut traffic, options)?;
    table.judge(CYCLES, differences, format!("{} times, with frames on all queues each time", options.cycles));
    Ok(json!({ "latency_ns": latency, "rate": rate }))
}

fn start(device: Device<Reset, AnyPlatform>, pool: &Pool) -> Result<Nic, Box<dyn Error>> {
    let device: Device<LinkUp, _> = device.wait_for_link(LINK)?;
    let nic: Device<Running, _> = device.start_with(std::slice::from_ref(pool))?;
    Ok(nic)
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

/// Stops and starts the device, and sends frames on all queues each time. No buffer may be missing afterwards.
fn check_cycles(
    mut nic: Nic,
    pools: [&Pool; 2],
    traffic: &mut Traffic,
    options: &Options,
) -> Result<Vec<String>, Box<dyn Error>> {
    let mut differences = Vec::new();
    for cycle in 1..=options.cycles {
        let device = match nic.stop() {
            Ok(device) => device,
            Err(error) => {
                differences.push(format!("stop {cycle}: {error}"));
                return Ok(differences);
            }
        };
        for pool in pools.iter().filter(|pool| pool.available() != pool.capacity()) {
            let missing = pool.capacity() - pool.available();
            differences.push(format!("stop {cycle}: {missing} of {} buffers are missing", pool.capacity()));
        }
        nic = match start(device, pools[0]) {
            Ok(nic) => nic,
            Err(error) => {
                differences.push(format!("start {cycle}: {error}"));
                return Ok(differences);
            }
        };
        let plan = (0..2 * QUEUE_PAIRS).map(|n| Planned { tx: n % QUEUE_PAIRS, rx: n * 7 % QUEUE_PAIRS, len: 60 + n });
        traffic.exchange(&mut nic, pools[0], plan)?;
        differences.extend(traffic.take().0.into_iter().map(|difference| format!("start {cycle}: {difference}")));
        if differences.len() > 20 {
            break;
        }
    }
    if let Err(error) = nic.stop() {
        differences.push(format!("last stop: {error}"));
    }
    Ok(differences)
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
        let start = card.now();
        traffic.send(nic, pool, 0, &[Planned { tx: 0, rx: 0, len: SHORTEST.max(60) }])?;
        card.poll(Duration::from_millis(20), || traffic.receive(nic) > 0);
        times.push(card.now().saturating_sub(start).as_nanos() as u64);
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
    let start = card.now();
    let plan =
        (0..options.samples * IN_FLIGHT).map(|n| Planned { tx: n % QUEUE_PAIRS, rx: n % QUEUE_PAIRS, len: 1514 });
    traffic.exchange(nic, pool, plan)?;
    let seconds = card.now().saturating_sub(start).as_secs_f64();
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
    if card.model.is_some() { " (model time)" } else { "" }
}
