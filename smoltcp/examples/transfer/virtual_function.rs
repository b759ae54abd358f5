//! The transfer on a virtual function. It goes on when the physical function was reset.
//!
//! The adapter borrows the queues, and a recovery needs the whole device. So each recovery ends the adapter, and the next
//! one continues with the same host. What was in the rings and in the adapter is lost, and TCP sends it again.

use std::error::Error;
use std::time::{Duration, Instant};

use ixgbe::linux::{Container, PciAddress, SysfsOptions};
use ixgbe::pool::Pool;
use ixgbe::vf::{Config, Control, Event, Platform, VirtualFunction};
use ixgbe_smoltcp::{Adapter, Offloading, Queues};

use crate::host::Host;
use crate::output::report;
use crate::{Arguments, MAX_FRAME, POOL};

/// The longest time for which the physical function may be gone.
const PATIENCE: Duration = Duration::from_secs(60);
/// The time between two looks for events.
const LOOK: Duration = Duration::from_millis(10);

/// Transfers on the virtual function at `address`.
pub fn transfer(address: PciAddress, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if arguments.ports.sysfs {
        serve(SysfsOptions::new().open_virtual(address)?, arguments)
    } else {
        serve(Container::shared()?.open_virtual(address)?, arguments)
    }
}

fn serve<H: Platform>(platform: H, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let config = Config::new().max_frame(MAX_FRAME);
    let mut nic = VirtualFunction::new(platform).reset(&config)?.start()?;
    let (pool, mut counters, mut begun) = (Pool::with_large_buffers(nic.platform(), POOL)?, Vec::new(), None);
    let host = loop {
        let (mut control, mut queues) = nic.split();
        let queues = queues.pop().ok_or("a function has a queue pair")?;
        let mut adapter = Adapter::new(Offloading::new(queues), pool.clone(), MAX_FRAME)?.cut_up_to(arguments.tso);
        let mut host = match begun.take() {
            Some(host) => host,
            None => {
                println!("port 0: {}", control.link());
                arguments.host(0, control.mac(), &mut adapter)?
            }
        };
        let is_over = run(&mut host, &mut adapter, &mut control)?;
        counters.push(adapter.counters());
        if is_over {
            break host;
        }
        println!("port 0: the physical function was reset");
        begun = Some(host);
        drop(adapter);
        nic = nic.recover_within(PATIENCE)?;
        println!("port 0: the function goes on");
    };
    report(0, &host, &counters);
    nic.stop()?;
    Ok(())
}

/// Runs the host until the connection is over, which returns `true`, or the physical function was reset.
fn run<H: Platform, Q: Queues>(
    host: &mut Host,
    adapter: &mut Adapter<Q>,
    control: &mut Control<'_, H>,
) -> Result<bool, Box<dyn Error>> {
    let mut looked = Instant::now();
    while !host.poll(adapter)? {
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            match control.poll_event()? {
                Some(Event::HostReset) => return Ok(false),
                Some(event) => println!("port 0: {event:?}"),
                None => {}
            }
        }
    }
    Ok(true)
}
