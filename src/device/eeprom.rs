//! The EEPROM, read through EERD (datasheet 6, 8.2.3.2.2). The driver never writes it.
//!
//! Everything in it may be wrong: pointers are followed only inside the EEPROM, and the number of words read is bounded
//! by its size.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use crate::clock::Clock;
use crate::mmio::Bus;
use crate::register::{Contents, Driver, TimedOut};
use crate::registers::permission::Reset;
use crate::registers::{EEC, EERD, Registers};
use crate::value;

/// Time limit for one word. The datasheet gives none.
const WORD: Duration = Duration::from_millis(500);
/// Time limit for all words. The largest EEPROM takes about a third of it.
const ALL_WORDS: Duration = Duration::from_secs(2);
/// The number of words that EERD can address.
const MAX_WORDS: u32 = 0x4000;

/// The sum of the words that the checksum covers, with the checksum.
const SUM: u16 = 0xBABA;
/// The word that completes the sum.
const CHECKSUM: u16 = 0x3F;
/// The words that point to the sections which the sum covers. The firmware's section is not among them.
const SECTIONS: core::ops::RangeInclusive<u16> = 0x03..=0x0E;
/// The pointer to the firmware's section.
const FIRMWARE: u16 = 0x0F;
/// The part number, or the mark of one that is a string.
const PART_NUMBER: u16 = 0x15;
/// The mark of a part number that is a string; the next word points to it.
const PART_NUMBER_STRING: u16 = 0xFAFA;
/// The pointer to the option ROM's section, and the offset of its version there.
const OPTION_ROM: (u16, u16) = (0x17, 0x83);
/// What the board can do.
const CAPABILITIES: u16 = 0x2C;
/// The number of the EEPROM image, low word first.
const IMAGE: u16 = 0x2D;
/// The largest number of words in a part number.
const MAX_PART_NUMBER: u16 = 16;

/// The contents of the EEPROM that a driver needs or prints.
///
/// An entry is `None` if its word is 0 or 0xFFFF, or points outside the EEPROM.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Eeprom {
    /// The number of words, from EEC.EE_SIZE; at most the 16,384 that EERD can read.
    pub words: u32,
    /// The state of the checksum.
    pub checksum: Checksum,
    /// What the board can do.
    pub capabilities: Capabilities,
    /// The part number of the board (its PBA number).
    pub part_number: Option<String>,
    /// The number of the EEPROM image, which tools call eTrack id.
    pub image: Option<u32>,
    /// The version of the firmware's image for packets that pass through. Below 6 it is a pre-production version.
    pub firmware_version: Option<u16>,
    /// The two words of the option ROM's version.
    pub option_rom: Option<[u16; 2]>,
    /// `true` if firmware restarts the link by itself (LESM, for switches that lock to one lane only).
    pub firmware_restarts_link: bool,
}

/// What the board can do, from word 0x2C of the EEPROM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities(
    /// The word.
    pub u16,
);

impl Capabilities {
    /// Returns `true` if the board's maker allows SFP+ modules of all vendors. The driver allows them in any case.
    #[must_use]
    pub fn allows_any_module(self) -> bool {
        self.0 & 1 != 0
    }

    /// Returns `true` if light of another source never looks like a link. Otherwise an empty cage can show one.
    #[must_use]
    pub fn is_free_of_crosstalk(self) -> bool {
        self.0 & 1 << 7 != 0
    }
}

/// The state of the EEPROM's checksum (6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checksum {
    /// The checksum is right.
    Right,
    /// The checksum is wrong.
    Wrong {
        /// The checksum in the EEPROM.
        stored: u16,
        /// The checksum that its words have.
        computed: u16,
    },
    /// All words read the same: the EEPROM is blank, or does not answer.
    Blank {
        /// The word.
        word: u16,
    },
    /// A section lies outside the EEPROM, or the sections have more words than it. The sum is not defined then.
    NoSuchSection {
        /// The address of the word that points to the section.
        pointer: u16,
        /// The address of the section.
        section: u16,
    },
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right => f.write_str("the EEPROM's checksum is right"),
            Self::Wrong { stored, computed } => {
                write!(f, "the EEPROM's checksum is wrong: it is {stored:#06x}, but the words have {computed:#06x}")
            }
            Self::Blank { word } => write!(f, "the EEPROM is blank: all its words read {word:#06x}"),
            Self::NoSuchSection { pointer, section } => write!(
                f,
                "the EEPROM's checksum cannot be computed: word {pointer:#04x} points to {section:#06x}, where no \
                 section can be"
            ),
        }
    }
}

impl Eeprom {
    /// Reads the EEPROM of a device that has loaded its registers from it.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] if EERD does not answer.
    pub(crate) fn read<D: Bus + Clock>(
        device: &D,
        registers: Registers<'_, D, Driver<Reset>>,
    ) -> Result<Self, TimedOut> {
        let size = registers.eec().read().field(EEC::EE_SIZE);
        let words = 1_u32.checked_shl(size as u32 + 6).map_or(MAX_WORDS, |words| words.min(MAX_WORDS));
        let reader = Reader { device, registers, words: words as u16, start: device.now() };
        let checksum = reader.checksum()?;
        let image = [reader.word(IMAGE)?, reader.word(IMAGE + 1)?];
        let image = u32::from(image[0]) | u32::from(image[1]) << 16;
        let option_rom = reader.pointer(OPTION_ROM.0)?.map(|section| {
            let version = [reader.offset(section, OPTION_ROM.1)?, reader.offset(section, OPTION_ROM.1 + 1)?];
            Ok([version[0].unwrap_or(u16::MAX), version[1].unwrap_or(u16::MAX)])
        });
        Ok(Self {
            words,
            checksum,
            capabilities: Capabilities(reader.word(CAPABILITIES)?),
            part_number: reader.part_number()?,
            image: Some(image).filter(|image| !matches!(*image, 0 | u32::MAX)),
            firmware_version: reader.through_firmware(4, 7)?.filter(|version| !is_unset(*version)),
            option_rom: option_rom.transpose()?.filter(|version| !version.iter().all(|word| is_unset(*word))),
            firmware_restarts_link: reader.through_firmware(2, 1)?.is_some_and(|state| state & 1 << 15 != 0),
        })
    }
}

/// Returns `true` if a word means that there is nothing.
fn is_unset(word: u16) -> bool {
    matches!(word, 0 | u16::MAX)
}

/// The read register, with a time limit for all words.
struct Reader<'a, D> {
    device: &'a D,
    registers: Registers<'a, D, Driver<Reset>>,
    words: u16,
    start: Duration,
}

impl<D: Bus + Clock> Reader<'_, D> {
    /// Reads the word at `address`, which is below [`MAX_WORDS`].
    fn word(&self, address: u16) -> Result<u16, TimedOut> {
        // An address that does not fit cannot be: all callers stay below the number of words.
        if let Ok(request) = value!(EERD { START: true }).try_with(EERD::ADDR, u64::from(address)) {
            self.registers.eerd().write(request);
        }
        let spent = self.device.now().saturating_sub(self.start);
        let limit = ALL_WORDS.saturating_sub(spent).min(WORD);
        // A card that answers late every time must not answer in time with its first look.
        let is_done = |read: Contents<EERD>| read.field(EERD::DONE) && !limit.is_zero();
        let read = self.registers.eerd().wait_until(self.device, limit, is_done)?;
        Ok(read.field(EERD::DATA) as u16)
    }

    /// Reads the word that lies `offset` behind the start of a section, if that is inside the EEPROM.
    fn offset(&self, section: u16, offset: u16) -> Result<Option<u16>, TimedOut> {
        match section.checked_add(offset) {
            Some(address) if address < self.words => self.word(address).map(Some),
            _ => Ok(None),
        }
    }

    /// Reads a pointer. Returns `None` if it points to nothing, or outside the EEPROM.
    fn pointer(&self, address: u16) -> Result<Option<u16>, TimedOut> {
        Ok(Some(self.word(address)?).filter(|section| !is_unset(*section) && *section < self.words))
    }

    /// Reads a word of the section to which the firmware's section points.
    fn through_firmware(&self, pointer: u16, offset: u16) -> Result<Option<u16>, TimedOut> {
        let Some(firmware) = self.pointer(FIRMWARE)? else { return Ok(None) };
        match self.offset(firmware, pointer)? {
            Some(section) if !is_unset(section) => self.offset(section, offset),
            _ => Ok(None),
        }
    }

    /// Compares the checksum with the words that it covers.
    fn checksum(&self) -> Result<Checksum, TimedOut> {
        let first = self.word(0)?;
        let (mut sum, mut all_same, mut sections) = (first, true, [0_u16; 12]);
        for address in 1..CHECKSUM {
            let word = self.word(address)?;
            sum = sum.wrapping_add(word);
            all_same &= word == first;
            if let Some(section) = SECTIONS.zip(&mut sections).find(|(at, _)| *at == address) {
                *section.1 = word;
            }
        }
        let stored = self.word(CHECKSUM)?;
        if all_same && stored == first {
            return Ok(Checksum::Blank { word: first });
        }
        let mut left = self.words;
        for (pointer, section) in SECTIONS.zip(sections).filter(|(_, section)| !is_unset(*section)) {
            let no_section = Checksum::NoSuchSection { pointer, section };
            let Some(len) = self.offset(section, 0)? else { return Ok(no_section) };
            if is_unset(len) {
                continue;
            }
            match (left.checked_sub(len), section.checked_add(len)) {
                (Some(rest), Some(last)) if last < self.words => left = rest,
                _ => return Ok(no_section),
            }
            for offset in 1..=len {
                sum = sum.wrapping_add(self.offset(section, offset)?.unwrap_or(0));
            }
        }
        let computed = SUM.wrapping_sub(sum);
        Ok(if stored == computed { Checksum::Right } else { Checksum::Wrong { stored, computed } })
    }

    /// Reads the part number: a string, or the older form of two words in hexadecimal digits.
    fn part_number(&self) -> Result<Option<String>, TimedOut> {
        let [first, second] = [self.word(PART_NUMBER)?, self.word(PART_NUMBER + 1)?];
        if first != PART_NUMBER_STRING {
            let unset = is_unset(first) && is_unset(second);
            let (high, low) = (u32::from(first) << 8 | u32::from(second) >> 8, second & 0xff);
            return Ok((!unset).then(|| alloc::format!("{high:06X}-0{low:02X}")));
        }
        let Some(len) = self.offset(second, 0)?.filter(|len| (2..=MAX_PART_NUMBER).contains(len)) else {
            return Ok(None);
        };
        let mut number = String::new();
        // The first word, which is the length, counts itself.
        for offset in 1..len {
            let Some(word) = self.offset(second, offset)? else { return Ok(None) };
            let printable = word.to_be_bytes().into_iter().filter(u8::is_ascii_graphic);
            number.extend(printable.map(char::from));
        }
        Ok(Some(number).filter(|number| !number.is_empty()))
    }
}
