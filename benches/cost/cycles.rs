//! Cycles: of calls that forward, by the time-stamp counter, only ever compared within one run.
//!
//! The four contenders take turns, call by call, so that whatever slows the machine slows all, and each is the first as often as
//! the others: what the player did just before weighs on that one. The device is played
//! between the calls: by the same thread, or by one that is pinned to another core, so that descriptors and packets have to
//! come from there.

use std::sync::atomic::{AtomicUsize, Ordering};

use ixgbe::device::Config;
use ixgbe::packet::Batch;
use ixgbe::queue::InPlaceForwarder;

use crate::calls::{measured_forward, measured_in_place};
use crate::floors::{InPlaceFloor, PoolFloor, measured_in_place_floor, measured_pool_floor};
use crate::plain::{Addresses, Plain, Player};
use crate::traffic::{SHORTEST, at};
use crate::work::Touch;

/// Packets that each figure comes from, at least.
const PACKETS: usize = 1 << 15;
/// Descriptors of each ring.
const RING: usize = 1024;

/// A frame that differs from its neighbours.
fn frame(number: usize) -> [u8; SHORTEST] {
    let mut frame = [0x5a; SHORTEST];
    frame[at::TOUCHED] = number as u8;
    frame
}

/// Lets `batch` packets after `first` arrive.
pub fn arrive(player: &mut Player, first: usize, batch: usize) {
    for number in first..first + batch {
        assert!(player.arrive(&frame(number)), "no buffer for packet {number}");
    }
}

/// Sends everything, which must be `batch` packets after `first`, with another touched byte.
pub fn sent(player: &mut Player, first: usize, batch: usize) {
    let mut number = first;
    player.send(usize::MAX, |bytes, end| {
        let touched = bytes.get(at::TOUCHED).is_some_and(|byte| *byte == number as u8 ^ 1);
        assert!(end && bytes.len() == SHORTEST && touched, "packet {number} is wrong");
        number += 1;
    });
    assert_eq!(number - first, batch, "packets were lost");
}

/// Where the device is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    SameThread,
    OtherCore,
}

/// Median cycles of one call, without those of the counter: with a pool, in place, and those by hand.
#[derive(Debug, Clone, Copy)]
pub struct Cycles {
    pub pool: f64,
    pub in_place: f64,
    pub pool_floor: f64,
    pub in_place_floor: f64,
}

impl Cycles {
    /// Both as multiples of their floors.
    pub fn ratios(&self) -> [f64; 2] {
        [self.pool / self.pool_floor, self.in_place / self.in_place_floor]
    }
}

/// The counter, once all that was begun before has ended, also what is on its way to memory: it is not to be paid for by who comes next.
pub fn now() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has the counter, and the fences.
    unsafe {
        use core::arch::x86_64::{_mm_lfence, _mm_mfence, _rdtsc};
        _mm_mfence();
        _mm_lfence();
        let now = _rdtsc();
        _mm_lfence();
        now
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        START.get_or_init(std::time::Instant::now).elapsed().as_nanos() as u64
    }
}

/// The cycles that `call` takes, which must move `batch` packets.
pub fn timed(batch: usize, call: impl FnOnce() -> usize) -> u64 {
    let start = now();
    let moved = call();
    let time = now() - start;
    assert_eq!(moved, batch, "packets were left");
    time
}

/// Calls that are taken together: some do what others left, as when a quarter of a ring is reclaimed.
const TOGETHER: usize = 16;

/// The median of what a call takes, of several together.
pub fn median(times: &[u64]) -> f64 {
    let mut sums: Vec<u64> = times.chunks_exact(TOGETHER).map(|times| times.iter().sum()).collect();
    sums.sort_unstable();
    sums.get(sums.len() / 2).map_or(f64::NAN, |sum| *sum as f64 / TOGETHER as f64)
}

/// Keeps this thread on a core, where the system knows how; says whether there is that core.
pub fn pin(core: usize) -> bool {
    if std::thread::available_parallelism().map_or(1, usize::from) <= core {
        return false;
    }
    #[cfg(target_os = "linux")]
    // SAFETY: the set is as large as is said, and is only read.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set) == 0
    }
    #[cfg(not(target_os = "linux"))]
    false
}

/// Who plays the devices, in turns with who drives them.
struct Turns(AtomicUsize);

const DRIVER: usize = 0;
const ARRIVE: usize = 1;
const SENT: usize = 2;
const END: usize = 3;

impl Turns {
    /// Waits for a turn that is not `not`.
    fn wait(&self, is_mine: impl Fn(usize) -> bool) -> usize {
        for spins in 0_u64.. {
            let turn = self.0.load(Ordering::Acquire);
            if is_mine(turn) {
                return turn;
            }
            // The other one may have no core to run on.
            if spins % 10_000 == 9_999 { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
        END
    }

    fn give(&self, turn: usize) {
        self.0.store(turn, Ordering::Release);
    }
}

/// Median cycles of a call that forwards `batch_len` packets, with rings of `ring` descriptors; `None` if there is no other core.
pub fn cycles(batch_len: usize, device: Device) -> Option<Cycles> {
    std::thread::scope(|scope| {
        // A thread of its own, so that the pinning ends with it.
        scope.spawn(|| measure(batch_len, device)).join().expect("all packets go through")
    })
}

fn measure(batch_len: usize, device: Device) -> Option<Cycles> {
    if device == Device::OtherCore && !(pin(1) && pin(0)) {
        return None;
    }
    let config = Config::new().rx_descriptors(RING).tx_descriptors(RING);
    let ports: Vec<_> = (0..8).map(|_| Plain::start(Addresses::Identity, &config)).collect();
    let (mut nics, mut players): (Vec<_>, Vec<Player>) = ports.into_iter().unzip();
    let mut pool_floor = PoolFloor::new(&players[2], &players[6], RING);
    let mut in_place_floor = InPlaceFloor::new(&players[3], &players[7], RING);
    let pool = nics[0].pools().next().expect("a pool for the queue").clone();
    nics[4].attach(&pool).expect("plain memory can be mapped");
    let [a, b, _, _, e, f, _, _] = &mut nics[..] else { return None };
    let ((_, mut a), (_, mut b), (_, mut e), (_, mut f)) = (a.split(), b.split(), e.split(), f.split());
    let mut in_place = InPlaceForwarder::new(&mut b[0].rx, std::slice::from_mut(&mut f[0].tx)).expect("can be mapped");
    let mut batch = Batch::with_capacity(batch_len);
    let mut times: [Vec<u64>; 4] = Default::default();
    let calls = PACKETS.max(batch_len * 512) / batch_len;

    let mut play = |turn: usize, call: usize| match turn {
        ARRIVE => players[..4].iter_mut().for_each(|wire| arrive(wire, call * batch_len, batch_len)),
        _ => players[4..].iter_mut().for_each(|wire| sent(wire, call * batch_len, batch_len)),
    };
    let mut drive = |call: usize| {
        for turn in (0..4).map(|turn| (call + turn) % 4) {
            let time = match turn {
                0 => timed(batch_len, || measured_forward::<Touch>(&mut a[0].rx, &mut e[0].tx, &mut batch)),
                1 => timed(batch_len, || measured_in_place::<Touch>(&mut in_place, batch_len)),
                2 => timed(batch_len, || measured_pool_floor::<Touch, _>(&mut pool_floor, batch_len)),
                _ => timed(batch_len, || measured_in_place_floor::<Touch, _>(&mut in_place_floor, batch_len)),
            };
            times[turn].push(time);
        }
    };
    if device == Device::SameThread {
        for call in 0..calls {
            play(ARRIVE, call);
            drive(call);
            play(SENT, call);
        }
    } else {
        let turns = Turns(AtomicUsize::new(DRIVER));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                pin(1);
                let mut call = 0;
                loop {
                    match turns.wait(|turn| turn != DRIVER) {
                        END => return,
                        turn => {
                            play(turn, call);
                            call += usize::from(turn == SENT);
                            turns.give(DRIVER);
                        }
                    }
                }
            });
            for call in 0..calls {
                turns.give(ARRIVE);
                turns.wait(|turn| turn == DRIVER);
                drive(call);
                turns.give(SENT);
                turns.wait(|turn| turn == DRIVER);
            }
            turns.give(END);
        });
    }
    let nothing: Vec<_> = (0..PACKETS).map(|_| timed(0, || 0)).collect();
    let nothing = median(&nothing);
    let [pool, in_place, pool_floor, in_place_floor] = times.each_ref().map(|times| median(times) - nothing);
    Some(Cycles { pool, in_place, pool_floor, in_place_floor })
}

/// Median cycles of a call that forwards 32 packets with a pool, by descriptors of each ring.
pub fn ring_sizes() -> Vec<(usize, f64)> {
    const BATCH: usize = 32;
    let sizes = [64, 128, 256, 512, 1024, 2048, 4096];
    let mut ports: Vec<_> = sizes
        .map(|len| {
            let config = Config::new().rx_descriptors(len).tx_descriptors(len);
            [(); 2].map(|()| Plain::start(Addresses::Identity, &config))
        })
        .into();
    let mut rigs: Vec<_> = ports
        .iter_mut()
        .map(|[(a, wire_a), (b, wire_b)]| {
            let pool = a.pools().next().expect("a pool for the queue").clone();
            b.attach(&pool).expect("plain memory can be mapped");
            (a.split().1, b.split().1, wire_a, wire_b, Vec::new())
        })
        .collect();
    let mut batch = Batch::with_capacity(BATCH);
    for first in (0..PACKETS).step_by(BATCH) {
        for (a, b, wire_a, wire_b, times) in &mut rigs {
            arrive(wire_a, first, BATCH);
            times.push(timed(BATCH, || measured_forward::<Touch>(&mut a[0].rx, &mut b[0].tx, &mut batch)));
            sent(wire_b, first, BATCH);
        }
    }
    sizes.into_iter().zip(rigs.into_iter().map(|rig| median(&rig.4))).collect()
}
