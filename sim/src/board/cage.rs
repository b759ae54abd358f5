//! The cage for a module and its pins: laser, rate select and presence, as on boards of the chip's vendor.
//!
//! The datasheet leaves the wiring to the board. It is taken from public drivers, which agree: SDP2 is high with a module
//! in the cage, SDP3 switches the laser off when high, SDP5 selects 10 Gbit/s when high.

use crate::fault::{Fault, Faults};
use crate::registers::RegisterFile;
use crate::registers::offsets::bit;

pub(crate) const ESDP: u32 = 0x00020;
const SDP2: u32 = bit(2);
const SDP3: u32 = bit(3);
const SDP5: u32 = bit(5);
/// The direction of a pin: 1 is an output.
const DIRECTION: u32 = 8;

/// Sets the pins as the EEPROM does at power-on: SDP3 is an output, with the laser on. A reset leaves them alone.
pub(crate) fn power_on(registers: &mut RegisterFile) {
    registers.set(ESDP, SDP3 << DIRECTION);
}

/// Returns what software reads at `at`, where `value` is stored: an input shows the level on the board.
#[inline]
pub(crate) fn read(at: u32, value: u32, faults: &Faults) -> u32 {
    if at != ESDP || value & SDP2 << DIRECTION != 0 {
        return value;
    }
    if is_empty(faults) { value & !SDP2 } else { value | SDP2 }
}

/// Returns `true` if there is no module.
pub(crate) fn is_empty(faults: &Faults) -> bool {
    faults.has(Fault::ModuleAbsent) || faults.has(Fault::Crosstalk)
}

/// Returns `true` if the module sends light.
pub(crate) fn is_lit(registers: &RegisterFile, faults: &Faults) -> bool {
    let esdp = registers.get(ESDP);
    let off = esdp & (SDP3 << DIRECTION) != 0 && esdp & SDP3 != 0;
    !off && !is_empty(faults)
}

/// Returns `true` if a module with two rates runs at 1 Gbit/s. Without a level on the pin, it runs at 10 Gbit/s.
pub(crate) fn is_slow(registers: &RegisterFile) -> bool {
    let esdp = registers.get(ESDP);
    esdp & (SDP5 << DIRECTION) != 0 && esdp & SDP5 == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::assert_in_table;

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[("ESDP", ESDP)]);
    }
}
