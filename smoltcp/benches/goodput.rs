//! What the adapter costs beside one that is written by hand for the same stack, and copies each frame.
//!
//! `cargo bench -p ixgbe-smoltcp --bench goodput` prints the goodput of each adapter per time that this thread spends in
//! the stack and the driver, and fails if one has less than 0.9 times as much as the adapter by hand. The model's own time
//! does not count. The best of several rounds by turns counts, so that other work on the machine matters little.

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../examples/transfer/host.rs"]
#[allow(dead_code, reason = "the time of the model counts in the host's own")]
mod host;

use std::collections::VecDeque;
use std::error::Error;
use std::net::Ipv4Addr;
use std::time::Duration;

use common::{Nic, assert_clean, connected};
use host::{Host, Role};
use ixgbe::device::Config;
use ixgbe::packet::Batch;
use ixgbe::pool::Pool;
use ixgbe::queue::QueuePair;
use ixgbe_sim::{Port, PortPlatform};
use ixgbe_smoltcp::{Adapter, Offloading, Plain};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

/// Bytes each way.
const BYTES: u64 = 10_000_000;
/// The number of rounds.
const ROUNDS: usize = 5;
/// The goodput that each adapter must reach, as a multiple of what the adapter by hand has.
const LEAST: f64 = 0.9;
/// The largest frame, in bytes with CRC.
const MAX_FRAME: usize = 1518;
const IPS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];

type Queues<'a> = QueuePair<'a, PortPlatform>;

/// The adapter by hand: frames in vectors, and all checksums by the stack.
struct ByHand<'a> {
    queues: Queues<'a>,
    pool: Pool,
    received: Batch,
    arrived: VecDeque<Vec<u8>>,
    leaving: Batch,
}

impl<'a> ByHand<'a> {
    fn new(queues: Queues<'a>, pool: Pool) -> Self {
        let (received, leaving) = (Batch::with_capacity(32), Batch::with_capacity(1));
        Self { queues, pool, received, arrived: VecDeque::new(), leaving }
    }

    /// Returns `true` if a packet can be sent.
    fn has_room(&mut self) -> bool {
        if !self.leaving.is_empty() || self.pool.available() == 0 {
            self.queues.tx.transmit(&mut self.leaving).expect("the port sends what the stack makes");
        }
        self.leaving.is_empty() && self.pool.available() > 0
    }
}

impl<'a> Device for ByHand<'a> {
    type RxToken<'b>
        = Arrived
    where
        Self: 'b;
    type TxToken<'b>
        = Leaving<'b, 'a>
    where
        Self: 'b;

    fn receive(&mut self, _now: Instant) -> Option<(Arrived, Leaving<'_, 'a>)> {
        if !self.has_room() {
            return None;
        }
        if self.arrived.is_empty() {
            self.queues.rx.receive(&mut self.received);
            self.arrived.extend(self.received.drain(..).map(|packet| packet.to_vec()));
        }
        let frame = self.arrived.pop_front()?;
        Some((Arrived(frame), Leaving(self)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Leaving<'_, 'a>> {
        self.has_room().then_some(Leaving(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MAX_FRAME - 4;
        capabilities
    }
}

/// A frame that has arrived.
struct Arrived(Vec<u8>);

impl phy::RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

/// The right to send a frame.
struct Leaving<'b, 'a>(&'b mut ByHand<'a>);

impl phy::TxToken for Leaving<'_, '_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        let packet = self.0.pool.take_copy(&frame).expect("there was a buffer");
        self.0.leaving.push(packet).expect("there was room");
        self.0.queues.tx.transmit(&mut self.0.leaving).expect("the port sends what the stack makes");
        result
    }
}

/// Returns the time that this thread has been on a processor.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one structure, which is there.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(result, 0, "each thread has such a clock");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Transfers in both directions at once. Returns the goodput in bytes per second of the stack and the driver.
fn goodput<'a, D: Device>(
    (ports, nics): (&[Port], &'a mut [Nic]),
    make: impl Fn(Queues<'a>, Pool) -> D,
) -> Result<f64, Box<dyn Error>> {
    let roles = [Role::Listen(80), Role::Connect(IPS[0], 80)];
    let mut hosts = Vec::new();
    for ((nic, ip), role) in nics.iter_mut().zip(IPS).zip(roles) {
        let (mac, pool) = (nic.mac(), Pool::new(nic.platform(), 128, 16 * 1024)?);
        nic.attach(&pool)?;
        let mut device = make(nic.split().1.pop().ok_or("a device has a queue pair")?, pool);
        hosts.push((Host::new(&mut device, (mac, ip), role, (BYTES, BYTES))?, device));
    }
    let (mut spent, mut over) = (Duration::ZERO, false);
    while !over {
        ports.iter().for_each(|port| _ = port.step());
        let start = cpu_time();
        over = true;
        for (host, device) in &mut hosts {
            over &= host.poll(device)?;
        }
        spent += cpu_time() - start;
    }
    Ok(2.0 * BYTES as f64 / spent.as_secs_f64())
}

/// An adapter and what it leaves to the chip.
#[derive(Debug, Clone, Copy)]
enum Kind {
    ByHand,
    Plain,
    Offloading { cut: usize },
}

impl Kind {
    const ALL: [(&str, Self); 4] = [
        ("by hand", Self::ByHand),
        ("Plain", Self::Plain),
        ("Offloading, checksums", Self::Offloading { cut: 0 }),
        ("Offloading, large packets", Self::Offloading { cut: 16 * 1024 }),
    ];

    fn goodput(self) -> Result<f64, Box<dyn Error>> {
        let (ports, mut nics) = connected(&Config::new());
        let ends = (&ports[..], &mut nics[..]);
        let goodput = match self {
            Self::ByHand => goodput(ends, ByHand::new),
            Self::Plain => goodput(ends, |QueuePair { rx, tx }, pool| {
                Adapter::new(Plain::new(rx, tx), pool, MAX_FRAME).expect("the pool is attached")
            }),
            Self::Offloading { cut } => goodput(ends, |queues, pool| {
                Adapter::new(Offloading::new(queues), pool, MAX_FRAME).expect("the pool is attached").cut_up_to(cut)
            }),
        };
        ports.iter().for_each(assert_clean);
        nics.into_iter().try_for_each(|nic| nic.stop().map(drop))?;
        goodput
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut best = [0.0_f64; Kind::ALL.len()];
    for _ in 0..ROUNDS {
        for (best, (_, kind)) in best.iter_mut().zip(Kind::ALL) {
            *best = best.max(kind.goodput()?);
        }
    }
    println!("adapter                   |   MB/s | times that by hand");
    for (goodput, (name, _)) in best.iter().zip(Kind::ALL) {
        println!("{name:<25} | {:>6.1} | {:.2}", goodput / 1e6, goodput / best[0]);
    }
    match best.iter().all(|goodput| *goodput >= LEAST * best[0]) {
        true => Ok(()),
        false => Err(format!("an adapter reaches less than {LEAST} times the goodput of the one by hand").into()),
    }
}
