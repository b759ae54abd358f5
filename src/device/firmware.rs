//! The manageability firmware: what it owns of a port, and what the driver therefore leaves alone.
//!
//! The firmware of a server's board can use the port too, to reach its management controller. Then a restart of the
//! link cuts the controller off.

use core::fmt;

use crate::mmio::Bus;
use crate::register::ExclusiveAccess;
use crate::registers::{FACTPS, FWSM, MANC, MMNGC, Registers, fwsm};

/// The mode of the firmware, from FWSM.FW_MODE (8.2.3.4.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FirmwareMode {
    /// No firmware is loaded.
    Absent,
    /// The firmware passes packets between the network and a management controller.
    PassThrough,
    /// The firmware obeys commands of the host, and uses no port.
    HostInterfaceOnly,
    /// The datasheet does not define this value of FW_MODE.
    Unknown,
}

/// The manageability firmware, as the last reset found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Firmware {
    /// The mode of the firmware.
    pub mode: FirmwareMode,
    /// `true` if the firmware receives packets on this port. It then needs the link and the laser also while no driver
    /// runs: FWSM.FW_MODE is `PassThrough`, MANC.RCV_TCO_EN is 1 and FACTPS.MNGCG is 0.
    pub manages_port: bool,
    /// `true` if the firmware forbids changes of the link (MMNGC.MNG_VETO, 8.2.3.22.25). The driver leaves AUTOC alone.
    pub holds_link: bool,
    /// The firmware's own report of a failure, from FWSM.EXT_ERR_IND: 0 without a failure, 1 for a wrong EEPROM
    /// checksum.
    pub failure: u8,
}

impl Firmware {
    /// Reads the state of the firmware.
    pub(crate) fn read<D: Bus, P: ExclusiveAccess>(registers: Registers<'_, D, P>) -> Self {
        let semaphore = registers.fwsm().read();
        let mode = match semaphore.field(FWSM::FW_MODE) {
            Some(fwsm::FW_MODE::NoFirmware) => FirmwareMode::Absent,
            Some(fwsm::FW_MODE::PassThrough) => FirmwareMode::PassThrough,
            Some(fwsm::FW_MODE::HostInterfaceOnly) => FirmwareMode::HostInterfaceOnly,
            None => FirmwareMode::Unknown,
        };
        let receives = registers.manc().read().field(MANC::RCV_TCO_EN);
        let is_clocked = !registers.factps().read_with_side_effects().field(FACTPS::MNGCG);
        Self {
            mode,
            manages_port: mode == FirmwareMode::PassThrough && receives && is_clocked,
            holds_link: registers.mmngc().read().field(MMNGC::MNG_VETO),
            failure: (semaphore.get() >> 19 & 0x3f) as u8,
        }
    }

    /// Returns `true` if a link that is up should outlast a reset: the firmware may be using it.
    pub(crate) fn needs_link(&self) -> bool {
        self.manages_port || self.holds_link
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.mode {
            FirmwareMode::Absent => "no firmware",
            FirmwareMode::PassThrough => "firmware in pass-through mode",
            FirmwareMode::HostInterfaceOnly => "firmware for host commands only",
            FirmwareMode::Unknown => "firmware in an unknown mode",
        })?;
        if self.manages_port {
            f.write_str(", uses this port")?;
        }
        if self.holds_link {
            f.write_str(", forbids changes of the link")?;
        }
        match self.failure {
            0 => Ok(()),
            failure => write!(f, ", reports failure {failure} (8.2.3.4.10)"),
        }
    }
}
