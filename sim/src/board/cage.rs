//! The cage for a module and its pins: laser, rate select and presence, as on boards of the chip's vendor.
//!
//! The datasheet leaves the wiring to the board. It is taken from public drivers, which agree: SDP2 is high with a module
//! in the cage, SDP3 switches the laser off when high, SDP5 selects 10 Gbit/s when high. On the one
//! board with a QSFP cage, SDP0 requests the I2C bus and SDP1 grants it.

use crate::fault::{Fault, Faults};
use crate::registers::RegisterFile;
use crate::registers::offsets::bit;

pub(crate) const ESDP: u32 = 0x00020;
const SDP0: u32 = bit(0);
const SDP1: u32 = bit(1);
const SDP2: u32 = bit(2);
const SDP3: u32 = bit(3);
const SDP5: u32 = bit(5);
/// The direction of a pin: 1 is an output.
const DIRECTION: u32 = 8;

/// Sets the pins as the EEPROM does at power-on: SDP3 is an output, with the laser on. A reset leaves them alone.
pub(crate) fn power_on(registers: &mut RegisterFile) {
    registers.set(ESDP, SDP3 << DIRECTION);
}

/// Returns `true` if the board with this PCI device id has a QSFP cage.
pub(crate) fn is_qsfp(device_id: u16) -> bool {
    device_id == 0x1558
}

/// Returns what software reads at `at`, where `value` is stored: an input shows the level on the board. Before a `qsfp`
/// cage, an arbiter answers a request on SDP0 with SDP1.
#[inline]
pub(crate) fn read(at: u32, value: u32, qsfp: bool, faults: &Faults) -> u32 {
    if at != ESDP {
        return value;
    }
    let level = |pin: u32, high: bool| match value & pin << DIRECTION {
        0 if high => pin,
        0 => 0,
        _ => value & pin,
    };
    let requested = value & (SDP0 << DIRECTION) != 0 && value & SDP0 != 0;
    let granted = if qsfp { level(SDP1, requested && !faults.has(Fault::ArbiterSilent)) } else { value & SDP1 };
    value & !(SDP1 | SDP2) | granted | level(SDP2, !is_empty(faults))
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
