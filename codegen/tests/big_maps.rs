//! Maps of very many registers: the time of each stage, and of a report with many errors, is linear.
//!
//! The measurements need optimisation and take minutes, so they are ignored by default:
//!
//!     cargo test --release -p datasheet-codegen --test big_maps -- --ignored --nocapture --test-threads=1

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::time::Duration;

use datasheet_codegen::emit::rust::{self, Options};
use datasheet_codegen::source::Source;
use datasheet_codegen::{check, lint, lower, parse, read_bytes};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// Returns a map with arrays, pairs and rules. `odd` gives a line of each register from its number.
fn map(registers: usize, odd: impl Fn(usize) -> String) -> String {
    let mut text =
        "chip: Big\ntitle: A big chip\ndatasheet: { document: D, revision: 1 }\ngroups: { g: Group, h: Other }\n\
         indices: { Lane: { count: 4, doc: A lane. } }\npermissions:\n  Idle: { kind: chip, doc: It is idle. }\n  \
         Busy: { kind: chip, doc: It is busy. }\nwrite_in: [Idle, Busy]\nregisters:\n"
            .to_owned();
    for number in 0..registers {
        let at = 0x20 * number;
        let place = match number % 4 {
            0 => format!("array: {{ index: Lane, ranges: [{{ count: 4, base: {at:#x}, stride: 0x4 }}] }}"),
            _ => format!("offset: {at:#x}"),
        };
        let rule = if number % 3 == 0 { "\n    required_values: { MUST: 1 }" } else { "" };
        let odd = odd(number);
        let group = if number % 2 == 0 { "g" } else { "h" };
        let _ = write!(
            text,
            "  - name: REGISTER_{number}
    title: Register {number}
    section: \"1.{number}\"
    group: {group}
    {place}
    access: rw
    reset: 0{rule}
    {odd}
    fields:
      SIZE: {{ bits: \"4:0\", range: [1, 16], doc: How large it is. }}
      KIND: {{ bits: \"7:5\", values: {{ Small: 0, Large: 1, Other: 5 }}, doc: What it is. }}
      READY: {{ bits: \"8\", access: ro, doc: Whether it is ready. }}
      MUST: {{ bits: \"9\", doc: Nobody knows. }}
"
        );
    }
    text.push_str("pairs:\n");
    for number in (1..registers.saturating_sub(1)).step_by(4) {
        let _ = writeln!(
            text,
            "  - {{ name: PAIR_{number}, low: REGISTER_{number}, high: REGISTER_{}, order: either }}",
            number + 1
        );
    }
    text
}

/// Returns a `when` that each register can have.
fn condition(registers: usize, number: usize) -> String {
    format!("when: {{ REGISTER_{}.READY: 0 }}", (number + registers / 2) % registers)
}

/// Returns the processor time of this thread.
fn on_processor() -> Result<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(text.split(' ').next().unwrap_or_default().parse()?))
}

/// The limit of the time for ten times the work: far below quadratic time, and above the noise of caches and other
/// programs.
const AT_MOST: u32 = 25;

/// Measures the time of each stage.
fn stages(registers: usize) -> Result<Vec<(&'static str, Duration)>> {
    let source = Source::new("big.yaml", map(registers, |number| condition(registers, number)));
    let mut stages = Vec::new();
    let mut last = on_processor()?;
    let mut ends = |stage| -> Result {
        let now = on_processor()?;
        stages.push((stage, now - last));
        last = now;
        Ok(())
    };
    let parsed = parse::parse(&source);
    ends("parse")?;
    let (checked, placed) = check::check_with_spans(parsed).map_err(|_| "the map has errors")?;
    ends("check")?;
    lint::lint(&placed);
    ends("lint")?;
    let map = lower::lower(&checked);
    ends("lower")?;
    rust::registers(&map, &Options::default());
    ends("code")?;
    rust::docs(&map, &Options::default());
    ends("documentation")?;
    Ok(stages)
}

#[test]
#[ignore = "takes minutes"]
fn every_stage_takes_linear_time() -> Result {
    let (some, many) = (stages(10_000)?, stages(100_000)?);
    for ((stage, some), (_, many)) in some.into_iter().zip(many) {
        println!("{stage}: {some:.2?} for 10,000 registers, {many:.2?} for 100,000");
        // The resolution of the clock is some milliseconds.
        assert!(many < AT_MOST * some.max(Duration::from_millis(10)), "{stage} takes more than linear time");
    }
    Ok(())
}

/// An error for each register, and a part of its message.
type ErrorCase = (fn(usize) -> String, &'static str);

const ERRORS: [ErrorCase; 5] = [
    (|_| "groop: g".to_owned(), "unknown key"),
    (|_| "write_in: [Idel]".to_owned(), "there is no permission"),
    (|_| "aliases: [{ base: 0 }]".to_owned(), "share the address"),
    (|_| "reset_known: 0x100000000".to_owned(), "does not fit"),
    (|number| format!("when: {{ REGISTRY_{number}.SIZE: 1 }}"), "there is no field"),
];

#[test]
#[ignore = "takes minutes"]
fn every_error_takes_linear_time() -> Result {
    for (error, word) in ERRORS {
        let time = |registers| -> Result<Duration> {
            let text = map(registers, error);
            let start = on_processor()?;
            let report = read_bytes("big.yaml", text.as_bytes()).err().ok_or("there is no error")?;
            let reported = report.render(true);
            let time = on_processor()? - start;
            assert!(report.diagnostics().len() >= registers - 1 && reported.contains(word), "not reported: {word}");
            Ok(time)
        };
        let (some, many) = (time(10_000)?, time(100_000)?);
        println!("{word}: {some:.2?} for 10,000 errors, {many:.2?} for 100,000");
        assert!(many < AT_MOST * some, "{word}: takes more than linear time");
    }
    Ok(())
}

#[test]
fn suggestions_end_after_many_errors() -> Result {
    let (registers, word) = (200, |number: usize| format!("REGISTRY_{number}"));
    let mut text = map(registers, |number| condition(registers, number)) + "overlaps:\n";
    for number in 0..registers {
        let _ = writeln!(text, "  - [REGISTER_0, {}]", word(number));
    }
    let report = read_bytes("big.yaml", text.as_bytes()).err().ok_or("there is no error")?.to_string();
    let reported: Vec<_> =
        report.split("error: ").filter(|reported| reported.contains("there is no register")).collect();
    assert_eq!(reported.len(), registers, "not all are reported");
    assert!(
        reported[..100].iter().all(|reported| reported.contains("did you mean `REGISTER_")),
        "an early error has no suggestion"
    );
    assert!(
        reported[100..].iter().all(|reported| !reported.contains("help")),
        "a late error has a suggestion:\n{}",
        reported[150]
    );
    Ok(())
}
