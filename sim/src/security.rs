//! The security blocks, which every packet passes. Through them, software halts a data path (datasheet 8.2.3.12).

use crate::chip::clock::{Event, MICROSECOND, Time};
use crate::chip::common::Common;
use crate::registers::offsets::*;

/// Time a data path takes to drain when it is halted.
const HALT: Time = 20 * MICROSECOND;

/// Handles a write to SECRXCTRL or SECTXCTRL at `at`: halts the data path, or releases it.
pub(crate) fn write(at: u32, value: u32, old: u32, common: &mut Common) {
    let (status, halted) = match at {
        SECRXCTRL => (SECRXSTAT, Event::SecRxReady),
        _ => (SECTXSTAT, Event::SecTxReady),
    };
    if value & SEC_DIS == 0 {
        common.clock.cancel(|event| event == halted);
        common.registers.set_bits(status, SEC_RDY, false);
    } else if old & SEC_DIS == 0 {
        common.clock.schedule(HALT, halted);
    }
}

/// Returns `true` if the receive path is halted, and its packets have left it.
pub(crate) fn is_receive_halted(common: &Common) -> bool {
    common.registers.get(SECRXCTRL) & SEC_DIS != 0 && common.registers.get(SECRXSTAT) & SEC_RDY != 0
}
