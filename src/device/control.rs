//! Control of a running device: registers, link, statistics, filters, RSS.

use alloc::sync::Arc;
use core::time::Duration;

use crate::device::diagnosis::take_faults;
use crate::device::filter::{Filters, Shared};
use crate::device::health::Watch;
use crate::device::link;
use crate::device::mac::{self, is_unicast};
use crate::device::presence::Present;
use crate::device::ptp;
use crate::device::rate::Rates;
use crate::device::{BringUp, Config, Error, FlowControl, Link, Rss, Running, Statistics, i2c, receive};
use crate::module::Module;
use crate::platform::Platform;
use crate::pool::Pool;
use crate::port::LinkStatus;
use crate::queue::DropCounters;
use crate::register::{Driver, Exclusive};
use crate::registers::permission::ReceivePaused;
use crate::registers::{Registers, Windows};

/// A handle of the running device without its queues, which other threads may use meanwhile.
#[derive(Debug)]
pub struct Control<'a, H> {
    pub(crate) platform: &'a H,
    pub(crate) statistics: &'a mut Statistics,
    pub(crate) drops: &'a [Arc<DropCounters>],
    pub(crate) config: &'a Config,
    pub(crate) mac: &'a mut [u8; 6],
    pub(crate) settings: &'a mut Settings,
    /// The pool of each receive queue.
    pub(crate) pools: &'a [Pool],
    pub(crate) watch: &'a mut Watch,
    pub(crate) bring_up: &'a mut BringUp,
    pub(crate) link: &'a link::Settings,
    /// The PTP clock, if it is on.
    pub(crate) ptp: &'a mut Option<ptp::State>,
    pub(crate) filters: &'a Arc<Shared<H>>,
}

/// What a program has set on a running device, other than its configuration. A recovery sets it again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) rss: Rss,
    pub(crate) promiscuous: bool,
    /// The interval of the interrupts, if they were set up.
    pub(crate) interrupts: Option<Duration>,
    pub(crate) rates: Rates,
    /// The flow control in effect.
    pub(crate) flow_control: FlowControl,
    /// The link as it was seen last.
    pub(crate) link: LinkStatus,
}

/// A guard that switches reception on again when a pause ends, also by a panic.
struct Paused<'a, H: Platform>(&'a Shared<H>);

impl<H: Platform> Drop for Paused<'_, H> {
    fn drop(&mut self) {
        if let Err(error) = self.0.resume() {
            log::error!("reception stays off: {error}");
        }
    }
}

impl<'a, H: Platform> Control<'a, H> {
    /// Returns the registers, with the permission of a running device.
    #[must_use]
    pub fn registers(&self) -> Registers<'_, H, Running> {
        // SAFETY: the device runs as long as it is borrowed here. `Running` is no `Driver` permission.
        unsafe { Registers::assume_permission(self.platform) }
    }

    /// Returns the windows of the device: see [`Device::windows_mut`](crate::device::Device::windows_mut).
    #[must_use]
    pub fn windows_mut(&mut self) -> Windows<'_, H, Exclusive<Running>> {
        // SAFETY: the device runs as long as it is borrowed here. There is one `Control`, and this borrows it uniquely, so
        // nothing else has the windows; queues have none. `Exclusive<Running>` is no `Driver` permission.
        unsafe { Windows::assume_permission(self.platform) }
    }

    /// Returns the registers, with the right to read those with read side effects.
    ///
    /// A counter that is read here is missing from the [statistics](Self::statistics).
    #[must_use]
    pub fn registers_mut(&mut self) -> Registers<'_, H, Exclusive<Running>> {
        // SAFETY: the device runs as long as it is borrowed here. There is one `Control`, and this borrows it uniquely;
        // queues read no registers. `Exclusive<Running>` is no `Driver` permission.
        unsafe { Registers::assume_permission(self.platform) }
    }

    /// Returns the current link, from LINKS and the pins of the board, with the reason why there is none.
    ///
    /// A link takes a few reads, on a board with crosstalk 5 ms more. The reason for no link is also found in the counts
    /// of faults since the last call. Without any signal, the call also asks the module for a byte, which takes a
    /// millisecond. Use [`link_status`](Self::link_status) for a fast look.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Control.link.md")))]
    pub fn link(&mut self) -> Link {
        self.look_at_link();
        let (platform, statistics, seen) = (self.platform, &mut *self.statistics, &mut self.watch.faults);
        link::link(platform, self.link, || {
            let (local, remote) = take_faults(platform);
            statistics.local_faults = statistics.local_faults.saturating_add(local);
            statistics.remote_faults = statistics.remote_faults.saturating_add(remote);
            let total = (statistics.local_faults, statistics.remote_faults);
            let before = core::mem::replace(seen, total);
            (total.0.saturating_sub(before.0), total.1.saturating_sub(before.1))
        })
    }

    /// Returns the current link status, without a reason, and without waiting.
    ///
    /// A link that was lost since the last look, and is up again, reads as down once.
    pub fn link_status(&mut self) -> LinkStatus {
        self.look_at_link()
    }

    /// Reads the module in the port's cage over I2C: what it is, and what it measures.
    ///
    /// This takes about 50 ms, while queues go on. If the module does not answer well, it is asked up to 11 times,
    /// 100 ms apart: a module that was just plugged in is not ready at once. Nothing is ever written to it.
    ///
    /// # Errors
    ///
    /// [`Error::Module`] says what is wrong; [`Error::SemaphoreTimeout`] if somebody else holds the bus.
    pub fn module(&mut self) -> Result<Module, Error> {
        i2c::module(self.platform, self.link.medium, &mut self.bring_up.findings)
    }

    /// Returns the counters since the device was started. A [recovery](crate::device::Device::recover) does not clear
    /// them.
    ///
    /// Call this at least every 50 seconds. At 10 Gbit/s, an octet counter is full after 55 seconds and then stops. A call
    /// reads some 140 registers of the port and 7 of each queue, all of them counters.
    ///
    /// # Errors
    ///
    /// [`Error::Removed`] if the device no longer answers. Earlier counts are kept.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Control.statistics.md")))]
    pub fn statistics(&mut self) -> Result<Statistics, Error> {
        self.statistics_of(&Present::new(self.platform))
    }

    /// Returns the counters of the device, whose registers are read through `device`.
    pub(crate) fn statistics_of(&mut self, device: &Present<'_, H>) -> Result<Statistics, Error> {
        // SAFETY: as for `registers_mut`; the counters are read through a view of the same platform.
        let registers: Registers<'_, _, Exclusive<Running>> = unsafe { Registers::assume_permission(device) };
        let mut updated = self.statistics.clone();
        updated.update(registers);
        // Checked last, because the device may be removed while its counters are read.
        if device.is_removed() || registers.status().read().get() == u32::MAX {
            return Err(Error::Removed { step: "reading the statistics (8.2.3.23)" });
        }
        *self.statistics = updated;
        for (queue, drops) in self.statistics.queues.iter_mut().zip(self.drops) {
            queue.drops = drops.read();
        }
        Ok(self.statistics.clone())
    }

    /// Returns the MAC address for which the device receives frames.
    #[must_use]
    pub fn mac(&self) -> [u8; 6] {
        *self.mac
    }

    /// Changes the MAC address (8.2.3.7.8, 8.2.3.7.9).
    ///
    /// # Errors
    ///
    /// [`Error::NotUnicast`] if it is a group address or zero.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Control.set_mac.md")))]
    pub fn set_mac(&mut self, mac: [u8; 6]) -> Result<(), Error> {
        if !is_unicast(mac) {
            return Err(Error::NotUnicast(mac));
        }
        mac::write(self.registers_mut(), mac)?;
        *self.mac = mac;
        Ok(())
    }

    /// Sets whether to receive all unicast and multicast frames, or only those that the device was configured for.
    ///
    /// Reception pauses for some microseconds. Frames that arrive meanwhile are counted as missed.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if the receive data path does not become idle. Then nothing has changed.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Control.set_promiscuous.md")))]
    pub fn set_promiscuous(&mut self, on: bool) -> Result<(), Error> {
        self.filters.set_promiscuous(on)?;
        self.settings.promiscuous = on;
        Ok(())
    }

    /// Returns the rules for received frames, to add to them.
    pub fn filters(&mut self) -> Filters<'_, H> {
        Filters::new(self.filters, self.config, *self.mac, &self.settings.rss)
    }

    /// Returns how packets are spread over the receive queues.
    pub fn rss(&self) -> Rss {
        self.settings.rss
    }

    /// Changes how packets are spread over the receive queues, until the device is stopped.
    ///
    /// If only the table differs, it changes while packets arrive. Packets of a flow that moves to another queue may
    /// then arrive out of order. For another key or other fields, reception pauses for some microseconds, and frames
    /// that arrive meanwhile are counted as missed. With one receive queue, this has no effect on the device.
    ///
    /// # Errors
    ///
    /// [`ConfigError::RssTable`](crate::device::ConfigError::RssTable) if the table names a queue that does not run;
    /// [`Error::TimedOut`] if the receive data path does not become idle. Then nothing has changed.
    pub fn set_rss(&mut self, rss: Rss) -> Result<(), Error> {
        self.config.check_rss(&rss)?;
        if self.config.rx_queues > 1 {
            // SAFETY: the device runs as long as its `Control` exists, and this borrows it uniquely. The table was
            // checked, so packets go to queues that run, whatever their hash.
            let registers: Registers<'_, H, Driver<Running>> = unsafe { Registers::assume_permission(self.platform) };
            if (rss.key, rss.fields) != (self.settings.rss.key, self.settings.rss.fields) {
                self.with_receive_paused(|_| {
                    receive::set_hash(registers, &rss)?;
                    receive::set_redirection(registers, &rss)
                })??;
            } else {
                receive::set_redirection(registers, &rss)?;
            }
        }
        self.settings.rss = rss;
        Ok(())
    }

    /// Calls `action` while reception is off, with the permission to write registers that need this (4.6.7).
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if the receive data path does not become idle. Then `action` was not called, unless
    /// RXCTRL.RXEN reads 0: in that case `action` was called, and reception stays off until another pause ends.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Control.with_receive_paused.md")))]
    pub fn with_receive_paused<T>(
        &mut self,
        action: impl for<'r> FnOnce(Registers<'r, H, Exclusive<ReceivePaused>>) -> T,
    ) -> Result<T, Error> {
        self.filters.pause()?;
        let paused = Paused(self.filters);
        // SAFETY: reception was just switched off, and only this `Control` can switch it on: handles of rules do not
        // during a pause. `action` cannot keep the registers. There is one `Control`, and this borrows it uniquely. The
        // permission is no `Driver` permission.
        let result = action(unsafe { Registers::assume_permission(self.platform) });
        core::mem::forget(paused);
        self.filters.resume().map(|()| result)
    }
}
