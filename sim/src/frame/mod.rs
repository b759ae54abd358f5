//! The contents of a frame, as the device parses and changes them.

pub(crate) mod checksum;
pub(crate) mod headers;
pub(crate) mod vlan;
