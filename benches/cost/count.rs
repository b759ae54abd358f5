//! Counting instructions: callgrind runs this same binary over many rows at once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::rows::{ROWS, Row};

/// One run of a row: of the driver, or of its baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    row: usize,
    is_floor: bool,
}

/// Instructions per packet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    pub driver: f64,
    pub floor: f64,
}

impl Run {
    /// Parses what [`argument`](Self::argument) returns.
    pub fn parse(argument: &str) -> Option<Self> {
        let (row, is_floor) = argument.strip_suffix('f').map_or((argument, false), |row| (row, true));
        Some(Self { row: row.parse().ok().filter(|row| *row < ROWS.len())?, is_floor })
    }

    /// Returns what names the run on a command line: the row's number, and `f` for the baseline ("floor").
    pub fn argument(self) -> String {
        format!("{}{}", self.row, if self.is_floor { "f" } else { "" })
    }

    /// Runs the row, or what `change` makes of it. Returns how many packets went through counted calls.
    pub fn run(self, change: impl Fn(Row) -> Row) -> usize {
        let row = change(ROWS[self.row]);
        if self.is_floor { (row.floor)(&row) } else { (row.driver)(&row) }
    }

    pub const fn new(row: usize, is_floor: bool) -> Self {
        Self { row, is_floor }
    }

    /// Returns the number of the row.
    pub const fn row(self) -> usize {
        self.row
    }

    /// Returns all runs of all rows.
    pub fn all() -> Vec<Self> {
        (0..ROWS.len()).flat_map(|row| [false, true].map(|is_floor| Self::new(row, is_floor))).collect()
    }
}

/// Runs one after the other, in the process that callgrind watches.
pub fn run_all<'a>(runs: impl IntoIterator<Item = &'a str>) {
    for argument in runs {
        let run = Run::parse(argument).expect("the number of a row");
        println!("{}", run.run(|row| row));
        end_of_run();
    }
}

/// Where callgrind writes down what it has counted since it was here.
#[inline(never)]
fn end_of_run() {
    std::hint::black_box(());
}

/// What one process counts: so few runs that all cores have something to do until the end.
const TOGETHER: usize = 6;

/// Counts all rows, on all cores.
pub fn count(exe: &Path, files: &Path) -> Result<Vec<Cost>, String> {
    let runs = Run::all();
    let costs = Mutex::new((runs.chunks(TOGETHER).enumerate(), Ok(vec![Cost::default(); ROWS.len()])));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let next = costs.lock().expect("nobody panics").0.next();
                    let Some((number, runs)) = next else { break };
                    let counted = count_some(exe, &files.join(format!("callgrind-{number}")), runs);
                    let mut costs = costs.lock().expect("nobody panics");
                    match (counted, &mut costs.1) {
                        (Ok(counted), Ok(costs)) => {
                            for (run, cost) in runs.iter().zip(counted) {
                                let row = &mut costs[run.row];
                                *(if run.is_floor { &mut row.floor } else { &mut row.driver }) = cost;
                            }
                        }
                        (Err(error), all) => *all = Err(error),
                        _ => {}
                    }
                }
            });
        }
    });
    costs.into_inner().expect("nobody panics").1
}

/// Counts some runs with one process, which writes to `file`, `file.1` and so on.
fn count_some(exe: &Path, file: &Path, runs: &[Run]) -> Result<Vec<f64>, String> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--toggle-collect=*measured_*", "--dump-after=*end_of_run*"]);
    valgrind.arg(format!("--callgrind-out-file={}", file.display()));
    valgrind.arg(exe).arg("--run").args(runs.iter().map(|run| run.argument()));
    let output = valgrind
        .output()
        .map_err(|error| format!("cannot run valgrind, which counts the instructions (is it installed?): {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let packets: Vec<usize> = text.lines().filter_map(|line| line.parse().ok()).collect();
    if !output.status.success() || packets.len() != runs.len() {
        return Err(format!("counting {runs:?} failed:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    // What was counted after the last run: nothing.
    _ = std::fs::remove_file(file);
    (1..).zip(packets).map(|(dump, packets)| Ok(instructions(&part(file, dump))? as f64 / packets as f64)).collect()
}

/// The file with what was counted until the end of run `dump`.
fn part(file: &Path, dump: usize) -> PathBuf {
    let mut part = file.as_os_str().to_owned();
    part.push(format!(".{dump}"));
    part.into()
}

fn instructions(file: &Path) -> Result<u64, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    _ = std::fs::remove_file(file);
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.filter(|total| *total > 0).ok_or_else(|| format!("callgrind counted nothing in {}", file.display()))
}
