//! The running function: start, stop, recovery.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::clock;
use crate::pool::Pool;
use crate::queue::function::VIRTUAL_TRANSMIT_VECTOR;
use crate::queue::{DropCounters, Held, ReceiveQueue, RxRing, TransmitQueue, TxRing, Virtual};
use crate::register::Driver;
use crate::registers::virtual_function::{Registers, VFCTRL};
use crate::registers::{RxQueue, TxQueue, permission};
use crate::value;
use crate::vf::control::Settings;
use crate::vf::queues::{self, Rings};
use crate::vf::{
    ConfigError, Control, Error, Initialised, Platform, QueuePair, Reset, Running, StartError, Statistics,
    TransitionError, Unbound, VirtualFunction, reset,
};

/// Length of the CRC in bytes.
const CRC: usize = 4;
/// Time limit for sending the packets that are still in a transmit ring when the function is stopped.
const DRAIN: Duration = Duration::from_millis(100);
/// The pause between two checks of rings that drain.
const POLL_INTERVAL: Duration = Duration::from_micros(50);

/// Data of a running function. Dropping it stops the function, and leaks the rings if it does not stop.
pub struct RunningData<H: Platform> {
    platform: Arc<H>,
    data: Initialised,
    rings: Rings,
    statistics: Statistics,
    drops: Vec<Arc<DropCounters>>,
    settings: Settings,
}

impl<H: Platform> RunningData<H> {
    /// Waits for posted packets to be sent, up to a limit.
    fn drain(&mut self) {
        let is_drained = || self.rings.tx.iter_mut().all(|ring| ring.get_mut().is_drained()).then_some(());
        // Packets that were not sent by then return to their pool when the function has stopped.
        _ = clock::poll(&*self.platform, DRAIN, POLL_INTERVAL, is_drained);
    }

    /// Stops the queues, and frees the rings. If they do not stop, the rings stay.
    fn stop(&mut self) -> Result<(), Error> {
        self.drain();
        let proof = queues::quiesce(&*self.platform)?;
        self.rings.release(&proof);
        Ok(())
    }

    /// Resets the function, and starts it with the rings that it had.
    fn restart(&mut self) -> Result<(), Error> {
        let platform = Arc::clone(&self.platform);
        self.control_parts().update_statistics();
        let _stopped = queues::quiesce(&*platform)?;
        for ring in &mut self.rings.rx {
            // SAFETY: the device has stopped, as the proof says, and this ring is its own.
            self.statistics.rx_discarded += unsafe { ring.get_mut().restart() };
        }
        for ring in &mut self.rings.tx {
            // SAFETY: as above.
            self.statistics.tx_discarded += unsafe { ring.get_mut().restart() };
        }
        self.data = reset::agree(&*platform, &self.data.config, Some(self.data.agreed.mac))?;
        self.statistics.was_reset();
        enable(&*platform, &self.data, &mut self.rings)?;
        self.statistics.recoveries += 1;
        self.control_parts().set_again()
    }

    fn control_parts(&mut self) -> Control<'_, H> {
        let Self { platform, data, statistics, drops, settings, .. } = self;
        Control { platform, data, statistics, drops, settings }
    }
}

impl<H: Platform> Drop for RunningData<H> {
    fn drop(&mut self) {
        if self.rings.is_empty() {
            return;
        }
        match self.stop() {
            // The physical function sees that the driver has gone.
            Ok(()) => reset_function(&*self.platform),
            Err(error) => log::error!("the function did not stop, so the memory of its rings leaks: {error}"),
        }
    }
}

impl<H: Platform> fmt::Debug for RunningData<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningData").field("rings", &self.rings).finish_non_exhaustive()
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
        let config = self.data.config;
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
        let Self { platform, data } = self;
        let mut rings = Rings::default();
        let started =
            make_rings(&*platform, &data, pools, &mut rings).and_then(|()| enable(&*platform, &data, &mut rings));
        if let Err(error) = started {
            return Err(match queues::quiesce(&*platform) {
                Ok(proof) => {
                    rings.release(&proof);
                    StartError::RolledBack(TransitionError { device: VirtualFunction { platform, data }, error })
                }
                Err(_) => {
                    StartError::NotStopped(TransitionError { device: VirtualFunction { platform, data: rings }, error })
                }
            });
        }
        let drops = rings.rx.iter().map(|ring| ring.get().drops()).collect();
        let (statistics, settings) = (Statistics::default(), Settings::default());
        let running = RunningData { platform: Arc::clone(&platform), data, rings, statistics, drops, settings };
        let mut device: VirtualFunction<Running, H> = VirtualFunction { platform, data: running };
        device.data.control_parts().begin();
        Ok(device)
    }
}

/// Makes the rings. What was made is in `rings`, also after an error.
fn make_rings<H: Platform>(platform: &H, data: &Initialised, pools: &[Pool], rings: &mut Rings) -> Result<(), Error> {
    let config = &data.config;
    if pools.is_empty() {
        return Err(ConfigError::NoPool.into());
    }
    for (queue, pool) in RxQueue::all().zip(pools.iter().cycle()).take(config.queues) {
        let ring = RxRing::new(platform, queue, config.rx_len, pool, config.long_frames)?;
        rings.rx.push(Held::by(platform, ring));
    }
    for queue in TxQueue::all().take(config.queues) {
        let mut ring =
            TxRing::<Virtual>::new(platform, queue, VIRTUAL_TRANSMIT_VECTOR, config.tx_len, config.max_frame - CRC)?;
        for pool in pools {
            ring.attach(platform, pool)?;
        }
        rings.tx.push(Held::by(platform, ring));
    }
    Ok(())
}

/// Enables the queues, each from descriptor 0 on.
fn enable<H: Platform>(platform: &H, data: &Initialised, rings: &mut Rings) -> Result<(), Error> {
    for ring in &mut rings.rx {
        // SAFETY: the ring was made for this device, and `Held` keeps it until the device has stopped.
        unsafe { queues::enable_rx(platform, ring.get(), &data.config) }?;
        <ReceiveQueue<'_, H, Virtual>>::new(ring.get_mut(), platform).start();
    }
    for ring in &rings.tx {
        // SAFETY: as above.
        unsafe { queues::enable_tx(platform, ring.get()) }?;
    }
    Ok(())
}

impl<H: Platform> VirtualFunction<Running, H> {
    /// Splits the device into its control and its queue pairs, each of which can go to its own thread.
    pub fn split(&mut self) -> (Control<'_, H>, Vec<QueuePair<'_, H>>) {
        let RunningData { platform, data, rings, statistics, drops, settings } = &mut self.data;
        let platform = &**platform;
        let rx = rings.rx.iter_mut().map(|ring| ReceiveQueue::new(ring.get_mut(), platform));
        let tx = rings.tx.iter_mut().map(|ring| TransmitQueue::new(ring.get_mut(), platform));
        let pairs = rx.zip(tx).map(|(rx, tx)| QueuePair { rx, tx }).collect();
        (Control { platform, data, statistics, drops, settings }, pairs)
    }

    /// Returns the control of the device, while no queue is in use.
    pub fn control(&mut self) -> Control<'_, H> {
        self.data.control_parts()
    }

    /// Returns the pools of the receive queues, in the order of the queues.
    pub fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.data.rings.rx.iter().map(|ring| ring.get().pool())
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
            Ok(()) => Ok(VirtualFunction { platform, data: self.data.data.clone() }),
            Err(error) => {
                let rings = core::mem::take(&mut self.data.rings);
                Err(TransitionError { device: VirtualFunction { platform, data: rings }, error })
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
    pub fn recover(mut self) -> Result<Self, TransitionError<VirtualFunction<Unbound, H>>> {
        match self.data.restart() {
            Ok(()) => Ok(self),
            Err(error) => {
                let rings = core::mem::take(&mut self.data.rings);
                Err(TransitionError {
                    device: VirtualFunction { platform: Arc::clone(&self.platform), data: rings },
                    error,
                })
            }
        }
    }
}
