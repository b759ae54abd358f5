//! The two ports of a modelled chip, the traffic that they see, and the report of what came of it.

use std::env;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ixgbe::trace::{Recorder, Trace};
use ixgbe_sim::traces::{Summary, compare, replay};
use ixgbe_sim::wire::Duplex;
use ixgbe_sim::wire::generator::Generator;
use ixgbe_sim::wire::sink::{Sink, SinkCounters};
use ixgbe_sim::{Fault, HostConfig, Port, PortConfig, Runner};

use crate::feed::Feed;
use crate::function::Function;
use crate::sent::Sent;

/// Functions of the chip that the program drives: one of each port.
pub(crate) const PORTS: usize = 2;
/// How often is looked whether all frames are through.
const LOOK: Duration = Duration::from_millis(20);

/// What to do, by environment variables.
#[derive(Debug)]
struct Plan {
    /// `MODEL_FRAMES`: how many frames each port receives; 0 without it.
    frames: u64,
    /// `MODEL_SIZES`: `SMALLEST-LARGEST`, bytes of a frame without CRC.
    sizes: (usize, usize),
    /// `MODEL_FAULT`: what goes wrong with the first port, or with both if one is fed, by its name in [`Fault`].
    fault: Option<Fault>,
    /// `MODEL_REPORT`: the file for the report.
    report: String,
    /// `MODEL_FEED`: the file with the frames that the first port receives instead. What the second one sends is then
    /// reported.
    feed: Option<String>,
    /// `MODEL_VIRTUAL`: `true` if the program drives a virtual function of each port.
    is_virtual: bool,
    /// `MODEL_RESET`: a file. Once it is there, the physical functions are reset.
    reset: Option<String>,
    /// `MODEL_RECORD`: the file for the register accesses of the first port.
    record: Option<String>,
    /// `MODEL_COMPARE`: an old recording, with which the new one is compared.
    compare: Option<String>,
}

impl Plan {
    fn read() -> Result<Self, String> {
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text} is no number"));
        let (smallest, largest) = match set("MODEL_SIZES") {
            None => (60, 60),
            Some(sizes) => match sizes.split_once('-') {
                Some((smallest, largest)) => (number(smallest)? as usize, number(largest)? as usize),
                None => return Err(format!("MODEL_SIZES is {sizes}: it must be like 60-1514")),
            },
        };
        Ok(Self {
            frames: set("MODEL_FRAMES").map_or(Ok(0), |frames| number(&frames))?,
            sizes: (smallest, largest),
            fault: set("MODEL_FAULT").map(|name| name.parse()).transpose()?,
            report: set("MODEL_REPORT").ok_or("MODEL_REPORT names no file")?,
            feed: set("MODEL_FEED"),
            is_virtual: set("MODEL_VIRTUAL").is_some_and(|value| value == "true"),
            reset: set("MODEL_RESET"),
            record: set("MODEL_RECORD"),
            compare: set("MODEL_COMPARE"),
        })
    }
}

/// All of it.
struct Model {
    ports: Vec<Port>,
    functions: Vec<Function>,
    sinks: Vec<Arc<SinkCounters>>,
    /// `None` once the report is made.
    runner: Option<Runner>,
    report: File,
    recorder: Option<Recorder>,
    /// The new recording and the old one.
    recordings: Option<(String, String)>,
}

/// The chip that the process drives, from the first call of [`function`] on.
static MODEL: Mutex<Option<Model>> = Mutex::new(None);

/// PCI function `number`, and the chip, if it is not there yet.
pub(crate) fn function(number: usize) -> Result<Function, String> {
    let mut model = MODEL.lock().unwrap_or_else(PoisonError::into_inner);
    let model = match &mut *model {
        Some(model) => model,
        empty => {
            let made = empty.insert(Model::new(&Plan::read()?)?);
            // SAFETY: the function may be called at any time.
            unsafe { libc::atexit(finish) };
            made
        }
    };
    model.functions.get(number).cloned().ok_or_else(|| format!("the chip has no function {number}"))
}

impl Model {
    fn new(plan: &Plan) -> Result<Self, String> {
        let report = File::create(&plan.report).map_err(|error| format!("{}: {error}", plan.report))?;
        let (mut ports, mut functions, mut sinks) = (Vec::new(), Vec::new(), Vec::new());
        for lan_id in 0..PORTS as u8 {
            let mac = [0x02, 0x82, 0x59, 0x90, 0, lan_id];
            let port = Port::new(PortConfig { mac, lan_id, ..PortConfig::default() });
            let generator = Generator::new(mac, plan.sizes.0).up_to(plan.sizes.1).count(plan.frames).lossless();
            let sink = Sink::new();
            sinks.push(sink.counters());
            let told = report.try_clone().map_err(|error| error.to_string())?;
            match &plan.feed {
                Some(file) if lan_id == 0 => port.plug(Feed::new(file.clone(), told)),
                Some(_) => port.plug(Sent::new(told)),
                None => port.plug(Duplex::new(generator, sink)),
            }
            functions.push(if plan.is_virtual {
                virtual_function(&port, mac)?
            } else {
                Function::Physical(port.clone())
            });
            ports.push(port);
        }
        // A fed port does not send: the other one does.
        let faulty = if plan.feed.is_some() { PORTS } else { 1 };
        plan.fault.into_iter().for_each(|fault| ports[..faulty].iter().for_each(|port| port.inject(fault)));
        let recorder = plan.record.as_ref().map(|file| record(&ports[0], file)).transpose()?;
        let runner = Some(Runner::start(ports.clone()).map_err(|error| error.to_string())?);
        let (watched, frames) = (sinks.clone(), plan.frames);
        let mut told = report.try_clone().map_err(|error| error.to_string())?;
        std::thread::spawn(move || {
            while watched.iter().any(|sink| sink.frames() + sink.corrupted() + sink.foreign() < frames) {
                std::thread::sleep(LOOK);
            }
            _ = writeln!(told, "all frames came");
        });
        if let Some(file) = plan.reset.clone() {
            let hosts = ports.clone();
            std::thread::spawn(move || {
                while !Path::new(&file).exists() {
                    std::thread::sleep(LOOK);
                }
                hosts.iter().for_each(Port::reset_host);
            });
        }
        let recordings = plan.record.clone().zip(plan.compare.clone());
        Ok(Self { ports, functions, sinks, runner, report, recorder, recordings })
    }

    /// Writes what the driver did and what became of the frames.
    fn tell(&mut self) -> std::io::Result<()> {
        drop(self.runner.take());
        if let Some(recorder) = self.recorder.take() {
            recorder.finish();
        }
        if let Some((new, old)) = self.recordings.take() {
            for difference in differences(&new, &old).unwrap_or_else(|error| vec![error]) {
                writeln!(self.report, "trace: {difference}")?;
            }
        }
        for (number, (port, sink)) in self.ports.iter().zip(&self.sinks).enumerate() {
            for (violation, count) in port.violation_kinds() {
                // One line each, whatever the details are made of.
                let violation = violation.to_string();
                let words: Vec<&str> = violation.split_whitespace().collect();
                writeln!(self.report, "port {number}: violation: {count} x {}", words.join(" "))?;
            }
            let (counters, report) = (port.counters(), &mut self.report);
            let (received, bytes) = (counters.frames_in, counters.delivered_bytes);
            write!(report, "port {number}: received {received} received-bytes {bytes}")?;
            let (sent, bytes) = (counters.transmitted, counters.transmitted_bytes);
            writeln!(report, " dropped {} sent {sent} sent-bytes {bytes}", received - counters.delivered)?;
            write!(report, "port {number}: sink {} lost {}", sink.frames(), sink.lost())?;
            write!(report, " doubled {} reordered {}", sink.duplicated(), sink.reordered())?;
            writeln!(report, " corrupted {} foreign {}", sink.corrupted(), sink.foreign())?;
        }
        writeln!(self.report, "end of report")
    }
}

/// Returns the one virtual function of a port, with the address `mac`. It may pass on frames of others.
fn virtual_function(port: &Port, mac: [u8; 6]) -> Result<Function, String> {
    let config = HostConfig { mac: Some(mac), checks_source: false, max_frame: 9728, ..HostConfig::default() };
    let functions = port.host(config).map_err(|error| error.to_string())?;
    functions.into_iter().next().map(Function::Virtual).ok_or_else(|| "the port has no virtual function".into())
}

/// Records the register accesses of a port in a file.
fn record(port: &Port, file: &str) -> Result<Recorder, String> {
    let mut out = File::create(file).map(BufWriter::new).map_err(|error| format!("{file}: {error}"))?;
    Ok(port.record(move |line| {
        let written =
            writeln!(out, "{line}").and_then(|()| if line.starts_with("end ") { out.flush() } else { Ok(()) });
        if let Err(error) = written {
            eprintln!("error: the model's recording: {error}");
        }
    }))
}

/// What differs in a new recording from an old one, and from what the model answers when it is replayed.
fn differences(new: &str, old: &str) -> Result<Vec<String>, String> {
    let read = |file: &str| -> Result<Trace, String> {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
        text.parse().map_err(|error| format!("{file}: {error}"))
    };
    let (new, old) = (read(new)?, read(old)?);
    let other = compare(&Summary::of(&old), &Summary::of(&new));
    let replayed = replay(&new).mismatches;
    Ok(other.iter().map(ToString::to_string).chain(replayed.iter().map(ToString::to_string)).collect())
}

/// Makes the report when the process ends.
extern "C" fn finish() {
    if let Some(model) = MODEL.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
        && let Err(error) = model.tell()
    {
        eprintln!("error: the model's report: {error}");
    }
}
