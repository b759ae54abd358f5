//! What the data path costs: instructions and cache lines per packet, cycles, and what more queues and threads bring.
//! Each beside a hand-written baseline that does the same work.
//!
//! - `cargo bench --bench cost` counts all [rows](rows::ROWS), counts cache lines, and measures cycles.
//! - With `-- --check` it counts the rows alone, and fails if one differs from docs/performance.md, or if a baseline is
//!   dearer than its row.
//! - With `-- --docs` it counts the rows alone, and writes them into docs/performance.md.
//! - With `--lines` beside these, or alone, it counts cache lines instead. With `--cycles` it measures cycles alone.
//!
//! Instructions are counted because they repeat exactly, on a busy machine too, while times do not. The device is plain
//! memory. A player does between the calls what the device would, so what is counted is the driver alone: no bus, no
//! cache misses of a real device. Counted are only the calls of a user of the crate, in functions named `measured_*` that
//! are never inlined. [`drive`] checks that every packet really went through, changed as it must be.
//!
//! The counting is callgrind's and lackey's, run over this same binary (docs/decisions/tests.md says why not through a
//! harness). Without `--bench` (as under `cargo test --benches`) each row runs for a moment, uncounted.
//!
//! To read: [`rows`] is the table, [`traffic`] is what arrives, [`work`] what is done with it, [`calls`] are the calls of
//! the driver, [`virtio`] those of the VirtIO driver, and [`floors`] the baselines.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use count::Run;
use cycles::{Device, cycles};
use report::Figure;
use rows::{Row, Table};
use scaling::Shape;

mod calls;
mod count;
mod cycles;
mod drive;
mod floors;
mod lines;
#[path = "../plain/mod.rs"]
mod plain;
mod report;
mod rows;
mod scaling;
mod traffic;
mod virtio;
mod work;

/// Packets per call, for cycles.
const BATCHES: [usize; 5] = [1, 8, 32, 64, 256];

/// A line a shape, a column a number of packets per call.
fn print_ratios(name: &str, device: Device) {
    println!("\ncycles of a call that forwards, as multiples of the baseline of its shape (device {name})");
    let ratios = BATCHES.map(|batch| cycles(batch, device).map(|cycles| cycles.ratios()));
    for (index, shape) in ["pool", "in-place"].into_iter().enumerate() {
        print!("{shape:<28}");
        ratios.iter().for_each(|ratios| print!("{:>8.2}", ratios.map_or(f64::NAN, |ratios| ratios[index])));
        println!();
    }
}

/// All that is measured in cycles and goes into no file.
fn print_times() {
    print_ratios("in the same thread", Device::SameThread);
    print_ratios("on another core", Device::OtherCore);
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

/// Counts all rows, prints them, and writes them down for other benchmarks.
fn count_rows(exe: &Path) -> Result<Vec<Figure>, String> {
    let files = files(exe)?;
    let figures = report::figures(count::count(exe, &files)?);
    let (rows, virtio) = (report::table(report::of(Table::Rows, &figures)), report::virtio_table(&figures));
    println!("instructions per packet\n\n{rows}\nthe same of the VirtIO driver\n\n{virtio}");
    report::write_json(&files.join("cost.json"), &figures)?;
    Ok(figures)
}

/// Counts cache lines, and prints them.
fn count_lines(exe: &Path) -> Result<Vec<Figure>, String> {
    let lines = lines::count(exe)?;
    println!("cache lines per packet\n\n{}", report::lines_table(&lines));
    Ok(lines)
}

/// Where figures are written: `<target>/bench`, beside `<target>/release/deps/cost-...`.
fn files(exe: &Path) -> Result<PathBuf, String> {
    let files = exe.ancestors().nth(3).ok_or("this binary is not in a target directory")?.join("bench");
    std::fs::create_dir_all(&files).map_err(|error| format!("cannot make {}: {error}", files.display()))?;
    Ok(files)
}

/// Fails if the figures of all rows, or of cache lines, are not what the page says.
fn check(are_lines: bool, figures: &[Figure]) -> Result<(), String> {
    let complaints =
        if are_lines { report::complaints("lines", figures)? } else { report::complaints_of_rows(figures)? };
    if complaints.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}\nfigures differ from docs/performance.md, which `cargo bench --bench cost -- {}--docs` writes: say why",
        complaints.join("\n"),
        if are_lines { "--lines " } else { "" }
    ))
}

fn measure(options: &[&str]) -> Result<(), String> {
    const OPTIONS: [&str; 5] = ["--bench", "--check", "--docs", "--lines", "--cycles"];
    if let Some(unknown) = options.iter().find(|option| !OPTIONS.contains(option)) {
        return Err(format!("unknown option {unknown}: use --check or --docs, and --lines or --cycles"));
    }
    let exe = std::env::current_exe().map_err(|error| format!("cannot find this binary: {error}"))?;
    let has = |option| options.contains(&option);
    if has("--cycles") {
        print_times();
        return Ok(());
    }
    let figures = if has("--lines") { count_lines(&exe)? } else { count_rows(&exe)? };
    if has("--docs") {
        return if has("--lines") { report::write_lines(&figures) } else { report::write_rows(&figures) };
    }
    if has("--check") {
        return check(has("--lines"), &figures);
    }
    if !has("--lines") {
        count_lines(&exe)?;
        print_times();
    }
    Ok(())
}

/// Runs each row for a moment.
fn run_briefly() {
    for run in Run::all() {
        run.run(|row| Row { packets: 200, ..row });
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match &arguments[..] {
        ["--run", runs @ ..] => count::run_all(runs.iter().copied()),
        ["--run-lines", run] => lines::run(Run::parse(run).expect("the number of a row")),
        all if !all.contains(&"--bench") => run_briefly(),
        all => {
            if let Err(message) = measure(all) {
                eprintln!("{message}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
