//! What the data path costs: instructions per packet.
//!
//! `cargo bench --bench cost` prints a table, and writes `target/bench/cost.json` and a plot, `cost.svg`;
//! `cargo bench --bench cost -- --check` also fails when a figure is over its [limit](LIMITS).
//!
//! Instructions are counted because they repeat exactly, on a busy machine too, while times do not. The device is plain
//! memory, and a player that does what the device would runs between the calls, so what is counted is the driver alone:
//! no bus, no cache misses of a real device. Counted are only the calls of a user of the crate, in functions named
//! `measured_*` that are never inlined. The player checks that every packet really went through, with the byte that was
//! touched on the way.
//!
//! The counting is callgrind's, run by hand over this same binary rather than through a framework: all that is needed is
//! one number of one function, and the framework would cost users minutes of build time and a runner to install. Without
//! `--bench` (as under `cargo test --benches`) each workload runs once, uncounted.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use ixgbe::device::Config;
use ixgbe::packet::Batch;
use ixgbe::queue::{InPlace, Receive, Route, Transmit};
use plain::{Addresses, Plain, Player};

use floor_pool::PoolFloor;

#[path = "plain/floor_pool.rs"]
mod floor_pool;
mod plain;

/// Packets that each figure is the mean over.
const PACKETS: usize = 1 << 15;
/// Frame length in bytes without CRC: the shortest there is, at which packets cost most.
const FRAME: usize = 60;
/// The byte that forwarding touches.
const TOUCHED: usize = 3;

/// The workloads: their name here, and the shape and the call that they are a figure of.
const CALLS: [(&str, &str, &str); 4] =
    [("rx", "pool", "rx"), ("tx", "pool", "tx"), ("forward", "pool", "forward"), ("in_place", "in-place", "forward")];
const BATCHES: [usize; 5] = [1, 8, 32, 64, 256];

/// Most instructions per packet, by call and batch, in either profile: what was reached with Rust 1.95, and some 7 %
/// for what another compiler does. A change that needs more must say why, here.
const LIMITS: [(&str, usize, f64); 10] = [
    ("rx", 1, 73.0),
    ("rx", 32, 22.0),
    ("tx", 1, 131.0),
    ("tx", 32, 25.5),
    ("forward", 1, 206.0),
    ("forward", 32, 55.5),
    ("forward", 256, 53.0),
    ("in_place", 1, 318.0),
    ("in_place", 32, 39.5),
    ("in_place", 256, 39.5),
];

#[inline(never)]
fn measured_rx(rx: &mut Receive<'_, Plain>, batch: &mut Batch) -> usize {
    rx.receive(batch)
}

#[inline(never)]
fn measured_tx(tx: &mut Transmit<'_, Plain>, batch: &mut Batch) -> usize {
    tx.transmit(batch).unwrap_or(0)
}

#[inline(never)]
fn measured_forward(rx: &mut Receive<'_, Plain>, tx: &mut Transmit<'_, Plain>, batch: &mut Batch) -> usize {
    rx.receive(batch);
    for packet in &mut *batch {
        packet[TOUCHED] ^= 1;
    }
    tx.transmit(batch).unwrap_or(0)
}

#[inline(never)]
fn measured_in_place(ports: &mut InPlace<'_, '_, '_, Plain>, batch: usize) -> usize {
    let forwarded = ports.forward(batch, |packet| {
        packet[TOUCHED] ^= 1;
        Route::Output(0)
    });
    forwarded.sent
}

/// A frame that differs from its neighbours.
fn frame(number: usize) -> [u8; FRAME] {
    let mut frame = [0x5a; FRAME];
    frame[TOUCHED] = number as u8;
    frame
}

/// Lets `batch` packets after `first` arrive.
fn arrive(player: &mut Player, first: usize, batch: usize) {
    for number in first..first + batch {
        assert!(player.arrive(&frame(number)), "no buffer for packet {number}");
    }
}

/// Sends everything, which must be `batch` packets after `first`, with `changed` in the touched byte.
fn sent(player: &mut Player, first: usize, batch: usize, changed: u8) {
    let mut number = first;
    player.send(usize::MAX, |bytes, end| {
        assert!(end && bytes.len() == FRAME && bytes[TOUCHED] == number as u8 ^ changed, "packet {number} is wrong");
        number += 1;
    });
    assert_eq!(number - first, batch, "packets were lost");
}

/// Runs one workload: what callgrind sees.
fn run(call: &str, batch_len: usize) {
    let (mut a, mut wire_a) = Plain::start(Addresses::Identity, &Config::new());
    let (mut b, mut wire_b) = Plain::start(Addresses::Identity, &Config::new());
    let pool = a.pools().next().expect("a pool for the queue").clone();
    b.attach(&pool).expect("plain memory can be mapped");
    let (_, mut pairs_a) = a.split();
    let (_, mut pairs_b) = b.split();
    let (rx, tx) = (&mut pairs_a[0].rx, &mut pairs_b[0].tx);
    let mut batch = Batch::with_capacity(batch_len);
    for first in (0..PACKETS).step_by(batch_len) {
        let moved = match call {
            "rx" => {
                arrive(&mut wire_a, first, batch_len);
                let moved = measured_rx(rx, &mut batch);
                for (number, packet) in (first..).zip(&batch) {
                    assert!(**packet == frame(number), "packet {number} is wrong");
                }
                batch.clear();
                moved
            }
            "tx" => {
                for number in first..first + batch_len {
                    let mut packet = pool.take().expect("a free buffer");
                    packet.extend_from_slice(&frame(number)).expect("room for a frame");
                    batch.push(packet).expect("room in the batch");
                }
                let moved = measured_tx(tx, &mut batch);
                sent(&mut wire_b, first, batch_len, 0);
                moved
            }
            "forward" => {
                arrive(&mut wire_a, first, batch_len);
                let moved = measured_forward(rx, tx, &mut batch);
                sent(&mut wire_b, first, batch_len, 1);
                moved
            }
            "in_place" => {
                arrive(&mut wire_a, first, batch_len);
                let mut ports = InPlace::new(rx, std::slice::from_mut(tx)).expect("plain memory can be mapped");
                let moved = measured_in_place(&mut ports, batch_len);
                sent(&mut wire_b, first, batch_len, 1);
                moved
            }
            other => panic!("there is no call {other}"),
        };
        assert_eq!((moved, batch.len()), (batch_len, 0), "packets were left");
    }
}

/// The yardstick: forwarding in place by hand, with raw pointers, for this one case. It checks what the driver checks, reports and
/// rings as rarely, and trusts the device for nothing more.
struct Floor {
    rx: *mut [u64; 2],
    tx: *mut [u64; 2],
    tails: [*mut u32; 2],
    received: usize,
    sent: usize,
    home: usize,
    buffers: [Vec<u64>; 2],
}

impl Floor {
    const RING: usize = 1024;

    /// Takes over the rings of two ports that the driver has set up, and does not use any more.
    fn new(from: &Player, to: &Player) -> Self {
        let (([rx, _], from), ([_, tx], to)) = (from.rings(), to.rings());
        // SAFETY: the ring has that many descriptors, with the addresses of the buffers; the registers are in the BAR.
        unsafe {
            let buffers = (0..Self::RING).map(|index| (*rx.add(index))[0]).collect();
            let tails = [from.add(0x1018).cast(), to.add(0x6018).cast()];
            Self { rx, tx, tails, received: 0, sent: 0, home: 0, buffers: [buffers, vec![0; Self::RING]] }
        }
    }

    #[inline(never)]
    fn forward(&mut self, most: usize) -> usize {
        const MASK: usize = Floor::RING - 1;
        // SAFETY: indices are masked to the rings, and a length is checked before the bytes are reached.
        unsafe {
            while self.home + 32 <= self.sent && (*self.tx.add((self.home + 31) & MASK))[1] >> 32 & 1 != 0 {
                for index in (self.home..self.home + 32).map(|index| index & MASK) {
                    let buffer = *self.buffers[1].as_ptr().add(index);
                    *self.buffers[0].as_mut_ptr().add(index) = buffer;
                    self.rx.add(index).write([buffer, 0]);
                }
                self.home += 32;
                self.tails[0].write_volatile((self.home.wrapping_sub(1) & MASK) as u32);
            }
            let before = self.received;
            while self.received - before < most && self.received - self.home < Self::RING {
                let index = self.received & MASK;
                let status = self.rx.add(index).cast::<u64>().add(1).read_volatile();
                let len = status >> 32 & 0xffff;
                if status & 0x2000_0003 != 3 || len.wrapping_sub(1) >= 1514 {
                    break;
                }
                let buffer = *self.buffers[0].as_ptr().add(index);
                if len as usize > TOUCHED {
                    *(buffer as *mut u8).add(TOUCHED) ^= 1;
                }
                let report = if index & 31 == 31 { 1 << 27 } else { 0 };
                self.tx.add(index).write([buffer, len << 46 | len | 0x2330_0000 | report]);
                *self.buffers[1].as_mut_ptr().add(index) = buffer;
                self.received += 1;
            }
            if self.received != self.sent {
                self.sent = self.received;
                (*self.tx.add((self.sent - 1) & MASK))[1] |= 1 << 27;
                self.tails[1].write_volatile((self.sent & MASK) as u32);
            }
            self.received - before
        }
    }
}

/// Median cycles of one call that forwards `batch` packets: with a pool, in place, in place by hand, and with a pool by hand, one
/// after the other again and again, so that whatever slows the machine slows all of them.
#[cfg(target_arch = "x86_64")]
fn cycles(batch_len: usize) -> [f64; 4] {
    let config = Config::new().rx_descriptors(Floor::RING).tx_descriptors(Floor::RING);
    let mut ports: [_; 8] = std::array::from_fn(|_| Plain::start(Addresses::Identity, &config));
    let [a, b, c, d, e, f, g, h] = &mut ports;
    let pool = a.0.pools().next().expect("a pool for the queue").clone();
    b.0.attach(&pool).expect("plain memory can be mapped");
    let (mut floor, mut pool_floor) = (Floor::new(&e.1, &f.1), PoolFloor::new(&g.1, &h.1));
    let ((_, mut a_pairs), (_, mut b_pairs)) = (a.0.split(), b.0.split());
    let ((_, mut c_pairs), (_, mut d_pairs)) = (c.0.split(), d.0.split());
    let mut batch = Batch::with_capacity(batch_len);
    let mut ports = InPlace::new(&mut c_pairs[0].rx, std::slice::from_mut(&mut d_pairs[0].tx)).expect("can be mapped");
    let mut times: [Vec<u64>; 4] = Default::default();
    let timed = |call: &mut dyn FnMut() -> usize| {
        // SAFETY: every x86-64 has the counter.
        let start = unsafe { core::arch::x86_64::_rdtsc() };
        let moved = call();
        // SAFETY: as above.
        let time = unsafe { core::arch::x86_64::_rdtsc() } - start;
        assert_eq!(moved, batch_len, "packets were left");
        time
    };
    for first in (0..PACKETS.max(batch_len * 512)).step_by(batch_len) {
        for wire in [&mut a.1, &mut c.1, &mut e.1, &mut g.1] {
            arrive(wire, first, batch_len);
        }
        times[0].push(timed(&mut || measured_forward(&mut a_pairs[0].rx, &mut b_pairs[0].tx, &mut batch)));
        times[1].push(timed(&mut || measured_in_place(&mut ports, batch_len)));
        times[2].push(timed(&mut || floor.forward(batch_len)));
        times[3].push(timed(&mut || pool_floor.forward(batch_len)));
        for wire in [&mut b.1, &mut d.1, &mut f.1, &mut h.1] {
            sent(wire, first, batch_len, 1);
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2] as f64
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn cycles(_: usize) -> [f64; 4] {
    [f64::NAN; 4]
}

/// How much more two threads forward than one, each with ports of its own: by the median time of a call that forwards a full
/// batch which lies in the ring already.
fn scaling() -> f64 {
    let one = cycles(32)[1];
    let both: Vec<f64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(|| cycles(32)[1])).collect();
        threads.into_iter().map(|thread| thread.join().expect("the thread forwards")).collect()
    });
    both.iter().map(|time| one / time).sum()
}

fn no_valgrind(error: std::io::Error) -> String {
    format!("cannot run valgrind, which counts the instructions (is it installed?): {error}")
}

/// Instructions per packet of `call` in the benchmark binary `exe`.
fn count(exe: &Path, call: &str, batch: usize) -> Result<f64, String> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(format!("--toggle-collect=*measured_{call}*"));
    let output = valgrind.arg(exe).args(["--run", call, &batch.to_string()]).output().map_err(no_valgrind)?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse::<u64>().ok());
    match collected {
        Some(instructions) if output.status.success() && instructions > 0 => Ok(instructions as f64 / PACKETS as f64),
        _ => Err(format!("counting {call} at batch {batch} failed:\n{text}")),
    }
}

/// This benchmark's binary, built with the profile `lto`.
fn lto_binary() -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["bench", "--quiet", "--profile", "lto", "--bench", "cost"]);
    let output = build
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), "--", "--path"])
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!("building with LTO failed:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().into())
}

/// The costs against the batch size, both in powers of two, as a picture.
fn plot(lines: &[(String, Vec<f64>)]) -> String {
    let x = |at: f64| 60.0 + 440.0 * at.log2() / 8.0;
    let y = |cost: f64| 320.0 - 300.0 * (cost.log2() - 4.0) / 5.0;
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 680 370\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"680\" height=\"370\" fill=\"white\"/>\n",
    );
    for batch in BATCHES {
        let x = x(batch as f64);
        let _ = writeln!(
            svg,
            r##"<path d="M{x} 20V320" stroke="#ddd"/><text x="{x}" y="338" text-anchor="middle">{batch}</text>"##
        );
    }
    for cost in [16, 32, 64, 128, 256, 512] {
        let y = y(f64::from(cost));
        let _ = writeln!(
            svg,
            r##"<path d="M60 {y}H500" stroke="#ddd"/><text x="52" y="{y}" text-anchor="end">{cost}</text>"##
        );
    }
    svg += "<text x=\"280\" y=\"360\" text-anchor=\"middle\">packets per call</text>\n\
            <text x=\"60\" y=\"14\">instructions per packet, release profile</text>\n";
    for ((name, costs), colour) in lines.iter().zip(["#0072b2", "#e69f00", "#000000", "#009e73"]) {
        let points: Vec<_> =
            BATCHES.iter().zip(costs).map(|(batch, cost)| format!("{:.1},{:.1}", x(*batch as f64), y(*cost))).collect();
        let end = costs.last().map_or(0.0, |cost| y(*cost));
        let _ = writeln!(
            svg,
            r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"/><text x="508" y="{end:.1}" fill="{colour}">{name}</text>"#,
            points.join(" ")
        );
    }
    svg + "</svg>\n"
}

/// Counts everything, prints it and writes it down; with `check`, holds it against the limits.
fn measure(check: bool) -> Result<(), String> {
    let release = std::env::current_exe().map_err(|error| format!("cannot find this binary: {error}"))?;
    // <target>/release/deps/cost-...
    let target = release.ancestors().nth(3).ok_or("this binary is not in a target directory")?.to_owned();
    Command::new("valgrind").arg("--version").output().map_err(no_valgrind)?;
    let lto = lto_binary()?;
    let ratios: Vec<(usize, [f64; 2])> = BATCHES
        .iter()
        .map(|batch| {
            let [pool, in_place, floor, pool_floor] = cycles(*batch);
            (*batch, [pool / pool_floor, in_place / floor])
        })
        .collect();
    let (mut json, mut over, mut lines) = (String::new(), String::new(), Vec::new());
    println!("instructions per packet, frames of {FRAME} bytes, by packets per call");
    print!("{:<10}{:<9}{:<9}", "shape", "call", "profile");
    BATCHES.iter().for_each(|batch| print!("{batch:>8}"));
    println!();
    for (workload, shape, call) in CALLS {
        for (profile, exe) in [("release", &release), ("lto", &lto)] {
            print!("{shape:<10}{call:<9}{profile:<9}");
            let mut line = Vec::new();
            for batch in BATCHES {
                let cost = count(exe, workload, batch)?;
                line.push(cost);
                let ratio = ratios.iter().find(|(at, _)| *at == batch && call == "forward" && profile == "release");
                let ratio = ratio.map(|(_, ratios)| ratios[usize::from(shape == "in-place")]).filter(|x| x.is_finite());
                let ratio = ratio.map_or("null".into(), |ratio| format!("{ratio:.2}"));
                print!("{cost:>8.1}");
                let comma = if json.is_empty() { "" } else { ",\n " };
                let _ = write!(
                    json,
                    r#"{comma}{{"shape":"{shape}","call":"{call}","profile":"{profile}","batch":{batch},"instructions":{cost:.2},"cycles_ratio_to_floor":{ratio}}}"#
                );
                for (_, _, limit) in
                    LIMITS.iter().filter(|limit| limit.0 == workload && limit.1 == batch && cost > limit.2)
                {
                    let _ = writeln!(over, "{workload} at batch {batch}, {profile}: {cost:.1}, the limit is {limit}");
                }
            }
            println!();
            if profile == "release" {
                lines.push((format!("{shape}, {call}"), line));
            }
        }
    }
    println!(
        "\ncycles of a call, as multiples of its shape's floor in the same run (release, device in the same thread)"
    );
    for (index, shape) in ["pool", "in-place"].into_iter().enumerate() {
        print!("{shape:<28}");
        ratios.iter().for_each(|(_, ratios)| print!("{:>8.2}", ratios[index]));
        println!();
    }
    println!("\ntwo threads forward {:.2} times what one does, in place", scaling());
    let file = target.join("bench/cost.json");
    std::fs::create_dir_all(target.join("bench"))
        .and_then(|()| std::fs::write(&file, format!("[{json}]\n")))
        .and_then(|()| std::fs::write(target.join("bench/cost.svg"), plot(&lines)))
        .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    if check && !over.is_empty() {
        return Err(format!("over the limit, in instructions per packet:\n{over}"));
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if let [mode, call, batch] = &arguments[..]
        && mode == "--run"
    {
        run(call, batch.parse().expect("a number of packets"));
    } else if has("--cycles") {
        BATCHES.iter().for_each(|batch| println!("{batch}: {:?}", cycles(*batch)));
        println!("{:.2}", scaling());
    } else if has("--path") {
        println!("{}", std::env::current_exe().expect("this binary").display());
    } else if !has("--bench") {
        CALLS.iter().for_each(|call| run(call.0, 32));
    } else if let Err(message) = measure(has("--check")) {
        eprintln!("{message}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
