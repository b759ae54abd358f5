//! The security blocks, which every packet passes. Through them, software halts a data path (datasheet 8.2.3.12).

use crate::chip::clock::{Event, MICROSECOND, Time};
use crate::chip::common::Common;
use crate::registers::RegisterFile;
use crate::registers::offsets::bit;

const SECTXCTRL: u32 = 0x08800;
const SECTXSTAT: u32 = 0x08804;
const SECRXCTRL: u32 = 0x08D00;
const SECRXSTAT: u32 = 0x08D04;
/// SECRXCTRL.RX_DIS and SECTXCTRL.TX_DIS.
const SEC_DIS: u32 = bit(1);
/// SECRXSTAT.SECRX_RDY and SECTXSTAT.SECTX_RDY.
const SEC_RDY: u32 = bit(0);

/// Time a data path takes to drain when it is halted.
const HALT: Time = 20 * MICROSECOND;

/// Halts a data path, or releases it, after a write to its control register.
pub(crate) fn written(at: u32, value: u32, old: u32, common: &mut Common) {
    let (status, halted) = match at {
        SECRXCTRL => (SECRXSTAT, Event::ReceiveHalted),
        SECTXCTRL => (SECTXSTAT, Event::TransmitHalted),
        _ => return,
    };
    if value & SEC_DIS == 0 {
        common.clock.cancel(|event| event == halted);
        common.registers.set_bits(status, SEC_RDY, false);
    } else if old & SEC_DIS == 0 {
        common.clock.schedule(HALT, halted);
    }
}

/// Reports that the packets have left the receive path.
pub(crate) fn receive_halted(registers: &mut RegisterFile) {
    registers.set_bits(SECRXSTAT, SEC_RDY, true);
}

/// Reports that the packets have left the transmit path.
pub(crate) fn transmit_halted(registers: &mut RegisterFile) {
    registers.set_bits(SECTXSTAT, SEC_RDY, true);
}

/// Returns `true` if packets may enter the receive path.
pub(crate) fn is_receive_open(registers: &RegisterFile) -> bool {
    registers.get(SECRXCTRL) & SEC_DIS == 0
}

/// Returns `true` if packets may enter the transmit path.
pub(crate) fn is_transmit_open(registers: &RegisterFile) -> bool {
    registers.get(SECTXCTRL) & SEC_DIS == 0
}

/// Returns `true` if the receive path is closed and empty.
pub(crate) fn is_receive_halted(registers: &RegisterFile) -> bool {
    !is_receive_open(registers) && registers.get(SECRXSTAT) & SEC_RDY != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::assert_in_table;

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[
            ("SECTXCTRL", SECTXCTRL),
            ("SECTXSTAT", SECTXSTAT),
            ("SECRXCTRL", SECRXCTRL),
            ("SECRXSTAT", SECRXSTAT),
        ]);
    }
}
