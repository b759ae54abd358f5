//! The semaphores that software and firmware share (datasheet 10.5.4 and 8.2.3.4).

use crate::chip::common::Common;
use crate::fault::{Fault, Faults};
use crate::registers::offsets::bit;
use crate::violation::Rule;

pub(crate) const SWSM: u32 = 0x10140;
const SWSM_SMBI: u32 = bit(0);
const SWSM_SWESMBI: u32 = bit(1);
pub(crate) const SW_FW_SYNC: u32 = 0x10160;

/// Resources in SW_FW_SYNC that the firmware can hold.
const FIRMWARE: u32 = 0x1F << 5;

/// Returns what software reads from the register at `at`, which contains `value`.
#[inline]
pub(crate) fn read(at: u32, value: u32, faults: &Faults) -> u32 {
    match at {
        SWSM if faults.has(Fault::SemaphoreTimeout) => value | SWSM_SMBI,
        SW_FW_SYNC if faults.has(Fault::FirmwareHoldsResources) => value | FIRMWARE,
        _ => value,
    }
}

/// Sets the semaphores that a fault left behind.
pub(crate) fn inject(fault: Fault, common: &mut Common) {
    if let Fault::SemaphoresLeftBehind(bits) = fault {
        common.registers.set_bits(SW_FW_SYNC, u32::from(bits), true);
    }
}

/// Checks that software holds the semaphores when it writes SW_FW_SYNC.
pub(crate) fn check_write(at: u32, old: u32, new: u32, common: &mut Common) {
    let both = SWSM_SMBI | SWSM_SWESMBI;
    if at == SW_FW_SYNC && common.registers.get(SWSM) & both != both {
        common.violation(Rule::SemaphoreNotHeld, at, || format!("{old:#x} to {new:#x}"));
    }
}

/// Performs the effects of a write to the register at `at`. Returns `false` if there are none.
#[inline]
pub(crate) fn written(at: u32, common: &mut Common) -> bool {
    let taken = at == SWSM && common.faults.has(Fault::SemaphoreTimeout);
    if taken {
        // Without SMBI, software does not get SWESMBI either.
        common.registers.set(SWSM, SWSM_SMBI);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::assert_in_table;

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[("SWSM", SWSM), ("SW_FW_SYNC", SW_FW_SYNC)]);
    }
}
