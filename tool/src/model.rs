//! A port of the software model that runs, so that each command can be tried without a card.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ixgbe::device::{self, Config, Device};
use ixgbe::mmio::Offset;
use ixgbe::packet::{Batch, Packet};
use ixgbe_sim::wire::generator::Generator;
use ixgbe_sim::wire::sink::Sink;
use ixgbe_sim::wire::{Duplex, NoTraffic};
use ixgbe_sim::{Fault, Port, PortConfig, PortPlatform, Runner};

use crate::selftest::card::{Card, Source, World};
use crate::stats::{self, Count};
use crate::view::View;

/// The number of frames that the port receives and returns.
pub const FRAMES: u64 = 1000;

/// The address of the port.
pub const MAC: [u8; 6] = [0x02, 0x82, 0x59, 0x90, 0, 0];

/// The time limit of everything that a port of the model does at once.
const PATIENCE: Duration = Duration::from_millis(2);

/// A port with a driver, of this library.
pub struct Running {
    nic: Device<device::Running, PortPlatform>,
    // Ends after the driver has stopped.
    _runner: Runner,
    port: Port,
}

impl Running {
    /// Starts a port, and has it receive some frames and send them back.
    ///
    /// # Errors
    ///
    /// Fails if no thread can be made, or the model does not do what the driver needs.
    pub fn start() -> Result<Self, Box<dyn Error>> {
        let port = Port::new(PortConfig { mac: MAC, ..PortConfig::default() });
        port.plug(Duplex::new(Generator::new(MAC, 60).flows(64).count(FRAMES).lossless(), Sink::new()));
        let runner = Runner::start([port.clone()])?;
        let nic = Device::new(port.claim()?).reset(&Config::new().queue_pairs(2))?;
        let mut nic = nic.wait_for_link(Duration::from_secs(10))?.start()?;
        let (_, mut queues) = nic.split();
        let mut batch = Batch::<Packet>::with_capacity(32);
        let (mut received, begin) = (0, Instant::now());
        while received < FRAMES {
            if begin.elapsed() > Duration::from_secs(10) {
                return Err(format!("of {FRAMES} frames on the model, only {received} arrived").into());
            }
            for queue in &mut queues {
                received += queue.rx.receive(&mut batch) as u64;
                queue.tx.transmit(&mut batch)?;
                batch.clear();
            }
        }
        drop(queues);
        Ok(Self { nic, _runner: runner, port })
    }

    /// Returns the control of the port, for commands that drive it.
    pub fn device(&mut self) -> &mut Device<device::Running, PortPlatform> {
        &mut self.nic
    }
}

impl View for Running {
    fn read(&self, offset: Offset) -> Option<u32> {
        View::read(&self.port, offset)
    }
}

impl stats::Source for Running {
    fn labels(&self) -> Vec<(&'static str, String)> {
        vec![("address", "model".to_owned())]
    }

    fn origin(&self) -> String {
        "the driver of the model's port".to_owned()
    }

    fn read(&mut self) -> Result<(bool, Vec<Count>), Box<dyn Error>> {
        let up = self.nic.link().is_up();
        let statistics = self.nic.statistics()?;
        // An index is a priority's if the name says that, and else a queue's.
        let count = |counter: ixgbe::device::Counter| {
            let kind = if counter.name.contains("priority") { "priority" } else { "queue" };
            Count {
                name: counter.name.to_owned(),
                part: counter.index.map(|index| (kind, index)),
                value: counter.value,
            }
        };
        Ok((up, statistics.iter().map(count).collect()))
    }
}

/// The world of a card that is a port of the model. It moves only with its steps.
struct ModelWorld(Port);

impl World for ModelWorld {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn idle(&self) {
        _ = self.0.step();
    }

    fn wait(&self, time: Duration) {
        self.0.wait(time);
    }

    fn patience(&self, limit: Duration) -> Duration {
        limit.min(PATIENCE)
    }

    fn violations(&self) -> Option<Vec<String>> {
        Some(self.0.violations().iter().map(ToString::to_string).collect())
    }
}

/// Makes a port for the self-test, with a fault if one is given.
pub fn test_port(mac: [u8; 6], fault: Option<Fault>) -> Port {
    let port = Port::new(PortConfig { mac, ..PortConfig::default() });
    fault.into_iter().for_each(|fault| port.inject(fault));
    port.plug(NoTraffic);
    port
}

/// Returns a card that is a port of the model.
pub fn card(port: &Port) -> Card {
    let vectors: Arc<[AtomicU32]> = (0..64).map(|_| AtomicU32::new(0)).collect();
    let counts = Arc::clone(&vectors);
    port.on_interrupt(move |vector| {
        if let Some(count) = counts.get(usize::from(vector)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    Card::new(Box::new(ModelWorld(port.clone())), Source::Counted(vectors))
}
