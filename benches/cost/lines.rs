//! Counting cache lines: valgrind's lackey prints every load and store, and here the distinct lines of each call are
//! counted.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering, compiler_fence};

use crate::count::{Cost, Run};
use crate::rows::{ROWS, Row};

/// Calls that the count is the mean over.
const CALLS: usize = 1000;
const LINE_SHIFT: u32 = 6;
/// How far from a local variable of `main` the stack reaches at most, in both directions.
const STACK: usize = 1 << 20;

/// Stores to these say where a call begins and ends. Each has a line of its own.
#[repr(align(64))]
struct Mark(AtomicU8);

static MARKS: [Mark; 2] = [const { Mark(AtomicU8::new(0)) }; 2];

/// Runs `call` between two stores to the marks.
pub fn marked(call: impl FnOnce()) {
    // Plain stores, which stay where they are.
    MARKS[0].0.store(1, Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
    call();
    compiler_fence(Ordering::SeqCst);
    MARKS[1].0.store(1, Ordering::Relaxed);
}

/// Says where the marks and the stack are, waits until that was read, and runs: what lackey sees.
pub fn run(run: Run) {
    let local = 0_u8;
    println!("{:x} {:x} {:x}", address(&MARKS[0].0), address(&MARKS[1].0), address(&local));
    std::io::stdin().read_line(&mut String::new()).expect("the parent answers");
    run.run(|row| Row { packets: CALLS * row.waiting.0, ..row });
}

fn address<T>(at: &T) -> usize {
    std::ptr::from_ref(at).addr()
}

/// The rows whose lines are counted: 32 packets a call.
fn rows() -> impl Iterator<Item = usize> {
    let is_counted = |row: &Row| row.name.ends_with("32 at phase 0") || row.name.ends_with("32 at phase 5");
    (0..ROWS.len()).filter(move |row| is_counted(&ROWS[*row]))
}

/// Counts the lines of 64 bytes per packet that a call loads or stores, without the stack; by row.
pub fn count(exe: &Path) -> Result<Vec<(&'static Row, Cost)>, String> {
    rows()
        .map(|row| {
            // Both at once, for two cores.
            let [driver, floor] = std::thread::scope(|scope| {
                [false, true]
                    .map(|is_floor| scope.spawn(move || count_one(exe, Run::new(row, is_floor))))
                    .map(|counting| counting.join().expect("it returns its errors"))
            });
            Ok((&ROWS[row], Cost { driver: driver?, floor: floor? }))
        })
        .collect()
}

fn count_one(exe: &Path, run: Run) -> Result<f64, String> {
    let error = |error: std::io::Error| format!("cannot count cache lines with valgrind: {error}");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=lackey", "--basic-counts=no", "--trace-mem=yes"]).arg(exe).arg("--run-lines");
    valgrind.arg(run.argument()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = valgrind.spawn().map_err(error)?;
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err("a pipe is missing".into());
    };
    let (places, at) = std::sync::mpsc::channel();
    let counting = std::thread::spawn(move || lines(stderr, &at));
    let mut text = String::new();
    BufReader::new(stdout).read_line(&mut text).map_err(error)?;
    let numbers: Vec<_> = text.split_whitespace().filter_map(|word| usize::from_str_radix(word, 16).ok()).collect();
    let &[begin, end, stack] = &numbers[..] else { return Err(format!("{run:?} does not say where its marks are")) };
    places.send(Places { begin, end, stack }).map_err(|_| "the trace has ended too early")?;
    stdin.write_all(b"\n").map_err(error)?;
    let (calls, lines) = counting.join().expect("it does not panic").map_err(error)?;
    let status = child.wait().map_err(error)?;
    if !status.success() || calls != CALLS {
        return Err(format!("{run:?} made {calls} calls and ended with {status}"));
    }
    Ok(lines as f64 / (calls * ROWS[run.row()].waiting.0) as f64)
}

struct Places {
    begin: usize,
    end: usize,
    stack: usize,
}

/// Counts the calls and the lines of a trace. What comes before the places are known is no call's.
fn lines(trace: impl Read, places: &std::sync::mpsc::Receiver<Places>) -> std::io::Result<(usize, usize)> {
    let (mut known, mut call, mut calls, mut lines) = (None, None::<HashSet<usize>>, 0, 0);
    let (mut trace, mut line) = (BufReader::with_capacity(1 << 16, trace), Vec::new());
    loop {
        line.clear();
        if trace.read_until(b'\n', &mut line)? == 0 {
            return Ok((calls, lines));
        }
        if known.is_none() {
            known = places.try_recv().ok();
        }
        let Some(places) = &known else { continue };
        // " S 1ffeffe7e8,8", with L for a load and M for both.
        let [b' ', b'S' | b'L' | b'M', b' ', access @ ..] = &line[..] else { continue };
        let Some((address, len)) = std::str::from_utf8(access).ok().and_then(|access| access.trim().split_once(','))
        else {
            continue;
        };
        let (Ok(address), Ok(len)) = (usize::from_str_radix(address, 16), len.parse::<usize>()) else { continue };
        if address == places.begin {
            call = Some(HashSet::new());
        } else if address == places.end {
            lines += call.take().map_or(0, |call| call.len());
            calls += 1;
        } else if let Some(call) = &mut call
            && address.abs_diff(places.stack) > STACK
        {
            call.extend(address >> LINE_SHIFT..=(address + len - 1) >> LINE_SHIFT);
        }
    }
}
