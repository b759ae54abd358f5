//! Tests a card: what it says of itself, its reset values, and everything in loopback, without a cable.
//!
//! It resets the card, and never writes its EEPROM, its flash or its module.
//!
//! ```console
//! $ cargo run --release --example selftest
//! $ cargo run --release --example selftest -- 0000:03:00.0 --report card.json
//! $ cargo run --release --example selftest -- 0000:03:00.0 --link
//! ```

#[path = "selftest/mod.rs"]
mod checks;
mod common;

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use checks::Options;
use checks::card::{Card, Source, VECTORS};
use checks::table::{Table, Verdict};
use clap::Parser;
use common::testbed::PortArguments;
use ixgbe::linux::Vfio;
use ixgbe::platform::AnyPlatform;
use ixgbe::trace::Recorder;
use ixgbe_sim::Fault;
use ixgbe_sim::wire::NoTraffic;
use serde_json::{Value, json};

/// Tests a card, or the model of one, in loopback: no cable is needed.
///
/// Exit status: 0 if nothing differs, 1 if something does or the test cannot be made, 2 if the arguments are invalid.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    ports: PortArguments,
    /// Also test the wire: wait for a link, send one frame and count errors for a second
    #[arg(long)]
    link: bool,
    /// Write a report to this file, to be sent with a bug report
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write all register accesses to this file; MAC address and serial numbers are among them
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Leave in the report what identifies the card: MAC addresses and the module's serial number
    #[arg(long)]
    identify: bool,
    /// Send frames of up to this many bytes, with CRC
    #[arg(long, default_value_t = 9018, value_parser = clap::value_parser!(u16).range(1518..=15872))]
    max_frame: u16,
    /// Send every Nth length only
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    stride: u16,
    /// Stop and start the device this many times
    #[arg(long, value_name = "N", default_value_t = 100)]
    cycles: u16,
    /// Give the model this fault, to see what a card with it would report
    #[arg(long, value_name = "FAULT", conflicts_with = "addresses")]
    fault: Option<Fault>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut differences = 0;
    let code = common::run(|| {
        differences = test(&arguments)?;
        Ok(())
    });
    if differences > 0 { ExitCode::FAILURE } else { code }
}

/// Tests the card. Returns the number of rows that differ.
fn test(arguments: &Arguments) -> Result<usize, Box<dyn Error>> {
    let mut testbed = arguments.ports.open(&[1], 1)?;
    // Before the test, which takes a minute: a report that cannot be written is no use.
    let out = arguments.report.as_deref().map(create).transpose()?;
    let options = Options {
        max_frame: arguments.max_frame.into(),
        stride: arguments.stride.into(),
        cycles: arguments.cycles.into(),
        samples: 1000,
        link: arguments.link,
        identify: arguments.identify,
    };
    let platform = testbed.take_platforms().pop().ok_or("no port was opened")?;
    let vfio: Option<&Vfio> = platform.downcast_ref();
    let (kind, card, mac) = match (testbed.model().first(), vfio) {
        (Some(port), _) => {
            arguments.fault.into_iter().for_each(|fault| port.inject(fault));
            port.plug(NoTraffic);
            ("model", Card::of_model(port), Some(common::mac_of(0)))
        }
        (None, Some(vfio)) => ("vfio", Card::new(None, interrupts(vfio)), None),
        (None, None) => ("sysfs", Card::new(None, Source::None("interrupts need VFIO")), None),
    };
    let trace = arguments.trace.as_deref().map(|path| recorder(path, mac)).transpose()?;
    let platform = match &trace {
        Some(trace) => AnyPlatform::new(trace.record(platform)),
        None => platform,
    };
    let mut table = Table::new(true);
    let mut report = checks::run(&card, platform, &options, &mut table);
    let [ok, differs, skipped] = [Verdict::Ok, Verdict::Differs, Verdict::Skipped].map(|verdict| table.count(verdict));
    if let Some(trace) = &trace {
        trace.finish();
    }
    println!("{ok} ok, {differs} differ, {skipped} skipped");
    if differs > 0 && kind != "model" {
        println!("please send a report of this card: run again with --report card.json --trace card.trace");
    }
    if let Some(mut out) = out {
        report["format"] = "ixgbe selftest 1".into();
        report["host"] = host(&options, kind);
        report["checks"] = table.json();
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    }
    Ok(differs)
}

/// Returns a recorder of register accesses that writes to the file at `path`. `mac` is the address of a port of the model.
fn recorder(path: &Path, mac: Option<[u8; 6]>) -> Result<Recorder, Box<dyn Error>> {
    let (mut out, name) = (BufWriter::new(create(path)?), path.display().to_string());
    let mut has_failed = false;
    let write = move |line: &str| {
        let flush = if line.starts_with("end ") { BufWriter::flush } else { |_: &mut BufWriter<File>| Ok(()) };
        // A full disk costs the trace, and not the test.
        if let Err(error) = writeln!(out, "{line}").and_then(|()| flush(&mut out))
            && !std::mem::replace(&mut has_failed, true)
        {
            eprintln!("error: cannot write {name}: {error}");
        }
    };
    Ok(match mac {
        Some(mac) => Recorder::of_port(mac, 0, write),
        None => Recorder::new(write),
    })
}

/// Takes the interrupts of a VFIO device, before anything else is done to it.
fn interrupts(vfio: &Vfio) -> Source {
    match vfio.interrupts(VECTORS) {
        Ok(interrupts) => Source::Vfio(interrupts),
        Err(error) => {
            eprintln!("note: {error}");
            Source::None("VFIO gives no interrupts")
        }
    }
}

/// Returns what the report says of the machine and the program. `kind` is the kind of platform.
fn host(options: &Options, kind: &str) -> Value {
    let read = |path| std::fs::read_to_string(path).map_or(Value::Null, |text| text.trim().into());
    json!({
        "library": env!("CARGO_PKG_VERSION"),
        "kernel": read("/proc/sys/kernel/osrelease"),
        "architecture": std::env::consts::ARCH,
        "platform": kind,
        "max_frame": options.max_frame,
        "stride": options.stride,
        "cycles": options.cycles,
    })
}

fn create(path: &Path) -> Result<File, Box<dyn Error>> {
    File::create(path).map_err(|error| format!("cannot write {}: {error}", path.display()).into())
}
