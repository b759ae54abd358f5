//! From features to a live device: the terms of a device, its queues, and the first commands.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use ixgbe::pci::Function;
use ixgbe::pool::{Attachment, BUFFER_SIZE_STEP, MAX_BUFFER_SIZE, Pool};

use crate::config::Config;
use crate::device::control_queue::ControlQueue;
use crate::device::live::Rings;
use crate::device::{Device, DriverOk, Failed, FeaturesOk, Live, NeedsReset};
use crate::error::Error;
use crate::feature::{Feature, Features};
use crate::lent::Lent;
use crate::queue::{HEADER, RxRing, RxTerms, TxRing, TxTerms};
use crate::ring::RingTerms;
use crate::transport::NetworkConfig;

/// Length of an Ethernet header with a VLAN tag, in bytes.
const ETHERNET: usize = 18;
/// The smallest MTU (specification 5.1.4.1).
const SMALLEST_MTU: u16 = 68;
/// The MTU without another one.
const ETHERNET_MTU: u16 = 1500;
/// The size of a buffer if a frame can fill several, in bytes.
const MERGEABLE_BUFFER: usize = 2048;
/// The longest packet that is received if it can be of several segments, with its header, in bytes (5.1.6.3.1).
const LONGEST_PACKET: usize = 65_601;
/// The most buffers of a packet.
const MOST_BUFFERS: usize = 64;
/// The features with which packets can be of several segments.
const COALESCING: &[Feature] = &[Feature::GuestTso4, Feature::GuestTso6, Feature::GuestUso4, Feature::GuestUso6];
/// The most queue pairs that a device can have: the index of the control queue behind them has 16 bits.
const MOST_QUEUE_PAIRS: u16 = 32_767;
/// The number of buffers of a pool beyond those that fill its queue.
const SPARE_BUFFERS: usize = 64;

/// What driver and device agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The features.
    pub features: Features,
    /// The longest packet behind an Ethernet header, in bytes.
    pub mtu: u16,
    /// The size of a receive buffer, in bytes.
    pub buffer_size: usize,
    /// The MAC address.
    pub mac: [u8; 6],
    /// The number of queue pairs that are set up.
    pub queue_pairs: u16,
    /// The number of queue pairs that the device has: 1 without the feature MQ.
    pub max_queue_pairs: u16,
}

impl Terms {
    /// Decides what the features leave open. Removes from `features` what the driver cannot keep to: MTU, and packets of
    /// several segments.
    pub(super) fn new<E>(
        features: &mut Features,
        found: &NetworkConfig,
        config: &Config,
        now: Duration,
    ) -> Result<Self, Error<E>> {
        let mtu = match features.has(Feature::Mtu) {
            true if found.mtu < SMALLEST_MTU => return Err(Error::BadMtu { mtu: found.mtu }),
            true => config.mtu.unwrap_or(found.mtu).min(found.mtu),
            false => config.mtu.unwrap_or(ETHERNET_MTU),
        };
        let frame = |mtu: u16| HEADER + ETHERNET + usize::from(mtu);
        let mergeable = features.has(Feature::MrgRxbuf);
        let default = if mergeable { MERGEABLE_BUFFER } else { frame(mtu).next_multiple_of(BUFFER_SIZE_STEP) };
        let buffer_size = config.buffer_size.unwrap_or(default.min(MAX_BUFFER_SIZE));
        if !mergeable && buffer_size < frame(mtu) {
            return Err(Error::BufferSize { size: buffer_size, needed: frame(mtu) });
        }
        // A device may receive frames of its own MTU, also if the driver sends shorter ones.
        if features.has(Feature::Mtu) && !mergeable && buffer_size < frame(found.mtu) {
            *features = *features - Features::of(Feature::Mtu);
        }
        // A device that finds no room for a packet waits for it, and receives nothing meanwhile.
        let most = MOST_BUFFERS.min(config.receive_size.into());
        if !mergeable || most * buffer_size < LONGEST_PACKET {
            *features = *features - Features::all(COALESCING);
        }
        let mac = config.mac.unwrap_or(if features.has(Feature::Mac) { found.mac } else { random_mac(now) });
        let max_queue_pairs = if features.has(Feature::Mq) { found.max_queue_pairs } else { 1 };
        if !(1..=MOST_QUEUE_PAIRS).contains(&max_queue_pairs) {
            return Err(Error::BadQueuePairs { pairs: max_queue_pairs });
        }
        let queue_pairs = config.queue_pairs;
        if !(1..=max_queue_pairs).contains(&queue_pairs) {
            return Err(Error::QueuePairs { asked: queue_pairs, had: max_queue_pairs });
        }
        Ok(Self { features: *features, mtu, buffer_size, mac, queue_pairs, max_queue_pairs })
    }
}

/// Returns a locally administered address that the time chooses, for a device without one.
fn random_mac(now: Duration) -> [u8; 6] {
    let [a, b, c, d, ..] = (now.as_nanos() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    [0x02, 0x00, a, b, c, d]
}

/// Returns the indices of the receive queue and the transmit queue of pair `pair` (specification 5.1.2).
const fn queues_of(pair: u16) -> (u16, u16) {
    (2 * pair, 2 * pair + 1)
}

/// Returns the MSI-X vector of a queue: receive queues have one each. What was sent is looked at when the program sends.
pub(super) fn vector_of(queue: u16, queue_pairs: u16) -> Option<u16> {
    (queue.is_multiple_of(2) && queue / 2 < queue_pairs).then_some(queue / 2)
}

impl<H: Function> Device<FeaturesOk, H> {
    /// Returns what was agreed on.
    #[must_use]
    pub fn terms(&self) -> Terms {
        self.data
    }

    /// Sets the queues up, fills the receive queues, and lets the device go live.
    ///
    /// # Errors
    ///
    /// [`Error::NoQueue`], [`Error::QueueSize`] and [`Error::DoorbellOutside`] if the device has queues that cannot be
    /// used; [`Error::ReceiveRoom`] if a receive queue is too short for the packets that were agreed on;
    /// [`Error::VectorRefused`] if the device does not take an MSI-X vector; [`Error::Dma`] and [`Error::Pool`] if there
    /// is no memory; [`Error::Refused`], [`Error::TimedOut`] and [`Error::Fault`] if a command fails.
    pub fn start(mut self, config: &Config) -> Result<Device<DriverOk, H>, Failed<NeedsReset, H>> {
        let mut live = None;
        match self.go_live(config, &mut live) {
            Ok(live) => Ok(self.into(|_| live)),
            Err(error) => {
                self.transport.give_up();
                Err(Failed { device: self.into(|_| live), error })
            }
        }
    }

    /// Does the work of [`start`](Self::start). If that fails, `lent` is what the device may access.
    fn go_live(&mut self, config: &Config, lent: &mut Option<Live<H>>) -> Result<Live<H>, Error<H::Error>> {
        let terms = self.data;
        let Some(transport) = Arc::get_mut(&mut self.transport) else { return Err(Error::NeedsReset) };
        let rings = RingTerms::new(terms.features);
        let (mut receive, mut transmit) = (Vec::new(), Vec::new());
        for pair in 0..terms.queue_pairs {
            let (receives, transmits) = queues_of(pair);
            let (max, doorbell) = transport.find_queue(receives, rings)?;
            let size = rings.size(config.receive_size, max);
            let ring = rings.make(transport.function(), size)?;
            let room = usize::from(size) * terms.buffer_size;
            if room < LONGEST_PACKET && COALESCING.iter().any(|feature| terms.features.has(*feature)) {
                return Err(Error::ReceiveRoom { queue: receives, room, needed: LONGEST_PACKET });
            }
            let count = usize::from(size) + SPARE_BUFFERS.max(usize::from(size));
            let pool = Pool::new(transport.function(), count, terms.buffer_size)?;
            let attachment = Attachment::new(transport.function(), &pool)?;
            receive.push(RxRing::new(ring, attachment, doorbell, RxTerms::new(terms.features)));

            let (max, doorbell) = transport.find_queue(transmits, rings)?;
            let ring = rings.make(transport.function(), rings.size(config.transmit_size, max))?;
            let limits = TxTerms { max_len: usize::from(terms.mtu) + ETHERNET, features: terms.features };
            transmit.push(TxRing::new(transport.function(), ring, doorbell, limits)?);
        }
        // A packet that any queue received can be sent on any other.
        for tx in &mut transmit {
            receive.iter().try_for_each(|rx| tx.attach(transport.function(), rx.pool()))?;
        }

        // It is behind all pairs that the device has, also behind those that are not used.
        let (control_queue, _) = queues_of(terms.max_queue_pairs);
        let control = match terms.features.has(Feature::CtrlVq) {
            true => {
                let (max, doorbell) = transport.find_queue(control_queue, rings)?;
                Some(ControlQueue::new(transport.function(), max, rings, doorbell)?)
            }
            false => None,
        };
        // From here on the device may access the rings: without the proof that it has stopped, they leak.
        let rings = Lent::new(Rings { receive, transmit, control });
        let mut live = Live::new(&self.transport, rings, terms, config);
        match live.begin(config) {
            Ok(()) => Ok(live),
            Err(error) => {
                *lent = Some(live);
                Err(error)
            }
        }
    }
}

impl<H: Function> Live<H> {
    /// Enables the queues, fills the receive queues, lets the device go live, and gives it the first commands.
    fn begin(&mut self, config: &Config) -> Result<(), Error<H::Error>> {
        let Some(rings) = self.rings.get_mut() else { return Err(Error::NeedsReset) };
        if config.interrupts {
            // Before the device is live: a change then raises it.
            self.transport.set_configuration_vector(self.terms.queue_pairs)?;
        }
        let receive = rings.receive.iter().map(|rx| (rx.queue(), rx.place()));
        let transmit = rings.transmit.iter().map(|tx| (tx.queue(), tx.place()));
        let control = rings.control.iter().map(|control| (control.queue(), control.place()));
        for (queue, place) in receive.chain(transmit).chain(control) {
            let vector = config.interrupts.then(|| vector_of(queue, self.terms.queue_pairs)).flatten();
            // SAFETY: the state is FEATURES_OK, so no queue is enabled, and nothing else uses the registers. The rings are
            // lent, and freed only with the proof that the device has stopped.
            unsafe { self.transport.enable_queue(queue, &place, vector) }?;
        }
        // Buffers may be posted before the device is live; doorbells are for a live device.
        let notify: Vec<_> = rings.receive.iter_mut().map(RxRing::fill).collect();
        self.transport.go_live();
        self.transport.check()?;
        for (rx, _) in rings.receive.iter().zip(notify).filter(|(_, notify)| *notify) {
            rx.notify();
        }
        let mut control = self.control();
        let features = control.terms().features;
        if features.has(Feature::Mq) {
            // Before this, the device uses the first pair alone.
            control.use_queue_pairs()?;
        }
        if let Some(mac) = config.mac.filter(|_| features.has(Feature::CtrlMacAddr)) {
            control.set_mac(mac)?;
        }
        if features.has(Feature::CtrlRx) {
            // A device may start in either mode.
            control.set_promiscuous(config.promiscuous)?;
        }
        Ok(())
    }
}
