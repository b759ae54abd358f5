//! The contents of a frame, as the device parses and changes them.

pub(crate) mod address;
pub(crate) mod checksum;
pub(crate) mod crc;
pub(crate) mod headers;
pub(crate) mod vlan;

use crate::registers::RegisterFile;
use crate::registers::offsets::{HLREG0, HLREG0_JUMBOEN, MAXFRS};

/// Length of the CRC at the end of every frame on the wire, in bytes.
pub(crate) const CRC: usize = 4;
/// The longest frame that can be on a wire, without CRC.
pub(crate) const LONGEST: usize = 16 * 1024 - CRC;
/// The shortest frame that a MAC sends, without CRC.
pub(crate) const SHORTEST: usize = 60;

/// The length of the VLAN tags that a frame may have beyond the length that MAXFRS allows, in bytes.
pub(crate) const TAGS: usize = 8;

/// Returns the maximum frame length that MAXFRS allows, with CRC but without VLAN tag.
pub(crate) fn longest_allowed(registers: &RegisterFile) -> usize {
    match registers.get(HLREG0) & HLREG0_JUMBOEN != 0 {
        true => (registers.get(MAXFRS) >> 16) as usize,
        false => 1518,
    }
}
