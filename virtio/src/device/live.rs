//! What a live device has: its rings, until a reset proves that it has let go of them.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use ixgbe::pci::Function;
use ixgbe::pool::Pool;
use ixgbe::port::{self, Port};

use crate::config::Config;
use crate::device::control_queue::ControlQueue;
use crate::device::{Control, Device, DriverOk, Terms};
use crate::lent::{Lent, Stopped};
use crate::queue::{ReceiveQueue, RxRing, TransmitQueue, TxRing};
use crate::transport::{DoorbellBus, Transport};

/// The rings of a device.
pub(crate) struct Rings<H: Function> {
    pub(crate) receive: Vec<RxRing<DoorbellBus<H>>>,
    pub(crate) transmit: Vec<TxRing<DoorbellBus<H>>>,
    pub(crate) control: Option<ControlQueue<DoorbellBus<H>>>,
}

/// A live device's rings. Dropping them resets the device, and leaks them if that fails.
pub struct Live<H: Function> {
    pub(super) rings: Lent<Rings<H>>,
    pub(super) transport: Arc<Transport<H>>,
    pub(super) terms: Terms,
    timeout: Duration,
    interrupts: bool,
}

/// A receive queue and a transmit queue of a live device.
pub type QueuePair<'a, H> = port::QueuePair<ReceiveQueue<'a, DoorbellBus<H>>, TransmitQueue<'a, DoorbellBus<H>, H>>;

impl<H: Function> Live<H> {
    pub(crate) fn new(transport: &Arc<Transport<H>>, rings: Lent<Rings<H>>, terms: Terms, config: &Config) -> Self {
        let &Config { timeout, interrupts, .. } = config;
        Self { rings, transport: Arc::clone(transport), terms, timeout, interrupts }
    }

    /// Frees the rings. All packets return to their pools.
    pub(crate) fn release(&mut self, stopped: &Stopped) {
        self.rings.release(stopped);
    }

    /// Returns the control half alone.
    pub(super) fn control(&mut self) -> Control<'_, H> {
        self.split().0
    }

    fn split(&mut self) -> (Control<'_, H>, Vec<QueuePair<'_, H>>) {
        let transport = &*self.transport;
        let mut control = Control::new(transport, self.terms, self.timeout, self.interrupts);
        // They are there as long as the device is live.
        let Some(rings) = self.rings.get_mut() else { return (control, Vec::new()) };
        control.receive = rings.receive.iter().map(|ring| Arc::clone(ring.counts())).collect();
        control.transmit = rings.transmit.iter().map(|ring| Arc::clone(ring.counts())).collect();
        control.queue = rings.control.as_mut();
        let pairs = rings.receive.iter_mut().zip(&mut rings.transmit).map(|(rx, tx)| port::QueuePair {
            rx: ReceiveQueue::new(rx),
            tx: TransmitQueue::new(tx, transport.function()),
        });
        (control, pairs.collect())
    }
}

impl<H: Function> Drop for Live<H> {
    fn drop(&mut self) {
        if self.rings.get().is_some()
            && let Ok(stopped) = self.transport.reset(self.timeout)
        {
            self.rings.release(&stopped);
        }
    }
}

impl<H: Function> fmt::Debug for Live<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("terms", &self.terms).finish_non_exhaustive()
    }
}

impl<H: Function> Device<DriverOk, H> {
    /// Returns what was agreed on.
    #[must_use]
    pub fn terms(&self) -> Terms {
        self.data.terms
    }

    /// Splits the device into its control half and its queue pairs, each of which can go to its own thread.
    pub fn split(&mut self) -> (Control<'_, H>, Vec<QueuePair<'_, H>>) {
        self.data.split()
    }

    /// Returns the pools of the receive queues.
    #[must_use]
    pub fn pools(&self) -> Vec<Pool> {
        let rings = self.data.rings.get();
        rings.map_or_else(Vec::new, |rings| rings.receive.iter().map(|ring| ring.pool().clone()).collect())
    }
}

impl<H: Function> Port for Device<DriverOk, H> {
    type Control<'a> = Control<'a, H>;
    type Receive<'a> = ReceiveQueue<'a, DoorbellBus<H>>;
    type Transmit<'a> = TransmitQueue<'a, DoorbellBus<H>, H>;

    fn split(&mut self) -> (Control<'_, H>, Vec<QueuePair<'_, H>>) {
        Device::split(self)
    }

    fn pools(&self) -> Vec<Pool> {
        Device::pools(self)
    }
}
