//! The four LEDs of a port, as a person in front of the card sees them (datasheet 8.2.3.1.6).
//!
//! The lamps are wired for outputs that are active low, which is LEDCTL's polarity after a reset.

use crate::chip::common::Common;
use crate::link::{self, Link};
use crate::registers::RegisterFile;
use crate::registers::offsets::bit;

const LEDCTL: u32 = 0x00200;
/// The value that the EEPROM loads: the register's reset value.
const LOADED: u32 = 0x0504_8100;
/// The fields of an LED in its byte of LEDCTL.
const MODE: u32 = 0xF;
const INVERT: u32 = bit(6);
const BLINK: u32 = bit(7);

/// What an LED shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Led {
    /// The LED is dark.
    Off,
    /// The LED is lit.
    On,
    /// The LED blinks. It only does while there is a link.
    Blinking,
}

/// Loads LEDCTL, as the EEPROM does.
pub(crate) fn load(registers: &mut RegisterFile) {
    registers.set(LEDCTL, LOADED);
}

/// Returns what the LED with this number shows, from 0 to 3. Signals of activity show no traffic.
pub(crate) fn shown(number: usize, link: &Link, common: &Common) -> Led {
    let control = common.registers.get(LEDCTL) >> ((number & 3) * 8);
    let ten_gigabit = link::bits_per_nanosecond(&common.registers) == 10;
    let signal = match control & MODE {
        // Link up, and link with activity.
        0 | 4 => link.is_up(),
        1 => link.is_up() && ten_gigabit,
        5 => link.is_up() && !ten_gigabit,
        14 => true,
        _ => false,
    };
    match (signal, control & INVERT != 0) {
        // An inverted LED does not blink (erratum 50).
        (true, true) | (false, false) => Led::Off,
        (false, true) => Led::On,
        // Linux's driver forces a link up before it lets an LED blink.
        (true, false) if control & BLINK != 0 && link.is_up() => Led::Blinking,
        (true, false) => Led::On,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::assert_in_table;

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[("LEDCTL", LEDCTL)]);
    }
}
