//! Forwards between two ports with tokio: a task for each queue, and no thread that polls.
//!
//! ```console
//! $ cargo run --release --example tokio -- --queues 4 0000:03:00.0 0000:03:00.1
//! ```

#[macro_use]
mod common;

use std::error::Error;
use std::io::{self, ErrorKind};
use std::process::ExitCode;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use clap::Parser;
use common::testbed::{Nic, PortArguments, Testbed};
use common::{LinkPartner, events};
use ixgbe::device::{Config, OwnedControl};
use ixgbe::linux::{Interrupts, Vector};
use ixgbe::packet::Batch;
use ixgbe::platform::AnyPlatform;
use ixgbe::port::InterruptSource;
use ixgbe::queue::{OwnedQueuePair, OwnedReceiveQueue, OwnedTransmitQueue};
use ixgbe::wait;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::JoinSet;

/// The shortest time between two interrupts of a queue.
const MODERATION: Duration = Duration::from_micros(50);
/// The time between two looks at the links and at the end.
const INTERVAL: Duration = Duration::from_millis(20);

/// Forwards between two ports, with a task for each queue.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    ports: PortArguments,
    /// Number of queue pairs per port.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    queues: u8,
    /// Number of packets that each link partner sends; only on the model.
    #[arg(long, default_value_t = 100_000)]
    packets: u64,
}

/// A queue and its interrupt vector.
struct Waiting<Q> {
    queue: Q,
    vector: AsyncFd<Vector>,
}

impl<Q: InterruptSource> Waiting<Q> {
    fn new(queue: Q, interrupts: &Interrupts) -> io::Result<Self> {
        let vector = interrupts.vector(queue.vector())?.clone();
        // SAFETY: a `Vector` owns its descriptor, always gives the same one, and closes it when it is dropped.
        let vector = unsafe { AsyncFd::register_with_interest(vector, Interest::READABLE) }?;
        Ok(Self { queue, vector })
    }
}

/// Returns `Ready` once `vector` was raised, and takes its interrupts.
fn raised(vector: &AsyncFd<Vector>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    loop {
        let mut readable = ready!(vector.poll_read_ready(context))?;
        let take =
            |vector: &AsyncFd<Vector>| vector.get_ref().take()?.then_some(()).ok_or(ErrorKind::WouldBlock.into());
        // Without an interrupt, this clears the readiness, and the next turn waits for it.
        if let Ok(taken) = readable.try_io(take) {
            return Poll::Ready(taken);
        }
    }
}

/// Forwards from one queue to another until one of them has no ring any more.
async fn forward(
    mut from: Waiting<OwnedReceiveQueue<AnyPlatform>>,
    mut to: Waiting<OwnedTransmitQueue<AnyPlatform>>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut batch = Batch::with_capacity(32);
    loop {
        wait::receive(&mut from.queue, &mut batch, |context| raised(&from.vector, context)).await?;
        while !batch.is_empty() {
            wait::transmit(&mut to.queue, &mut batch, |context| raised(&to.vector, context)).await?;
        }
        // A queue that is never empty must let the others have their turn.
        tokio::task::yield_now().await;
    }
}

/// A port whose queues went to tasks.
struct Split {
    control: OwnedControl<AnyPlatform>,
    interrupts: Interrupts,
}

type Pair = OwnedQueuePair<AnyPlatform>;
fn split(nic: Nic) -> Result<(Split, Vec<Pair>), Box<dyn Error>> {
    let (mut control, pairs) = nic.into_split();
    let interrupts = events::interrupts(control.platform(), 2 * pairs.len() + 1)?;
    control.control().set_up_interrupts(MODERATION)?;
    Ok((Split { control, interrupts }, pairs))
}

async fn run(arguments: &Arguments, mut testbed: Testbed) -> Result<(), Box<dyn Error>> {
    let partners = testbed.model().iter().map(|port| LinkPartner::plug(port, (None, None), (arguments.packets, 60)));
    let partners = partners.collect::<Result<Vec<_>, _>>()?;
    let [one, other] = testbed.bring_up(&Config::new().queue_pairs(arguments.queues.into()).promiscuous(true))?;
    common::near::pin(&testbed.cpus, 0);
    let ((one, ones), (other, others)) = (split(one)?, split(other)?);
    let mut tasks = JoinSet::new();
    for (a, b) in ones.into_iter().zip(others) {
        let (from_a, to_b) = (Waiting::new(a.rx, &one.interrupts)?, Waiting::new(b.tx, &other.interrupts)?);
        let (from_b, to_a) = (Waiting::new(b.rx, &other.interrupts)?, Waiting::new(a.tx, &one.interrupts)?);
        tasks.spawn(forward(from_a, to_b));
        tasks.spawn(forward(from_b, to_a));
    }
    let mut ports = [one, other];
    let received = || partners.iter().filter_map(|partner| partner.received.as_ref()).map(|sink| sink.frames());
    while !testbed.is_interrupted() && (!testbed.is_model() || received().any(|frames| frames < arguments.packets)) {
        for (number, port) in ports.iter_mut().enumerate() {
            let mut control = port.control.control();
            if port.interrupts.vector(control.link_vector())?.take()? {
                println!("port {number}: link {}", control.acknowledge_link_interrupt());
            }
        }
        // A task that ends has failed.
        tasks.try_join_next().transpose()?.transpose().map_err(|error| error as Box<dyn Error>)?;
        tokio::time::sleep(INTERVAL).await;
    }
    // A task that waits makes no call: dropping it drops its queues, which gives their rings back.
    tasks.shutdown().await;
    let mut nics = Vec::new();
    for port in ports {
        let mut nic = port.control.reunite(Duration::from_secs(1))?;
        let counters = nic.statistics()?;
        println!("{} packets received, {} sent", counters.rx_packets, counters.tx_packets);
        nics.push(nic);
    }
    testbed.finish(nics)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    common::run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        runtime.block_on(run(&arguments, arguments.ports.open(&[2], 2)?))
    })
}
