//! Why there is no link, from what the chip and the module say.

use alloc::vec::Vec;
use core::fmt;

use crate::clock::Clock;
use crate::device::i2c::{self, ModuleError};
use crate::device::link::Settings;
use crate::device::{Error, Medium, pins};
use crate::mmio::Bus;
use crate::port::{LinkStatus, Speed};
use crate::registers::{AUTOC, LINKS, LINKS2, MLFC, MRFC, PCS1GLSTA, autoc};

/// The link of a port, and why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// A link, with its speed if LINKS has one that is known.
    Up(Option<Speed>),
    /// No link, and the most likely reason.
    Down(Diagnosis),
}

impl Link {
    /// Returns `true` if there is a link.
    #[must_use]
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Up(_))
    }
}

impl From<Link> for LinkStatus {
    fn from(link: Link) -> Self {
        match link {
            Link::Up(speed) => Self::Up(speed),
            Link::Down(_) => Self::Down,
        }
    }
}

impl PartialEq<LinkStatus> for Link {
    fn eq(&self, other: &LinkStatus) -> bool {
        LinkStatus::from(*self) == *other
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up(_) => LinkStatus::from(*self).fmt(f),
            Self::Down(diagnosis) => write!(f, "down: {diagnosis}"),
        }
    }
}

/// The most likely reason for which there is no link. Its `Display` says what to try.
///
/// The rules go from the port outwards: the module, our light, the partner's light, and then what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Diagnosis {
    /// The device reads as all ones.
    Removed,
    /// No signal, and nothing answers on the module's I2C bus.
    NoModule,
    /// No signal, and the module cannot be read.
    ModuleUnreadable(ModuleError),
    /// The laser is switched off: ESDP.SDP3 is high.
    TransmitterOff,
    /// The module is there and gets no light: no signal on the receiver of a fiber port.
    NoLight,
    /// No signal on a backplane or a CX4 cable, or on a port whose medium is not known.
    NoSignal,
    /// The firmware holds the link (MMNGC.MNG_VETO), so the driver does not change it.
    FirmwareHoldsPort,
    /// A signal, but the receiver does not find blocks or characters in it.
    NoLock {
        /// The speed that the port is set to, if it is one.
        speed: Option<Speed>,
    },
    /// The partner does not take part in auto-negotiation.
    NotNegotiating,
    /// The receiver is locked, and the partner reports that it does not get our signal (MRFC).
    RemoteFault,
    /// The receiver is locked, and loses the signal again and again (MLFC).
    LocalFault,
    /// Signal and lock without faults: the link is about to come up, or goes up and down.
    Unsettled,
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Removed => "the device reads as all ones: the card was pulled, or its power is off",
            Self::NoModule => "the cage is empty: plug in a module or cable, or push it in until it clicks",
            Self::ModuleUnreadable(error) => {
                return write!(f, "the module cannot be read ({error}): pull it and plug it in again, or try another");
            }
            Self::TransmitterOff => {
                "the laser is switched off (ESDP.SDP3 is high), so the partner sees no light: wait_for_link switches it on"
            }
            Self::NoLight => {
                "no light arrives: check that the partner is on and its laser lit, and swap the two fibers of one end"
            }
            Self::NoSignal => "no signal arrives: check that the cable is plugged in and the partner is on",
            Self::FirmwareHoldsPort => {
                "the card's firmware holds the link for its own management traffic (MMNGC.MNG_VETO), so the driver \
                 leaves it alone: end that session, or switch manageability off in the card's set-up"
            }
            Self::NoLock { speed: Some(speed) } => {
                return write!(
                    f,
                    "a signal arrives, but not of {speed}: set the partner to {speed}, or Config::link to the partner's \
                     speed; a bad cable looks the same"
                );
            }
            Self::NoLock { speed: None } => {
                "a signal arrives that the port cannot read: check that both ends use the same mode, and try another cable"
            }
            Self::NotNegotiating => {
                "the partner does not negotiate: switch auto-negotiation on there, or choose a LinkMode without it"
            }
            Self::RemoteFault => {
                "we see the partner, but it reports that our light does not arrive: check our fiber and whether our \
                 module sends (Control::module)"
            }
            Self::LocalFault => {
                "the partner's signal comes and goes: clean or change the cable, and check the received light \
                 (Control::module)"
            }
            Self::Unsettled => "the signal is good and reports no fault: wait longer, or reset the device",
        })
    }
}

/// Finds out why there is no link. The caller has exclusive access to the device, which was initialised.
///
/// `faults` returns the counts of local and remote faults since the last look. Without any signal, it asks the module for
/// a byte.
pub(crate) fn diagnose<D: Bus + Clock>(
    device: &D,
    settings: &Settings,
    faults: impl FnOnce() -> (u64, u64),
) -> Diagnosis {
    let registers = pins::registers(device);
    let medium = settings.medium;
    let links = registers.links().read_with_side_effects();
    if links.get() == u32::MAX && registers.status().read().get() == u32::MAX {
        return Diagnosis::Removed;
    }
    let has_signal =
        links.field(LINKS::KR_SIG_DET) || links.field(LINKS::KX_SIG_DET) || links.field(LINKS::KX4_SIG_DET) != 0;
    if settings.crosstalk && pins::is_cage_empty(device) {
        return Diagnosis::NoModule;
    }
    if !has_signal && medium.is_some_and(Medium::has_cage) {
        // What a killed process left behind is taken over here, too; whoever reads the module has it in its findings.
        match i2c::probe(device, medium, &mut Vec::new()) {
            Ok(()) => {}
            Err(Error::Module(ModuleError::NoAnswer)) => return Diagnosis::NoModule,
            Err(Error::Module(error)) => return Diagnosis::ModuleUnreadable(error),
            // The bus belongs to somebody else at the moment, which says nothing about the module.
            Err(_) => {}
        }
    }
    if pins::is_dark(device, medium) {
        return Diagnosis::TransmitterOff;
    }
    let mode = registers.autoc().read().field(AUTOC::LMS);
    let backplane =
        matches!(mode, Some(autoc::LMS::Kx4KxKr | autoc::LMS::Kx4KxKrOneGigabitAn | autoc::LMS::Kx4KxKrSgmii));
    if !has_signal {
        return match medium {
            Some(medium) if medium.is_fiber() => Diagnosis::NoLight,
            _ => Diagnosis::NoSignal,
        };
    }
    if pins::firmware_holds_link(device) {
        return Diagnosis::FirmwareHoldsPort;
    }
    if backplane && !links.field(LINKS::BACKPLANE_AN_COMPLETED) {
        let negotiates = registers.links2().read().field(LINKS2::LINK_PARTNER_AN);
        if !negotiates {
            return Diagnosis::NotNegotiating;
        }
    }
    let one_gigabit = matches!(mode, Some(autoc::LMS::OneGigabitNoAn | autoc::LMS::OneGigabitAn));
    let lock = links.field(LINKS::KR_PCS_BLOCK_LOCK) && !one_gigabit
        || links.field(LINKS::ALIGN_STATUS_10G)
        || links.field(LINKS::SYNC_STATUS_1G);
    if !lock || links.field(LINKS::KR_HI_BERR) {
        let speed = match mode {
            _ if one_gigabit => Some(Speed::GBIT_1),
            Some(autoc::LMS::TenGigabitSerial | autoc::LMS::TenGigabitParallelNoAn) => Some(Speed::GBIT_10),
            _ => None,
        };
        return Diagnosis::NoLock { speed };
    }
    if mode == Some(autoc::LMS::OneGigabitAn) {
        let status = registers.pcs1glsta().read_with_side_effects();
        if !status.field(PCS1GLSTA::AN_1G_COMPLETE) {
            return Diagnosis::NotNegotiating;
        }
    }
    let (local, remote) = faults();
    match (local, remote) {
        (_, 1..) => Diagnosis::RemoteFault,
        (1.., 0) => Diagnosis::LocalFault,
        (0, 0) => Diagnosis::Unsettled,
    }
}

/// Returns and clears the counts of local and remote faults.
pub(crate) fn take_faults<D: Bus>(device: &D) -> (u64, u64) {
    let registers = pins::registers(device);
    let local = registers.mlfc().read_with_side_effects().field(MLFC::MLFC);
    let remote = registers.mrfc().read_with_side_effects().field(MRFC::MRFC);
    (local, remote)
}
