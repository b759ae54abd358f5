//! VLAN tags (IEEE 802.1Q).

use core::fmt;

use crate::packet::numbers::VLAN;

/// What a VLAN tag says: identifier, priority and whether the frame may be dropped first.
///
/// ```
/// use ixgbe::offload::VlanTag;
/// let tag = VlanTag::new(100).ok_or("an identifier has 12 bits")?.with_priority(5).ok_or("a priority has 3 bits")?;
/// assert_eq!((tag.id(), tag.priority(), tag.bits()), (100, 5, 0xa064));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VlanTag(u16);

impl VlanTag {
    /// The EtherType of a tag.
    pub const ETHER_TYPE: u16 = VLAN;
    /// The length of a tag with its EtherType, in bytes.
    pub const LEN: usize = 4;

    /// Makes the tag of VLAN `id`, with priority 0. Returns `None` if `id` has more than 12 bits.
    #[must_use]
    pub const fn new(id: u16) -> Option<Self> {
        if id < 1 << 12 { Some(Self(id)) } else { None }
    }

    /// Makes the tag with these 16 bits: priority, drop eligibility, identifier.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Sets the priority. Returns `None` if it has more than 3 bits.
    #[must_use]
    pub const fn with_priority(self, priority: u8) -> Option<Self> {
        if priority < 1 << 3 { Some(Self(self.0 & 0x1fff | (priority as u16) << 13)) } else { None }
    }

    /// Returns the 16 bits of the tag.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Returns the identifier of the VLAN.
    #[must_use]
    pub const fn id(self) -> u16 {
        self.0 & 0xfff
    }

    /// Returns the priority, 0 to 7.
    #[must_use]
    pub const fn priority(self) -> u8 {
        (self.0 >> 13) as u8
    }

    /// Returns `true` if the frame may be dropped before others (DEI, once CFI).
    #[must_use]
    pub const fn is_drop_eligible(self) -> bool {
        self.0 & 1 << 12 != 0
    }
}

impl fmt::Debug for VlanTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VlanTag(id {}, priority {})", self.id(), self.priority())
    }
}
