//! A device that receives and transmits.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::clock;
use crate::device::{
    Config, ConfigError, Control, Device, Error, Initialised, LinkStatus, LinkUp, Reset, Rss, Running, Statistics,
    TransitionError, Unbound, initialise, link, receive, statistics, stop, transmit,
};
use crate::dma::DmaError;
use crate::platform::Platform;
use crate::pool::Pool;
use crate::queue::{DropCounters, Held, QueuePair, ReceiveQueue, RxRing, Stopped, TransmitQueue, TxRing};
use crate::register::Driver;
use crate::registers::{CTRL_EXT, Registers, RxQueue, TxQueue};
use crate::value;

/// How long packets that are still in a transmit ring may take to leave when the device is stopped.
const DRAIN: Duration = Duration::from_millis(100);
/// The pause between two looks at a ring that drains.
const POLL_INTERVAL: Duration = Duration::from_micros(50);

/// Something of one queue, on cache lines of its own: what one thread writes must not lie beside what another reads.
/// Two lines, because x86-64 fetches them in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct CachePadded<T>(T);

/// The rings of a device, which it may reach until it has stopped.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    rx: Vec<CachePadded<Held<RxRing>>>,
    tx: Vec<CachePadded<Held<TxRing>>>,
}

impl Queues {
    /// Frees the rings and gives their buffers back to the pools, now that the device has stopped.
    pub(crate) fn release(self, proof: &Stopped) {
        for ring in self.rx.into_iter().filter_map(|ring| ring.0.release(proof)) {
            // SAFETY: the ring's device has stopped, else there would be no ring.
            unsafe { ring.empty() };
        }
        for ring in self.tx.into_iter().filter_map(|ring| ring.0.release(proof)) {
            // SAFETY: the ring's device has stopped, else there would be no ring.
            unsafe { ring.empty() };
        }
    }

    fn is_empty(&self) -> bool {
        self.rx.is_empty() && self.tx.is_empty()
    }
}

/// What a running device has. Dropping it stops the device, and leaks its rings if that fails.
pub struct RunningData<H: Platform> {
    platform: Arc<H>,
    data: Initialised,
    queues: Queues,
    statistics: Statistics,
    drops: Vec<Arc<DropCounters>>,
    rss: Rss,
}

impl<H: Platform> RunningData<H> {
    /// Lets packets that were posted leave, for a while: a transmit queue is disabled when it is empty (4.6.8.1).
    fn drain(&mut self) {
        let tx = &mut self.queues.tx;
        let is_drained = || tx.iter_mut().all(|ring| ring.0.get_mut().is_drained()).then_some(());
        // What has not left by then is given back to its pool when the device has stopped.
        _ = clock::poll(&*self.platform, DRAIN, POLL_INTERVAL, is_drained);
    }
}

impl<H: Platform> Drop for RunningData<H> {
    fn drop(&mut self) {
        self.drain();
        let queues = core::mem::take(&mut self.queues);
        if queues.is_empty() {
            return;
        }
        let stopped = stop::quiesce(&*self.platform);
        match stopped {
            Ok(proof) => queues.release(&proof),
            Err(error) => log::error!("the device did not stop, its memory is lost: {error}"),
        }
        // So that the firmware learns that the driver has gone.
        if let Err(error) = initialise::global_reset(&*self.platform) {
            log::error!("the device was left without a reset: {error}");
        }
    }
}

impl<H: Platform> fmt::Debug for RunningData<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningData").field("queues", &self.queues).finish_non_exhaustive()
    }
}

/// A start that failed.
#[expect(clippy::large_enum_variant, reason = "it is made a few times in a device's life")]
pub enum StartError<H: Platform> {
    /// The device was brought back to its initialised state.
    RolledBack(TransitionError<Device<Reset, H>>),
    /// That failed too: the device must be reset, and keeps its memory until then.
    NotStopped(TransitionError<Device<Unbound, H>>),
}

impl<H: Platform> StartError<H> {
    /// Why the start failed.
    #[must_use]
    pub fn error(&self) -> &Error {
        match self {
            Self::RolledBack(failed) => &failed.error,
            Self::NotStopped(failed) => &failed.error,
        }
    }
}

impl<H: Platform> fmt::Debug for StartError<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RolledBack(failed) => write!(f, "RolledBack({failed:?})"),
            Self::NotStopped(failed) => write!(f, "NotStopped({failed:?})"),
        }
    }
}

impl<H: Platform> fmt::Display for StartError<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error().fmt(f)
    }
}

impl<H: Platform> core::error::Error for StartError<H> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(self.error())
    }
}

impl<H: Platform> Device<LinkUp, H> {
    /// Starts to receive and transmit (datasheet 4.6.5, 4.6.7, 4.6.8), with a pool of its own for each receive queue.
    ///
    /// # Errors
    ///
    /// [`StartError`] with the device, and the step that failed.
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

    /// Starts to receive and transmit, with buffers of `pools`: one for each receive queue, or one for several in turn.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start); [`PoolError::Exhausted`](crate::pool::PoolError::Exhausted) if a pool cannot fill a ring.
    pub fn start_with(self, pools: &[Pool]) -> Result<Device<Running, H>, StartError<H>> {
        let mut queues = Queues::default();
        match start(&*self.platform, &self.data, pools, &mut queues) {
            Ok(()) => {
                let config = &self.data.config;
                let statistics = Statistics::new(config.rx_queues.max(config.tx_queues));
                let drops = queues.rx.iter().map(|ring| ring.0.get().drops()).collect();
                let (platform, rss) = (Arc::clone(&self.platform), config.initial_rss());
                let engine = RunningData { platform, data: self.data, queues, statistics, drops, rss };
                Ok(Device { platform: self.platform, data: engine })
            }
            Err(error) => Err(match shut_down(self.platform, self.data, queues) {
                Ok(device) => StartError::RolledBack(TransitionError { device, error }),
                Err(TransitionError { device, .. }) => StartError::NotStopped(TransitionError { device, error }),
            }),
        }
    }
}

/// The steps of 4.6.3 from the statistics on, in order. What the device may reach is in `queues`, also after an error.
fn start<H: Platform>(platform: &H, data: &Initialised, pools: &[Pool], queues: &mut Queues) -> Result<(), Error> {
    let config = &data.config;
    if pools.is_empty() {
        return Err(ConfigError::NoPool.into());
    }
    // SAFETY: the caller has a device in state `LinkUp`, in which what `Reset` may write may be written, to itself. No queue is
    // enabled, so the device accesses no memory, whatever the filters and counters are set to.
    let registers: Registers<'_, H, Driver<Reset>> = unsafe { Registers::assume_permission(platform) };
    registers.ctrl_ext().modify(value!(CTRL_EXT { DRV_LOAD: true }));
    statistics::initialise(registers, config.rx_queues.max(config.tx_queues))?;
    receive::initialise(registers, config)?;
    for (queue, pool) in RxQueue::all().zip(pools.iter().cycle()).take(config.rx_queues) {
        let ring = RxRing::new(platform, queue, config.rx_len, pool, config.long_frames)?;
        queues.rx.push(CachePadded(Held::by(platform, ring)));
    }
    transmit::initialise(platform, config)?;
    for queue in TxQueue::all().take(config.tx_queues) {
        let mut ring = TxRing::new(platform, queue, config.tx_len, config.max_frame)?;
        for pool in pools.iter().chain(&data.pools) {
            ring.attach(platform, pool)?;
        }
        queues.tx.push(CachePadded(Held::by(platform, ring)));
    }
    for CachePadded(ring) in &mut queues.rx {
        // SAFETY: the ring is held until this device has stopped, and was made for it.
        unsafe { receive::enable_queue(platform, ring.get(), config) }?;
        ReceiveQueue::new(ring.get_mut(), platform).start();
    }
    for CachePadded(ring) in &queues.tx {
        // SAFETY: the ring is held until this device has stopped, and was made for it.
        unsafe { transmit::enable_queue(platform, ring.get(), config) }?;
    }
    receive::enable(platform)
}

/// Stops the device, frees its rings and initialises it again (4.2.1.6.1, 5.2.5.3.2, 4.6.3).
fn shut_down<H: Platform>(
    platform: Arc<H>,
    data: Initialised,
    queues: Queues,
) -> Result<Device<Reset, H>, TransitionError<Device<Unbound, H>>> {
    let proof = match stop::quiesce(&*platform) {
        Ok(proof) => proof,
        Err(error) => return Err(TransitionError { device: Device::with_retained_rings(platform, queues), error }),
    };
    queues.release(&proof);
    let initialised = initialise::initialise(&*platform).and_then(|mac| {
        link::set_up(&*platform, data.config.link)?;
        Ok(mac)
    });
    match initialised {
        Ok(mac) => Ok(Device { platform, data: Initialised { mac, ..data } }),
        Err(error) => Err(TransitionError { device: Device::with_retained_rings(platform, Queues::default()), error }),
    }
}

impl<H: Platform> Device<Running, H> {
    /// The device as a whole, and its queue pairs: each can be given to a thread of its own.
    ///
    /// Queues that are not in pairs, because there are more of one kind, are seen by [`split_queues`](Self::split_queues).
    pub fn split(&mut self) -> (Control<'_, H>, Vec<QueuePair<'_, H>>) {
        let (control, rx, tx) = self.split_queues();
        (control, rx.into_iter().zip(tx).map(|(rx, tx)| QueuePair { rx, tx }).collect())
    }

    /// The device as a whole, all its receive queues, and all its transmit queues.
    pub fn split_queues(&mut self) -> (Control<'_, H>, Vec<ReceiveQueue<'_, H>>, Vec<TransmitQueue<'_, H>>) {
        let RunningData { platform, data, queues, statistics, drops, rss } = &mut self.data;
        let platform = &**platform;
        let Initialised { config, mac, .. } = data;
        let control = Control { platform, statistics, drops, config, mac, rss };
        let rx = queues.rx.iter_mut().map(|ring| ReceiveQueue::new(ring.0.get_mut(), platform)).collect();
        let tx = queues.tx.iter_mut().map(|ring| TransmitQueue::new(ring.0.get_mut(), platform)).collect();
        (control, rx, tx)
    }

    /// What the link is now.
    pub fn link(&mut self) -> LinkStatus {
        self.split().0.link()
    }

    /// The counters since the device was started: see [`Control::statistics`].
    ///
    /// # Errors
    ///
    /// [`Error::Removed`] if the device does not answer any more.
    pub fn statistics(&mut self) -> Result<Statistics, Error> {
        self.split().0.statistics()
    }

    /// Makes all transmit queues able to send packets of `pool`.
    ///
    /// # Errors
    ///
    /// [`DmaError`] if the device cannot reach the pool's memory.
    pub fn attach(&mut self, pool: &Pool) -> Result<(), DmaError> {
        let (_, _, mut queues) = self.split_queues();
        queues.iter_mut().try_for_each(|queue| queue.attach(pool))
    }

    /// The pools that received packets come from, a queue each.
    pub fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.data.queues.rx.iter().map(|ring| ring.0.get().pool())
    }

    /// What the device was set up as.
    pub fn config(&self) -> &Config {
        &self.data.data.config
    }

    /// The MAC address that the device receives frames for.
    #[must_use]
    pub fn mac(&self) -> [u8; 6] {
        self.data.data.mac
    }

    /// Stops the device: lets packets that were posted leave, disables the queues, waits for the last request on the
    /// bus, and initialises the device again.
    ///
    /// Packets that were received and not fetched go home; so do those that could not be sent in time.
    ///
    /// # Errors
    ///
    /// If the device does not stop, it keeps its memory until a [reset](Device::reset) succeeds.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Device.stop.md")))]
    pub fn stop(mut self) -> Result<Device<Reset, H>, TransitionError<Device<Unbound, H>>> {
        let engine = &mut self.data;
        engine.drain();
        let queues = core::mem::take(&mut engine.queues);
        shut_down(Arc::clone(&self.platform), engine.data.clone(), queues)
    }
}

impl<H: Platform> Device<Reset, H> {
    /// Makes the transmit queues able to send packets of `pool` once the device runs. A pool that is attached already stays so.
    ///
    /// # Errors
    ///
    /// [`DmaError`] if the device cannot be made to access the pool's memory; the pool is not attached then.
    pub fn attach(&mut self, pool: &Pool) -> Result<(), DmaError> {
        self.data.attach(&*self.platform, pool)
    }

    /// Undoes [`attach`](Self::attach). Returns `true` if `pool` was attached.
    pub fn detach(&mut self, pool: &Pool) -> bool {
        self.data.detach(pool)
    }

    /// The MAC address that the EEPROM gave the device.
    #[must_use]
    pub fn mac(&self) -> [u8; 6] {
        self.data.mac
    }
}

impl<H: Platform> Device<LinkUp, H> {
    /// Makes the transmit queues able to send packets of `pool` once the device runs. A pool that is attached already stays so.
    ///
    /// # Errors
    ///
    /// [`DmaError`] if the device cannot be made to access the pool's memory; the pool is not attached then.
    pub fn attach(&mut self, pool: &Pool) -> Result<(), DmaError> {
        self.data.attach(&*self.platform, pool)
    }

    /// Undoes [`attach`](Self::attach). Returns `true` if `pool` was attached.
    pub fn detach(&mut self, pool: &Pool) -> bool {
        self.data.detach(pool)
    }

    /// The MAC address that the EEPROM gave the device.
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

    /// What a queue writes to, or a device that plays it, while packets go through.
    fn footprint(queues: &Queues, queue: usize) -> Vec<Range<usize>> {
        fn of<T>(it: &T) -> Range<usize> {
            let start = core::ptr::from_ref(it) as usize;
            start..start + size_of_val(it)
        }
        let (rx, tx) = (&queues.rx[queue], &queues.tx[queue]);
        let mut all = vec![of(rx), of(tx), of(&*rx.0.get().drops())];
        all.extend(rx.0.get().ring().footprint());
        all.extend(tx.0.get().footprint());
        all.extend(rx.0.get().pool().footprint());
        all
    }

    /// Descriptors are counted beyond what a `usize` of 32 bits holds, and beyond what such an address space does.
    #[test]
    fn counts_pass_the_ends_of_32_bits() {
        // The rings go on from just below each end, and around themselves several times.
        for count in [u64::from(u32::MAX) + 1 - 64, (1 << 63) - 64] {
            for (size, in_place) in [(1, false), (7, false), (32, false), (1, true), (7, true), (40, true)] {
                let config = Config::new().rx_descriptors(64).tx_descriptors(64);
                let (mut nic, mut player) = Plain::start(Addresses::Identity, &config);
                let pool = nic.pools().next().unwrap().clone();
                nic.data.queues.rx[0].0.get_mut().count_from(count);
                nic.data.queues.tx[0].0.get_mut().count_from(count);
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
            let (nic, _player) = Plain::start(Addresses::Identity, &config);
            let mut owner = HashMap::new();
            for queue in 0..4 {
                for range in footprint(&nic.data.queues, queue) {
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
