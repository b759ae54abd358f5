//! The running device: start, queues and stop.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::clock;
use crate::device::control::Settings;
use crate::device::establish::Establish;
use crate::device::filter::{Filters, Shared};
use crate::device::health::Watch;
use crate::device::presence::Present;
use crate::device::{
    BringUp, Config, ConfigError, Control, Device, Error, Finding, FlowControl, Initialised, Link, LinkUp,
    MAX_TX_QUEUES, Reset, Running, StartError, Statistics, TransitionError, Unbound, flow_control, initialise,
    loopback, pins, ptp, receive, statistics, stop, transmit,
};
use crate::dma::DmaError;
use crate::module::Module;
use crate::platform::Platform;
use crate::pool::Pool;
use crate::port::LinkStatus;
use crate::queue::function::transmit_vector;
use crate::queue::{DropCounters, Held, QueuePair, Queues, ReceiveQueue, RxRing, TransmitQueue, TxRing};
use crate::register::Driver;
use crate::registers::{CTRL_EXT, Registers, RxQueue, TxQueue};
use crate::value;

/// Time limit for sending the packets that are still in a transmit ring when the device is stopped.
const DRAIN: Duration = Duration::from_millis(100);
/// Time limit for owned queues to give their rings back when the device is dropped.
const RECALL: Duration = Duration::from_millis(100);
/// The pause between two checks of rings that drain.
const POLL_INTERVAL: Duration = Duration::from_micros(50);

/// Data of a running device. Dropping it stops the device, and leaks the rings if the device does not stop.
pub struct RunningData<H: Platform> {
    pub(super) platform: Arc<H>,
    pub(super) data: Initialised,
    pub(super) statistics: Statistics,
    drops: Vec<Arc<DropCounters>>,
    /// The pool of each receive queue.
    pools: Vec<Pool>,
    pub(super) settings: Settings,
    pub(super) watch: Watch,
    pub(super) ptp: Option<ptp::State>,
    pub(super) filters: Arc<Shared<H>>,
}

impl<H: Platform> RunningData<H> {
    pub(crate) fn queues(&mut self) -> &mut Queues {
        &mut self.data.queues
    }

    pub(crate) fn bring_up(&self) -> &BringUp {
        &self.data.bring_up
    }

    /// Returns the number of rings that owned queues have.
    pub(crate) fn lent(&self) -> usize {
        self.data.queues.lent()
    }

    /// Waits for posted packets to be sent, up to a limit: a transmit queue is disabled when it is empty (4.6.8.1).
    fn drain(&mut self) {
        let is_drained = || self.data.queues.tx_mut().all(TxRing::is_drained).then_some(());
        // Packets that were not sent by then return to their pool when the device has stopped.
        _ = clock::poll(&*self.platform, DRAIN, POLL_INTERVAL, is_drained);
    }

    /// Asks all owned queues for their rings, and waits for these at most for `limit`. Returns the number that is missing.
    pub(crate) fn recall(&mut self, limit: Duration) -> usize {
        self.data.queues.recall(&*self.platform, limit)
    }
}

impl<H: Platform> Drop for RunningData<H> {
    fn drop(&mut self) {
        if self.data.queues.is_empty() {
            return;
        }
        self.filters.stop();
        self.recall(RECALL);
        self.drain();
        pins::darken(&*self.platform, self.data.link.settings().medium);
        let queues = &mut self.data.queues;
        match stop::quiesce(&*self.platform, &mut Vec::new()) {
            Ok(proof) => {
                // SAFETY: the device has stopped, as the proof says. It does not run again: this drops its only driver.
                unsafe { queues.leave() };
                queues.release(&proof);
            }
            Err(error) => log::error!("the device did not stop, so the memory of its rings leaks: {error}"),
        }
        // The reset clears DRV_LOAD, which shows the firmware that the driver has gone.
        if let Err(error) = initialise::global_reset(&*self.platform) {
            log::error!("cannot reset the device after stopping it: {error}");
        }
    }
}

impl<H: Platform> fmt::Debug for RunningData<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningData").field("queues", &self.data.queues).finish_non_exhaustive()
    }
}

impl<H: Platform> Device<LinkUp, H> {
    /// Starts reception and transmission (datasheet 4.6.5, 4.6.7, 4.6.8), with one new pool for each receive queue.
    ///
    /// # Errors
    ///
    /// [`StartError`] with the device and the failed step.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Device.start.md")))]
    pub fn start(self) -> Result<Device<Running, H>, StartError<H>> {
        let config = self.data.config;
        let pools = (0..config.rx_queues)
            .map(|_| Pool::new(&*self.platform, config.pool_count(), config.buffer_bytes()).map_err(Error::from))
            .collect::<Result<Vec<_>, _>>();
        match pools {
            Ok(pools) => self.start_with(&pools),
            Err(error) => {
                let device = Device { platform: self.platform, data: self.data };
                Err(StartError::RolledBack(TransitionError { device, error }))
            }
        }
    }

    /// Starts reception and transmission with buffers of `pools`. Receive queue n uses pool n modulo their number.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start); [`PoolError::Exhausted`](crate::pool::PoolError::Exhausted) if a pool cannot fill a
    /// ring.
    pub fn start_with(mut self, pools: &[Pool]) -> Result<Device<Running, H>, StartError<H>> {
        let filters = Shared::new(&self.data.config);
        match start(&self.platform, &mut self.data, pools, &filters) {
            Ok(()) => {
                let config = &self.data.config;
                let statistics = Statistics::new(config.rx_queues.max(config.tx_queues));
                let drops = self.data.queues.rx().map(RxRing::drops).collect();
                let pools = self.data.queues.rx().map(|ring| ring.pool().clone()).collect();
                let rss = config.initial_rss();
                let settings = Settings {
                    rss,
                    promiscuous: config.promiscuous,
                    interrupts: None,
                    rates: [None; MAX_TX_QUEUES],
                    flow_control: config.flow_control,
                    link: LinkStatus::Down,
                };
                let ptp = config.ptp.map(|_| ptp::State::new(self.platform.now()));
                let (platform, watch) = (Arc::clone(&self.platform), Watch::default());
                let data = self.data;
                let engine = RunningData { platform, data, statistics, drops, pools, settings, watch, ptp, filters };
                let mut device = Device { platform: self.platform, data: engine };
                device.split_queues().0.begin();
                Ok(device)
            }
            Err(error) => Err(match shut_down(self.platform, self.data) {
                Ok(device) => StartError::RolledBack(TransitionError { device, error }),
                Err(TransitionError { device, .. }) => StartError::NotStopped(TransitionError { device, error }),
            }),
        }
    }
}

/// Makes the rings, and starts the device with them.
///
/// All memory that the device may access is in `data.queues`, also after an error.
fn start<H: Platform>(
    shared: &Arc<H>,
    data: &mut Initialised,
    pools: &[Pool],
    filters: &Shared<H>,
) -> Result<(), Error> {
    let platform = &**shared;
    let Initialised { config, bring_up, pools: attached, queues, .. } = data;
    if pools.is_empty() {
        return Err(ConfigError::NoPool.into());
    }
    for (queue, pool) in RxQueue::all().zip(pools.iter().cycle()).take(config.rx_queues) {
        let ring = RxRing::new(platform, queue, config.rx_len, pool, config.long_frames)?;
        queues.put_rx(queue.get(), Held::by(platform, ring));
    }
    for queue in TxQueue::all().take(config.tx_queues) {
        let vector = transmit_vector(queue.get(), config.rx_queues);
        let mut ring = TxRing::new(platform, queue, vector, config.tx_len, config.max_frame)?;
        for pool in pools.iter().chain(&*attached) {
            ring.attach(platform, pool)?;
        }
        queues.put_tx(queue.get(), Held::by(platform, ring));
    }
    enable(shared, config, queues, &mut bring_up.findings, filters)
}

/// Does the steps of 4.6.3 from the statistics on, in order, with rings that were made for this device. Each begins at
/// descriptor 0. What was out of order on the way is added to `findings`.
pub(super) fn enable<H: Platform>(
    shared: &Arc<H>,
    config: &Config,
    queues: &mut Queues,
    findings: &mut Vec<Finding>,
    filters: &Shared<H>,
) -> Result<(), Error> {
    let platform = &**shared;
    let device = &Present::new(platform);
    // SAFETY: the caller has exclusive access to a device in state `Reset` or `LinkUp`, which permits all that `Reset`
    // permits. No queue is enabled, so the device accesses no memory, whatever the filters and counters are set to.
    let registers: Registers<'_, _, Driver<Reset>> = unsafe { Registers::assume_permission(device) };
    registers.ctrl_ext().modify(value!(CTRL_EXT { DRV_LOAD: true }));
    statistics::initialise(registers, config.rx_queues.max(config.tx_queues))?;
    receive::initialise(registers, config)?;
    if config.flow_control != FlowControl::Off {
        flow_control::set(registers, config.flow_control, config.max_frame)?;
    }
    if let Some(stamps) = config.ptp {
        ptp::initialise(registers, stamps)?;
    }
    if let Some(loopback) = config.loopback {
        loopback::set_up(device, loopback, findings)?;
    }
    transmit::initialise(device, config)?;
    for ring in queues.rx_mut() {
        // SAFETY: the ring was made for this device, and `Held` keeps it until the device has stopped.
        unsafe { receive::enable_queue(device, ring, config) }?;
        <ReceiveQueue<'_, H>>::new(ring, platform).start();
    }
    for ring in queues.tx() {
        // SAFETY: the ring was made for this device, and `Held` keeps it until the device has stopped.
        unsafe { transmit::enable_queue(device, ring, config) }?;
    }
    filters.start(shared, device, registers)
}

/// Stops the device, frees its rings and initialises it again (4.2.1.6.1, 5.2.5.3.2, 4.6.3).
fn shut_down<H: Platform>(
    platform: Arc<H>,
    mut data: Initialised,
) -> Result<Device<Reset, H>, TransitionError<Device<Unbound, H>>> {
    let settings = *data.link.settings();
    // The partner sees that nobody is here. The next wait for a link switches the laser on.
    pins::darken(&*platform, settings.medium);
    let mut findings = Vec::new();
    let proof = match stop::quiesce(&*platform, &mut findings) {
        Ok(proof) => proof,
        Err(error) => {
            return Err(TransitionError { device: Device::with_retained_rings(platform, data.queues), error });
        }
    };
    data.queues.release(&proof);
    let device = &Present::new(&*platform);
    let eeprom = data.bring_up.eeprom.take();
    let initialised = initialise::initialise(device, data.config.mac, eeprom, findings);
    let initialised = initialised.and_then(|(mac, mut bring_up)| {
        let link = Establish::begin(device, settings, &data.config, &mut bring_up)?;
        Ok((mac, bring_up, link))
    });
    match initialised {
        Ok((mac, bring_up, link)) => Ok(Device { platform, data: Initialised { mac, bring_up, link, ..data } }),
        Err(error) => Err(TransitionError { device: Device::with_retained_rings(platform, data.queues), error }),
    }
}

impl<H: Platform> Device<Running, H> {
    /// Splits the device into its control and its queue pairs, each of which can go to its own thread.
    ///
    /// [`split_queues`](Self::split_queues) also returns the queues that are not in pairs.
    pub fn split(&mut self) -> (Control<'_, H>, Vec<QueuePair<'_, H>>) {
        let (control, rx, tx) = self.split_queues();
        (control, rx.into_iter().zip(tx).map(|(rx, tx)| QueuePair { rx, tx }).collect())
    }

    /// Splits the device into its control, its receive queues and its transmit queues.
    pub fn split_queues(&mut self) -> (Control<'_, H>, Vec<ReceiveQueue<'_, H>>, Vec<TransmitQueue<'_, H>>) {
        let RunningData { platform, data, statistics, drops, pools, settings, watch, ptp, filters } = &mut self.data;
        let platform = &**platform;
        let Initialised { config, mac, queues, bring_up, link, .. } = data;
        let link = link.settings();
        let filters = &*filters;
        let control =
            Control { platform, statistics, drops, config, mac, settings, pools, watch, bring_up, link, ptp, filters };
        let (rx, tx) = queues.both_mut();
        let rx = rx.map(|ring| ReceiveQueue::new(ring, platform)).collect();
        let tx = tx.map(|ring| TransmitQueue::new(ring, platform)).collect();
        (control, rx, tx)
    }

    /// Returns the rules for received frames: see [`Control::filters`].
    pub fn filters(&mut self) -> Filters<'_, H> {
        let RunningData { data: Initialised { config, mac, .. }, settings, filters, .. } = &self.data;
        Filters::new(filters, config, *mac, &settings.rss)
    }

    /// Returns the link, with the reason why there is none: see [`Control::link`].
    pub fn link(&mut self) -> Link {
        self.split().0.link()
    }

    /// Reads the module in the cage: see [`Control::module`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn module(&mut self) -> Result<Module, Error> {
        self.split().0.module()
    }

    /// Returns the counters since the device was started: see [`Control::statistics`].
    ///
    /// # Errors
    ///
    /// [`Error::Removed`] if the device no longer answers.
    pub fn statistics(&mut self) -> Result<Statistics, Error> {
        self.split().0.statistics()
    }

    /// Makes all transmit queues able to send packets of `pool`.
    ///
    /// # Errors
    ///
    /// [`DmaError`] if the pool's memory cannot be mapped for the device.
    pub fn attach(&mut self, pool: &Pool) -> Result<(), DmaError> {
        let (_, _, mut queues) = self.split_queues();
        queues.iter_mut().try_for_each(|queue| queue.attach(pool))
    }

    /// Returns the pool of each receive queue, in the order of the queues.
    pub fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.data.data.queues.rx().map(RxRing::pool)
    }

    /// Returns the configuration of the device.
    pub fn config(&self) -> &Config {
        &self.data.data.config
    }

    /// Returns the MAC address for which the device receives frames.
    #[must_use]
    pub fn mac(&self) -> [u8; 6] {
        self.data.data.mac
    }

    /// Stops the device: sends posted packets, disables the queues, waits for the last request on the bus, and
    /// initialises the device again.
    ///
    /// Packets that nobody fetched return to their pools, and so do packets that were not sent within 100 ms.
    ///
    /// # Errors
    ///
    /// If the device does not stop, it keeps its memory until a [reset](Device::reset) succeeds.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Device.stop.md")))]
    pub fn stop(mut self) -> Result<Device<Reset, H>, TransitionError<Device<Unbound, H>>> {
        self.data.filters.stop();
        self.data.drain();
        let Initialised { config, mac, bring_up, link, pools, queues } = &mut self.data.data;
        let (config, mac, bring_up, link) = (*config, *mac, bring_up.clone(), *link);
        let (pools, queues) = (core::mem::take(pools), core::mem::take(queues));
        shut_down(Arc::clone(&self.platform), Initialised { config, mac, bring_up, link, pools, queues })
    }
}

impl<H: Platform> Device<Reset, H> {
    /// Makes the transmit queues able to send packets of `pool` once the device runs. Attaching it again has no effect.
    ///
    /// # Errors
    ///
    /// [`DmaError`] if the pool's memory cannot be mapped for the device. Then the pool is not attached.
    pub fn attach(&mut self, pool: &Pool) -> Result<(), DmaError> {
        self.data.attach(&*self.platform, pool)
    }

    /// Undoes [`attach`](Self::attach). Returns `true` if `pool` was attached.
    pub fn detach(&mut self, pool: &Pool) -> bool {
        self.data.detach(pool)
    }

    /// Returns the MAC address that the EEPROM gave the device.
    #[must_use]
    pub fn mac(&self) -> [u8; 6] {
        self.data.mac
    }
}

impl<H: Platform> Device<LinkUp, H> {
    /// Makes the transmit queues able to send packets of `pool` once the device runs. Attaching it again has no effect.
    ///
    /// # Errors
    ///
    /// [`DmaError`] if the pool's memory cannot be mapped for the device. Then the pool is not attached.
    pub fn attach(&mut self, pool: &Pool) -> Result<(), DmaError> {
        self.data.attach(&*self.platform, pool)
    }

    /// Undoes [`attach`](Self::attach). Returns `true` if `pool` was attached.
    pub fn detach(&mut self, pool: &Pool) -> bool {
        self.data.detach(pool)
    }

    /// Returns the MAC address that the EEPROM gave the device.
    #[must_use]
    pub fn mac(&self) -> [u8; 6] {
        self.data.mac
    }
}

#[cfg(test)]
#[path = "../../benches/plain/mod.rs"]
mod plain;

#[cfg(test)]
mod tests {
    use core::mem::size_of_val;
    use core::ops::Range;
    use std::collections::HashMap;
    use std::vec::Vec;

    use super::plain::{Addresses, Plain};
    use super::*;
    use crate::packet::Batch;
    use crate::queue::{InPlaceForwarder, Route};

    /// Returns the memory that a queue, or the fake device, writes while packets pass.
    fn footprint(queues: &Queues, queue: usize) -> Vec<Range<usize>> {
        fn of<T>(it: &T) -> Range<usize> {
            let start = core::ptr::from_ref(it) as usize;
            start..start + size_of_val(it)
        }
        let (rx, tx) = (queues.rx().nth(queue).unwrap(), queues.tx().nth(queue).unwrap());
        let mut all = vec![of(rx), of(tx), of(&*rx.drops())];
        all.extend(rx.ring().footprint());
        all.extend(tx.footprint());
        all.extend(rx.pool().footprint());
        all
    }

    /// Descriptor counts exceed what a `usize` of 32 bits holds.
    #[test]
    fn counts_pass_the_ends_of_32_bits() {
        // The rings start to count just below each end, and wrap several times.
        for count in [u64::from(u32::MAX) + 1 - 64, (1 << 63) - 64] {
            for (size, in_place) in [(1, false), (7, false), (32, false), (1, true), (7, true), (40, true)] {
                let config = Config::new().rx_descriptors(64).tx_descriptors(64);
                let (mut nic, mut player) = Plain::start(Addresses::Identity, &config);
                let pool = nic.pools().next().unwrap().clone();
                let (mut rx, mut tx) = nic.data.queues().both_mut();
                rx.next().unwrap().count_from(count);
                tx.next().unwrap().count_from(count);
                drop((rx, tx));
                let (mut arrived, mut sent) = (0_u64, 0);
                while sent < 500 {
                    while arrived < sent + size && player.arrive(&[arrived as u8; 60]) {
                        arrived += 1;
                    }
                    let QueuePair { mut rx, mut tx } = nic.split().1.remove(0);
                    if in_place {
                        let mut ports = InPlaceForwarder::new(&mut rx, core::slice::from_mut(&mut tx)).unwrap();
                        ports.forward(size as usize, |_| Route::Output(0));
                    } else {
                        let mut batch = Batch::with_capacity(size as usize);
                        rx.receive(&mut batch);
                        tx.transmit(&mut batch).unwrap();
                        assert!(batch.is_empty());
                    }
                    player.send(usize::MAX, |bytes, end| {
                        assert!(end && bytes == [sent as u8; 60], "frame {sent} from {count:#x} on");
                        sent += 1;
                    });
                    assert_eq!(sent, arrived, "from {count:#x} on, {size} at a time, in place: {in_place}");
                }
                nic.stop().unwrap();
                assert_eq!(pool.available(), pool.capacity());
            }
        }
    }

    #[test]
    fn queues_share_no_cache_line() {
        for len in [64, 512] {
            let config = Config::new().queue_pairs(4).rx_descriptors(len).tx_descriptors(len);
            let (mut nic, _player) = Plain::start(Addresses::Identity, &config);
            let mut owner = HashMap::new();
            for queue in 0..4 {
                for range in footprint(nic.data.queues(), queue) {
                    for line in range.start / 64..range.end.div_ceil(64) {
                        let first = *owner.entry(line).or_insert(queue);
                        assert_eq!(first, queue, "queues {first} and {queue} share the line at {:#x}", line * 64);
                    }
                }
            }
            assert!(owner.len() > 4 * len / 4, "all memory was seen");
        }
    }
}
