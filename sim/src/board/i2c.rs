//! The I2C bus to the SFP+ cage, which software drives bit by bit through I2CCTL (datasheet 8.2.3.1.5), and the
//! module's EEPROM on it (SFF-8472).

use crate::chip::clock::{MILLISECOND, Time};
use crate::chip::common::Common;
use crate::fault::{Fault, Faults};
use crate::registers::offsets::bit;

const I2CCTL: u32 = 0x00028;
const I2C_CLK_IN: u32 = bit(0);
const I2C_CLK_OUT: u32 = bit(1);
const I2C_DATA_IN: u32 = bit(2);
const I2C_DATA_OUT: u32 = bit(3);

/// The bus addresses of a module's EEPROM, and of what it measures, with the read bit 0.
const MODULE: u8 = 0xA0;
const MEASUREMENTS: u8 = 0xA2;
/// Time for which a module that boots does not answer.
const BOOT: Time = 1_000 * MILLISECOND;

/// The event that the bus waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A start condition.
    Idle,
    /// Bits of a byte from software: the bus address, or else the address in the EEPROM.
    Take { address: bool },
    /// The clock of the module's acknowledgement; `reading` selects the sender of the next byte.
    Acknowledge { reading: bool },
    /// The clocks of a byte from the module.
    Give,
    /// The clock of software's acknowledgement.
    AwaitAcknowledge,
}

/// The bus and the module.
#[derive(Debug)]
pub(crate) struct I2c {
    state: State,
    clock: bool,
    data: bool,
    /// The level that the module drives: the bus is low if any side pulls it low.
    module_data: bool,
    shift: u8,
    bits: u8,
    address: u8,
    /// `true` if the EEPROM address was written in this transfer.
    addressed: bool,
    module: Option<Box<[u8; 256]>>,
    /// The measurements, at their own bus address.
    measurements: Box<[u8; 256]>,
    /// The bus address of this transfer.
    device: u8,
    /// Time until which the module boots.
    boots_until: Time,
    /// Faults of the module, which the bus sees with the next write of its lines.
    silent: bool,
    interrupted: bool,
    holds_data: bool,
    blank: bool,
    speeds: Speeds,
}

/// The speeds of the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speeds {
    Ten,
    One,
    Both,
}

impl Default for I2c {
    fn default() -> Self {
        let (state, clock, data, module_data) = (State::Idle, true, true, true);
        Self {
            state,
            clock,
            data,
            module_data,
            shift: 0,
            bits: 0,
            address: 0,
            addressed: false,
            module: Some(module()),
            measurements: measurements(),
            device: MODULE,
            boots_until: 0,
            silent: false,
            interrupted: false,
            holds_data: false,
            blank: false,
            speeds: Speeds::Ten,
        }
    }
}

impl I2c {
    /// Returns the bus of a cage for SFP+ modules, or for `qsfp` modules.
    pub(crate) fn new(qsfp: bool) -> Self {
        Self { module: Some(if qsfp { qsfp_module() } else { module() }), ..Self::default() }
    }

    /// Performs the effects of a write of `value` at `at`. Returns `false` if the register belongs to another part.
    #[inline]
    pub(crate) fn written(&mut self, at: u32, value: u32, common: &mut Common) -> bool {
        if at != I2CCTL {
            return false;
        }
        let (clock, data) = (value & I2C_CLK_OUT != 0, value & I2C_DATA_OUT != 0);
        self.look(&common.faults, common.clock.now());
        let holds_clock = common.faults.has(Fault::ModuleHoldsClock);
        // A module that holds the clock sees no edge.
        let level = self.drive(clock && !holds_clock, data);
        let registers = &mut common.registers;
        registers.set_bits(I2CCTL, I2C_CLK_IN, clock && !holds_clock);
        registers.set_bits(I2CCTL, I2C_DATA_IN, level);
        true
    }

    /// Begins the boot of the module.
    pub(crate) fn boot(&mut self, now: Time) {
        self.boots_until = now + BOOT;
    }

    /// Takes over the faults of the module.
    fn look(&mut self, faults: &Faults, now: Time) {
        let boots = faults.has(Fault::ModuleBoots) && now < self.boots_until;
        self.silent = faults.has(Fault::ModuleAbsent) || faults.has(Fault::Crosstalk) || boots;
        self.interrupted = faults.has(Fault::ModuleUnreadable);
        self.holds_data = faults.has(Fault::ModuleHoldsData);
        self.blank = faults.has(Fault::ModuleReadsZeros);
        self.speeds = match () {
            () if faults.has(Fault::ModuleOneGigabit) => Speeds::One,
            () if faults.has(Fault::ModuleMultispeed) => Speeds::Both,
            () => Speeds::Ten,
        };
    }

    /// Returns the byte at the current address.
    fn byte(&self) -> u8 {
        let at = usize::from(self.address);
        let Some(module) = self.module.as_ref() else { return 0xFF };
        match (self.device, self.speeds) {
            _ if self.blank => 0,
            (MEASUREMENTS, _) => self.measurements[at],
            (_, Speeds::Ten) => module[at],
            (_, speeds) => with_speeds(module, speeds)[at],
        }
    }

    /// Sets the lines as software drives them. Returns the level of the data line.
    fn drive(&mut self, clock: bool, data: bool) -> bool {
        let (old_clock, old_data) = (self.clock, self.data);
        (self.clock, self.data) = (clock, data);
        if old_clock && clock && old_data != data {
            // A change of the data line while the clock is high is a start or stop condition.
            self.module_data = true;
            self.state = if data { State::Idle } else { State::Take { address: true } };
            (self.bits, self.addressed) = (0, self.addressed && !data);
        } else if !old_clock && clock {
            self.rise(data);
        } else if old_clock && !clock {
            self.fall();
        }
        data && self.module_data && !self.holds_data
    }

    fn rise(&mut self, data: bool) {
        match self.state {
            State::Take { .. } => {
                self.shift = self.shift << 1 | u8::from(data);
                self.bits += 1;
            }
            State::AwaitAcknowledge if data => self.state = State::Idle,
            _ => {}
        }
    }

    fn fall(&mut self) {
        match self.state {
            State::Take { address } if self.bits == 8 => {
                self.bits = 0;
                let mine = matches!(self.shift & !1, MODULE | MEASUREMENTS) || !address;
                if self.module.is_none() || self.silent || !mine || self.interrupted && !address {
                    self.state = State::Idle;
                    return;
                }
                if address {
                    self.addressed = false;
                    self.device = self.shift & !1;
                } else if !self.addressed {
                    (self.address, self.addressed) = (self.shift, true);
                }
                self.module_data = false;
                self.state = State::Acknowledge { reading: address && self.shift & 1 != 0 };
            }
            State::Acknowledge { reading: false } => {
                self.module_data = true;
                self.state = State::Take { address: false };
            }
            State::Acknowledge { reading: true } | State::AwaitAcknowledge => {
                self.shift = self.byte();
                self.address = self.address.wrapping_add(1);
                self.bits = 0;
                self.state = State::Give;
                self.give();
            }
            State::Give if self.bits == 8 => {
                self.module_data = true;
                self.state = State::AwaitAcknowledge;
            }
            State::Give => self.give(),
            _ => {}
        }
    }

    fn give(&mut self) {
        self.module_data = self.shift & 0x80 != 0;
        self.shift <<= 1;
        self.bits += 1;
    }
}

/// Returns the EEPROM contents of a 10GBASE-SR module.
fn module() -> Box<[u8; 256]> {
    let mut bytes = Box::new([0_u8; 256]);
    // SFP, by two-wire interface; LC connector; 10GBASE-SR; 64B/66B at 10.3 Gb/s.
    (bytes[0], bytes[1], bytes[2], bytes[3], bytes[11], bytes[12]) = (0x03, 0x04, 0x07, 0x10, 0x06, 103);
    bytes[20..36].copy_from_slice(b"MODELLED        ");
    // The chip vendor's identifier: drivers reject other modules.
    bytes[37..40].copy_from_slice(&[0x00, 0x1B, 0x21]);
    bytes[40..56].copy_from_slice(b"10GBASE-SR      ");
    bytes[56..60].copy_from_slice(b"1   ");
    bytes[68..84].copy_from_slice(b"0000000000000001");
    bytes[84..92].copy_from_slice(b"260101  ");
    // It measures, calibrates itself, reports alarms, faults and loss of light, and follows revision 10.2.
    (bytes[92], bytes[93], bytes[94]) = (0x68, 0xF0, 0x05);
    complete(&mut bytes);
    bytes
}

/// Returns the EEPROM contents of a passive QSFP cable of 3 m (SFF-8636), with upper page 0 selected.
fn qsfp_module() -> Box<[u8; 256]> {
    let mut bytes = Box::new([0_u8; 256]);
    // QSFP+, a cable that stays on, 103 x 100 Mb/s, 3 m, copper without equalisers.
    (bytes[0], bytes[128], bytes[130], bytes[140], bytes[146], bytes[147]) = (0x0D, 0x0D, 0x23, 103, 3, 0xA0);
    bytes[148..164].copy_from_slice(b"MODELLED        ");
    bytes[165..168].copy_from_slice(&[0x00, 0x1B, 0x21]);
    bytes[168..184].copy_from_slice(b"QSFP CABLE      ");
    bytes[196..212].copy_from_slice(b"0000000000000002");
    bytes[212..220].copy_from_slice(b"260101  ");
    let sum = |bytes: &[u8]| bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    bytes[191] = sum(&bytes[128..191]);
    bytes[223] = sum(&bytes[192..223]);
    bytes
}

/// Sets the sums.
fn complete(bytes: &mut [u8; 256]) {
    let sum = |bytes: &[u8]| bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    bytes[63] = sum(&bytes[..63]);
    bytes[95] = sum(&bytes[64..95]);
}

/// Returns `module` with other speeds: 1000BASE-SX alone, or both.
fn with_speeds(module: &[u8; 256], speeds: Speeds) -> Box<[u8; 256]> {
    let mut bytes = Box::new(*module);
    (bytes[3], bytes[6]) = if speeds == Speeds::Both { (0x10, 0x01) } else { (0, 0x01) };
    complete(&mut bytes);
    bytes
}

/// Returns the measurements of a healthy module (SFF-8472, address 0xA2).
fn measurements() -> Box<[u8; 256]> {
    let mut bytes = Box::new([0_u8; 256]);
    // 35.5 C, 3.3 V, 6 mA, 0.5 mW sent, 0.4 mW received.
    for (place, value) in (96..).step_by(2).zip([35 * 256 + 128, 33_000, 3_000, 5_000, 4_000_u16]) {
        bytes[place..place + 2].copy_from_slice(&value.to_be_bytes());
    }
    // All sums from here on are 0: no limits and no calibration.
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::assert_in_table;

    /// A master after the I2C specification.
    struct Master(I2c);

    impl Master {
        fn bit(&mut self, data: bool) -> bool {
            self.0.drive(false, data);
            let level = self.0.drive(true, data);
            self.0.drive(false, data);
            level
        }

        fn start(&mut self) {
            self.0.drive(false, true);
            self.0.drive(true, true);
            self.0.drive(true, false);
            self.0.drive(false, false);
        }

        fn stop(&mut self) {
            self.0.drive(false, false);
            self.0.drive(true, false);
            self.0.drive(true, true);
        }

        /// Sends a byte. Returns `true` if it was acknowledged.
        fn send(&mut self, byte: u8) -> bool {
            for n in (0..8).rev() {
                self.bit(byte >> n & 1 != 0);
            }
            !self.bit(true)
        }

        fn receive(&mut self, more: bool) -> u8 {
            let byte = (0..8).fold(0, |byte, _| byte << 1 | u8::from(self.bit(true)));
            self.bit(!more);
            byte
        }
    }

    #[test]
    fn a_module_is_read_at_any_address_byte_by_byte_or_in_a_row() {
        let mut master = Master(I2c::default());
        let expected = module();
        for place in [0_u8, 3, 37, 63, 255] {
            master.start();
            assert!(master.send(0xA0) && master.send(place));
            master.start();
            assert!(master.send(0xA1));
            assert_eq!(master.receive(false), expected[usize::from(place)]);
            master.stop();
        }
        master.start();
        assert!(master.send(0xA0) && master.send(20));
        master.start();
        assert!(master.send(0xA1));
        let name: Vec<u8> = (0..8).map(|n| master.receive(n < 7)).collect();
        master.stop();
        assert_eq!(name, b"MODELLED");
    }

    #[test]
    fn nobody_answers_at_another_address_or_in_an_empty_cage() {
        let mut master = Master(I2c::default());
        master.start();
        assert!(!master.send(0xA4));
        master.stop();
        master.0.module = None;
        master.start();
        assert!(!master.send(0xA0));
        master.stop();
    }

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[("I2CCTL", I2CCTL)]);
    }
}
