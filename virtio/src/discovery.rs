//! Where the device's registers are: the capabilities of the PCI function (specification 4.1.4).
//!
//! A capability gives a BAR, an offset in it, and a length, as numbers of 32 bits that the device chooses. They are
//! checked in 64 bits against the BAR, and every error names the capability. There may be several capabilities of a
//! kind: the first that can be used is. Kinds and BARs that the specification reserves are skipped.

use alloc::vec::Vec;
use core::fmt;

use datasheet_runtime::space::Space;
use ixgbe::pci::{ConfigSpace, Function, ListError};

use crate::registers::{RegisterSpace, network, notify};

/// The id of a vendor's own capability.
const VENDOR: u8 = 0x09;
/// The length of a capability of VirtIO, without what only notifications have.
const SHORTEST: u8 = 16;

/// The length of the common configuration of VirtIO 1.0, in bytes: up to the addresses of a queue.
const SHORTEST_COMMON: u32 = 0x38;

/// The vendor of VirtIO devices.
pub const VENDOR_ID: u16 = 0x1af4;
/// A modern network device.
pub const MODERN: u16 = 0x1041;
/// A network device with the legacy interface, and in most cases the modern one, too.
pub const TRANSITIONAL: u16 = 0x1000;

/// A part of the device that a capability leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The common configuration.
    Common,
    /// The doorbells.
    Notify,
    /// The configuration of the network device.
    Network,
}

impl Part {
    /// Returns the number that stands for it, and the shortest length and the alignment that it can have, in bytes.
    const fn layout(self) -> (u8, u32, u64) {
        match self {
            Self::Common => (1, SHORTEST_COMMON, 4),
            Self::Notify => (2, notify::RegisterSpace::SIZE, 2),
            // The MAC address alone.
            Self::Network => (4, 6, 4),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Common => "the common configuration",
            Self::Notify => "the doorbells",
            Self::Network => "the device configuration",
        })
    }
}

/// A range of a BAR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// The BAR.
    pub bar: u8,
    /// The offset in the BAR, in bytes.
    pub offset: u64,
    /// The length in bytes.
    pub length: u64,
}

/// Where the parts of a device are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The common configuration.
    pub common: Region,
    /// The configuration of the network device.
    pub network: Region,
    /// The doorbells.
    pub notify: Region,
    /// The distance of two doorbells, in bytes. 0: all queues share one.
    pub multiplier: u32,
}

/// The reason for which a capability cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The capability is too short for its kind, or ends outside of the configuration space.
    Short {
        /// Its length in bytes.
        length: u8,
    },
    /// The BAR is absent, or is of I/O ports, which cannot be mapped.
    NotMappable {
        /// The BAR.
        bar: u8,
    },
    /// The range is not inside of its BAR.
    OutsideOfBar {
        /// The range.
        region: Region,
        /// The size of the BAR in bytes.
        size: u64,
    },
    /// The range is shorter than the part.
    TooSmall {
        /// The range.
        region: Region,
        /// The length that the part needs, in bytes.
        needed: u32,
    },
    /// The range begins where the part cannot.
    Misaligned {
        /// The range.
        region: Region,
        /// The alignment that the part needs, in bytes.
        alignment: u64,
    },
    /// The multiplier of the doorbells is odd.
    OddMultiplier {
        /// The multiplier.
        multiplier: u32,
    },
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { length } => write!(f, "has a length of {length} bytes, which is too short"),
            Self::NotMappable { bar } => write!(f, "leads to BAR{bar}, which is absent or of I/O ports"),
            Self::OutsideOfBar { region: Region { bar, offset, length }, size } => {
                write!(f, "gives {length:#x} bytes at {offset:#x} of BAR{bar}, which has {size:#x} bytes")
            }
            Self::TooSmall { region, needed } => {
                write!(f, "gives {:#x} bytes, and {needed:#x} are needed", region.length)
            }
            Self::Misaligned { region, alignment } => {
                write!(f, "gives the offset {:#x}, which must be a multiple of {alignment}", region.offset)
            }
            Self::OddMultiplier { multiplier } => {
                write!(f, "gives the multiplier {multiplier}, which must be even")
            }
        }
    }
}

/// A function that cannot be driven as a modern VirtIO network device.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiscoveryError<E> {
    /// The function is another device.
    NotVirtioNet {
        /// Its vendor id.
        vendor: u16,
        /// Its device id.
        device: u16,
    },
    /// The function has the legacy interface alone.
    LegacyOnly,
    /// The list of capabilities cannot be followed.
    List(ListError),
    /// No capability leads to a part.
    Absent(Part),
    /// The only capabilities that lead to a part cannot be used.
    Unusable {
        /// The part.
        part: Part,
        /// The offset of the first such capability in the configuration space.
        capability: u8,
        /// Why it cannot be used.
        flaw: Flaw,
    },
    /// The platform refused.
    Platform(E),
}

impl<E: fmt::Display> fmt::Display for DiscoveryError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotVirtioNet { vendor, device } => write!(
                f,
                "the function is {vendor:04x}:{device:04x}, and not a VirtIO network device ({VENDOR_ID:04x}:{MODERN:04x} or \
                 {VENDOR_ID:04x}:{TRANSITIONAL:04x})"
            ),
            Self::LegacyOnly => f.write_str(
                "the device has the legacy interface of VirtIO 0.9 alone: this driver needs a modern one \
                 (QEMU: disable-modern=off)",
            ),
            Self::List(error) => error.fmt(f),
            Self::Absent(part) => write!(f, "no capability of the device leads to {part}"),
            Self::Unusable { part, capability, flaw } => {
                write!(f, "the capability at {capability:#04x}, which leads to {part}, {flaw}")
            }
            Self::Platform(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for DiscoveryError<E> {}

/// A capability of VirtIO.
#[derive(Debug, Clone, Copy)]
struct Capability {
    /// Where it is in the configuration space.
    at: u8,
    kind: u8,
    length: u8,
    bar: u8,
    offset: u32,
    bytes: u32,
    /// The multiplier, if the capability is long enough to have one.
    multiplier: Option<u32>,
}

impl Capability {
    /// Reads the capability at `at`. Returns only its kind and its length if it is too short.
    fn read(space: &ConfigSpace, at: u8) -> Option<Self> {
        let from = usize::from(at);
        let [_, _, length, kind] = space.bytes(from)?;
        let word = |offset: usize| (offset + 4 <= length.into()).then(|| space.bytes(from + offset)).flatten();
        let number = |offset| word(offset).map(u32::from_le_bytes);
        let (Some([bar, ..]), Some(offset), Some(bytes)) = (word(4), number(8), number(12)) else {
            return Some(Self {
                at,
                kind,
                length: length.min(SHORTEST - 1),
                bar: 0,
                offset: 0,
                bytes: 0,
                multiplier: None,
            });
        };
        Some(Self { at, kind, length, bar, offset, bytes, multiplier: number(16) })
    }

    /// Returns the range that it gives, if `part` can be there.
    fn region<F: Function>(&self, function: &F, part: Part) -> Result<Result<Region, Flaw>, F::Error> {
        let (_, needed, alignment) = part.layout();
        if self.length < SHORTEST {
            return Ok(Err(Flaw::Short { length: self.length }));
        }
        let Some(size) = function.bar(self.bar)? else {
            return Ok(Err(Flaw::NotMappable { bar: self.bar }));
        };
        let region = Region { bar: self.bar, offset: self.offset.into(), length: self.bytes.into() };
        // Both have 32 bits, so their sum has no more than 33.
        Ok(if region.offset + region.length > size {
            Err(Flaw::OutsideOfBar { region, size })
        } else if region.length < needed.into() {
            Err(Flaw::TooSmall { region, needed })
        } else if !region.offset.is_multiple_of(alignment) {
            Err(Flaw::Misaligned { region, alignment })
        } else {
            Ok(region)
        })
    }
}

/// Finds the parts of the device.
///
/// # Errors
///
/// [`DiscoveryError`] if the function is not a modern VirtIO network device, or if a capability is wrong.
pub fn discover<F: Function>(function: &F) -> Result<Layout, DiscoveryError<F::Error>> {
    let (vendor, device) = function.ids();
    if vendor != VENDOR_ID || !matches!(device, MODERN | TRANSITIONAL) {
        return Err(DiscoveryError::NotVirtioNet { vendor, device });
    }
    let space = ConfigSpace::read(function).map_err(DiscoveryError::List)?;
    let list = space.capabilities().map_err(DiscoveryError::List)?;
    let found: Vec<_> = list
        .iter()
        .filter(|capability| capability.id == VENDOR)
        .filter_map(|capability| Capability::read(&space, capability.offset))
        // BARs above 5 are reserved: such a capability is for later drivers.
        .filter(|capability| capability.bar <= 5)
        .collect();
    if device == TRANSITIONAL && !found.iter().any(|capability| capability.kind == Part::Common.layout().0) {
        return Err(DiscoveryError::LegacyOnly);
    }
    let find = |part: Part| {
        let mut first = None;
        for capability in found.iter().filter(|capability| capability.kind == part.layout().0) {
            let flaw = match capability.region(function, part).map_err(DiscoveryError::Platform)? {
                Ok(region) => match (part, capability.multiplier) {
                    (Part::Notify, None) => Flaw::Short { length: capability.length },
                    (Part::Notify, Some(multiplier)) if !multiplier.is_multiple_of(2) => {
                        Flaw::OddMultiplier { multiplier }
                    }
                    (_, multiplier) => return Ok((region, multiplier.unwrap_or(0))),
                },
                Err(flaw) => flaw,
            };
            first.get_or_insert((capability.at, flaw));
        }
        Err(match first {
            Some((capability, flaw)) => DiscoveryError::Unusable { part, capability, flaw },
            None => DiscoveryError::Absent(part),
        })
    };
    let (common, _) = find(Part::Common)?;
    let (notify, multiplier) = find(Part::Notify)?;
    let (network, _) = find(Part::Network)?;
    Ok(Layout { common, network, notify, multiplier })
}

impl Layout {
    /// Returns the offset of a doorbell in the BAR of the doorbells, or `None` if it is outside of their range.
    pub(crate) fn doorbell(&self, notify_off: u16) -> Option<u64> {
        // 16 and 32 bits: the product has no more than 48.
        let offset = u64::from(notify_off) * u64::from(self.multiplier);
        let end = offset + u64::from(notify::RegisterSpace::SIZE);
        (end <= self.notify.length).then_some(self.notify.offset + offset)
    }

    /// Returns `true` if the common configuration is long enough for all of its registers.
    pub(crate) fn has_all_common(&self) -> bool {
        self.common.length >= RegisterSpace::SIZE.into()
    }

    /// Returns `true` if the configuration of the network device has its first `end` bytes.
    pub(crate) fn has_network(&self, end: u32) -> bool {
        u64::from(end) <= self.network.length.min(network::RegisterSpace::SIZE.into())
    }
}
