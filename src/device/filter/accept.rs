//! Rules that accept frames: addresses, VLANs and the promiscuous modes (datasheet 8.2.3.7.1 to .11).

use core::fmt;

use crate::device::filter::FilterError;
use crate::device::mac::{MacAddress, is_unicast};

/// A rule that makes the device receive more frames. It does not choose their queue.
///
/// Without any, the device receives broadcasts and frames for its own MAC address, of all VLANs. The device only counts
/// frames that it does not accept.
///
/// Two equal rules are no error: what they accept is accepted until both are removed.
///
/// ```
/// use ixgbe::constant;
/// use ixgbe::device::filter::{Accept, Acceptance, Decision, VlanId};
/// use ixgbe::device::{Config, Device};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let port = ixgbe_sim::Port::new(Default::default());
/// # port.plug(ixgbe_sim::wire::NoTraffic);
/// # let mut nic = Device::new(port.claim()?).reset(&Config::new())?.assume_link_up().start()?;
/// # let (mut control, _queues) = nic.split();
/// let mut filters = control.filters();
/// // A second address, some groups, and one VLAN alone.
/// let second = filters.add(Accept::Unicast([0x02, 0, 0, 0, 0, 0x42]))?;
/// let group = filters.add(Accept::MulticastHash([0x01, 0, 0x5e, 0, 0, 0xfb]))?;
/// let office = filters.add(Accept::Vlan(constant!(VlanId, 100)))?;
///
/// let mut frame = [0; 64];
/// frame[..6].copy_from_slice(&[0x02, 0, 0, 0, 0, 0x42]);
/// assert_eq!(filters.explain(&frame).acceptance, Some(Acceptance::Rule(Accept::Unicast([0x02, 0, 0, 0, 0, 0x42]))));
/// frame[12..16].copy_from_slice(&[0x81, 0, 0, 101]);
/// assert_eq!(filters.explain(&frame).decision, Decision::NoVlan { id: 101 });
/// drop(office);
/// drop(second);
/// let everything = filters.add(Accept::AllUnicast)?;
/// assert_eq!(filters.explain(&frame).acceptance, Some(Acceptance::Rule(Accept::AllUnicast)));
/// # drop((group, everything));
/// # assert!(port.violations().is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accept {
    /// Frames for this unicast address. There are [`ADDRESSES`](crate::device::filter::ADDRESSES) entries for unicast
    /// and multicast addresses together.
    Unicast([u8; 6]),
    /// Frames for this multicast address, and for no other.
    Multicast([u8; 6]),
    /// Frames for this multicast address, and for others: MTA has one bit for all addresses of one 12-bit hash
    /// (8.2.3.7.7). Any number of addresses fits. Compare the address again in software.
    MulticastHash([u8; 6]),
    /// Frames of this VLAN. As long as there is a rule of this kind, the device drops frames with the tag of another
    /// VLAN, in the promiscuous modes too. Frames without a tag, and those with a priority only (VLAN id 0), pass.
    Vlan(VlanId),
    /// All unicast frames (FCTRL.UPE). Adding and removing it pauses reception for some microseconds.
    AllUnicast,
    /// All multicast frames (FCTRL.MPE). Adding and removing it pauses reception for some microseconds.
    AllMulticast,
}

impl Accept {
    /// Checks that the address is of the kind that the rule names.
    pub(super) fn check(self) -> Result<(), FilterError> {
        match self {
            Self::Unicast(address) if !is_unicast(address) => Err(FilterError::NotUnicast { address }),
            Self::Multicast(address) | Self::MulticastHash(address) if !is_multicast(address) => {
                Err(FilterError::NotMulticast { address })
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Unicast(address) | Self::Multicast(address) => write!(f, "frames for {}", MacAddress(address)),
            Self::MulticastHash(address) => write!(f, "frames for {} and others of its hash", MacAddress(address)),
            Self::Vlan(id) => write!(f, "frames of VLAN {id}"),
            Self::AllUnicast => f.write_str("all unicast frames"),
            Self::AllMulticast => f.write_str("all multicast frames"),
        }
    }
}

/// The broadcast address, which the device always accepts.
pub(super) const BROADCAST: [u8; 6] = [0xff; 6];

fn is_multicast(address: [u8; 6]) -> bool {
    address[0] & 1 != 0 && address != BROADCAST
}

/// The identifier of a VLAN: 1 to 4094.
///
/// ```
/// use ixgbe::constant;
/// use ixgbe::device::filter::VlanId;
/// const OFFICE: VlanId = constant!(VlanId, 100);
/// assert_eq!(VlanId::new(100), Ok(OFFICE));
/// assert!(VlanId::new(0).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VlanId(u16);

impl VlanId {
    /// Makes the identifier of [`constant!`](crate::constant).
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub const fn constant(id: u16) -> Self {
        assert!(id >= 1 && id <= 4094, "a VLAN id is 1 to 4094");
        Self(id)
    }

    /// Returns the identifier `id`.
    ///
    /// # Errors
    ///
    /// [`FilterError::VlanId`] if it is 0, which means "no VLAN", or more than 4094.
    pub const fn new(id: u16) -> Result<Self, FilterError> {
        if id >= 1 && id <= 4094 { Ok(Self(id)) } else { Err(FilterError::VlanId { id }) }
    }

    /// Returns the identifier as a number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
