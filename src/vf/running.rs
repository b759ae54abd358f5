//! The running function: start, stop, recovery.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::clock;
use crate::pool::Pool;
use crate::queue::function::VIRTUAL_TRANSMIT_VECTOR;
use crate::queue::{DropCounters, Held, Queues, ReceiveQueue, RxRing, TransmitQueue, TxRing, Virtual};
use crate::register::Driver;
use crate::registers::virtual_function::{Registers, VFCTRL};
use crate::registers::{RxQueue, TxQueue, permission};
use crate::value;
use crate::vf::control::Settings;
use crate::vf::queues;
use crate::vf::{
    ConfigError, Control, Error, Initialised, Platform, QueuePair, Reset, Running, StartError, Statistics,
    TransitionError, Unbound, VirtualFunction, reset,
};

/// Length of the CRC in bytes.
const CRC: usize = 4;
/// Time limit for sending the packets that are still in a transmit ring when the function is stopped.
const DRAIN: Duration = Duration::from_millis(100);
/// Time limit for owned queues to give their rings back when the function is dropped.
const RECALL: Duration = Duration::from_millis(100);
/// The pause between two attempts to recover.
const RECOVERY_PAUSE: Duration = Duration::from_millis(100);
/// The pause between two checks of rings that drain.
const POLL_INTERVAL: Duration = Duration::from_micros(50);

/// Data of a running function. Dropping it stops the function, and leaks the rings if it does not stop.
pub struct RunningData<H: Platform> {
    platform: Arc<H>,
    data: Initialised,
    queues: Queues<Virtual>,
    /// The pool of each receive queue.
    pools: Vec<Pool>,
    statistics: Statistics,
    drops: Vec<Arc<DropCounters>>,
    settings: Settings,
}

impl<H: Platform> RunningData<H> {
    /// Waits for posted packets to be sent, up to a limit.
    fn drain(&mut self) {
        let is_drained = || self.queues.tx_mut().all(TxRing::is_drained).then_some(());
        // Packets that were not sent by then return to their pool when the function has stopped.
        _ = clock::poll(&*self.platform, DRAIN, POLL_INTERVAL, is_drained);
    }

    /// Stops the queues, and frees the rings. If they do not stop, the rings stay.
    fn stop(&mut self) -> Result<(), Error> {
        self.drain();
        let proof = queues::quiesce(&*self.platform)?;
        self.queues.release(&proof);
        Ok(())
    }

    /// Resets the function, and starts it with the rings that it had.
    fn restart(&mut self) -> Result<(), Error> {
        let platform = Arc::clone(&self.platform);
        self.control_parts().update_statistics();
        let _stopped = queues::quiesce(&*platform)?;
        for ring in self.queues.rx_mut() {
            // SAFETY: the device has stopped, as the proof says, and this ring is its own.
            self.statistics.rx_discarded += unsafe { ring.restart() };
        }
        for ring in self.queues.tx_mut() {
            // SAFETY: as above.
            self.statistics.tx_discarded += unsafe { ring.restart() };
        }
        self.data = reset::agree(&*platform, &self.data.config, Some(self.data.agreed.mac))?;
        self.statistics.was_reset();
        enable(&*platform, &self.data, &mut self.queues)?;
        self.statistics.recoveries += 1;
        self.control_parts().set_again()
    }

    /// Takes the queues, so that dropping this stops nothing.
    fn take_queues(&mut self) -> Queues<Virtual> {
        core::mem::take(&mut self.queues)
    }

    pub(super) fn queues(&mut self) -> &mut Queues<Virtual> {
        &mut self.queues
    }

    pub(super) fn control_parts(&mut self) -> Control<'_, H> {
        let Self { platform, data, statistics, drops, settings, .. } = self;
        Control { platform, data, statistics, drops, settings }
    }
}

impl<H: Platform> Drop for RunningData<H> {
    fn drop(&mut self) {
        if self.queues.is_empty() {
            return;
        }
        self.queues.recall(&*self.platform, RECALL);
        self.drain();
        match queues::quiesce(&*self.platform) {
            Ok(proof) => {
                // SAFETY: the device has stopped, as the proof says. It does not run again: this drops its only driver.
                unsafe { self.queues.leave() };
                self.queues.release(&proof);
                // The physical function sees that the driver has gone.
                reset_function(&*self.platform);
            }
            Err(error) => log::error!("the function did not stop, so the memory of its rings leaks: {error}"),
        }
    }
}

impl<H: Platform> fmt::Debug for RunningData<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningData").field("queues", &self.queues).finish_non_exhaustive()
    }
}

/// Resets a function whose queues have stopped.
fn reset_function<H: Platform>(platform: &H) {
    // SAFETY: the caller has exclusive access to the device, whose queues are disabled.
    let registers: Registers<'_, H, Driver<permission::Reset>> = unsafe { Registers::assume_permission(platform) };
    if let Ok(reset) = value!(VFCTRL { RST: true }).full() {
        registers.vfctrl().write_full(reset);
    }
}

impl<H: Platform> VirtualFunction<Reset, H> {
    /// Starts reception and transmission, with one new pool for each receive queue.
    ///
    /// # Errors
    ///
    /// [`StartError`] with the device and the failed step.
    pub fn start(self) -> Result<VirtualFunction<Running, H>, StartError<H>> {
        let config = self.data.0.config;
        let pools = (0..config.queues)
            .map(|_| Pool::new(&*self.platform, config.pool_count(), config.buffer_bytes()).map_err(Error::from))
            .collect::<Result<Vec<_>, _>>();
        match pools {
            Ok(pools) => self.start_with(&pools),
            Err(error) => Err(StartError::RolledBack(TransitionError { device: self, error })),
        }
    }

    /// Starts reception and transmission with buffers of `pools`. Receive queue n uses pool n modulo their number.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start); [`PoolError::Exhausted`](crate::pool::PoolError::Exhausted) if a pool cannot fill a
    /// ring.
    pub fn start_with(self, pools: &[Pool]) -> Result<VirtualFunction<Running, H>, StartError<H>> {
        let Self { platform, data: (data, mut queues) } = self;
        let started =
            make_rings(&*platform, &data, pools, &mut queues).and_then(|()| enable(&*platform, &data, &mut queues));
        if let Err(error) = started {
            return Err(match queues::quiesce(&*platform) {
                Ok(proof) => {
                    queues.release(&proof);
                    let device = VirtualFunction { platform, data: (data, queues) };
                    StartError::RolledBack(TransitionError { device, error })
                }
                Err(_) => {
                    let device = VirtualFunction { platform, data: queues };
                    StartError::NotStopped(TransitionError { device, error })
                }
            });
        }
        let drops = queues.rx().map(RxRing::drops).collect();
        let pools = queues.rx().map(|ring| ring.pool().clone()).collect();
        let (statistics, settings) = (Statistics::default(), Settings::default());
        let shared = Arc::clone(&platform);
        let running = RunningData { platform: shared, data, queues, pools, statistics, drops, settings };
        let mut device: VirtualFunction<Running, H> = VirtualFunction { platform, data: running };
        device.data.control_parts().begin();
        Ok(device)
    }
}

/// Makes the rings. What was made is in `queues`, also after an error.
fn make_rings<H: Platform>(
    platform: &H,
    data: &Initialised,
    pools: &[Pool],
    queues: &mut Queues<Virtual>,
) -> Result<(), Error> {
    let config = &data.config;
    if pools.is_empty() {
        return Err(ConfigError::NoPool.into());
    }
    for (queue, pool) in RxQueue::all().zip(pools.iter().cycle()).take(config.queues) {
        let ring = RxRing::new(platform, queue, config.rx_len, pool, config.long_frames)?;
        queues.put_rx(queue.get(), Held::by(platform, ring));
    }
    for queue in TxQueue::all().take(config.queues) {
        let mut ring =
            TxRing::<Virtual>::new(platform, queue, VIRTUAL_TRANSMIT_VECTOR, config.tx_len, config.max_frame - CRC)?;
        for pool in pools {
            ring.attach(platform, pool)?;
        }
        queues.put_tx(queue.get(), Held::by(platform, ring));
    }
    Ok(())
}

/// Enables the queues, each from descriptor 0 on.
fn enable<H: Platform>(platform: &H, data: &Initialised, queues: &mut Queues<Virtual>) -> Result<(), Error> {
    for ring in queues.rx_mut() {
        // SAFETY: the ring was made for this device, and `Held` keeps it until the device has stopped.
        unsafe { queues::enable_rx(platform, ring, &data.config) }?;
        <ReceiveQueue<'_, H, Virtual>>::new(ring, platform).start();
    }
    for ring in queues.tx() {
        // SAFETY: as above.
        unsafe { queues::enable_tx(platform, ring) }?;
    }
    Ok(())
}

impl<H: Platform> VirtualFunction<Running, H> {
    /// Splits the device into its control and its queue pairs, each of which can go to its own thread.
    pub fn split(&mut self) -> (Control<'_, H>, Vec<QueuePair<'_, H>>) {
        let RunningData { platform, data, queues, statistics, drops, settings, .. } = &mut self.data;
        let platform = &**platform;
        let (rx, tx) = queues.both_mut();
        let rx = rx.map(|ring| ReceiveQueue::new(ring, platform));
        let tx = tx.map(|ring| TransmitQueue::new(ring, platform));
        let pairs = rx.zip(tx).map(|(rx, tx)| QueuePair { rx, tx }).collect();
        (Control { platform, data, statistics, drops, settings }, pairs)
    }

    /// Returns the control of the device, while no queue is in use.
    pub fn control(&mut self) -> Control<'_, H> {
        self.data.control_parts()
    }

    /// Returns the pools of the receive queues, in the order of the queues.
    pub fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.data.pools.iter()
    }

    /// Stops the function, once it has sent what it has, at most after 100 ms. Frees the rings, and returns their buffers
    /// to the pools.
    ///
    /// # Errors
    ///
    /// The device and the step that failed. The device keeps its memory until a [reset](VirtualFunction::reset) succeeds.
    pub fn stop(mut self) -> Result<VirtualFunction<Reset, H>, TransitionError<VirtualFunction<Unbound, H>>> {
        let platform = Arc::clone(&self.platform);
        match self.data.stop() {
            Ok(()) => Ok(VirtualFunction { platform, data: (self.data.data.clone(), self.data.take_queues()) }),
            Err(error) => {
                let device = VirtualFunction { platform, data: self.data.take_queues() };
                Err(TransitionError { device, error })
            }
        }
    }

    /// Resets the function, agrees with the physical function anew, and goes on as before: with the same rings, pools,
    /// addresses, VLANs, multicasts and interrupts. After a reset of the physical function, nothing else helps.
    ///
    /// Packets that were not reported as sent return to their pools, and so do packets that nobody has fetched. Both are
    /// counted. Recovery allocates no memory.
    ///
    /// # Errors
    ///
    /// The device and the step that failed: [`Error::NoHost`] as long as the physical function is not back. The device
    /// keeps its memory until a [reset](VirtualFunction::reset) succeeds.
    pub fn recover(self) -> Result<Self, TransitionError<VirtualFunction<Unbound, H>>> {
        self.recover_within(Duration::ZERO)
    }

    /// Recovers the function as [`recover`](Self::recover) does, and repeats that for `limit` while it fails, because the
    /// physical function may be away for long: its driver may be loaded anew. The last attempt may end later than
    /// `limit`, by the time that one attempt takes.
    ///
    /// # Errors
    ///
    /// As [`recover`](Self::recover), of the last attempt.
    pub fn recover_within(mut self, limit: Duration) -> Result<Self, TransitionError<VirtualFunction<Unbound, H>>> {
        let start = self.platform.now();
        loop {
            match self.data.restart() {
                Ok(()) => return Ok(self),
                Err(_) if self.platform.now().saturating_sub(start) < limit => self.platform.wait(RECOVERY_PAUSE),
                Err(error) => {
                    let platform = Arc::clone(&self.platform);
                    let device = VirtualFunction { platform, data: self.data.take_queues() };
                    return Err(TransitionError { device, error });
                }
            }
        }
    }
}
