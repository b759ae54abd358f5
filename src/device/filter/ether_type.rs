//! Filters over the EtherType (datasheet 8.2.3.7.21, 8.2.3.7.22).

use core::fmt;

use crate::device::filter::{FilterError, Rule};
use crate::packet::numbers::{IPV4, IPV6, PTP, VLAN};
use crate::registers::RxQueue;

/// An EtherType that the device can filter by. It looks behind one VLAN tag.
///
/// The device treats frames that match as frames without IP: it hashes nothing, checks no checksum, and asks no other
/// filter. So the types of IP are refused, and with them
///
/// - numbers below 0x600, which are lengths;
/// - 0x8100, which is the type of the tag that the device looks behind;
/// - 0x88F7, because a filter for PTP (IEEE 1588) belongs to the driver.
///
/// ```
/// use ixgbe::constant;
/// use ixgbe::device::filter::EtherType;
/// const LLDP: EtherType = constant!(EtherType, 0x88cc);
/// assert_eq!(EtherType::new(0x88cc), Ok(LLDP));
/// assert!(EtherType::new(0x0800).is_err());
/// ```
///
/// ```compile_fail
/// # use ixgbe::{constant, device::filter::EtherType};
/// constant!(EtherType, 0x86dd); // IPv6
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EtherType(u16);

impl EtherType {
    /// Makes the type of [`constant!`](crate::constant).
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub const fn constant(ether_type: u16) -> Self {
        assert!(is_possible(ether_type), "no filter can have this EtherType: see `EtherType`");
        Self(ether_type)
    }

    /// Returns the type `ether_type`.
    ///
    /// # Errors
    ///
    /// [`FilterError::EtherType`] if no filter can have it.
    pub const fn new(ether_type: u16) -> Result<Self, FilterError> {
        if is_possible(ether_type) { Ok(Self(ether_type)) } else { Err(FilterError::EtherType { ether_type }) }
    }

    /// Returns the type as a number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Returns the rule that sends frames of this type to `queue`.
    #[must_use]
    pub const fn to(self, queue: RxQueue) -> Rule {
        Rule::EtherType(self, queue)
    }
}

const fn is_possible(ether_type: u16) -> bool {
    !matches!(ether_type, 0..0x600 | IPV4 | IPV6 | VLAN | PTP)
}

impl fmt::Debug for EtherType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EtherType({:#06x})", self.0)
    }
}
