//! What a card's port is made for, by its PCI device id.

use core::fmt;

/// The kind of connection behind a port. The PCI device id alone decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Medium {
    /// A cage for SFP+ modules and cables: laser on SDP3, rate select on SDP5, the module on I2C.
    SfpCage,
    /// A cage for QSFP modules. The module follows by itself; a bus arbiter is before its I2C.
    QsfpCage,
    /// Optics that are soldered on, or that firmware controls. The driver leaves their pins alone.
    FixedFiber,
    /// The backplane of a chassis: KX, KX4, KR, XAUI.
    Backplane,
    /// A socket for a CX4 cable.
    Cx4,
    /// A copper PHY on MDIO (10GBASE-T), which this crate does not drive.
    CopperPhy,
}

use Medium::{Backplane, CopperPhy, Cx4, FixedFiber, QsfpCage, SfpCage};

/// The media by device id; `linux::ids` has the names.
const MEDIA: [(u16, Medium); 17] = [
    (0x10fb, SfpCage),
    (0x1507, SfpCage),
    (0x1529, SfpCage),
    (0x154d, SfpCage),
    (0x154a, SfpCage),
    (0x1557, SfpCage),
    (0x1558, QsfpCage),
    (0x154f, FixedFiber),
    (0x155d, FixedFiber),
    (0x10f7, Backplane),
    (0x1514, Backplane),
    (0x1517, Backplane),
    (0x10f8, Backplane),
    (0x152a, Backplane),
    (0x10fc, Backplane),
    (0x10f9, Cx4),
    (0x151c, CopperPhy),
];

impl Medium {
    /// Returns the medium of the card with this PCI device id, if it is known.
    #[must_use]
    pub fn of(device_id: u16) -> Option<Self> {
        MEDIA.iter().find(|(id, _)| *id == device_id).map(|(_, medium)| *medium)
    }

    /// Returns `true` if the port has a cage for modules, which can be read.
    #[must_use]
    pub const fn has_cage(self) -> bool {
        matches!(self, SfpCage | QsfpCage)
    }

    /// Returns `true` if the port sends and receives light, or may do so: then silence means darkness.
    #[must_use]
    pub const fn is_fiber(self) -> bool {
        matches!(self, SfpCage | QsfpCage | FixedFiber)
    }

    /// Returns `true` if the pins SDP3 and SDP5 switch the module's laser and rate.
    pub(crate) const fn has_module_pins(self) -> bool {
        matches!(self, SfpCage)
    }
}

impl fmt::Display for Medium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SfpCage => "SFP+ cage",
            QsfpCage => "QSFP cage",
            FixedFiber => "fixed fiber",
            Backplane => "backplane",
            Cx4 => "CX4",
            CopperPhy => "copper PHY (10GBASE-T)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_has_one_medium_and_unknown_ids_have_none() {
        for (index, (id, medium)) in MEDIA.iter().enumerate() {
            assert!(MEDIA[..index].iter().all(|(other, _)| other != id), "{id:#x} is listed twice");
            assert_eq!(Medium::of(*id), Some(*medium));
        }
        // A blank EEPROM, a virtual function, an X540.
        assert_eq!([0x10d8, 0x10ed, 0x1528].map(Medium::of), [None; 3]);
    }
}
