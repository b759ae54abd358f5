//! The transfer on one port or two, or on one of the model with Linux at the other end of its wire.

use std::error::Error;
use std::slice;

use ixgbe::device::{Config, Control, FlowControl};
use ixgbe::platform::AnyPlatform;
use ixgbe::pool::Pool;
use ixgbe::queue::QueuePair;
use ixgbe_sim::connect;
use ixgbe_smoltcp::{Adapter, Offloading, Plain, Queues};

use crate::common::testbed::Nic;
use crate::common::watch::Watch;
use crate::output::report;
use crate::tap::beside::beside;
use crate::tap::device::Tap;
use crate::{Arguments, MAX_FRAME, POOL};

/// A port, split into what a host needs.
struct End<'a> {
    control: Control<'a, AnyPlatform>,
    queues: QueuePair<'a, AnyPlatform>,
    pool: Pool,
}

/// Transfers between the ports that the user gave, or between two of the model.
pub fn transfer(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut testbed = arguments.ports.open(&[1, 2], 2)?;
    if let [one, other] = testbed.model() {
        connect(one, other);
    }
    let tap = arguments.tap.as_deref().map(Tap::open).transpose()?;
    let mut config = Config::new().max_frame(MAX_FRAME);
    if tap.is_some() {
        config = config.flow_control(FlowControl::Both);
    }
    let mut nics = testbed.bring_up_all(&config)?;
    crate::common::near::pin(&testbed.cpus, 0);
    match (tap, &mut nics[..]) {
        (Some(tap), [nic, partner]) => beside(partner, tap, |is_over| {
            on_ports(slice::from_mut(nic), arguments, &|| testbed.is_interrupted() || is_over())
        })?,
        (_, nics) => on_ports(nics, arguments, &|| testbed.is_interrupted())?,
    }
    testbed.finish(nics)
}

/// Transfers between hosts on these ports, or hosts elsewhere, unless it `is_over` before.
fn on_ports(nics: &mut [Nic], arguments: &Arguments, is_over: &dyn Fn() -> bool) -> Result<(), Box<dyn Error>> {
    let mut ends = Vec::new();
    for nic in nics {
        let pool = Pool::with_large_buffers(nic.platform(), POOL)?;
        let (control, mut queues) = nic.split();
        ends.push(End { control, queues: queues.pop().ok_or("a device has a queue pair")?, pool });
    }
    if arguments.plain {
        run(arguments, ends, |QueuePair { rx, tx }| Plain::new(rx, tx), is_over)
    } else {
        run(arguments, ends, Offloading::new, is_over)
    }
}

/// Makes a host of each end, and runs all of them until the connection is over.
fn run<'a, Q: Queues>(
    arguments: &Arguments,
    ends: Vec<End<'a>>,
    queues: impl Fn(QueuePair<'a, AnyPlatform>) -> Q,
    is_over: &dyn Fn() -> bool,
) -> Result<(), Box<dyn Error>> {
    let (mut hosts, mut watches) = (Vec::new(), Vec::new());
    for (n, mut end) in ends.into_iter().enumerate() {
        let mut adapter = Adapter::new(queues(end.queues), end.pool, MAX_FRAME)?.cut_up_to(arguments.tso);
        hosts.push((arguments.host(n, end.control.mac(), &mut adapter)?, adapter));
        watches.push((Watch::new(format!("port {n}"), &mut end.control), end.control));
    }
    let mut are_done = false;
    while !are_done {
        are_done = true;
        for ((host, adapter), (watch, control)) in hosts.iter_mut().zip(&mut watches) {
            are_done &= host.poll(adapter)?;
            watch.look(control)?;
        }
        if is_over() {
            return Err("interrupted before the end of the connection".into());
        }
    }
    for (n, (host, adapter)) in hosts.iter().enumerate() {
        report(n, host, &[adapter.counters()]);
    }
    Ok(())
}
