//! The contents of a frame, as the device parses and changes them.

pub(crate) mod address;
pub(crate) mod checksum;
pub(crate) mod crc;
pub(crate) mod headers;
pub(crate) mod vlan;

/// Length of the CRC at the end of every frame on the wire, in bytes.
pub(crate) const CRC: usize = 4;
/// The longest frame that can be on a wire, without CRC.
pub(crate) const LONGEST: usize = 16 * 1024 - CRC;
/// The shortest frame that a MAC sends, without CRC.
pub(crate) const SHORTEST: usize = 60;
