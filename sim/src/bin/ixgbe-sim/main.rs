//! A server that offers the model as a PCI function to a virtual machine, over the protocol vfio-user.
//!
//! The first port is connected to the second, the third to the fourth, by copper cables: lasers do not matter. A port
//! without a counterpart is connected to a link partner that answers ARP and pings. The server exits when all clients have disconnected, and then prints the
//! violations of their drivers.

mod commands;
mod config_space;
mod function;
mod partner;
mod target;
mod traces;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use ixgbe::trace::Recorder;
use ixgbe_sim::{Fault, HostConfig, Port, PortConfig, Runner, connect_copper};
use vfio_user::Server;

use function::{Function, irqs, regions};
use partner::Partner;
use target::Target;

/// Serve a model of Intel's 82599 to virtual machines over vfio-user.
///
/// Reads commands from standard input, one per line: unplug PORT, plug PORT, report PORT, reset-host PORT, fault PORT
/// NAME, clear PORT NAME, drift PORT PARTS_PER_BILLION.
///
/// Exit status: 0 when all clients have disconnected, 1 if the server or a connection failed, 2 if the
/// arguments are invalid.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<traces::Command>,
    /// Create a port's socket at each path; connect the first port to the second, the third to the fourth
    #[arg(required = true, num_args = 1..=4)]
    sockets: Vec<PathBuf>,
    /// Inject a fault into the first port, by a name of `ixgbe_sim::Fault`
    #[arg(long)]
    fault: Vec<Fault>,
    /// Serve a virtual function of this port, from 0, in its place: the model's own physical function has the port
    #[arg(long, value_name = "PORT")]
    virtual_function: Vec<usize>,
    /// Print all register accesses and all writes to the configuration space, with their port, to standard error
    #[arg(long)]
    trace: bool,
    /// Record the register accesses of the first port in this file, for `ixgbe-sim replay`
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

fn main() -> ExitCode {
    if log::set_logger(&Log).is_ok() {
        log::set_max_level(log::LevelFilter::Error);
    }
    let arguments = Arguments::parse();
    if let Some(command) = &arguments.command {
        return command.run();
    }
    match serve(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let ports: Vec<Port> = (0..arguments.sockets.len() as u8)
        .map(|number| (number, [0x02, 0x82, 0x59, 0x90, 0, number]))
        .map(|(number, mac)| Port::new(PortConfig { mac, lan_id: number % 2, ..Default::default() }))
        .collect();
    for wire in ports.chunks(2) {
        match wire {
            [one, other] => connect_copper(one, other),
            [one] => one.plug(Partner::new()),
            _ => {}
        }
    }
    arguments.fault.iter().for_each(|fault| ports[0].inject(*fault));
    let recorder = arguments.record.as_deref().map(|file| record(&ports[0], file)).transpose()?;
    let targets: Vec<Target> =
        ports.iter().enumerate().map(|(number, port)| target(number, port, arguments)).collect::<Result<_, _>>()?;
    let runner = Runner::start(ports.clone())?;
    let mut servers = Vec::new();
    for (number, (socket, target)) in arguments.sockets.iter().zip(targets).enumerate() {
        let (irqs, regions) = (irqs(target.is_virtual()), regions(target.is_virtual()));
        let server = Server::new(socket, true, irqs, regions)
            .map_err(|error| format!("cannot create socket {}: {error}", socket.display()))?;
        let mut function = Function::new(target, arguments.trace.then(|| format!("port {number}")));
        servers.push(
            std::thread::Builder::new()
                .name(format!("port {number}"))
                .spawn(move || serve_one(&server, &mut function))?,
        );
    }
    let commanded = ports.clone();
    std::thread::spawn(move || commands::obey(std::io::stdin().lock(), &commanded));
    println!("ready");
    let mut failed = None;
    for server in servers {
        // The server's thread catches its own panics.
        if let Ok(Err(error)) = server.join() {
            failed = Some(error);
        }
    }
    drop(runner);
    if let Some(recorder) = recorder {
        recorder.finish();
    }
    for (number, port) in ports.iter().enumerate() {
        report(number, port);
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// Returns what is served for the port with this number.
fn target(number: usize, port: &Port, arguments: &Arguments) -> Result<Target, String> {
    if !arguments.virtual_function.contains(&number) {
        return Ok(Target::Port(port.clone()));
    }
    let mac = Some([0x02, 0x82, 0x59, 0x10, 0xED, number as u8]);
    let functions = port.host(HostConfig { mac, max_frame: 9728, ..Default::default() });
    let function = functions.map_err(|error| error.to_string())?.into_iter().next();
    function.map(Target::Virtual).ok_or_else(|| format!("port {number} has no virtual function"))
}

/// Records the accesses of a port in `file`. Without an end, the file was cut.
fn record(port: &Port, file: &Path) -> Result<Recorder, String> {
    let mut out = File::create(file).map(BufWriter::new).map_err(|error| format!("{}: {error}", file.display()))?;
    let name = file.display().to_string();
    Ok(port.record(move |line| {
        // The last line is on the disk when the server exits.
        let written =
            writeln!(out, "{line}").and_then(|()| if line.starts_with("end ") { out.flush() } else { Ok(()) });
        if let Err(error) = written {
            eprintln!("error: {name}: {error}");
        }
    }))
}

/// Serves the client of one port until its connection ends. The protocol's crate panics at some malformed messages: the
/// panic also ends only this connection.
fn serve_one(server: &Server, function: &mut Function) -> Result<(), String> {
    let error = match catch_unwind(AssertUnwindSafe(|| server.run(function))) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "a malformed message".to_owned(),
    };
    let error = format!("the connection is closed: {error}");
    log::error!("{error}");
    Err(error)
}

/// A logger that prints errors with the name of their thread: each thread serves one port.
struct Log;

impl log::Log for Log {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() == log::Level::Error
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            eprintln!("{}: {}", std::thread::current().name().unwrap_or("unnamed thread"), record.args());
        }
    }

    fn flush(&self) {}
}

/// Prints the violations of a port's driver, and the port's counters.
fn report(number: usize, port: &Port) {
    print_violations(&format!("port {number}"), port);
    println!("port {number}: {:?}", port.counters());
}

fn print_violations(about: &str, port: &Port) {
    for (violation, count) in port.violation_kinds() {
        // One line per violation, even if its details contain line breaks.
        let violation = violation.to_string();
        let words: Vec<&str> = violation.split_whitespace().collect();
        println!("{about}: violation: {count} x {}", words.join(" "));
    }
}
