//! Features: what a device offers, what this driver accepts, and which of them need others.

use core::fmt;
use core::ops::{BitAnd, BitOr, Sub};

macro_rules! features {
    ($($name:ident = $bit:literal, $text:literal, $doc:literal;)*) => {
        /// A feature that this driver knows by name. Its number is the bit that stands for it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Feature {
            $(#[doc = $doc] $name = $bit,)*
        }

        /// The known features, with the specification's names.
        const NAMES: &[(Feature, &str)] = &[$((Feature::$name, $text),)*];
    };
}

features! {
    Csum = 0, "CSUM", "The device inserts checksums.";
    GuestCsum = 1, "GUEST_CSUM", "The driver takes frames whose checksum is incomplete.";
    CtrlGuestOffloads = 2, "CTRL_GUEST_OFFLOADS", "Offloads of reception can be changed.";
    Mtu = 3, "MTU", "The device says the greatest MTU.";
    Mac = 5, "MAC", "The device has a MAC address.";
    GuestTso4 = 7, "GUEST_TSO4", "The driver takes large TCP segments over IPv4.";
    GuestTso6 = 8, "GUEST_TSO6", "The driver takes large TCP segments over IPv6.";
    GuestEcn = 9, "GUEST_ECN", "The driver takes large TCP segments with ECN.";
    GuestUfo = 10, "GUEST_UFO", "The driver takes large UDP datagrams.";
    HostTso4 = 11, "HOST_TSO4", "The device cuts TCP segments over IPv4.";
    HostTso6 = 12, "HOST_TSO6", "The device cuts TCP segments over IPv6.";
    HostEcn = 13, "HOST_ECN", "The device cuts TCP segments with ECN.";
    HostUfo = 14, "HOST_UFO", "The device cuts UDP datagrams.";
    MrgRxbuf = 15, "MRG_RXBUF", "A frame can fill several receive buffers.";
    Status = 16, "STATUS", "The device has a link status.";
    CtrlVq = 17, "CTRL_VQ", "There is a control queue.";
    CtrlRx = 18, "CTRL_RX", "The control queue sets the receive mode.";
    CtrlVlan = 19, "CTRL_VLAN", "The control queue filters VLANs.";
    CtrlRxExtra = 20, "CTRL_RX_EXTRA", "The control queue sets further receive modes.";
    GuestAnnounce = 21, "GUEST_ANNOUNCE", "The device asks the driver to announce its addresses.";
    Mq = 22, "MQ", "There are several queue pairs.";
    CtrlMacAddr = 23, "CTRL_MAC_ADDR", "The control queue sets the MAC address.";
    IndirectDesc = 28, "INDIRECT_DESC", "Descriptors can lie in tables of their own.";
    EventIdx = 29, "EVENT_IDX", "Each side says at which index it wants to be notified.";
    Version1 = 32, "VERSION_1", "The device is a modern one.";
    AccessPlatform = 33, "ACCESS_PLATFORM", "The device accesses memory as the platform has it, through an IOMMU.";
    RingPacked = 34, "RING_PACKED", "Queues can be packed.";
    InOrder = 35, "IN_ORDER", "Buffers come back in order.";
    OrderPlatform = 36, "ORDER_PLATFORM", "Memory is ordered as the platform's devices need it.";
    SrIov = 37, "SR_IOV", "The device has virtual functions.";
    NotificationData = 38, "NOTIFICATION_DATA", "Doorbells take more than the queue.";
    NotifConfigData = 39, "NOTIF_CONFIG_DATA", "The device says what doorbells take.";
    RingReset = 40, "RING_RESET", "A queue can be reset on its own.";
    NotfCoal = 53, "NOTF_COAL", "The control queue delays interrupts.";
    GuestUso4 = 54, "GUEST_USO4", "The driver takes large UDP segments over IPv4.";
    GuestUso6 = 55, "GUEST_USO6", "The driver takes large UDP segments over IPv6.";
    HostUso = 56, "HOST_USO", "The device cuts UDP segments.";
    HashReport = 57, "HASH_REPORT", "The header of a received frame has its hash.";
    GuestHdrlen = 59, "GUEST_HDRLEN", "The header's length of headers is exact.";
    Rss = 60, "RSS", "Received frames are spread by their hash.";
    Standby = 62, "STANDBY", "The device stands by for another one.";
    SpeedDuplex = 63, "SPEED_DUPLEX", "The device says speed and duplex of the link.";
}

/// What features need: each of the first needs one of each list of the second.
const NEEDS: &[(Feature, &[&[Feature]])] = {
    use Feature::*;
    &[
        (GuestTso4, &[&[GuestCsum]]),
        (GuestTso6, &[&[GuestCsum]]),
        (GuestUfo, &[&[GuestCsum]]),
        (GuestUso4, &[&[GuestCsum]]),
        (GuestUso6, &[&[GuestCsum]]),
        (GuestEcn, &[&[GuestTso4, GuestTso6]]),
        (HostTso4, &[&[Csum]]),
        (HostTso6, &[&[Csum]]),
        (HostUfo, &[&[Csum]]),
        (HostUso, &[&[Csum]]),
        (HostEcn, &[&[HostTso4, HostTso6]]),
        (CtrlRx, &[&[CtrlVq]]),
        (CtrlVlan, &[&[CtrlVq]]),
        (CtrlRxExtra, &[&[CtrlVq]]),
        (GuestAnnounce, &[&[CtrlVq], &[Status]]),
        (Mq, &[&[CtrlVq]]),
        (CtrlMacAddr, &[&[CtrlVq]]),
        (CtrlGuestOffloads, &[&[CtrlVq]]),
        (NotfCoal, &[&[CtrlVq]]),
        (Rss, &[&[CtrlVq]]),
    ]
};

/// A set of features. It can also hold features without a name here, as a device may offer them.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Features(u128);

/// The number of words of 32 features that the device is asked for.
pub(crate) const WORDS: usize = 3;

impl Features {
    /// No feature.
    pub const NONE: Self = Self(0);

    /// Returns the set of one feature.
    #[must_use]
    pub const fn of(feature: Feature) -> Self {
        Self(1 << feature as u8)
    }

    /// Returns the set of `features`.
    #[must_use]
    pub fn all(features: &[Feature]) -> Self {
        features.iter().fold(Self::NONE, |all, feature| all | Self::of(*feature))
    }

    /// Returns the set whose words of 32 features are these, the lowest first.
    pub(crate) fn from_words(words: [u32; WORDS]) -> Self {
        Self(words.iter().rev().fold(0, |all, word| all << 32 | u128::from(*word)))
    }

    /// Returns the set as words of 32 features, the lowest first.
    pub(crate) fn words(self) -> [u32; WORDS] {
        core::array::from_fn(|word| (self.0 >> (32 * word)) as u32)
    }

    /// Returns `true` if the set has `feature`.
    #[must_use]
    pub const fn has(self, feature: Feature) -> bool {
        self.0 >> feature as u8 & 1 != 0
    }

    /// Returns `true` if the set has no feature.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the first feature of the set that needs another one which the set does not have.
    ///
    /// # Errors
    ///
    /// [`Missing`] names both.
    pub fn check(self) -> Result<(), Missing> {
        for (feature, needs) in NEEDS.iter().filter(|(feature, _)| self.has(*feature)) {
            if let Some(one_of) = needs.iter().find(|one_of| !one_of.iter().any(|need| self.has(*need))) {
                return Err(Missing { feature: *feature, one_of });
            }
        }
        Ok(())
    }

    /// Returns the set without the features that need something which is not in it.
    #[must_use]
    pub fn closed(mut self) -> Self {
        while let Err(missing) = self.check() {
            self = self - Self::of(missing.feature);
        }
        self
    }
}

impl From<Feature> for Features {
    fn from(feature: Feature) -> Self {
        Self::of(feature)
    }
}

impl BitOr for Features {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Features {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Sub for Features {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for bit in (0..128u8).filter(|bit| self.0 >> bit & 1 != 0) {
            f.write_str(core::mem::replace(&mut separator, ", "))?;
            match NAMES.iter().find(|(feature, _)| *feature as u8 == bit) {
                Some((_, name)) => f.write_str(name)?,
                None => write!(f, "bit {bit}")?,
            }
        }
        if self.is_empty() { f.write_str("none") } else { Ok(()) }
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Features({self})")
    }
}

/// A feature without one that it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// The feature.
    pub feature: Feature,
    /// What it needs one of.
    pub one_of: &'static [Feature],
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (feature, needs) = (Features::of(self.feature), Features::all(self.one_of));
        let one_of = if self.one_of.len() > 1 { "one of " } else { "" };
        write!(f, "feature {feature} needs {one_of}{needs}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Feature::*;

    #[test]
    fn a_set_is_what_its_words_say() {
        let set = Features::all(&[Mac, Version1, AccessPlatform, SpeedDuplex]);
        assert_eq!(set.words(), [1 << 5, 1 << 31 | 3, 0]);
        assert_eq!(Features::from_words(set.words()), set);
        assert_eq!(set.to_string(), "MAC, VERSION_1, ACCESS_PLATFORM, SPEED_DUPLEX");
        assert_eq!(Features::from_words([0, 0, 2]).to_string(), "bit 65");
        assert_eq!(Features::NONE.to_string(), "none");
    }

    #[test]
    fn what_a_feature_needs_is_checked_and_left_out() {
        let set = Features::all(&[Mac, HostEcn, HostTso6, CtrlRx]);
        assert_eq!(set.check().unwrap_err().to_string(), "feature HOST_TSO6 needs CSUM");
        // One after the other: ECN needs what CSUM was missing for.
        assert_eq!(set.closed(), Features::of(Mac));
        let set = Features::all(&[Csum, HostEcn, HostTso6]);
        assert_eq!((set.check(), set.closed()), (Ok(()), set));
        let alone = Features::all(&[Csum, HostEcn]).check().unwrap_err();
        assert_eq!(alone.to_string(), "feature HOST_ECN needs one of HOST_TSO4, HOST_TSO6");
    }

    #[test]
    fn every_name_has_a_bit_of_its_own() {
        for (index, (feature, name)) in NAMES.iter().enumerate() {
            let others = &NAMES[..index];
            assert!(others.iter().all(|(other, text)| *other as u8 != *feature as u8 && text != name), "{name}");
        }
    }
}
