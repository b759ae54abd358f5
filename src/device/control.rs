//! What can be done with a running device beside receiving and transmitting.

use alloc::sync::Arc;

use crate::device::link::{self, LinkStatus};
use crate::device::{Config, Error, Rss, Running, Statistics, receive};
use crate::field::Value;
use crate::index;
use crate::platform::Platform;
use crate::queue::DropCounters;
use crate::register::{Driver, Exclusive};
use crate::registers::permission::ReceivePaused;
use crate::registers::{MacAddressEntry, RAH, RAL, RXCTRL, Registers};
use crate::value;

/// The device as a whole, while its queues are in use elsewhere.
#[derive(Debug)]
pub struct Control<'a, H> {
    pub(crate) platform: &'a H,
    pub(crate) statistics: &'a mut Statistics,
    pub(crate) drops: &'a [Arc<DropCounters>],
    pub(crate) config: &'a Config,
    pub(crate) mac: &'a mut [u8; 6],
    pub(crate) rss: &'a mut Rss,
}

/// Lets packets in again when a pause ends, however it ends.
struct Paused<'a, H: Platform>(&'a H);

impl<H: Platform> Paused<'_, H> {
    fn switch(&self, on: bool) -> Result<(), Error> {
        // SAFETY: a `Control`, of which there is one, has the device while it runs. Reception writes to the buffers of the queues that
        // are enabled, which are the driver's.
        let registers: Registers<'_, H, Driver<Running>> = unsafe { Registers::assume_permission(self.0) };
        receive::while_idle(self.0, registers, || {
            registers.rxctrl().modify(Value::EMPTY.with(RXCTRL::RXEN, on));
        })
    }
}

impl<H: Platform> Drop for Paused<'_, H> {
    fn drop(&mut self) {
        if let Err(error) = self.switch(true) {
            log::error!("reception stays off: {error}");
        }
    }
}

impl<'a, H: Platform> Control<'a, H> {
    /// The registers, with what is permitted while the device runs.
    #[must_use]
    pub fn registers(&self) -> Registers<'_, H, Running> {
        // SAFETY: the device runs as long as it is borrowed here. `Running` alone is no `Driver` permission.
        unsafe { Registers::assume_permission(self.platform) }
    }

    /// The registers, also those that reading changes. What is taken from a counter here is missing in the [statistics](Self::statistics).
    #[must_use]
    pub fn registers_mut(&mut self) -> Registers<'_, H, Exclusive<Running>> {
        // SAFETY: the device runs as long as it is borrowed here. There is one `Control`, of which this borrows all; queues read
        // no registers. It is no `Driver` permission.
        unsafe { Registers::assume_permission(self.platform) }
    }

    /// What the link is now.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Control.link.md")))]
    pub fn link(&mut self) -> LinkStatus {
        link::status(self.registers_mut())
    }

    /// The counters since the device was started.
    ///
    /// Call it once a minute at least: see [`Statistics`] for when counters wrap.
    ///
    /// # Errors
    ///
    /// [`Error::Removed`] if the device does not answer any more; what was counted before is kept.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Control.statistics.md")))]
    pub fn statistics(&mut self) -> Result<Statistics, Error> {
        let mut updated = self.statistics.clone();
        updated.update(self.registers_mut());
        // Looked at last: the device may go while it is read.
        if self.registers().status().read().get() == u32::MAX {
            return Err(Error::Removed { step: "reading the statistics (8.2.3.23)" });
        }
        *self.statistics = updated;
        for (queue, drops) in self.statistics.queues.iter_mut().zip(self.drops) {
            queue.drops = drops.read();
        }
        Ok(self.statistics.clone())
    }

    /// The MAC address that the device receives frames for.
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
        if mac[0] & 1 != 0 || mac == [0; 6] {
            return Err(Error::NotUnicast(mac));
        }
        let (registers, entry) = (self.registers_mut(), index!(MacAddressEntry, 0));
        let [a, b, c, d, e, f] = mac;
        let low = Value::EMPTY.try_with(RAL::RAL, u64::from(u32::from_le_bytes([a, b, c, d])))?;
        let high = value!(RAH { AV: true }).try_with(RAH::RAH, u64::from(u16::from_le_bytes([e, f])))?;
        // Invalid in between, so that no mixture of both addresses is ever received for.
        registers.rah(entry).modify(value!(RAH { AV: false }));
        registers.ral(entry).write_full(low.full()?);
        registers.rah(entry).modify(high);
        *self.mac = mac;
        Ok(())
    }

    /// Receives all unicast and multicast frames, or only those that the device was configured for.
    ///
    /// Reception pauses for some microseconds; what arrives meanwhile is counted as missed.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if the receive data path does not become idle; nothing has changed then.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Control.set_promiscuous.md")))]
    pub fn set_promiscuous(&mut self, on: bool) -> Result<(), Error> {
        let multicast = self.config.multicast;
        self.with_receive_paused(|registers| receive::set_filters(registers, on, multicast))
    }

    /// How packets are spread over the receive queues.
    pub fn rss(&self) -> Rss {
        *self.rss
    }

    /// Spreads packets over the receive queues in another way, until the device is stopped.
    ///
    /// A table alone changes while packets come in: each goes by the old or the new one, so those of a flow that
    /// moves may be seen out of order. For another key, or other fields, reception pauses for some microseconds; what arrives
    /// meanwhile is counted as missed. A device with one receive queue has nothing to spread.
    ///
    /// # Errors
    ///
    /// [`ConfigError::RssTable`](crate::device::ConfigError::RssTable) if the table names a queue that does not run,
    /// [`Error::TimedOut`] if the receive data path does not become idle; nothing has changed then.
    pub fn set_rss(&mut self, rss: Rss) -> Result<(), Error> {
        self.config.check_rss(&rss)?;
        if self.config.rx_queues > 1 {
            // SAFETY: the device runs as long as a `Control` of it lives, and this one is borrowed whole. Whatever the hash, packets go to queues that run: the
            // table was checked.
            let registers: Registers<'_, H, Driver<Running>> = unsafe { Registers::assume_permission(self.platform) };
            if (rss.key, rss.fields) != (self.rss.key, self.rss.fields) {
                self.with_receive_paused(|_| {
                    receive::set_hash(registers, &rss)?;
                    receive::set_redirection(registers, &rss)
                })??;
            } else {
                receive::set_redirection(registers, &rss)?;
            }
        }
        *self.rss = rss;
        Ok(())
    }

    /// Does `action` while reception is off, with the permission to write what may be written only then (4.6.7).
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if the receive data path does not become idle: `action` was not called then, or, if RXCTRL.RXEN
    /// reads 0 after it, was called, and reception stays off until a next pause ends.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Control.with_receive_paused.md")))]
    pub fn with_receive_paused<T>(
        &mut self,
        action: impl for<'r> FnOnce(Registers<'r, H, Exclusive<ReceivePaused>>) -> T,
    ) -> Result<T, Error> {
        let paused = Paused(self.platform);
        if let Err(error) = paused.switch(false) {
            core::mem::forget(paused);
            return Err(error);
        }
        // SAFETY: reception was just switched off, and only this `Control` can switch it on; `action` cannot keep the registers. There
        // is one `Control`, and this borrows all of it. It is no `Driver` permission.
        let result = action(unsafe { Registers::assume_permission(self.platform) });
        core::mem::forget(paused);
        Paused(self.platform).switch(true).map(|()| result)
    }
}
