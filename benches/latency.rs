//! How long a packet is under way in a forwarder, by how many packets it moves at once.
//!
//! `cargo bench --bench latency` prints the median, p99 and p99.9 of the time from the wire handing over a frame to the
//! forwarded frame having left, on the model, as multiples of the median of one policy. It is a play with fixed rules, the
//! same in every run:
//!
//! - Frames arrive by chance (a Poisson process from a fixed seed), at a load that is a part of what forwarding 32 packets
//!   a call can do.
//! - A call costs what `cargo bench --bench cost` counted, so much and so much for each packet; an instruction is the unit of time.
//!   Asking for packets in vain costs as much as a call without any.
//! - What the device does takes no time: a frame is in the ring when it has arrived, and it leaves, with its
//!   descriptor done, when the call is over that told the device of it.
//!
//! `eager` policies move what is there, up to the number; `patient` ones wait until that many are there.

use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ixgbe::device::{Config, Device};
use ixgbe::packet::Batch;
use ixgbe_sim::{Port, PortConfig, Wire};

/// Packets of which the delay is seen.
const PACKETS: usize = 200_000;
const POLICIES: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// Parts of what 32 packets a call can do.
const LOADS: [f64; 3] = [0.2, 0.5, 0.9];
/// Whose median is 1.
const UNIT: (f64, usize) = (0.2, 32);

/// What a call costs in instructions, and each packet of it.
#[derive(Debug, Clone, Copy)]
struct Cost {
    call: f64,
    packet: f64,
}

impl Cost {
    fn of(self, packets: usize) -> f64 {
        self.call + self.packet * packets as f64
    }

    /// From what was counted for 1 and 32 packets a call.
    fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}; `cargo bench --bench cost` writes it", path.display()))?;
        let all: serde_json::Value = serde_json::from_str(&text)?;
        let cost = |case: &str| {
            let entry = all.as_array().and_then(|all| all.iter().find(|entry| entry["case"] == case));
            entry.and_then(|entry| entry["instructions"].as_f64()).ok_or(format!("there is no cost of {case}"))
        };
        let (one, many) = (cost("pool, capacity 1")?, cost("pool, 32 at phase 0")?);
        let packet = (32.0 * many - one) / 31.0;
        Ok(Self { call: one - packet, packet })
    }
}

/// Chance that is the same in every run (xorshift64*).
struct Chance(u64);

impl Chance {
    /// A time until the next arrival, `mean` on average.
    fn gap(&mut self, mean: f64) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let uniform = (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64;
        -mean * (1.0 - uniform).ln()
    }
}

/// A wire that notes which frames leave.
#[derive(Clone, Default)]
struct Left(Arc<Mutex<Vec<u32>>>);

impl Wire for Left {
    fn receive(&mut self, _room: usize, _port: &mut dyn FnMut(&[u8])) {}

    fn transmit(&mut self, frame: &[u8]) {
        let number = frame.get(14..18).and_then(|bytes| bytes.try_into().ok()).map_or(u32::MAX, u32::from_be_bytes);
        self.0.lock().expect("nobody panics").push(number);
    }
}

/// The delays of all packets, sorted; `None` if more arrive than can be forwarded.
fn delays(cost: Cost, load: f64, most: usize, patient: bool) -> Result<Option<Vec<f64>>, Box<dyn Error>> {
    let mean = cost.of(32) / 32.0 / load;
    if cost.of(most) / most as f64 >= mean {
        return Ok(None);
    }
    let (port, left) = (Port::new(PortConfig::default()), Left::default());
    port.plug(left.clone());
    let config = Config::new().promiscuous(true).rx_descriptors(4096);
    let mut nic = Device::new(port.claim()?).reset(&config)?.wait_for_link(Duration::from_secs(10))?.start()?;
    let mut delays = Vec::with_capacity(PACKETS);
    {
        let (_, mut queues) = nic.split();
        let mut batch = Batch::with_capacity(most);
        let (mut chance, mut now, mut arrival) = (Chance(0x8259_9825_9982_5998), 0.0, 0.0);
        let (mut arrivals, mut frame) = (Vec::with_capacity(PACKETS), [0; 60]);
        while delays.len() < PACKETS {
            while arrivals.len() < PACKETS && arrival <= now {
                frame[14..18].copy_from_slice(&(arrivals.len() as u32).to_be_bytes());
                port.deliver(&frame);
                arrivals.push(arrival);
                arrival += chance.gap(mean);
            }
            let waiting = arrivals.len() - delays.len();
            if patient && waiting < most && arrivals.len() < PACKETS {
                now = now.max(arrival);
                continue;
            }
            let received = queues[0].rx.receive(&mut batch);
            queues[0].tx.transmit(&mut batch)?;
            now += cost.of(received);
            port.run_until_idle(2);
            for number in left.0.lock().expect("nobody panics").drain(..) {
                delays.push(now - arrivals.get(number as usize).ok_or("a frame leaves that has not come")?);
            }
        }
    }
    nic.stop()?;
    if let Some(violation) = port.violations().first() {
        return Err(violation.to_string().into());
    }
    delays.sort_unstable_by(f64::total_cmp);
    Ok(Some(delays))
}

/// The value that `part` of all are at most.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let at = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(at.saturating_sub(1).min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

fn main() -> Result<(), Box<dyn Error>> {
    if !std::env::args().any(|argument| argument == "--bench") {
        let some = delays(Cost { call: 150.0, packet: 50.0 }, 0.2, 32, false)?.ok_or("this load can be forwarded")?;
        return if some.len() == PACKETS { Ok(()) } else { Err("packets were lost".into()) };
    }
    let exe = std::env::current_exe()?;
    let target = exe.ancestors().nth(3).ok_or("this binary is not in a target directory")?;
    let cost = Cost::read(&target.join("bench/cost.json"))?;
    println!("a call costs {:.0} instructions and {:.0} for each packet", cost.call, cost.packet);
    let unit = delays(cost, UNIT.0, UNIT.1, false)?.ok_or("this load can be forwarded")?;
    let unit = quantile(&unit, 0.5);
    println!("delays, as multiples of the median at load {} with up to {} packets a call\n", UNIT.0, UNIT.1);
    println!("| load | packets a call | eager: p50 | p99 | p99.9 | patient: p50 | p99 | p99.9 |");
    println!("|---|---|---|---|---|---|---|---|");
    for load in LOADS {
        for policy in POLICIES {
            print!("| {load} | {policy} |");
            for patient in [false, true] {
                match delays(cost, load, policy, patient)? {
                    Some(delays) => {
                        [0.5, 0.99, 0.999].iter().for_each(|part| print!(" {:.1} |", quantile(&delays, *part) / unit))
                    }
                    None => print!(" too slow | | |"),
                }
            }
            println!();
        }
    }
    Ok(())
}
