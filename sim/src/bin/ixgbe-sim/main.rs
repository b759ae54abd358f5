//! Serves the model as a PCI function to a virtual machine, over the protocol vfio-user.
//!
//! One port answers ARP and pings through a partner of its own; two ports are wired together. It ends
//! when all its peers are gone, and then prints what their drivers did and must not have done.

mod config_space;
mod function;
mod partner;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use ixgbe_sim::{Fault, Port, PortConfig, Runner, connect};
use vfio_user::Server;

use function::{Function, irqs, regions};
use partner::Partner;

/// A model of Intel's 82599, served over vfio-user.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where to make the socket of each port: one, or two that are wired together.
    #[arg(required = true, num_args = 1..=2)]
    sockets: Vec<PathBuf>,
    /// What goes wrong with the first port, by the names of `ixgbe_sim::Fault`.
    #[arg(long)]
    fault: Vec<Fault>,
    /// Tell every access to registers, and every write to the configuration space, on the standard error output.
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    match serve(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let ports: Vec<Port> = (0..arguments.sockets.len() as u8)
        .map(|lan_id| Port::new(PortConfig { mac: [0x02, 0x82, 0x59, 0x90, 0, lan_id], lan_id, ..Default::default() }))
        .collect();
    match &ports[..] {
        [one, other] => connect(one, other),
        [one, ..] => one.plug(Partner::new()),
        [] => {}
    }
    arguments.fault.iter().for_each(|fault| ports[0].inject(*fault));
    let runner = Runner::start(ports.clone())?;
    let mut servers = Vec::new();
    for (socket, port) in arguments.sockets.iter().zip(&ports) {
        let server = Server::new(socket, true, irqs(), regions())
            .map_err(|error| format!("the socket {}: {error}", socket.display()))?;
        let mut function = Function::new(port.clone(), arguments.trace);
        servers.push(std::thread::spawn(move || server.run(&mut function)));
    }
    println!("ready");
    let mut failed = None;
    for server in servers {
        match server.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => failed = Some(error.to_string()),
            Err(_) => failed = Some("a server panicked".to_owned()),
        }
    }
    drop(runner);
    for (number, port) in ports.iter().enumerate() {
        report(number, port);
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// Prints what the driver of a port did.
fn report(number: usize, port: &Port) {
    for (violation, count) in port.violation_kinds() {
        // One line each, whatever the details are made of.
        let violation = violation.to_string();
        let words: Vec<&str> = violation.split_whitespace().collect();
        println!("port {number}: violation: {count} x {}", words.join(" "));
    }
    println!("port {number}: {:?}", port.counters());
}
