//! The manageability firmware: what drivers see of it, and what they must leave to it (datasheet 8.2.3.4, 8.2.3.25).
//!
//! The firmware itself is not modelled: it sends and receives nothing.

use crate::chip::common::Common;
use crate::fault::{Fault, Faults};
use crate::registers::offsets::{CTRL, CTRL_LRST, bit};
use crate::violation::Rule;

const FWSM: u32 = 0x10148;
/// FWSM.FW_MODE: packets pass through.
const FWSM_PASS_THROUGH: u32 = 2 << 1;
const MANC: u32 = 0x05820;
const MANC_RCV_TCO_EN: u32 = bit(17);
const FACTPS: u32 = 0x10150;
const FACTPS_MNGCG: u32 = bit(29);
const MMNGC: u32 = 0x042D0;
const MMNGC_MNG_VETO: u32 = bit(0);
const AUTOC: u32 = 0x042A0;
const AUTOC_FLU: u32 = bit(0);
const AUTOC2: u32 = 0x042A8;

/// Returns what software reads from the register at `at`, which contains `value`.
#[inline]
pub(crate) fn read(at: u32, value: u32, faults: &Faults) -> u32 {
    match at {
        MMNGC if faults.has(Fault::FirmwareVeto) => value | MMNGC_MNG_VETO,
        FWSM if faults.has(Fault::FirmwareManages) => value | FWSM_PASS_THROUGH,
        MANC if faults.has(Fault::FirmwareManages) => value | MANC_RCV_TCO_EN,
        FACTPS if faults.has(Fault::FirmwareManages) => value & !FACTPS_MNGCG,
        _ => value,
    }
}

/// Checks that a write leaves the link to the firmware, if it needs the link.
pub(crate) fn check_write(at: u32, value: u32, link_is_up: bool, common: &mut Common) {
    if matches!(at, AUTOC | AUTOC2) && common.faults.has(Fault::FirmwareVeto) {
        common.violation(Rule::LinkChangedUnderVeto, at, || format!("{value:#x} was written"));
    }
    if at == AUTOC && value & AUTOC_FLU != 0 && common.faults.has(Fault::FirmwareManages) {
        common.violation(Rule::ManagedLinkForced, at, || format!("{value:#x} was written"));
    }
    let needs_link = common.faults.has(Fault::FirmwareVeto) || common.faults.has(Fault::FirmwareManages);
    if at == CTRL && value & CTRL_LRST != 0 && link_is_up && needs_link {
        common.violation(Rule::ManagedLinkReset, at, || "CTRL.LRST was set".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::assert_in_table;

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[
            ("FWSM", FWSM),
            ("MANC", MANC),
            ("FACTPS", FACTPS),
            ("MMNGC", MMNGC),
            ("AUTOC", AUTOC),
            ("AUTOC2", AUTOC2),
        ]);
    }
}
