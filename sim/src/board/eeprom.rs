//! The EEPROM and its read register EERD (datasheet 6 and 8.2.3.2).

use crate::board::led;
use crate::board::spi::Spi;
use crate::chip::clock::{Event, MICROSECOND, Time};
use crate::chip::common::Common;
use crate::fault::{Fault, Faults};
use crate::link;
use crate::registers::RegisterFile;
use crate::registers::offsets::{RAH, RAH_AV, RAL, bit};
use crate::violation::Rule;

pub(crate) const EEC: u32 = 0x10010;
const EEC_SK: u32 = bit(0);
const EEC_CS: u32 = bit(1);
const EEC_DI: u32 = bit(2);
const EEC_DO: u32 = bit(3);
const EEC_REQ: u32 = bit(6);
const EEC_GNT: u32 = bit(7);
const EEC_PRES: u32 = bit(8);
const EEC_AUTO_RD: u32 = bit(9);
const EEC_SIZE: u32 = 0xF << 11;
/// EEC.EE_SIZE of 4096 words: 0 stands for 64 words, and each step doubles.
const EEC_SIZE_4096: u32 = 6 << 11;
pub(crate) const EERD: u32 = 0x10014;
const EERD_START: u32 = bit(0);
const EERD_DONE: u32 = bit(1);
const EEMNGCTL: u32 = 0x10110;
const FWSM: u32 = 0x10148;

/// Number of words in the image.
const WORDS: usize = 0x1000;
/// The sum of words 0 to 0x3F (6.2.1).
const CHECKSUM: u16 = 0xBABA;
/// The word that completes the sum.
const CHECKSUM_WORD: usize = 0x3F;
/// The first word of the port's MAC address.
const MAC_WORD: usize = 0x10;
/// Words that drivers read (6.3, 6.4): the pointers to the PCIe settings and the firmware, the board number, the list of set-up data for each kind of
/// SFP+ module, and the board's capabilities.
const PCIE_GENERAL: usize = 0x06;
const FIRMWARE: usize = 0x0F;
const BOARD_NUMBER: usize = 0x15;
const MODULE_LIST: usize = 0x2B;
const CAPABILITIES: usize = 0x2C;
/// Position of the PCIe settings.
const PCIE_GENERAL_AT: usize = 0x140;
/// The capability of a board whose ports do not hear each other.
const NO_CROSSTALK: u16 = 1 << 7;
/// Position of the firmware section, and of its pointer to the version that passes packets through.
const FIRMWARE_AT: usize = 0x100;
const FIRMWARE_VERSION_AT: usize = 0x110;
/// Position of the module list, and of the empty settings list that all modules share.
const MODULES_AT: usize = 0x180;
const SETTINGS_AT: usize = 0x1A0;
/// Time the device takes to read a word.
const READ: Time = 20 * MICROSECOND;

/// Builds an image with this MAC address and a correct checksum.
fn image(mac: [u8; 6]) -> Box<[u16]> {
    let mut image = vec![0xFFFF; WORDS].into_boxed_slice();
    for (word, bytes) in image[MAC_WORD..].iter_mut().zip(mac.chunks_exact(2)) {
        *word = u16::from_le_bytes([bytes[0], bytes[1]]);
    }
    // The checksum covers one section: a length, and that many words.
    image[3..FIRMWARE].fill(0xFFFF);
    image[PCIE_GENERAL] = PCIE_GENERAL_AT as u16;
    image[PCIE_GENERAL_AT..PCIE_GENERAL_AT + 4].copy_from_slice(&[3, 0x0102, 0x8000, 0x9004]);
    image[FIRMWARE] = FIRMWARE_AT as u16;
    image[FIRMWARE_AT + 4] = FIRMWARE_VERSION_AT as u16;
    image[FIRMWARE_VERSION_AT + 7] = 6;
    image[BOARD_NUMBER..BOARD_NUMBER + 2].copy_from_slice(&[0x8259, 0x9001]);
    image[MODULE_LIST] = MODULES_AT as u16;
    // A length word, then pairs of module kind and settings. 3 and 4 are copper, 5 and 6 optics.
    for (entry, kind) in image[MODULES_AT + 1..MODULES_AT + 9].chunks_exact_mut(2).zip(3..) {
        entry.copy_from_slice(&[kind, SETTINGS_AT as u16]);
    }
    // Any module is allowed, and light from another source is no link.
    image[CAPABILITIES] = 1 << 0 | NO_CROSSTALK;
    image[CHECKSUM_WORD] = 0;
    let covered = image[..CHECKSUM_WORD].iter().chain(&image[PCIE_GENERAL_AT + 1..PCIE_GENERAL_AT + 4]);
    let sum = covered.fold(0_u16, |sum, word| sum.wrapping_add(*word));
    image[CHECKSUM_WORD] = CHECKSUM.wrapping_sub(sum);
    image
}

/// The EEPROM, its read register EERD and its SPI bus EEC.
pub(crate) struct Eeprom {
    words: Box<[u16]>,
    spi: Spi,
    /// `true` if software has read EEC.AUTO_RD as 1.
    awaited: bool,
}

impl Eeprom {
    /// Returns the EEPROM of a port with this MAC address.
    pub(crate) fn new(mac: [u8; 6]) -> Self {
        Self { words: image(mac), spi: Spi::default(), awaited: false }
    }

    /// Returns the word at a word address.
    fn word(&self, address: u16, faults: &Faults) -> u16 {
        let changed = faults.eeprom_word(address);
        let address = usize::from(address);
        let corrupt = faults.has(Fault::EepromCorrupt) && address == CHECKSUM_WORD;
        match self.words.get(address) {
            _ if faults.has(Fault::EepromMissing) => 0xFFFF,
            _ if changed.is_some() => changed.unwrap_or(0xFFFF),
            Some(word) if corrupt => !*word,
            // The checksum of such an image would differ; nothing reads both.
            Some(word) if address == CAPABILITIES && faults.has(Fault::Crosstalk) => *word & !NO_CROSSTALK,
            Some(word) => *word,
            None => 0xFFFF,
        }
    }

    /// Prepares for being read after a reset.
    pub(crate) fn reset(&mut self, registers: &mut RegisterFile) {
        registers.set_bits(EEC, EEC_PRES | EEC_AUTO_RD | EEC_SIZE, false);
        self.awaited = false;
    }

    /// Returns `true` if software has seen that the registers are loaded.
    pub(crate) fn is_awaited(&self) -> bool {
        self.awaited
    }

    /// Performs the effects of a read of the register at `at` that returned `value`.
    #[inline]
    pub(crate) fn read(&mut self, at: u32, value: u32) {
        self.awaited |= at == EEC && value & EEC_AUTO_RD != 0;
    }

    /// Performs the effects of a write of `value` at `at`. Returns `false` if the register belongs to another part.
    #[inline]
    pub(crate) fn written(&mut self, at: u32, value: u32, common: &mut Common) -> bool {
        match at {
            EEC => self.drive(value, common),
            EERD => self.start_read(value, common),
            _ => return false,
        }
        true
    }

    /// Starts a read through EERD.
    fn start_read(&self, value: u32, common: &mut Common) {
        common.registers.set(EERD, value & !EERD_DONE);
        if value & EERD_START != 0 {
            common.clock.cancel(|event| event == Event::EepromRead);
            common.clock.schedule(READ, Event::EepromRead);
        }
    }

    /// Ends a read through EERD.
    pub(crate) fn finish_read(&self, common: &mut Common) {
        let request = common.registers.get(EERD);
        let word = self.word((request >> 2 & 0x3FFF) as u16, &common.faults);
        common.registers.set(EERD, u32::from(word) << 16 | (request & 0xFFFC) | EERD_DONE);
    }

    /// Drives the lines of the SPI bus.
    fn drive(&mut self, value: u32, common: &mut Common) {
        let granted = value & EEC_REQ != 0;
        // The chip select of the EEPROM is active low.
        let selected = granted && value & EEC_CS == 0;
        let (clock, data) = (value & EEC_SK != 0, value & EEC_DI != 0);
        let mut spi = std::mem::take(&mut self.spi);
        let byte = |at: u16| self.word(at / 2, &common.faults).to_le_bytes()[usize::from(at % 2)];
        let output = spi.drive(selected, clock, data, byte);
        self.spi = spi;
        common.registers.set_bits(EEC, EEC_GNT, granted);
        common.registers.set_bits(EEC, EEC_DO, output);
        if let Some(command) = self.spi.unknown() {
            common.violation(Rule::NotModelled, EEC, || format!("command {command:#04x} of the EEPROM"));
        }
    }

    /// Loads the registers whose values the EEPROM holds. Returns `false` if there is no EEPROM.
    pub(crate) fn load(&self, common: &mut Common) -> bool {
        let Common { registers, faults, .. } = common;
        registers.set_bits(EEC, EEC_AUTO_RD, true);
        if faults.has(Fault::EepromMissing) {
            // Its firmware is missing, too.
            registers.set(FWSM, 0);
            return false;
        }
        registers.set_bits(EEC, EEC_PRES | EEC_SIZE_4096, true);
        let [low, middle, high] = [0, 1, 2].map(|n| u32::from(self.words[MAC_WORD + n]));
        registers.set(RAL, low | middle << 16);
        registers.set(RAH, high | RAH_AV);
        led::load(registers);
        link::load_mode(faults.has(Fault::LinkDisabledByEeprom), registers);
        let error = u32::from(faults.has(Fault::EepromCorrupt));
        registers.set(FWSM, bit(15) | error << 19);
        // The configuration of both PCI functions is done.
        registers.set_bits(EEMNGCTL, 3 << 18, true);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::assert_in_table;

    #[test]
    fn the_image_has_its_address_and_checksum() {
        let image = image([2, 0, 0, 0x12, 0x34, 0x56]);
        let sum = image[..0x40].iter().chain(&image[0x141..0x144]).fold(0_u16, |sum, word| sum.wrapping_add(*word));
        assert_eq!(sum, 0xBABA);
        assert_eq!(&image[0x10..0x13], &[0x0002, 0x1200, 0x5634]);
    }

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[("EEC", EEC), ("EERD", EERD), ("EEMNGCTL", EEMNGCTL), ("FWSM", FWSM)]);
    }
}
