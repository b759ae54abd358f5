//! The transfer on one port or two.

use std::error::Error;

use ixgbe::device::{Config, Control};
use ixgbe::platform::AnyPlatform;
use ixgbe::pool::Pool;
use ixgbe::queue::QueuePair;
use ixgbe_sim::connect;
use ixgbe_smoltcp::{Adapter, Offloading, Plain, Queues};

use crate::common::testbed::Testbed;
use crate::common::watch::Watch;
use crate::output::report;
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
    let config = Config::new().max_frame(MAX_FRAME);
    let mut nics = testbed.bring_up_all(&config)?;
    testbed.pin(0);
    let mut ends = Vec::new();
    for nic in &mut nics {
        let pool = Pool::with_large_buffers(nic.platform(), POOL)?;
        let (control, mut queues) = nic.split();
        ends.push(End { control, queues: queues.pop().ok_or("a device has a queue pair")?, pool });
    }
    if arguments.plain {
        run(arguments, &testbed, ends, |QueuePair { rx, tx }| Plain::new(rx, tx))?;
    } else {
        run(arguments, &testbed, ends, Offloading::new)?;
    }
    testbed.finish(nics)
}

/// Makes a host of each end, and runs all of them until the connection is over.
fn run<'a, Q: Queues>(
    arguments: &Arguments,
    testbed: &Testbed,
    ends: Vec<End<'a>>,
    queues: impl Fn(QueuePair<'a, AnyPlatform>) -> Q,
) -> Result<(), Box<dyn Error>> {
    let (mut hosts, mut watches) = (Vec::new(), Vec::new());
    for (n, mut end) in ends.into_iter().enumerate() {
        let mut adapter = Adapter::new(queues(end.queues), end.pool, MAX_FRAME)?.cut_up_to(arguments.tso);
        hosts.push((arguments.host(n, end.control.mac(), &mut adapter)?, adapter));
        watches.push((Watch::new(format!("port {n}"), &mut end.control), end.control));
    }
    let mut is_over = false;
    while !is_over {
        is_over = true;
        for ((host, adapter), (watch, control)) in hosts.iter_mut().zip(&mut watches) {
            is_over &= host.poll(adapter)?;
            watch.look(control)?;
        }
        if testbed.is_interrupted() {
            return Err("interrupted before the end of the connection".into());
        }
    }
    for (n, (host, adapter)) in hosts.iter().enumerate() {
        report(n, host, &[adapter.counters()]);
    }
    Ok(())
}
