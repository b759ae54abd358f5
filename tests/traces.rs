//! Traces of register accesses: the file, its replay, and our driver's accesses held against the recordings of stock
//! Linux and of DPDK.
//!
//! The recordings in `tests/traces` were made by the model, when those drivers ran on it: `tests/vm/run ixgbe-trace` and
//! `tests/dpdk/run dpdk-forward-vector`, which also compare a new recording with them. Each difference needs a row in
//! `docs/silicon.md`.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{assert_clean, batch, frame, mac, packet, pool_of, port};
use ixgbe::device::{Config, Device, LinkMode};
use ixgbe::packet::Batch;
use ixgbe::runtime::bus::Bus;
use ixgbe::trace::{Entry, Line, Problem, Recorder, RegisterAccess, Trace, Traced};
use ixgbe_sim::traces::{Kind, Summary, compare, fold, replay};
use ixgbe_sim::wire::NoTraffic;
use ixgbe_sim::{Port, Wire};
use proptest::prelude::*;

/// The lines of a recording.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<String>>);

impl Lines {
    fn sink(&self) -> impl FnMut(&str) + Send + use<> {
        let lines = Arc::clone(&self.0);
        move |line| {
            let mut lines = lines.lock().unwrap();
            lines.push_str(line);
            lines.push('\n');
        }
    }

    fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

/// A partner that answers each frame with one for the port.
struct Echo(u8);

impl Wire for Echo {
    fn receive(&mut self, _room: usize, port: &mut dyn FnMut(&[u8])) {
        for seed in 0..std::mem::take(&mut self.0) {
            port(&frame(mac(0), 60, seed));
        }
    }

    fn transmit(&mut self, _frame: &[u8]) {
        self.0 += 1;
    }
}

/// Runs our driver from the first access to traffic and to the stop. Returns the trace of its platform.
fn ours(record: impl FnOnce(&Port, Lines) -> Recorder) -> String {
    let (port, lines) = (port(0), Lines::default());
    port.plug(Echo(0));
    let recorder = record(&port, lines.clone());
    recorder.mark("reset");
    let device = Device::new(recorder.record(port.claim().unwrap()));
    // The mode of a card with an SFP+ cage.
    let device = device.reset(&Config::new().link(LinkMode::TenGigabitSfi)).unwrap();
    let device = device.wait_for_link(Duration::from_secs(5)).unwrap();
    recorder.mark("start");
    let mut device = device.start().unwrap();
    let pool = pool_of(&device);
    let (mut control, mut queues) = device.split();
    control.set_up_interrupts(Duration::from_micros(100)).unwrap();
    queues[0].rx.enable_interrupt();
    let mut received = Batch::with_capacity(64);
    for seed in 0..4 {
        queues[0].tx.transmit(&mut batch([packet(&pool, &frame(mac(1), 60, seed))])).unwrap();
        port.run_until_idle(100);
        queues[0].rx.receive(&mut received);
    }
    assert_eq!(received.len(), 4);
    drop(received);
    assert!(control.acknowledge_link_interrupt().is_up());
    assert_eq!(control.statistics().unwrap().rx_packets, 4);
    recorder.mark("stop");
    device.stop().unwrap();
    recorder.finish();
    assert_clean(&port);
    lines.text()
}

/// The trace that a program with a card would write, but with the port that the model knows.
fn our_trace() -> String {
    ours(|_, lines| Recorder::of_port(mac(0), 0, lines.sink()))
}

fn parse(text: &str) -> Trace {
    text.parse().unwrap()
}

fn repository(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

// --- Our driver and the others

/// One row of `docs/silicon.md`.
#[derive(Debug)]
struct Row {
    line: usize,
    subject: String,
    kind: Kind,
    who: Vec<String>,
}

/// The rows of all tables of `docs/silicon.md` that have the columns of [`Row`].
fn rows(text: &str) -> Vec<Row> {
    let (mut rows, mut inside) = (Vec::new(), false);
    for (number, line) in text.lines().enumerate() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        if !line.starts_with('|') || cells[0].starts_with("---") {
            inside &= line.starts_with('|');
            continue;
        }
        if cells.starts_with(&["register or step", "difference", "who"]) {
            inside = true;
        } else if inside {
            let line = number + 1;
            let [subject, kind, who, verdict, why] = cells[..] else {
                panic!("silicon.md:{line}: five cells are needed")
            };
            assert!(["ours", "take over"].contains(&verdict), "silicon.md:{line}: `{verdict}` is no verdict");
            assert!(why.len() > 10, "silicon.md:{line}: there is no reason");
            let kind = kind.parse().unwrap_or_else(|error| panic!("silicon.md:{line}: {error}"));
            let who = who.split(", ").map(str::to_owned).collect();
            rows.push(Row { line, subject: subject.trim_matches('`').to_owned(), kind, who });
        }
    }
    rows
}

#[test]
fn each_difference_from_stock_linux_and_dpdk_has_a_row() {
    let ours = Summary::of(&parse(&our_trace()));
    let text = std::fs::read_to_string(repository("docs/silicon.md")).unwrap();
    let rows = rows(&text);
    // Differences, by subject and kind, with those who differ.
    let mut found: BTreeMap<(String, Kind), Vec<(&str, String)>> = BTreeMap::new();
    for (who, file) in [("Linux", "tests/traces/linux.trace"), ("DPDK", "tests/traces/dpdk.trace")] {
        let theirs = Summary::of(&parse(&std::fs::read_to_string(repository(file)).unwrap()));
        for difference in compare(&ours, &theirs) {
            found.entry((difference.subject, difference.kind)).or_default().push((who, difference.detail));
        }
    }
    let mut complaints = Vec::new();
    let mut explained = BTreeMap::new();
    for Row { line, subject, kind, who } in rows {
        let differing =
            found.get(&(subject.clone(), kind)).map(|found| found.iter().map(|(who, _)| *who).collect::<Vec<_>>());
        if differing.as_deref() != Some(&who.iter().map(String::as_str).collect::<Vec<_>>()[..]) {
            let differing = differing.map_or("nobody".to_owned(), |who| who.join(", "));
            complaints.push(format!("silicon.md:{line}: {subject}: {kind}: {}; in truth {differing}", who.join(", ")));
        }
        if let Some(other) = explained.insert((subject.clone(), kind), line) {
            complaints.push(format!("silicon.md:{line}: {subject}: {kind}: line {other} has it already"));
        }
    }
    for ((subject, kind), who) in found.iter().filter(|(difference, _)| !explained.contains_key(*difference)) {
        let names: Vec<&str> = who.iter().map(|(who, _)| *who).collect();
        let details: Vec<String> = who.iter().map(|(who, detail)| format!("{who}: {detail}")).collect();
        complaints.push(format!("no row: | `{subject}` | {kind} | {} |  {}", names.join(", "), details.join("; ")));
    }
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn folding_changes_nothing_that_is_compared() {
    let trace = parse(&our_trace());
    let folded = fold(&trace);
    assert_eq!(Summary::of(&folded), Summary::of(&trace));
    assert_eq!(folded.accesses(), trace.accesses());
    assert!(folded.lines.len() * 2 < trace.lines.len(), "{} of {} lines", folded.lines.len(), trace.lines.len());
    assert_eq!(fold(&folded), folded, "there is nothing left to fold");
    // The file has all of it.
    assert_eq!(Summary::of(&parse(&folded.to_string())), Summary::of(&trace));
}

/// Returns how the driver that made `theirs` differs from ours.
fn differences(ours: &Trace, theirs: &Trace) -> Vec<String> {
    let found = compare(&Summary::of(ours), &Summary::of(theirs));
    found.iter().map(|difference| format!("{}: {}", difference.subject, difference.kind)).collect()
}

#[test]
fn a_difference_of_each_kind_is_found() {
    let ours = parse(&our_trace());
    let is = |entry: &Entry, write, name: &str| {
        entry.accesses().any(|access| access.write == write && access.register().unwrap().0.name == name)
    };
    let without = |write, name| {
        let mut trace = ours.clone();
        trace.lines.retain(|line| !is(&line.entry, write, name));
        trace
    };
    assert_eq!(differences(&ours, &ours), [""; 0]);
    assert_eq!(differences(&ours, &without(true, "MAXFRS")), ["MAXFRS: we write"]);
    assert_eq!(differences(&without(true, "MAXFRS"), &ours), ["MAXFRS: they write"]);
    assert_eq!(differences(&ours, &without(false, "FWSM")), ["FWSM: we read"]);
    assert_eq!(differences(&without(false, "FWSM"), &ours), ["FWSM: they read"]);
    assert_eq!(differences(&ours, &without(false, "LINKS")), ["LINKS: we read", "link seen up: we do"]);
    assert_eq!(differences(&without(false, "LINKS"), &ours), ["LINKS: they read", "link seen up: they do"]);

    let mut value = ours.clone();
    for line in &mut value.lines {
        if let Entry::Times(access, _) = &mut line.entry
            && access.write
            && access.register().unwrap().0.name == "MAXFRS"
        {
            access.value ^= 1 << 16;
        }
    }
    assert_eq!(differences(&ours, &value), ["MAXFRS: value"]);

    // The ring is set up behind the enabling of its queue.
    let (mut order, ring) = (ours.clone(), |line: &Line| is(&line.entry, true, "RDBAL"));
    let at = order.lines.iter().position(ring).unwrap();
    let moved = order.lines.remove(at);
    let enabled = |line: &Line| is(&line.entry, true, "RDT");
    let at = order.lines.iter().position(enabled).unwrap();
    order.lines.insert(at, moved);
    assert_eq!(differences(&ours, &order), ["receive queue awaited before receive ring set up: order"]);

    let mut pause = ours.clone();
    pause.lines.retain(|line| !matches!(line.entry, Entry::Wait(_)));
    assert_eq!(differences(&ours, &pause), ["reset: pause"]);
}

// --- Replay

#[test]
fn a_trace_of_the_model_replays_without_differences() {
    let text = our_trace();
    let replay = replay(&parse(&text));
    assert_eq!(replay.mismatches, [], "{replay}");
    assert!(replay.compared > 500 && replay.writes > 1000, "{replay}");
}

#[test]
fn a_link_that_came_sooner_is_waited_for() {
    // Without the pauses of `wait_for_link`.
    let mut trace = parse(&our_trace());
    let looks = |line: &Line| line.entry.accesses().any(|access| access.register().unwrap().0.name == "LINKS");
    let (from, to) = (trace.lines.iter().position(looks).unwrap(), trace.lines.iter().rposition(looks).unwrap());
    let mut at = 0;
    trace.lines.retain(|line| {
        at += 1;
        !(from..to).contains(&(at - 1)) || !matches!(line.entry, Entry::Wait(_))
    });
    let replay = replay(&parse(&trace.to_string()));
    assert_eq!(replay.mismatches, [], "{replay}");
    assert!(replay.late > 0, "{replay}");
}

#[test]
fn the_model_records_what_the_driver_does() {
    // By the port, with the driver's own record thrown away.
    let lines = Lines::default();
    let recorded = lines.clone();
    let platform = ours(|port, own| {
        port.record(recorded.sink());
        Recorder::of_port(mac(0), 0, own.sink())
    });
    let text = lines.text();
    let accesses = |trace: Trace| {
        trace.lines.into_iter().flat_map(|line| line.entry.accesses().collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let (port, platform) = (accesses(parse(&text)), accesses(parse(&platform)));
    assert_eq!(port, platform);
    assert_eq!(replay(&parse(&text)).mismatches, []);
}

#[test]
fn changed_answers_are_named_and_nothing_else() {
    let text = our_trace();
    let reads: Vec<usize> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| line.starts_with("read ") && !line.contains(".."))
        .filter(|(_, line)| {
            let trace = parse(&format!("ixgbe register trace 1\n{line}\nend   {} accesses", times(line)));
            let first = trace.lines[0].entry.accesses().next().unwrap();
            let (info, _) = first.register().unwrap();
            info.group != "statistics" && info.name != "EICR"
        })
        .map(|(at, _)| at)
        .collect();
    assert!(reads.len() > 60, "{} reads", reads.len());
    // Five at a time, all over the trace.
    for round in (0..reads.len() / 5).step_by(16) {
        let changed: Vec<usize> = (0..5).map(|n| reads[round + n * (reads.len() / 5)]).collect();
        let edited: Vec<String> = text
            .lines()
            .enumerate()
            .map(|(at, line)| if changed.contains(&at) { with_another_value(line) } else { line.to_owned() })
            .collect();
        let replay = replay(&parse(&edited.join("\n")));
        let named: Vec<usize> = replay.mismatches.iter().map(|mismatch| mismatch.line - 1).collect();
        assert_eq!(named, changed, "{replay}");
    }
}

/// How many accesses a line stands for.
fn times(line: &str) -> u32 {
    line.rsplit_once(", ").and_then(|(_, times)| times.strip_suffix(" times")?.parse().ok()).unwrap_or(1)
}

/// The line with one bit of its value turned.
fn with_another_value(line: &str) -> String {
    let at = line.find(" = 0x").unwrap() + 5;
    let value = u32::from_str_radix(&line[at..at + 8], 16).unwrap();
    format!("{}{:08x}{}", &line[..at], value ^ 1 << 14, &line[at + 8..])
}

#[test]
fn a_mismatch_names_register_index_and_field() {
    let port = port(0);
    port.plug(NoTraffic);
    let text = "ixgbe register trace 1\nread  RXDCTL[3] = 0x42000000\nread  0x15f0c = 0x00000001\nend   2 accesses\n";
    let replay = replay(&parse(text));
    let shown: Vec<String> = replay.mismatches.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "line 2: RXDCTL[3]: expected 0x42000000, found 0x00000000; ENABLE: 1 (bit 25), found 0; VME: 1 (bit 30), found 0",
            "line 3: 0x15f0c: expected 0x00000001, found 0x00000000",
        ]
    );
}

#[test]
fn what_differs_by_nature_is_listed_with_the_reason() {
    let text =
        "ixgbe register trace 1\nread  GPRC = 0x00000007, 3 times\nread  RAL[0] = 0x12345678\nend   4 accesses\n";
    let replay = replay(&parse(text));
    assert_eq!((replay.mismatches.len(), replay.compared), (0, 0));
    let shown = replay.to_string();
    assert!(shown.contains("because they count traffic, and a replay has none: GPRC 3x"), "{shown}");
    assert!(shown.contains("because they hold the card's own address, EEPROM and module: RAL 1x"), "{shown}");
    let early = "ixgbe register trace 1\nwrite CTRL = 0x04000000\nread  STATUS = 0x12345678\nend   2 accesses\n";
    assert_eq!(replay_mismatches(early), [""; 0]);
    let late = early.replace("read", "wait  1000 us\nread");
    assert_eq!(replay_mismatches(&late), ["STATUS"]);
    // With a named port, its address is compared.
    let named = text.replace("trace 1\n", "trace 1\nport  02:82:59:90:00:01 1\n");
    assert_eq!(replay_mismatches(&named), ["RAL"]);
}

#[test]
fn a_trace_of_another_chip_is_replayed_to_its_end() {
    let lines: Vec<String> =
        (0..128).map(|queue| format!("read  TXDCTL[{queue}] = 0x0000000{}\n", 1 + queue % 9)).collect();
    let text = format!("ixgbe register trace 1\n{}end   128 accesses\n", lines.concat());
    assert_eq!(replay_mismatches(&text), ["TXDCTL"; 128]);
}

fn replay_mismatches(text: &str) -> Vec<&'static str> {
    replay(&parse(text)).mismatches.iter().map(|mismatch| mismatch.expected.register().unwrap().0.name).collect()
}

// --- The file

#[test]
fn a_recording_has_each_access_in_its_order() {
    let lines = Lines::default();
    let recorder = Recorder::new(lines.sink());
    let port = port(0);
    let seen: Arc<Mutex<Vec<RegisterAccess>>> = Arc::default();
    let log = Arc::clone(&seen);
    let platform = Traced::new(recorder.record(port.claim().unwrap()), move |access| log.lock().unwrap().push(access));
    let write = |name: &str, index, value| {
        // SAFETY: these registers start no DMA.
        unsafe { platform.write(common::at(name, index), value) };
    };
    (0..128).for_each(|index| write("MTA", index, 0));
    (0..4).for_each(|index| write("VFTA", index, index as u32));
    (0..3).for_each(|_| _ = platform.read(common::at("STATUS", 0)));
    write("MTA", 5, 7);
    write("MTA", 6, 7);
    write("MTA", 8, 7);
    ixgbe::clock::Clock::wait(&platform, Duration::from_micros(1500));
    write("MTA", 9, 7);
    drop(platform);
    drop(recorder);
    let trace = parse(&lines.text());
    let accesses: Vec<RegisterAccess> = trace.lines.iter().flat_map(|line| line.entry.accesses()).collect();
    assert_eq!(accesses, *seen.lock().unwrap());
    let expected = "ixgbe register trace 1
write MTA[0..127] = 0x00000000
write VFTA[0] = 0x00000000
write VFTA[1] = 0x00000001 (VLAN_FLT: 0x1)
write VFTA[2] = 0x00000002 (VLAN_FLT: 0x2)
write VFTA[3] = 0x00000003 (VLAN_FLT: 0x3)
read  STATUS = 0x00080000 (PCIE_MASTER_ENABLE_STATUS: 1), 3 times
write MTA[5..6] = 0x00000007 (BIT_VECTOR: 0x7)
write MTA[8] = 0x00000007 (BIT_VECTOR: 0x7)
wait  1500 us
write MTA[9] = 0x00000007 (BIT_VECTOR: 0x7)
end   139 accesses
";
    assert_eq!(lines.text(), expected);
    assert_eq!(trace.to_string(), expected, "it is written as it was read");
}

#[test]
fn a_recording_that_stays_open_is_ended_once() {
    let lines = Lines::default();
    let recorder = Recorder::new(lines.sink());
    recorder.mark("one\nline");
    recorder.finish();
    recorder.mark("too late");
    recorder.finish();
    drop(recorder);
    assert_eq!(lines.text(), "ixgbe register trace 1\nmark  one line\nend   0 accesses\n");
}

#[test]
fn each_malformed_line_is_an_error_with_its_number() {
    let cases = [
        ("", Problem::Form, "wait"),
        ("", Problem::Kind, "peek  CTRL = 0x00000000"),
        ("", Problem::Form, "read  CTRL 0x00000000"),
        ("", Problem::Form, "read  CTRL = 0x00000000 (RST: 1"),
        ("", Problem::Form, "read  CTRL = 0x00000000 5 times"),
        ("", Problem::Form, "read  CTRL = 0x00000000, 5"),
        ("", Problem::Form, "read  CTRL = 0x000000001"),
        ("", Problem::Number, "read  CTRL = 0x00000000, 0 times"),
        ("", Problem::Number, "read  CTRL = 0x00000000, -1 times"),
        ("", Problem::TooLong, "read  CTRL = 0x00000000, 4294967295 times"),
        ("", Problem::Number, "read  CTRL = 0x00000000, 4294967296 times"),
        ("", Problem::Value, "read  CTRL = 00000000"),
        ("", Problem::Value, "read  CTRL = 0x0000000g"),
        ("", Problem::Value, "read  CTRL = 0x000"),
        ("", Problem::Value, "read  CTRL = 0x0000000\u{e9}"),
        ("", Problem::Register, "read  CTRLX = 0x00000000"),
        ("", Problem::Register, "read  0x00002 = 0x00000000"),
        ("", Problem::Register, "read  0xfffff = 0x00000000"),
        ("", Problem::Index, "read  CTRL[0] = 0x00000000"),
        ("", Problem::Index, "read  MTA = 0x00000000"),
        ("", Problem::Index, "read  MTA[128] = 0x00000000"),
        ("", Problem::Index, "read  MTA[+1] = 0x00000000"),
        ("", Problem::Index, "read  MTA[2..1] = 0x00000000"),
        ("", Problem::Index, "read  MTA[1..128] = 0x00000000"),
        ("", Problem::Index, "read  MTA[1..2] = 0x00000000, 2 times"),
        ("", Problem::Number, "wait  0 us"),
        ("", Problem::Form, "wait  5 ms"),
        ("", Problem::Register, "omit  NOTHING, 5 times"),
        ("", Problem::Form, "omit  CTRL"),
        ("", Problem::Port, "port  02:82:59:90:00 0"),
        ("", Problem::Port, "port  02:82:59:90:00:00 2"),
        ("", Problem::Kind, "reset everything"),
        ("", Problem::Count, "end   1 accesses"),
        ("", Problem::Form, "end   0"),
        ("end   0 accesses\n", Problem::AfterEnd, "read  CTRL = 0x00000000"),
        ("mark  a\n", Problem::Kind, "port  02:82:59:90:00:00 0"),
    ];
    for (before, problem, line) in cases {
        let text = format!("ixgbe register trace 1\n# comment\n\n{before}{line}\n");
        let error = text.parse::<Trace>().expect_err(line);
        assert_eq!((error.line, error.problem), (4 + before.lines().count(), problem), "{line}: {error}");
    }
    for (text, problem) in [
        ("", Problem::Header),
        ("\u{7f}ELF", Problem::Header),
        ("ixgbe register trace 2\nend   0 accesses\n", Problem::Version),
        ("ixgbe register trace\n", Problem::Header),
        ("ixgbe register trace 1\n", Problem::Cut),
    ] {
        assert_eq!(text.parse::<Trace>().unwrap_err().problem, problem, "{text:?}");
    }
}

#[test]
fn a_trace_that_was_cut_anywhere_is_an_error() {
    let text = our_trace();
    for at in
        (0..text.len() - 1).step_by(1997).chain(text.len() - 30..text.len() - 1).filter(|at| text.is_char_boundary(*at))
    {
        let problem = text[..at].parse::<Trace>().unwrap_err().problem;
        // Within the first line it is no trace yet.
        let is_trace = at >= "ixgbe register trace 1".len();
        assert_eq!(problem == Problem::Cut, is_trace, "cut at byte {at}: {problem:?}");
    }
    // A line that is missing in the middle.
    let lines: Vec<&str> = text.lines().collect();
    let missing = lines.iter().position(|line| line.starts_with("read ")).unwrap();
    let rest: Vec<&str> = lines.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, line)| *line).collect();
    assert_eq!(rest.join("\n").parse::<Trace>().unwrap_err().problem, Problem::Count);
}

/// A line of a trace, or nearly.
fn line() -> impl Strategy<Value = String> {
    let words = ["read  ", "write ", "wait  ", "omit  ", "mark  ", "port  ", "reset ", "end   ", ""];
    let places =
        ["CTRL", "MTA[0..127]", "MTA[3]", "RAL[0]", "0x00048", "0xfffff", "I2CCTL", "TDT[0]", "02:82:59:90:00:00 0"];
    let tails = [
        " = 0x00000008",
        " = 0x04000000, 3 times",
        " = 0xffffffff (X)",
        " = 0x",
        " us",
        ", 7 times",
        "1 us",
        "function",
        "2 accesses",
        "",
    ];
    (
        prop::sample::select(words.to_vec()),
        prop::sample::select(places.to_vec()),
        prop::sample::select(tails.to_vec()),
        any::<bool>(),
    )
        .prop_map(|(word, place, tail, bare)| format!("{word}{}{tail}", if bare { "" } else { place }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>(), lines in prop::collection::vec(line(), 0..8)) {
        _ = text.parse::<Trace>();
        _ = format!("ixgbe register trace 1\n{text}").parse::<Trace>();
        if let Ok(trace) = format!("ixgbe register trace 1\n{}", lines.join("\n")).parse::<Trace>() {
            prop_assert_eq!(replay(&trace).writes, written(&trace));
        }
    }

    #[test]
    fn what_is_parsed_is_written_as_it_was(lines in prop::collection::vec(line(), 0..8)) {
        // Of the lines, those that are right.
        let right = |line: &&String| {
            let text = format!("ixgbe register trace 1\n{line}\n");
            matches!(text.parse::<Trace>(), Err(error) if error.problem == Problem::Cut)
        };
        let lines: Vec<&str> = lines.iter().filter(right).filter(|line| !line.starts_with("port")).map(String::as_str).collect();
        let text = format!("ixgbe register trace 1\n{}\n", lines.join("\n"));
        let count = (0..2000).find_map(|count| format!("{text}end   {count} accesses\n").parse::<Trace>().ok());
        let trace = count.expect("no line has more accesses");
        let again: Trace = trace.to_string().parse().unwrap();
        prop_assert_eq!(trace.accesses(), again.accesses());
        let entries = |trace: &Trace| trace.lines.iter().map(|line| line.entry.clone()).collect::<Vec<_>>();
        prop_assert_eq!(entries(&again), entries(&trace));
        let folded = fold(&trace);
        prop_assert_eq!(Summary::of(&folded), Summary::of(&trace));
        prop_assert_eq!(folded.accesses(), trace.accesses());
        prop_assert_eq!(replay(&trace).writes, written(&trace));
    }
}

/// The number of writes in a trace.
fn written(trace: &Trace) -> u64 {
    let writes = |entry: &Entry| entry.accesses().filter(|access| access.write).count() as u64;
    trace.lines.iter().map(|line| writes(&line.entry)).sum()
}

/// Whoever makes an entry may say anything.
#[test]
fn elements_that_end_before_they_begin_are_one() {
    let trace: Trace = "ixgbe register trace 1\nread  MTA[3..7] = 0x00000000\nend   5 accesses\n".parse().unwrap();
    let Entry::Elements(first, 7) = trace.lines[0].entry else { panic!("{trace}") };
    let backwards = Entry::Elements(first, 1);
    assert_eq!((backwards.count(), backwards.accesses().collect::<Vec<_>>()), (1, vec![first]));
}
