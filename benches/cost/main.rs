//! What the data path costs: instructions per packet, cycles against a floor, and what more queues and threads bring.
//!
//! `cargo bench --bench cost` prints tables, and writes `target/bench/cost.json` and a plot, `cost.svg`;
//! `cargo bench --bench cost -- --check` counts alone, measures no time, and fails when a figure is over its [limit](LIMITS).
//!
//! Instructions are counted because they repeat exactly, on a busy machine too, while times do not. The device is plain
//! memory, and a player that does what the device would runs between the calls, so what is counted is the driver alone:
//! no bus, no cache misses of a real device. Counted are only the calls of a user of the crate, in functions named
//! `measured_*` that are never inlined. The player checks that every packet really went through, with the byte that was
//! touched on the way.
//!
//! The counting is callgrind's, run over this same binary (docs/decisions/tests.md says why not through a harness). Without
//! `--bench` (as under `cargo test --benches`) each workload runs once, uncounted.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use cycles::{Device, cycles};
use scaling::Shape;

mod cycles;
mod floor;
#[path = "../plain/mod.rs"]
mod plain;
mod scaling;
mod workloads;

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

/// Most instructions per packet, by call and batch, in either profile: what was reached with Rust 1.95, and 4 to 7 %
/// for what another compiler does. A change that needs more must say why, here.
const LIMITS: [(&str, usize, f64); 10] = [
    ("rx", 1, 65.0),
    ("rx", 32, 20.4),
    ("tx", 1, 65.5),
    ("tx", 32, 17.0),
    ("forward", 1, 130.0),
    ("forward", 32, 45.0),
    ("forward", 256, 41.5),
    ("in_place", 1, 153.0),
    ("in_place", 32, 25.0),
    ("in_place", 256, 25.0),
];

/// Most instructions that a call of a receive and a call of a transmit queue cost more together if the queues are owned:
/// for each a load, a test and a branch, and what saves a register more.
const MOST_FOR_OWNED: f64 = 10.0;

fn no_valgrind(error: std::io::Error) -> String {
    format!("cannot run valgrind, which counts the instructions (is it installed?): {error}")
}

/// Instructions in the functions `measured`, of the benchmark binary `exe` when run with `arguments`.
fn count(exe: &Path, measured: &str, arguments: &[&str]) -> Result<f64, String> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(format!("--toggle-collect=*measured_{measured}*"));
    let output = valgrind.arg(exe).args(arguments).output().map_err(no_valgrind)?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse::<u64>().ok());
    match collected {
        Some(instructions) if output.status.success() && instructions > 0 => Ok(instructions as f64),
        _ => Err(format!("counting {arguments:?} failed:\n{text}")),
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
    let y = |cost: f64| 320.0 - 300.0 * (cost.log2() - 3.0) / 5.0;
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
    for cost in [8, 16, 32, 64, 128, 256] {
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

/// Counts everything, prints it and writes it down. With `check`, holds it against the limits; otherwise measures times too.
fn measure(check: bool) -> Result<(), String> {
    let release = std::env::current_exe().map_err(|error| format!("cannot find this binary: {error}"))?;
    // <target>/release/deps/cost-...
    let target = release.ancestors().nth(3).ok_or("this binary is not in a target directory")?.to_owned();
    Command::new("valgrind").arg("--version").output().map_err(no_valgrind)?;
    let lto = lto_binary()?;
    let ratios = match check {
        true => [None; BATCHES.len()],
        false => BATCHES.map(|batch| cycles(batch, Device::SameThread).map(|cycles| cycles.ratios())),
    };
    let (mut json, mut over, mut lines) = (String::new(), String::new(), Vec::new());
    println!("instructions per packet, frames of {FRAME} bytes, by packets per call");
    print!("{:<10}{:<9}{:<9}", "shape", "call", "profile");
    BATCHES.iter().for_each(|batch| print!("{batch:>8}"));
    println!();
    for (workload, shape, call) in CALLS {
        for (profile, exe) in [("release", &release), ("lto", &lto)] {
            print!("{shape:<10}{call:<9}{profile:<9}");
            let mut line = Vec::new();
            for (batch, ratios) in BATCHES.into_iter().zip(ratios) {
                let cost = count(exe, workload, &["--run", workload, &batch.to_string()])? / PACKETS as f64;
                line.push(cost);
                let ratio = ratios.filter(|_| call == "forward" && profile == "release");
                let ratio = ratio.map(|ratios| ratios[usize::from(shape == "in-place")]).filter(|x| x.is_finite());
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
    let file = target.join("bench/cost.json");
    std::fs::create_dir_all(target.join("bench"))
        .and_then(|()| std::fs::write(&file, format!("[{json}]\n")))
        .and_then(|()| std::fs::write(target.join("bench/cost.svg"), plot(&lines)))
        .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    print_floors(&release)?;
    print_features(&release)?;
    print_owned(&release, &mut over)?;
    print_accesses(&release)?;
    if check {
        return if over.is_empty() {
            Ok(())
        } else {
            Err(format!("over the limit, in instructions per packet:\n{over}"))
        };
    }
    print_ratios("device in the same thread", ratios);
    print_times();
    Ok(())
}

/// What the floors cost that cycles are compared with.
fn print_floors(exe: &Path) -> Result<(), String> {
    for (shape, measured) in [("pool", "pool_floor"), ("in-place", "in_place_floor")] {
        print!("{shape:<10}{:<9}{:<9}", "floor", "release");
        for batch in BATCHES {
            let cost = count(exe, measured, &["--run-floor", shape, &batch.to_string()])?;
            print!("{:>8.1}", cost / PACKETS as f64);
        }
        println!();
    }
    Ok(())
}

/// What else a packet costs if something is switched on.
fn print_features(exe: &Path) -> Result<(), String> {
    println!("\ninstructions per packet, pool, forward, 32 packets a call, with");
    for (feature, what) in workloads::FEATURES {
        let cost = count(exe, "", &["--run-feature", feature, "32"])? / PACKETS as f64;
        println!("{cost:>8.1}  {what}");
    }
    Ok(())
}

/// What owned queues cost more than borrowed ones, in instructions a call.
fn print_owned(exe: &Path, over: &mut String) -> Result<(), String> {
    println!(
        "\ninstructions of a call, of a receive and a transmit queue together, more if they are owned, by packets per call"
    );
    for batch in [1, 32] {
        let size = batch.to_string();
        let calls = PACKETS as f64 / batch as f64;
        let borrowed = count(exe, "forward", &["--run", "forward", &size])? / calls;
        let owned = count(exe, "owned", &["--run-owned", &size])? / calls;
        println!("{:>8.1}  {batch}", owned - borrowed);
        if owned - borrowed > MOST_FOR_OWNED {
            let _ = writeln!(
                over,
                "owned queues at batch {batch}: {:.1} more, the limit is {MOST_FOR_OWNED}",
                owned - borrowed
            );
        }
    }
    Ok(())
}

/// What reading a register and modifying another costs.
fn print_accesses(exe: &Path) -> Result<(), String> {
    println!("\ninstructions of a register read and another modified");
    for how in ["typed", "raw"] {
        let cost = count(exe, how, &["--run-accesses", how])? / workloads::ACCESSES as f64;
        println!("{cost:>8.1}  {how}");
    }
    Ok(())
}

/// A line a shape, a column a number of packets per call.
fn print_ratios(device: &str, ratios: [Option<[f64; 2]>; BATCHES.len()]) {
    println!("\ncycles of a call that forwards, as multiples of the floor of its shape (release, {device})");
    for (index, shape) in ["pool", "in-place"].into_iter().enumerate() {
        print!("{shape:<28}");
        ratios.iter().for_each(|ratios| print!("{:>8.2}", ratios.map_or(f64::NAN, |ratios| ratios[index])));
        println!();
    }
}

/// All that is measured in cycles and goes into no file.
fn print_times() {
    print_ratios(
        "device on another core",
        BATCHES.map(|batch| cycles(batch, Device::OtherCore).map(|cycles| cycles.ratios())),
    );
    println!("\ncycles of a call that forwards 32 packets with a pool, by descriptors of each ring, in rings of 512");
    let sizes = cycles::ring_sizes();
    let usual = sizes.iter().find(|(len, _)| *len == 512).map_or(f64::NAN, |(_, time)| *time);
    sizes.iter().for_each(|(len, time)| println!("{len:>8}  {:.2}", time / usual));
    for (name, shape) in [("with a pool", Shape::Pool), ("in place", Shape::InPlaceForwarder)] {
        println!("\none device, forwarding {name}, 32 packets a call");
        let counts = [1, 2, 4, 8, 16];
        let times = scaling::on_one_thread(&counts, shape);
        for (count, time) in counts.iter().zip(&times) {
            println!(
                "{:>8.2}  times the cycles of a call with one queue pair, with {count} on one thread",
                time / times[0]
            );
        }
        println!(
            "{:>8.2}  times as much as one thread forward two, with a queue pair each",
            scaling::two_threads(shape)
        );
    }
    let changing = scaling::changing_threads();
    println!("{changing:>8.2}  times the cycles of a packet if another thread sends it than received it, with a pool");
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match &arguments[..] {
        ["--run", call, batch] => workloads::run(call, batch.parse().expect("a number of packets")),
        ["--run-feature", feature, batch] => {
            workloads::run_feature(feature, batch.parse().expect("a number of packets"));
        }
        ["--run-floor", shape, batch] => workloads::run_floor(shape, batch.parse().expect("a number of packets")),
        ["--run-owned", batch] => workloads::run_owned(batch.parse().expect("a number of packets")),
        ["--run-accesses", how] => workloads::run_accesses(how),
        all if all.contains(&"--path") => println!("{}", std::env::current_exe().expect("this binary").display()),
        all if all.contains(&"--cycles") => {
            let ratios = BATCHES.map(|batch| cycles(batch, Device::SameThread).map(|cycles| cycles.ratios()));
            print_ratios("device in the same thread", ratios);
            print_times();
        }
        all if !all.contains(&"--bench") => {
            CALLS.iter().for_each(|call| workloads::run(call.0, 32));
            workloads::FEATURES.iter().for_each(|feature| workloads::run_feature(feature.0, 32));
            ["pool", "in-place"].into_iter().for_each(|shape| workloads::run_floor(shape, 32));
            ["typed", "raw"].into_iter().for_each(workloads::run_accesses);
        }
        all => {
            if let Err(message) = measure(all.contains(&"--check")) {
                eprintln!("{message}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
