//! `ixgbectl selftest`: the test's arguments, its report and its trace.

use std::error::Error;
use std::fs::{File, Metadata};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use ixgbe::linux::{PciAddress, Vfio};
use ixgbe::platform::AnyPlatform;
use ixgbe::trace::Recorder;
use serde_json::{Value, json};

use super::Options;
use super::card::{Card, RealWorld, Source, VECTORS};
use super::table::{Table, Verdict};
use crate::Outcome;
use crate::arguments::{Drive, Selftest, Target};
use crate::drive::Driven;

/// Tests the card, prints a row a check, and writes the files that the arguments name.
pub fn run(arguments: &Selftest, out: &mut dyn Write) -> Result<Outcome, Box<dyn Error>> {
    #[cfg(feature = "model")]
    if arguments.fault.is_some() && arguments.drive.target != Target::Model {
        return Err("--fault is for the model: `ixgbectl selftest model --fault FAULT`".into());
    }
    let (mut driven, kind, card, platform, mac) = open(arguments)?;
    // Before the test, which takes a minute: a report that cannot be written is no use.
    let [file, trace_file] = create(arguments)?;
    let options = Options {
        max_frame: arguments.max_frame.into(),
        stride: arguments.stride.into(),
        cycles: arguments.cycles.into(),
        samples: 1000,
        link: arguments.link,
        identify: arguments.identify,
    };
    let failure = Arc::new(OnceLock::new());
    let trace = trace_file.map(|file| recorder(file, mac, Arc::clone(&failure)));
    let platform = match &trace {
        Some(trace) => AnyPlatform::new(trace.record(platform)),
        None => platform,
    };
    let mut table = Table::new(true);
    let mut report = super::run(&card, platform, &options, &mut table);
    // The platform is gone: a function of sysfs can go back.
    driven.take();
    let [ok, differs, skipped] = [Verdict::Ok, Verdict::Differs, Verdict::Skipped].map(|verdict| table.count(verdict));
    if let Some(trace) = &trace {
        trace.finish();
    }
    if let Some(mut file) = file {
        report["format"] = "ixgbe selftest 1".into();
        report["host"] = host(&options, kind);
        report["checks"] = table.json();
        let text = serde_json::to_string_pretty(&report)?;
        writeln!(file, "{text}").map_err(|error| format!("cannot write the report: {error}"))?;
    }
    writeln!(out, "{ok} ok, {differs} differ, {skipped} skipped")?;
    if differs > 0 && kind != "model" {
        writeln!(out, "please send a report of this card: run again with --report card.json --trace card.trace")?;
    }
    if let (Some(error), Some(path)) = (failure.get(), &arguments.trace) {
        return Err(format!("cannot write {}: {error}", path.display()).into());
    }
    Ok(if differs > 0 { Outcome::Finding } else { Outcome::Fine })
}

/// What gives the function back, the kind of platform, the card, the platform, and the MAC address of a port of the
/// model.
type Opened = (Option<Driven>, &'static str, Card, AnyPlatform, Option<[u8; 6]>);

fn open(arguments: &Selftest) -> Result<Opened, Box<dyn Error>> {
    match arguments.drive.target {
        Target::Function(address) => open_function(address, &arguments.drive),
        #[cfg(feature = "model")]
        Target::Model => {
            let port = crate::model::test_port(crate::model::MAC, arguments.fault);
            let platform = AnyPlatform::new(port.claim()?);
            Ok((None, "model", crate::model::card(&port), platform, Some(crate::model::MAC)))
        }
    }
}

fn open_function(address: PciAddress, arguments: &Drive) -> Result<Opened, Box<dyn Error>> {
    let mut driven = Driven::open(address, arguments)?;
    let platform = driven.take()?;
    let (kind, source) = match platform.downcast_ref() {
        Some(vfio) => ("vfio", interrupts(vfio)),
        None => ("sysfs", Source::None("interrupts need VFIO")),
    };
    Ok((Some(driven), kind, Card::new(Box::new(RealWorld::new()), source), platform, None))
}

/// Opens the files of the report and of the trace. Both keep their contents if one of them cannot be written.
fn create(arguments: &Selftest) -> Result<[Option<File>; 2], Box<dyn Error>> {
    let open = |path: &Option<PathBuf>| {
        let Some(path) = path else { return Ok(None) };
        let file = File::options().write(true).create(true).truncate(false).open(path);
        file.map(Some).map_err(|error| format!("cannot write {}: {error}", path.display()))
    };
    let files = [open(&arguments.report)?, open(&arguments.trace)?];
    // Pipes and devices have nothing to keep, and may be both.
    let identity = |file: &Option<File>| {
        let metadata = file.as_ref().and_then(|file| file.metadata().ok()).filter(Metadata::is_file);
        metadata.map(|metadata| (metadata.dev(), metadata.ino()))
    };
    let [report, trace] = [identity(&files[0]), identity(&files[1])];
    if let (Some(path), true) = (&arguments.trace, trace.is_some() && report == trace) {
        return Err(format!("{} cannot be both the report and the trace: give another name", path.display()).into());
    }
    let mut regular = files.iter().filter(|file| identity(file).is_some()).flatten();
    regular.try_for_each(|file| file.set_len(0))?;
    Ok(files)
}

/// Returns a recorder of register accesses that writes to `file`, or notes its first `failure`. `mac` is the address of a
/// port of the model.
fn recorder(file: File, mac: Option<[u8; 6]>, failure: Arc<OnceLock<io::Error>>) -> Recorder {
    let mut out = BufWriter::new(file);
    let write = move |line: &str| {
        let flush = if line.starts_with("end ") { BufWriter::flush } else { |_: &mut BufWriter<File>| Ok(()) };
        // A full disk costs the trace, and not the test.
        if let Err(error) = writeln!(out, "{line}").and_then(|()| flush(&mut out)) {
            _ = failure.set(error);
        }
    };
    match mac {
        Some(mac) => Recorder::of_port(mac, 0, write),
        None => Recorder::new(write),
    }
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
