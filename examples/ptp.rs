//! Synchronises the PTP clock of a port with the master on its link, by the crate `statime`.
//!
//! A second port is the master. Without it, another host is, for example with `ptp4l -2 -H`.
//!
//! ```console
//! $ cargo run --release --example ptp
//! $ cargo run --release --example ptp -- 0000:03:00.0 --seconds 3600
//! ```

#[path = "ptp/clock.rs"]
mod clock;
#[macro_use]
mod common;
#[path = "ptp/link.rs"]
mod link;
#[path = "ptp/node.rs"]
mod node;
#[path = "ptp/record.rs"]
mod record;

use std::cell::RefCell;
use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use common::testbed::PortArguments;
use common::watch::Watch;
use ixgbe::device::{Config, PtpStamps};
use ixgbe_sim::connect;
use node::{Node, instance};
use record::Record;

/// Drift of the oscillators of the model's ports, in parts per billion.
const DRIFTS: [i32; 2] = [50_000, -30_000];

/// Synchronises the PTP clock of a port with the master on its link.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    ports: PortArguments,
    /// Number of seconds for which the offset from the master must stay within the limit before the end.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// The limit, in nanoseconds.
    #[arg(long, value_name = "NANOSECONDS", default_value_t = 1000)]
    limit: u64,
    /// Number of seconds after which it is an error that the offset is not within the limit.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    common::run(|| synchronise(&arguments))
}

fn synchronise(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut testbed = arguments.ports.open(&[1, 2], 2)?;
    if let [one, other] = testbed.model() {
        connect(one, other);
        testbed.model().iter().zip(DRIFTS).for_each(|(port, drift)| port.set_drift(drift));
    }
    let config = Config::new().ptp(PtpStamps::EventsV2).all_multicast(true);
    let mut nics = testbed.bring_up_all(&config)?;
    common::near::pin(&testbed.cpus, 0);
    let instances: Vec<_> = nics.iter().enumerate().map(|(n, nic)| instance(nic.mac(), n == 1)).collect();
    let (mut controls, mut queues) = (Vec::new(), Vec::new());
    for nic in &mut nics {
        let pool = nic.pools().next().cloned().ok_or("a queue has a pool")?;
        let (control, mut pairs) = nic.split();
        controls.push(RefCell::new(control));
        queues.push((pairs.pop().ok_or("a device has a queue pair")?, pool));
    }
    let (mut nodes, mut offsets) = (Vec::new(), Vec::new());
    for ((instance, control), (queues, pool)) in instances.iter().zip(&controls).zip(queues) {
        offsets.push(Record::new(arguments.limit));
        nodes.push(Node::new(instance, control, queues, pool, offsets[offsets.len() - 1].clone())?);
    }
    let mut watch = Watch::new("port 0", &mut *controls[0].borrow_mut());
    let (start, patience) = (Instant::now(), Duration::from_secs(arguments.patience));
    let settled = loop {
        nodes = nodes.into_iter().map(Node::poll).collect::<Result<_, _>>()?;
        watch.look(&mut *controls[0].borrow_mut())?;
        match offsets[0].borrow().settled() {
            Some(since) if since.elapsed() >= Duration::from_secs(arguments.seconds) => break since - start,
            None if start.elapsed() > patience => {
                return Err(unsettled(offsets[0].borrow().extremes(), arguments).into());
            }
            _ if testbed.is_interrupted() => {
                return Err("interrupted before the clock was right for long enough".into());
            }
            _ => {}
        }
    };
    let delay = nodes[0].delay();
    drop(nodes);
    let frequency = controls[0].borrow_mut().ptp().map_or(0, |clock| clock.frequency());
    drop(controls);
    let (low, high) = offsets[0].borrow().extremes().unwrap_or_default();
    println!(
        "port 0: within {} ns after {:.1} s; the last offsets are {low} to {high} ns",
        arguments.limit,
        settled.as_secs_f64()
    );
    println!("port 0: delay of the link {delay} ns; frequency adjusted by {frequency} parts per billion");
    testbed.finish(nics)
}

/// Says why the clock has not settled.
fn unsettled(offsets: Option<(i64, i64)>, arguments: &Arguments) -> String {
    let Arguments { limit, patience, .. } = arguments;
    match offsets {
        Some((low, high)) => format!(
            "the clock is not within {limit} ns of the master's after {patience} s: the last offsets are {low} to \
             {high} ns: raise --limit or --patience"
        ),
        None => {
            "no PTP master is heard: start one at the other end of the link, as `ptp4l -2 -H -m -i eth0`".to_owned()
        }
    }
}
