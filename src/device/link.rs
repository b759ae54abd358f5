//! The link (datasheet 4.6.4): its mode, its status, and the transitions to [`LinkUp`].
//!
//! A link can go down at any time. [`LinkUp`] means that the driver saw the link up once, or that the caller
//! [assumed](Device::assume_link_up) it to be up. [`Control::link`](crate::device::Control::link) returns the current
//! status.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::clock::Clock;
use crate::device::diagnosis::{diagnose, take_faults};
use crate::device::establish::{Establish, Progress};
use crate::device::semaphore::with_mac_registers;
use crate::device::{
    Backplane, BringUp, Config, Device, Eeprom, Error, Finding, FlowControl, Initialised, Link, LinkUp, Medium, Reset,
    TransitionError, Unbound, flow_control, i2c, pins,
};
use crate::field::Value;
use crate::mmio::Bus;
use crate::module::Module;
use crate::platform::Platform;
use crate::port::{LinkStatus, Speed};
use crate::register::{Driver, ExclusiveAccess};
use crate::registers::permission::Reset as ResetPermission;
use crate::registers::{AUTOC, AUTOC2, LINKS, Registers, autoc, autoc2, links};
use crate::value;

/// The time for which a link must stay up to count (specification update, software clarification 6).
pub(crate) const DEBOUNCE: Duration = Duration::from_millis(5);
/// The shortest pause between two steps of the wait for a link.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
/// Intel's PCI vendor id.
const INTEL: u16 = 0x8086;

/// AUTOC2.FASM, AUTOC2.PDD and the bit between them, which drivers proven on silicon clear together.
const LINK_DISABLE: u32 = 7 << 28;

/// What the driver knows of a port's surroundings.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Settings {
    /// What the port is made for, if the platform or the configuration says so.
    pub(crate) medium: Option<Medium>,
    /// `true` if LINKS may show a link although the cage is empty: the port hears its neighbour.
    pub(crate) crosstalk: bool,
    /// The flow control that is asked for, which the port advertises.
    pub(crate) flow_control: FlowControl,
}

impl Settings {
    /// Returns the settings of a device on `platform` with this EEPROM.
    pub(crate) fn read<H: Platform>(platform: &H, config: &Config, eeprom: Option<&Eeprom>) -> Self {
        let medium = medium(platform, config);
        let has_cage = medium.is_some_and(Medium::has_cage);
        let crosstalk = has_cage && eeprom.is_some_and(|eeprom| !eeprom.capabilities.is_free_of_crosstalk());
        Self { medium, crosstalk, flow_control: config.flow_control }
    }
}

/// Returns the port's medium, by the configuration or else by the device id.
pub(crate) fn medium<H: Platform>(platform: &H, config: &Config) -> Option<Medium> {
    config.medium.or_else(|| Medium::of(device_id(platform)?))
}

/// Returns the PCI device id, if the platform reads the configuration space and the device is Intel's (9.3).
fn device_id<H: Platform>(platform: &H) -> Option<u16> {
    platform.read_config(0x00).filter(|vendor| *vendor == INTEL)?;
    platform.read_config(0x02)
}

/// Returns an error that names the medium if this crate does not drive it.
pub(crate) fn check_medium<H: Platform>(platform: &H, config: &Config) -> Result<(), Error> {
    match medium(platform, config) {
        Some(medium @ Medium::CopperPhy) => Err(Error::UnsupportedMedium { medium, device_id: device_id(platform) }),
        _ => Ok(()),
    }
}

/// A mode that the link is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// What the EEPROM set.
    Unchanged,
    /// 10 Gbit/s over SFI.
    TenGigabit,
    /// 1 Gbit/s over SFI.
    OneGigabit { negotiate: bool },
    /// Negotiation over a backplane.
    Backplane(Backplane),
}

/// Sets the link to `target` for the first time after a reset, and starts it (4.6.4).
///
/// A link that the firmware uses, and that is up in the mode of the EEPROM, is left alone; `bring_up` says so.
pub(crate) fn begin<D: Bus + Clock>(
    device: &D,
    settings: &Settings,
    keeps_mode: bool,
    target: Target,
    bring_up: &mut BringUp,
) -> Result<(), Error> {
    let is_up = || status(device, pins::registers(device), settings).is_up();
    if bring_up.firmware.manages_port && keeps_mode && is_up() {
        bring_up.findings.push(Finding::LinkKeptForFirmware);
        return Ok(());
    }
    restart(device, settings, target, &mut bring_up.findings)
}

/// Sets the link to `target` and restarts it (4.6.4), unless the firmware holds it: then `findings` says so.
///
/// The firmware may write AUTOC too, hence the semaphore.
pub(crate) fn restart<D: Bus + Clock>(
    device: &D,
    settings: &Settings,
    target: Target,
    findings: &mut Vec<Finding>,
) -> Result<(), Error> {
    if pins::firmware_holds_link(device) {
        if !findings.contains(&Finding::LinkHeldByFirmware) {
            findings.push(Finding::LinkHeldByFirmware);
        }
        return Ok(());
    }
    change_mode(device, findings, |registers| {
        set_mode(registers, target);
        // Without flow control, a mode of the EEPROM stays as it is; what the driver chooses offers no pauses.
        let negotiates = matches!(target, Target::OneGigabit { negotiate: true } | Target::Backplane(_));
        if negotiates || settings.flow_control != FlowControl::Off {
            flow_control::advertise(registers, settings.flow_control);
        }
        registers.autoc().modify(value!(AUTOC { RESTART_AN: true }));
    })
}

/// Calls `change`, which writes the mode of the link, while this driver holds the semaphore of the MAC's registers. The
/// bits that keep the link down are cleared before, and if any was set, `findings` says so.
pub(crate) fn change_mode<D: Bus + Clock>(
    device: &D,
    findings: &mut Vec<Finding>,
    change: impl FnOnce(Registers<'_, D, Driver<ResetPermission>>),
) -> Result<(), Error> {
    let disabled = with_mac_registers(device, findings, |registers| {
        let disabled = clear_link_disable(registers);
        change(registers);
        disabled
    })?;
    if disabled != 0 {
        findings.push(Finding::LinkDisabled { bits: disabled });
    }
    Ok(())
}

/// Clears the bits of AUTOC2 that keep the link down, before AUTOC is written for the first time. Returns the bits that
/// were set.
///
/// The EEPROM may set them, and so does a kernel driver before it suspends the machine.
fn clear_link_disable<D: Bus>(registers: Registers<'_, D, Driver<Reset>>) -> u32 {
    let disabled = registers.autoc2().read().get() & LINK_DISABLE;
    if disabled != 0 {
        registers.autoc2().modify(value!(AUTOC2 { FASM: false, PDD: false }));
    }
    disabled
}

/// Writes the mode's fields of AUTOC and AUTOC2, where they differ.
fn set_mode<D: Bus>(registers: Registers<'_, D, Driver<ResetPermission>>, target: Target) {
    let (autoc, autoc2) = (registers.autoc().read(), registers.autoc2().read());
    let serial = |kind| {
        if autoc2.field(AUTOC2::PMA_PMD_10G_SERIAL) != Some(kind) {
            registers.autoc2().modify(Value::EMPTY.with(AUTOC2::PMA_PMD_10G_SERIAL, kind));
        }
    };
    match target {
        Target::Unchanged => {}
        Target::TenGigabit => {
            serial(autoc2::PMA_PMD_10G_SERIAL::Sfi);
            if autoc.field(AUTOC::LMS) != Some(autoc::LMS::TenGigabitSerial) {
                registers.autoc().modify(value!(AUTOC { LMS: autoc::LMS::TenGigabitSerial }));
            }
        }
        Target::OneGigabit { negotiate } => {
            let lms = if negotiate { autoc::LMS::OneGigabitAn } else { autoc::LMS::OneGigabitNoAn };
            let mode = value!(AUTOC { PMA_PMD_1G: autoc::PMA_PMD_1G::Sfi });
            registers.autoc().modify(mode.with(AUTOC::LMS, lms));
        }
        Target::Backplane(Backplane { kr, kx4, kx }) => {
            serial(autoc2::PMA_PMD_10G_SERIAL::Kr);
            let support = match (kx4, kx) {
                (false, false) => autoc::KX_SUPPORT::Neither,
                (false, true) => autoc::KX_SUPPORT::Kx,
                (true, false) => autoc::KX_SUPPORT::Kx4,
                (true, true) => autoc::KX_SUPPORT::KxAndKx4,
            };
            let mode = value!(AUTOC { LMS: autoc::LMS::Kx4KxKr });
            registers.autoc().modify(mode.with(AUTOC::KR_SUPPORT, kr).with(AUTOC::KX_SUPPORT, support));
        }
    }
}

/// Writes AUTOC.LMS with its highest bit inverted, and restarts: the first half of a pipeline reset, which restarts the
/// serial data path where a restart alone may not. Called twice, it restores the mode.
pub(crate) fn toggle_mode<D: Bus + Clock>(device: &D, findings: &mut Vec<Finding>) -> Result<(), Error> {
    with_mac_registers(device, findings, |registers| {
        let other = match registers.autoc().read().field(AUTOC::LMS) {
            Some(autoc::LMS::OneGigabitNoAn) => autoc::LMS::Kx4KxKr,
            Some(autoc::LMS::Kx4KxKr) => autoc::LMS::OneGigabitNoAn,
            Some(autoc::LMS::TenGigabitParallelNoAn) => autoc::LMS::Sgmii,
            Some(autoc::LMS::Sgmii) => autoc::LMS::TenGigabitParallelNoAn,
            Some(autoc::LMS::OneGigabitAn) => autoc::LMS::Kx4KxKrOneGigabitAn,
            Some(autoc::LMS::Kx4KxKrOneGigabitAn) => autoc::LMS::OneGigabitAn,
            Some(autoc::LMS::TenGigabitSerial) => autoc::LMS::Kx4KxKrSgmii,
            Some(autoc::LMS::Kx4KxKrSgmii) => autoc::LMS::TenGigabitSerial,
            None => return,
        };
        registers.autoc().modify(value!(AUTOC { RESTART_AN: true }).with(AUTOC::LMS, other));
    })
}

/// Returns the link status from LINKS (8.2.3.22.20), and from the pins of a fiber port.
///
/// A port whose laser is off, or whose cage is empty, has no link, whatever light it sees.
pub(crate) fn status<D: Bus, P: ExclusiveAccess>(
    device: &D,
    registers: Registers<'_, D, P>,
    settings: &Settings,
) -> LinkStatus {
    let links = registers.links().read_with_side_effects();
    // A removed device reads as all ones.
    if links.get() == u32::MAX || !links.field(LINKS::LINK_UP) {
        return LinkStatus::Down;
    }
    if pins::is_dark(device, settings.medium) || settings.crosstalk && pins::is_cage_empty(device) {
        return LinkStatus::Down;
    }
    LinkStatus::Up(match links.field(LINKS::LINK_SPEED) {
        Some(links::LINK_SPEED::TenGigabit) => Some(Speed::GBIT_10),
        Some(links::LINK_SPEED::OneGigabit) => Some(Speed::GBIT_1),
        Some(links::LINK_SPEED::HundredMegabit) => Some(Speed::MBIT_100),
        None => None,
    })
}

/// Returns the link, with the reason why there is none. The caller has exclusive access to the device.
///
/// `faults` returns the counts of local and remote faults since the last look.
pub(crate) fn link<D: Bus + Clock>(device: &D, settings: &Settings, faults: impl FnOnce() -> (u64, u64)) -> Link {
    let look = || status(device, pins::registers(device), settings);
    let mut found = look();
    if found.is_up() && settings.crosstalk {
        // A port that hears its neighbour shows short links.
        device.wait(DEBOUNCE);
        found = look();
    }
    match found {
        LinkStatus::Up(speed) => Link::Up(speed),
        LinkStatus::Down => Link::Down(diagnose(device, settings, faults)),
    }
}

/// The result of [`Device::poll_link`].
#[derive(Debug)]
pub enum LinkPoll<H: Platform> {
    /// The link is up, and has settled.
    Up(Device<LinkUp, H>),
    /// There is no link yet. Ask again after this time.
    Pending(Device<Reset, H>, Duration),
}

impl<H: Platform> Device<Reset, H> {
    /// Waits until there is a link, at most for `limit`.
    ///
    /// Switches the laser on, restarts a link that does not come up, and tries the speeds of the module, as
    /// [`Config::link`] and [`Config::link_retry`] say. It is a loop over [`poll_link`](Self::poll_link).
    ///
    /// # Errors
    ///
    /// [`Error::NoLink`] with a [`Diagnosis`](crate::device::Diagnosis), or [`Error::Removed`];
    /// [`Error::SemaphoreTimeout`] if the link cannot be restarted.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Device.wait_for_link.md")))]
    pub fn wait_for_link(mut self, limit: Duration) -> Result<Device<LinkUp, H>, TransitionError<Self>> {
        let start = self.platform.now();
        // A clock that stands still does not end the wait; the pauses do.
        let mut paused = Duration::ZERO;
        loop {
            // The time is taken before the look, so a thread that was held up in between looks once more.
            let waited = self.platform.now().saturating_sub(start);
            match self.data.link.step(&*self.platform, &mut self.data.bring_up.findings) {
                Ok(Progress::Up) => return Ok(self.leave()),
                Ok(Progress::Pending(_)) if waited.max(paused) >= limit => {
                    if let Err(error) = self.data.link.finish(&*self.platform, &mut self.data.bring_up.findings) {
                        return Err(TransitionError { device: self, error });
                    }
                    let faults = || take_faults(&*self.platform);
                    let diagnosis = diagnose(&*self.platform, self.data.link.settings(), faults);
                    return Err(TransitionError { device: self, error: Error::NoLink { waited, diagnosis } });
                }
                Ok(Progress::Pending(pause)) => {
                    let pause = pause.min(limit.saturating_sub(waited)).max(SHORTEST_PAUSE);
                    self.platform.wait(pause);
                    paused = paused.saturating_add(pause);
                }
                Err(error) => return Err(TransitionError { device: self, error }),
            }
        }
    }

    /// Goes one step towards a link, without waiting for it: for callers that have other work, or no threads.
    ///
    /// A step does not sleep, with two exceptions. It waits for a semaphore that somebody else holds, up to its limit;
    /// and it reads a module bit by bit, which takes about 20 ms. Call again after the returned time, or later.
    ///
    /// ```
    /// use ixgbe::device::{Config, Device, LinkPoll};
    /// use ixgbe::clock::Clock;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let [port, partner] = [0, 1].map(|_| ixgbe_sim::Port::new(Default::default()));
    /// # ixgbe_sim::connect(&port, &partner);
    /// let mut nic = Device::new(port.claim()?).reset(&Config::new())?;
    /// let nic = loop {
    ///     match nic.poll_link()? {
    ///         LinkPoll::Up(nic) => break nic,
    ///         LinkPoll::Pending(same, pause) => {
    ///             same.platform().wait(pause);    // or do something else
    ///             nic = same;
    ///         }
    ///     }
    /// };
    /// # let _ = nic;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`wait_for_link`](Self::wait_for_link), but there is no limit. [`link`](Self::link) says why it takes long.
    pub fn poll_link(mut self) -> Result<LinkPoll<H>, TransitionError<Self>> {
        match self.data.link.step(&*self.platform, &mut self.data.bring_up.findings) {
            Ok(Progress::Up) => Ok(LinkPoll::Up(self.leave())),
            Ok(Progress::Pending(pause)) => Ok(LinkPoll::Pending(self, pause)),
            Err(error) => Err(TransitionError { device: self, error }),
        }
    }

    /// Returns the link, with the reason why there is none: see [`Control::link`](crate::device::Control::link).
    pub fn link(&mut self) -> Link {
        link(&*self.platform, self.data.link.settings(), || take_faults(&*self.platform))
    }

    /// Reads the module in the cage: see [`Control::module`](crate::device::Control::module).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn module(&mut self) -> Result<Module, Error> {
        let Initialised { link, bring_up, .. } = &mut self.data;
        i2c::module(&*self.platform, link.settings().medium, &mut bring_up.findings)
    }

    /// Moves to `LinkUp` without checking the link; packets are lost until it is up. The laser is switched on.
    #[must_use]
    pub fn assume_link_up(mut self) -> Device<LinkUp, H> {
        if let Err(error) = self.data.link.finish(&*self.platform, &mut self.data.bring_up.findings) {
            log::warn!("the link's mode is not restored: {error}");
        }
        pins::light(&*self.platform, self.data.link.settings().medium);
        self.leave()
    }

    fn leave(self) -> Device<LinkUp, H> {
        Device { platform: self.platform, data: self.data }
    }

    /// Returns the device as if it was never touched, to reset it once more: some links come up only after that.
    ///
    /// Attached pools are forgotten.
    #[must_use]
    pub fn into_unbound(self) -> Device<Unbound, H> {
        Device::with_retained_rings(self.platform, self.data.queues)
    }
}

impl<H: Platform> Device<Unbound, H> {
    /// Resets the device and waits until there is a link, at most for `limit`; resets it again while there is none.
    ///
    /// The first resets end when their attempts at a link are over, and the last when `limit` is:
    /// [`Config::link_retry`] says how many there are.
    ///
    /// # Errors
    ///
    /// As [`reset`](Self::reset) and [`wait_for_link`](Device::wait_for_link). Then the device must be reset before use.
    pub fn reset_until_link(
        mut self,
        config: &Config,
        limit: Duration,
    ) -> Result<Device<LinkUp, H>, TransitionError<Device<Unbound, H>>> {
        let platform = Arc::clone(&self.platform);
        let start = platform.now();
        let mut resets = config.link_retry.resets;
        loop {
            let device = self.reset(config)?;
            let left = limit.saturating_sub(platform.now().saturating_sub(start));
            let is_last = resets == 0;
            let round = if is_last { left } else { left.min(Establish::longest(config, medium(&*platform, config))) };
            let TransitionError { device, mut error } = match device.wait_for_link(round) {
                Ok(device) => return Ok(device),
                Err(failed) => failed,
            };
            self = device.into_unbound();
            let Error::NoLink { waited, .. } = &mut error else {
                return Err(TransitionError { device: self, error });
            };
            if is_last || round >= left {
                *waited = platform.now().saturating_sub(start);
                return Err(TransitionError { device: self, error });
            }
            resets -= 1;
        }
    }
}
