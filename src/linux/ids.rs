//! PCI ids of Intel's 10 GbE controllers: of the 82599, and of related chips, so that errors can name these.

/// Intel's vendor id.
pub(crate) const VENDOR: u16 = 0x8086;

/// The kind of function that a device id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A physical function of an 82599, which this crate drives.
    Physical,
    /// A virtual function: other registers, and no rights over the chip.
    Virtual,
    /// A chip of another family, whose registers differ.
    OtherChip(&'static str),
}

use Kind::{OtherChip, Physical, Virtual};

/// Returns the kind and the name of the function with this device id, if it is known.
pub(crate) fn find(device: u16) -> Option<(Kind, &'static str)> {
    TABLE.iter().find(|(id, ..)| *id == device).map(|(_, kind, name)| (*kind, *name))
}

#[rustfmt::skip]
const TABLE: &[(u16, Kind, &str)] = &[
    (0x10b6, OtherChip("82598"), "82598"),
    (0x1508, OtherChip("82598"), "82598_BX"),
    (0x10c6, OtherChip("82598"), "82598AF_DUAL_PORT"),
    (0x10c7, OtherChip("82598"), "82598AF_SINGLE_PORT"),
    (0x10c8, OtherChip("82598"), "82598AT"),
    (0x150b, OtherChip("82598"), "82598AT2"),
    (0x10db, OtherChip("82598"), "82598EB_SFP_LOM"),
    (0x10dd, OtherChip("82598"), "82598EB_CX4"),
    (0x10ec, OtherChip("82598"), "82598_CX4_DUAL_PORT"),
    (0x10f1, OtherChip("82598"), "82598_DA_DUAL_PORT"),
    (0x10e1, OtherChip("82598"), "82598_SR_DUAL_PORT_EM"),
    (0x10f4, OtherChip("82598"), "82598EB_XF_LR"),
    (0x10f7, Physical, "82599_KX4"),
    (0x1514, Physical, "82599_KX4_MEZZ"),
    (0x1517, Physical, "82599_KR"),
    (0x10f8, Physical, "82599_COMBO_BACKPLANE"),
    (0x154f, Physical, "82599_LS"),
    (0x10f9, Physical, "82599_CX4"),
    (0x10fb, Physical, "82599_SFP"),
    (0x152a, Physical, "82599_BACKPLANE_FCOE"),
    (0x1529, Physical, "82599_SFP_FCOE"),
    (0x1507, Physical, "82599_SFP_EM"),
    (0x154d, Physical, "82599_SFP_SF2"),
    (0x154a, Physical, "82599_SFP_SF_QP"),
    (0x1558, Physical, "82599_QSFP_SF_QP"),
    (0x1557, Physical, "82599EN_SFP"),
    (0x10fc, Physical, "82599_XAUI_LOM"),
    (0x151c, Physical, "82599_T3_LOM"),
    (0x10ed, Virtual, "82599_VF"),
    (0x152e, Virtual, "82599_VF_HV"),
    (0x1528, OtherChip("X540"), "X540T"),
    (0x1515, Virtual, "X540_VF"),
    (0x1530, Virtual, "X540_VF_HV"),
    (0x1560, OtherChip("X540"), "X540T1"),
    (0x1563, OtherChip("X550"), "X550T"),
    (0x15d1, OtherChip("X550"), "X550T1"),
    (0x15c2, OtherChip("X550EM_a"), "X550EM_A_KR"),
    (0x15c3, OtherChip("X550EM_a"), "X550EM_A_KR_L"),
    (0x15c4, OtherChip("X550EM_a"), "X550EM_A_SFP_N"),
    (0x15c6, OtherChip("X550EM_a"), "X550EM_A_SGMII"),
    (0x15c7, OtherChip("X550EM_a"), "X550EM_A_SGMII_L"),
    (0x15c8, OtherChip("X550EM_a"), "X550EM_A_10G_T"),
    (0x15ca, OtherChip("X550EM_a"), "X550EM_A_QSFP"),
    (0x15cc, OtherChip("X550EM_a"), "X550EM_A_QSFP_N"),
    (0x15ce, OtherChip("X550EM_a"), "X550EM_A_SFP"),
    (0x15e4, OtherChip("X550EM_a"), "X550EM_A_1G_T"),
    (0x15e5, OtherChip("X550EM_a"), "X550EM_A_1G_T_L"),
    (0x15aa, OtherChip("X550EM_x"), "X550EM_X_KX4"),
    (0x15ab, OtherChip("X550EM_x"), "X550EM_X_KR"),
    (0x15ac, OtherChip("X550EM_x"), "X550EM_X_SFP"),
    (0x15ad, OtherChip("X550EM_x"), "X550EM_X_10G_T"),
    (0x15ae, OtherChip("X550EM_x"), "X550EM_X_1G_T"),
    (0x15b0, OtherChip("X550EM_x"), "X550EM_X_XFI"),
    (0x1564, Virtual, "X550_VF_HV"),
    (0x1565, Virtual, "X550_VF"),
    (0x15c5, Virtual, "X550EM_A_VF"),
    (0x15b4, Virtual, "X550EM_A_VF_HV"),
    (0x15a8, Virtual, "X550EM_X_VF"),
    (0x15a9, Virtual, "X550EM_X_VF_HV"),
    (0x57ae, OtherChip("E610"), "E610_BACKPLANE"),
    (0x57af, OtherChip("E610"), "E610_SFP"),
    (0x57b0, OtherChip("E610"), "E610_10G_T"),
    (0x57b1, OtherChip("E610"), "E610_2_5G_T"),
    (0x57b2, OtherChip("E610"), "E610_SGMII"),
    (0x57ad, Virtual, "E610_VF"),
    (0x10d8, Physical, "82599_DEFAULT with a blank EEPROM"),
    (0x155d, Physical, "82599_BYPASS"),
    (0x155c, OtherChip("X540"), "X540_BYPASS"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_have_the_right_kind() {
        for (index, (id, ..)) in TABLE.iter().enumerate() {
            assert!(TABLE[..index].iter().all(|(other, ..)| other != id), "{id:#x} is listed twice");
        }
        assert_eq!(find(0x10fb), Some((Physical, "82599_SFP")));
        assert_eq!(find(0x10ed), Some((Virtual, "82599_VF")));
        assert_eq!(find(0x1515), Some((Virtual, "X540_VF")));
        assert_eq!(find(0x1528), Some((OtherChip("X540"), "X540T")));
        assert_eq!(find(0x100e), None);
    }

    #[test]
    fn the_driver_knows_the_medium_of_each_physical_function() {
        for (id, kind, name) in TABLE {
            // A blank EEPROM says nothing about the board.
            let known = *kind == Physical && *id != 0x10d8;
            assert_eq!(crate::device::Medium::of(*id).is_some(), known, "{name}");
        }
    }
}
