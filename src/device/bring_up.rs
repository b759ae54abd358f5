//! What a reset reads of the card, and what it finds out of order and deals with.

use alloc::vec::Vec;
use core::fmt;

use crate::device::{Checksum, Control, Device, Eeprom, Firmware, LinkUp, Reset, Running};
use crate::platform::Platform;
use crate::register::TimedOut;

/// The card, as the last reset or stop of the device read it.
///
/// ```
/// use ixgbe::device::{Config, Device};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let port = ixgbe_sim::Port::new(Default::default());
/// let nic = Device::new(port.claim()?).reset(&Config::new())?;
/// let card = nic.bring_up();
/// println!("{}, {:?}", card.firmware, card.eeprom);
/// for finding in &card.findings {
///     println!("{finding}");
/// }
/// # assert_eq!(card.findings, []);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BringUp {
    /// The manageability firmware.
    pub firmware: Firmware,
    /// The EEPROM, or `None` if it cannot be read. [`Device::reset`] reads it, [`Device::stop`] does not read it again.
    pub eeprom: Option<Eeprom>,
    /// What was out of order, oldest first. It is empty for a card in order.
    pub findings: Vec<Finding>,
}

/// A thing out of order that did not keep the device from its work. Its text says what the driver did about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// Another driver's bit in SW_FW_SYNC stayed set for a second, and the driver took it over (10.5.4).
    SemaphoreLeftBehind {
        /// The bit's mask in SW_FW_SYNC.
        mask: u32,
    },
    /// SWSM.SMBI stayed set, and the driver took it by force (10.5.4).
    SmbiLeftBehind,
    /// AUTOC2 had bits set that disable the link, and the driver cleared them (8.2.3.22.22).
    LinkDisabled {
        /// The bits of AUTOC2.
        bits: u32,
    },
    /// The firmware forbids changes of the link, and the driver did not write AUTOC (8.2.3.22.25).
    LinkHeldByFirmware,
    /// The firmware uses the link, which was up, and the driver did not restart it.
    LinkKeptForFirmware,
    /// The firmware reports a failure (8.2.3.4.10).
    FirmwareFailed {
        /// FWSM.EXT_ERR_IND.
        failure: u8,
    },
    /// The EEPROM's checksum is not right.
    EepromChecksum(Checksum),
    /// The EEPROM cannot be read through EERD (8.2.3.2.2).
    EepromUnreadable(TimedOut),
    /// The device did not stop being a bus master by itself, and the driver flushed its data path (5.2.5.3.2).
    MasterDidNotStop {
        /// The Transactions Pending bit of the PCI configuration space, if the platform can read it.
        pending: Option<bool>,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SemaphoreLeftBehind { mask } => write!(
                f,
                "SW_FW_SYNC bits {mask:#x} stayed set for a second, as a killed process leaves them; the driver took \
                 them over (datasheet 10.5.4)"
            ),
            Self::SmbiLeftBehind => f.write_str(
                "SWSM.SMBI was not released in time, as after a killed process; the driver took it by force (datasheet \
                 10.5.4)",
            ),
            Self::LinkDisabled { bits } => write!(
                f,
                "AUTOC2 had bits {bits:#010x} set, which disable the link; the driver cleared them (datasheet \
                 8.2.3.22.22)"
            ),
            Self::LinkHeldByFirmware => f.write_str(
                "the firmware forbids changes of the link (MMNGC.MNG_VETO is 1), so the driver did not configure it; \
                 if there is no link, end the session of the management controller",
            ),
            Self::LinkKeptForFirmware => {
                f.write_str("the firmware uses the link, which is up, so the driver did not restart it")
            }
            Self::FirmwareFailed { failure } => {
                write!(f, "the firmware reports failure {failure} in FWSM.EXT_ERR_IND (datasheet 8.2.3.4.10)")
            }
            Self::EepromChecksum(checksum) => write!(f, "{checksum}: restore it with the board maker's tool"),
            Self::EepromUnreadable(cause) => write!(f, "the EEPROM cannot be read: {cause}"),
            Self::MasterDidNotStop { pending } => {
                f.write_str("the device did not stop its requests on the bus by itself, so the driver flushed them")?;
                match pending {
                    Some(true) => f.write_str("; completions were pending in the PCIe device status"),
                    _ => Ok(()),
                }
            }
        }
    }
}

impl<H: Platform> Device<Reset, H> {
    /// Returns what the reset read of the card and found.
    #[must_use]
    pub fn bring_up(&self) -> &BringUp {
        &self.data.bring_up
    }
}

impl<H: Platform> Device<LinkUp, H> {
    /// Returns what the reset read of the card and found.
    #[must_use]
    pub fn bring_up(&self) -> &BringUp {
        &self.data.bring_up
    }
}

impl<H: Platform> Device<Running, H> {
    /// Returns what the reset read of the card and found.
    #[must_use]
    pub fn bring_up(&self) -> &BringUp {
        self.data.bring_up()
    }
}

impl<H: Platform> Control<'_, H> {
    /// Returns what the reset read of the card and found.
    #[must_use]
    pub fn bring_up(&self) -> &BringUp {
        self.bring_up
    }
}
