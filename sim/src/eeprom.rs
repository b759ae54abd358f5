//! The EEPROM and its read register EERD (datasheet 6 and 8.2.3.2).

use crate::chip::{Chip, Event, MICROSECOND, Time};
use crate::fault::Fault;
use crate::offsets::*;

/// Words of the image.
const WORDS: usize = 0x1000;
/// What words 0 to 0x3F add up to (6.2.1).
const CHECKSUM: u16 = 0xBABA;
/// The word that makes them do so.
const CHECKSUM_WORD: usize = 0x3F;
/// Where the image has the MAC address of the port.
const MAC_WORD: usize = 0x10;
/// How long the device takes to read a word.
const READ: Time = 20 * MICROSECOND;

/// An image with this MAC address and a right checksum.
pub(crate) fn image(mac: [u8; 6]) -> Box<[u16]> {
    let mut image = vec![0xFFFF; WORDS].into_boxed_slice();
    for (word, bytes) in image[MAC_WORD..].iter_mut().zip(mac.chunks_exact(2)) {
        *word = u16::from_le_bytes([bytes[0], bytes[1]]);
    }
    // Pointers to the sections that the checksum spans: there are none.
    image[3..0x10].fill(0xFFFF);
    image[CHECKSUM_WORD] = 0;
    let sum = image[..CHECKSUM_WORD].iter().fold(0_u16, |sum, word| sum.wrapping_add(*word));
    image[CHECKSUM_WORD] = CHECKSUM.wrapping_sub(sum);
    image
}

impl Chip {
    /// EERD was written.
    pub(crate) fn start_eeprom_read(&mut self, value: u32) {
        self.registers.set(EERD, value & !EERD_DONE);
        if value & EERD_START != 0 {
            self.cancel(|event| event == Event::EepromRead);
            self.schedule(READ, Event::EepromRead);
        }
    }

    pub(crate) fn eeprom_read(&mut self) {
        let request = self.registers.get(EERD);
        let address = (request >> 2 & 0x3FFF) as usize;
        let corrupt = self.faults.has(Fault::EepromCorrupt) && address == CHECKSUM_WORD;
        let word = match self.eeprom.get(address) {
            _ if self.faults.has(Fault::EepromMissing) => 0xFFFF,
            Some(word) if corrupt => !*word,
            Some(word) => *word,
            None => 0xFFFF,
        };
        self.registers.set(EERD, u32::from(word) << 16 | (request & 0xFFFC) | EERD_DONE);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_image_has_its_address_and_checksum() {
        let image = super::image([2, 0, 0, 0x12, 0x34, 0x56]);
        let sum = image[..0x40].iter().fold(0_u16, |sum, word| sum.wrapping_add(*word));
        assert_eq!(sum, 0xBABA);
        assert_eq!(&image[0x10..0x13], &[0x0002, 0x1200, 0x5634]);
    }
}
