//! Recovery of a running device that hangs: a reset that the program hardly notices.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::clock;
use crate::device::establish::Establish;
use crate::device::health::Watch;
use crate::device::presence::Present;
use crate::device::running::RunningData;
use crate::device::{
    Config, Device, Error, Finding, Running, TransitionError, Unbound, initialise, pins, ptp, running, stop,
};
use crate::platform::Platform;
use crate::queue::{Stopped, TxRing};
use crate::register::Exclusive;
use crate::registers::Registers;

/// How often the device is reset until it starts. Drivers that are proven on hardware repeat the whole bring-up, too.
const ATTEMPTS: usize = 3;
/// Time limit for transmit queues that do not hang to send what they have.
const DRAIN: Duration = Duration::from_millis(100);
/// The time without progress after which no transmit queue is waited for any more.
const STILL: Duration = Duration::from_millis(5);
/// The pause between two looks at queues that drain.
const POLL_INTERVAL: Duration = Duration::from_micros(50);

impl<H: Platform> Device<Running, H> {
    /// Resets a device that hangs, and starts it again as it was: with the same configuration, rings, pools, MAC
    /// address, promiscuous mode, RSS, interrupts, rate limits and [rules](crate::device::filter).
    /// [Statistics](Self::statistics) and the PTP clock go on.
    ///
    /// Transmit queues that still send get up to 100 ms for it. Packets that they did not report as sent return to
    /// their pools, and so do packets that nobody has fetched. Both are [counted](crate::device::QueueStatistics). The
    /// link goes down: packets that are posted before it is up again wait for it. What a program wrote to registers
    /// itself is lost.
    ///
    /// Recovery allocates and maps no memory. It takes about as long as a reset, a fraction of a second. If a step
    /// fails, it is tried up to three times, with the limits of [`reset`](Device::reset) each time.
    ///
    /// Owned queues give their rings back first, and get them again when the device is split. Meanwhile their calls
    /// return [`Down`](crate::port::Down):
    ///
    /// ```
    /// use std::time::Duration;
    /// # use ixgbe::device::{Config, Device};
    /// # use ixgbe::packet::Batch;
    /// use ixgbe::port::Receive;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let [port, partner] = [0, 1].map(|_| ixgbe_sim::Port::new(Default::default()));
    /// # ixgbe_sim::connect(&port, &partner);
    /// # let nic = Device::new(port.claim()?).reset(&Config::new())?.assume_link_up().start()?;
    /// # let (control, mut pairs) = nic.into_split();
    /// # let mut queues = pairs.remove(0);
    /// # let worker = std::thread::spawn(move || {
    /// #     while queues.rx.receive(&mut Batch::with_capacity(1)).is_ok() | queues.tx.queue().is_ok() {}
    /// #     queues
    /// # });
    /// let nic = control.reunite(Duration::from_secs(1))?.recover()?;
    /// let (control, pairs) = nic.into_split();   // the queues that other threads have go on
    /// assert!(pairs.is_empty());
    /// # drop(worker.join());
    /// # control.reunite(Duration::ZERO)?.stop()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The device and the error of the last attempt. [`Error::Removed`] is not tried again. The device keeps its memory
    /// until a [reset](Device::reset) succeeds, after which the counters start anew.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Device.recover.md")))]
    pub fn recover(mut self) -> Result<Self, TransitionError<Device<Unbound, H>>> {
        self.data.drain_what_moves();
        let restarted = self.data.restart().and_then(|()| {
            let interrupts = self.data.settings.interrupts;
            let mut control = self.split_queues().0;
            control.begin();
            interrupts.map_or(Ok(()), |interval| control.set_up_interrupts(interval))
        });
        match restarted {
            Ok(()) => Ok(self),
            Err(error) => {
                let queues = core::mem::take(self.data.queues());
                let device = Device::with_retained_rings(Arc::clone(&self.platform), queues);
                Err(TransitionError { device, error })
            }
        }
    }
}

impl<H: Platform> RunningData<H> {
    /// Waits for posted packets to be sent, as long as any are.
    fn drain_what_moves(&mut self) {
        let platform = Arc::clone(&self.platform);
        let mut unsent = || {
            self.data.queues.tx_mut().for_each(TxRing::reclaim);
            self.data.queues.tx().map(|ring| ring.ring().posted()).sum::<usize>()
        };
        let start = platform.now();
        let mut left = unsent();
        // Each round leaves fewer, so this ends with any clock.
        while left > 0 && platform.now().saturating_sub(start) < DRAIN {
            let fewer = || Some(unsent()).filter(|now| *now < left);
            match clock::poll(&*platform, STILL, POLL_INTERVAL, fewer) {
                Ok(now) => left = now,
                Err(_) => break,
            }
        }
    }

    /// Stops the device, whatever hangs, and starts it again.
    fn restart(&mut self) -> Result<(), Error> {
        // A reset clears these counters.
        self.filters.statistics();
        self.filters.stop();
        let mut findings = Vec::new();
        let mut proof = self.stop_and_count(&mut findings)?;
        for attempt in 1.. {
            let error = match self.start_again(&proof, findings.clone()) {
                Ok(()) => break,
                Err(error) => error,
            };
            if attempt == ATTEMPTS || matches!(error, Error::Removed { .. }) {
                return Err(error);
            }
            log::warn!("recovery is tried again: {error}");
            proof = stop::quiesce(&*self.platform, &mut findings)?;
        }
        self.watch = Watch::since(&self.statistics);
        self.statistics.recoveries += 1;
        self.ptp.iter_mut().for_each(ptp::State::was_reset);
        Ok(())
    }

    /// Stops the device, and adds to the statistics what its counters have before a reset clears them.
    fn stop_and_count(&mut self, findings: &mut Vec<Finding>) -> Result<Stopped, Error> {
        let (platform, statistics) = (Arc::clone(&self.platform), &mut self.statistics);
        let count = |device: &Present<'_, H>| {
            // SAFETY: this has the running device to itself. `Exclusive<Running>` is no `Driver` permission.
            let registers: Registers<'_, _, Exclusive<Running>> = unsafe { Registers::assume_permission(device) };
            let mut updated = statistics.clone();
            updated.update(registers);
            if !device.is_removed() {
                *statistics = updated;
            }
        };
        stop::quiesce_and(&*platform, findings, count).or_else(|error| match error {
            Error::Removed { .. } => Err(error),
            // A queue that hangs does not stop. After the reset that follows, it has.
            _ => stop::quiesce(&*platform, findings),
        })
    }

    /// Resets the device, which has stopped, and starts it with the rings that it had.
    fn start_again(&mut self, _stopped: &Stopped, findings: Vec<Finding>) -> Result<(), Error> {
        let (platform, settings) = (Arc::clone(&self.platform), self.settings);
        let queues = &mut self.data.queues;
        // A device has as many sets of counters as queues, or several queues share one.
        let sets = self.statistics.queues.len().max(1);
        for ring in queues.rx_mut() {
            let counts = self.statistics.queues.get_mut(ring.queue().get() % sets);
            // SAFETY: the device has stopped, as the proof says, and this ring is its own.
            let discarded = unsafe { ring.restart() };
            counts.into_iter().for_each(|counts| counts.rx_discarded += discarded);
        }
        for ring in queues.tx_mut() {
            let counts = self.statistics.queues.get_mut(ring.queue().get() % sets);
            // SAFETY: as above.
            let discarded = unsafe { ring.restart() };
            counts.into_iter().for_each(|counts| counts.tx_discarded += discarded);
        }
        let device = &Present::new(&*platform);
        let (eeprom, port) = (self.data.bring_up.eeprom.clone(), *self.data.link.settings());
        let (_, mut bring_up) = initialise::initialise(device, Some(self.data.mac), eeprom, findings)?;
        self.data.link = Establish::begin(device, port, &self.data.config, &mut bring_up)?;
        self.data.bring_up = bring_up;
        pins::light(device, port.medium);
        let config = Config { promiscuous: settings.promiscuous, rss: Some(settings.rss), ..self.data.config };
        let (queues, findings) = (&mut self.data.queues, &mut self.data.bring_up.findings);
        running::enable(&platform, &config, queues, findings, &self.filters)
    }
}
