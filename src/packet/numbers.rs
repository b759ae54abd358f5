//! Numbers of protocols in frames (IEEE 802 and IANA).

/// EtherTypes.
pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86dd;
/// The EtherType of a VLAN tag (802.1Q).
pub(crate) const VLAN: u16 = 0x8100;
/// The EtherType of the Precision Time Protocol (IEEE 1588).
pub(crate) const PTP: u16 = 0x88f7;

/// Protocols of IP.
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const SCTP: u8 = 132;

/// Extension headers of IPv6.
pub(crate) const HOP_BY_HOP: u8 = 0;
pub(crate) const ROUTING: u8 = 43;
pub(crate) const FRAGMENT: u8 = 44;
pub(crate) const DESTINATION_OPTIONS: u8 = 60;
