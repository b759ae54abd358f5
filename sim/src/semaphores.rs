//! The semaphores that software and firmware share (datasheet 10.5.4 and 8.2.3.4).

use crate::chip::common::Common;
use crate::fault::{Fault, Faults};
use crate::registers::offsets::*;
use crate::violation::Rule;

/// Resources in SW_FW_SYNC that the firmware can hold.
const FIRMWARE: u32 = 0x1F << 5;

/// Returns what software reads from SWSM or SW_FW_SYNC at `at`, which contains `value`.
pub(crate) fn read(at: u32, value: u32, faults: &Faults) -> u32 {
    match at {
        SWSM if faults.has(Fault::SemaphoreTimeout) => value | SWSM_SMBI,
        SW_FW_SYNC if faults.has(Fault::FirmwareHoldsResources) => value | FIRMWARE,
        _ => value,
    }
}

/// Checks that software holds the semaphores when it writes SW_FW_SYNC.
pub(crate) fn check_write(at: u32, old: u32, new: u32, common: &mut Common) {
    let both = SWSM_SMBI | SWSM_SWESMBI;
    if at == SW_FW_SYNC && common.registers.get(SWSM) & both != both {
        common.violation(Rule::SemaphoreNotHeld, at, || format!("{old:#x} to {new:#x}"));
    }
}

/// Undoes a write to SWSM while another owner holds SMBI: without it, software does not get SWESMBI either.
pub(crate) fn refuse(common: &mut Common) {
    common.registers.set(SWSM, SWSM_SMBI);
}
