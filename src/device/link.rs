//! The link (datasheet 4.6.4).
//!
//! A link can go down at any time. [`LinkUp`] means that the driver saw the link up once, or that the caller
//! [assumed](Device::assume_link_up) it to be up. [`Control::link`](crate::device::Control::link) returns the current
//! status.

use core::time::Duration;

use crate::clock::{self, Clock};
use crate::device::presence::is_removed;
use crate::device::semaphore::with_mac_registers;
use crate::device::{Device, Error, LinkMode, LinkUp, Reset, TransitionError};
use crate::mmio::Bus;
use crate::platform::Platform;
use crate::port::{LinkStatus, Speed};
use crate::register::{Driver, ExclusiveAccess};
use crate::registers::{AUTOC, AUTOC2, LINKS, Registers, autoc, autoc2, links};
use crate::value;

/// The pause between two reads of the link status.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// The time for which a link must stay up to count (specification update, software clarification 6).
const DEBOUNCE: Duration = Duration::from_millis(5);

/// Configures the link and starts negotiation (4.6.4). The firmware may write AUTOC too, hence the semaphore.
pub(crate) fn set_up<D: Bus + Clock>(device: &D, link: LinkMode) -> Result<(), Error> {
    with_mac_registers(device, |registers| {
        if link == LinkMode::TenGigabitSfi {
            registers.autoc2().modify(value!(AUTOC2 { PMA_PMD_10G_SERIAL: autoc2::PMA_PMD_10G_SERIAL::Sfi }));
            registers.autoc().modify(value!(AUTOC { LMS: autoc::LMS::TenGigabitSerial }));
        }
        registers.autoc().modify(value!(AUTOC { RESTART_AN: true }));
    })
}

/// Returns the link status from LINKS (8.2.3.22.20).
pub(crate) fn status<H: Bus, P: ExclusiveAccess>(registers: Registers<'_, H, P>) -> LinkStatus {
    let links = registers.links().read_with_side_effects();
    // A removed device reads as all ones.
    if links.get() == u32::MAX || !links.field(LINKS::LINK_UP) {
        return LinkStatus::Down;
    }
    LinkStatus::Up(match links.field(LINKS::LINK_SPEED) {
        Some(links::LINK_SPEED::TenGigabit) => Some(Speed::GBIT_10),
        Some(links::LINK_SPEED::OneGigabit) => Some(Speed::GBIT_1),
        Some(links::LINK_SPEED::HundredMegabit) => Some(Speed::MBIT_100),
        None => None,
    })
}

impl<H: Platform> Device<Reset, H> {
    /// Waits until there is a link, at most for `limit`.
    ///
    /// # Errors
    ///
    /// [`Error::NoLink`], or [`Error::Removed`].
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Device.wait_for_link.md")))]
    pub fn wait_for_link(self, limit: Duration) -> Result<Device<LinkUp, H>, TransitionError<Self>> {
        // SAFETY: the device is in state `Reset`, and owned here. Registers are only read.
        let registers: Registers<'_, H, Driver<Reset>> = unsafe { Registers::assume_permission(&self.platform) };
        let look = || {
            if status(registers).is_up() {
                // LINKS may show a link for a moment although there is none.
                self.platform.wait(DEBOUNCE);
                if status(registers).is_up() {
                    return Some(Ok(()));
                }
            }
            is_removed(&*self.platform, registers)
                .then_some(Err(Error::Removed { step: "waiting for the link (4.6.4)" }))
        };
        let found = clock::poll(&*self.platform, limit, POLL_INTERVAL, look);
        match found.unwrap_or_else(|waited| Err(Error::NoLink { waited })) {
            Ok(()) => Ok(self.assume_link_up()),
            Err(error) => Err(TransitionError { device: self, error }),
        }
    }

    /// Moves to `LinkUp` without checking the link; packets are lost until it is up.
    #[must_use]
    pub fn assume_link_up(self) -> Device<LinkUp, H> {
        Device { platform: self.platform, data: self.data }
    }
}
