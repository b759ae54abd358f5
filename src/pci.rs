//! Any PCI function: the registers in its BARs, and the list of its capabilities.
//!
//! A driver of another device than the 82599 finds its registers through a [`Function`], and shares everything else with
//! this crate: memory, pools, packets and the traits of [`port`](crate::port).

use alloc::vec::Vec;
use core::error::Error;
use core::fmt;

use datasheet_runtime::bus::Bus;
use datasheet_runtime::space::Space;

use crate::clock::Clock;
use crate::dma::Dma;

/// The registers of a [`Function`] that lie in one space, of 8, 16 and 32 bits.
///
/// Do not implement this trait: every bus of these three widths has it.
pub trait Registers<S: Space>: Bus<S, u8> + Bus<S, u16> + Bus<S, u32> + Send + Sync + 'static {}

impl<S: Space, B: Bus<S, u8> + Bus<S, u16> + Bus<S, u32> + Send + Sync + 'static> Registers<S> for B {}

/// A PCI function of any kind, with memory for its DMA and a clock.
///
/// It responds to accesses, but does not access memory before [`enable_dma`](Self::enable_dma).
///
/// # Safety
///
/// - It is exclusive: as long as the value lives, or registers of it, nothing else drives the function.
/// - [`registers`](Self::registers) returns an honest [`Bus`] of the registers at that place.
/// - [`is_translated`](Self::is_translated) returns `true` only if the function reaches no memory but what is mapped
///   through [`Dma::map`], and what is mapped for other devices in its domain.
pub unsafe trait Function: Dma + Clock + Send + Sync + 'static {
    /// The registers of space `S`.
    type Registers<S: Space>: Registers<S>;
    /// The error of a platform that refuses an access.
    type Error: Error + Send + Sync + 'static;

    /// Returns the vendor id and the device id.
    fn ids(&self) -> (u16, u16);

    /// Returns the size in bytes of BAR `index`, or `None` if it is absent or cannot be mapped, as I/O ports cannot.
    ///
    /// # Errors
    ///
    /// If the platform cannot find out.
    fn bar(&self, index: u8) -> Result<Option<u64>, Self::Error>;

    /// Returns the registers of space `S` at `offset` of BAR `bar`.
    ///
    /// # Errors
    ///
    /// If they are not inside of the BAR, not aligned, or cannot be mapped.
    ///
    /// # Safety
    ///
    /// The function has registers of this space there, and no other value has one of them.
    unsafe fn registers<S: Space>(&self, bar: u8, offset: u64) -> Result<Self::Registers<S>, Self::Error>;

    /// Lets the function access memory (bus mastering).
    ///
    /// # Errors
    ///
    /// If the platform refuses.
    fn enable_dma(&self) -> Result<(), Self::Error>;

    /// Returns `true` if the system wants to remove the function, and waits until the driver has let go of it, as for a hot
    /// unplug. A platform that does not hear of it returns `false`.
    fn removal_requested(&self) -> bool {
        false
    }

    /// Returns `true` if the addresses of mappings are an IOMMU's, and `false` if they are physical.
    fn is_translated(&self) -> bool;
}

/// A capability in the list of a configuration space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capability {
    /// What it is: 0x09 is a vendor's own.
    pub id: u8,
    /// Where it begins.
    pub offset: u8,
}

/// The first 256 bytes of a configuration space.
#[derive(Clone)]
pub struct ConfigSpace([u8; 256]);

/// The offset of the status register.
const STATUS: usize = 0x06;
/// Status: there is a list of capabilities.
const HAS_CAPABILITIES: u8 = 1 << 4;
/// The offset of the pointer to the first capability.
const FIRST_CAPABILITY: usize = 0x34;
/// The end of the header: no capability begins before it.
const HEADER_END: u8 = 0x40;

impl ConfigSpace {
    /// Reads the configuration space of the function behind `dma`.
    ///
    /// # Errors
    ///
    /// [`ListError::Unreadable`] if the platform cannot read all of it.
    pub fn read(dma: &impl Dma) -> Result<Self, ListError> {
        let mut bytes = [0; 256];
        for (offset, two) in (0u16..).step_by(2).zip(bytes.chunks_exact_mut(2)) {
            let word = dma.read_config(offset).ok_or(ListError::Unreadable { offset })?;
            two.copy_from_slice(&word.to_le_bytes());
        }
        Ok(Self(bytes))
    }

    /// Takes the bytes of a configuration space.
    #[must_use]
    pub const fn new(bytes: [u8; 256]) -> Self {
        Self(bytes)
    }

    /// Returns the `N` bytes at `offset`, or `None` if they do not end inside of the space.
    #[must_use]
    pub fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.0.get(offset..)?.first_chunk().copied()
    }

    /// Returns the capabilities in the order of their list.
    ///
    /// # Errors
    ///
    /// [`ListError`] if the list returns to a capability, or leads into the header.
    pub fn capabilities(&self) -> Result<Vec<Capability>, ListError> {
        let mut found: Vec<Capability> = Vec::new();
        if self.0[STATUS] & HAS_CAPABILITIES == 0 {
            return Ok(found);
        }
        let mut pointer = self.0[FIRST_CAPABILITY];
        loop {
            // The two lowest bits are reserved.
            let offset = pointer & !3;
            let from = found.last().map_or(FIRST_CAPABILITY as u8, |last| last.offset);
            match offset {
                0 => return Ok(found),
                1..HEADER_END => return Err(ListError::IntoHeader { from, to: offset }),
                _ if found.iter().any(|capability| capability.offset == offset) => {
                    return Err(ListError::Loop { from, to: offset });
                }
                _ => {}
            }
            // A multiple of 4, so that a second byte follows.
            found.push(Capability { id: self.0[usize::from(offset)], offset });
            pointer = self.0[usize::from(offset) + 1];
        }
    }
}

impl fmt::Debug for ConfigSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigSpace({:02x?})", &self.0[..64])
    }
}

/// A list of capabilities that cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListError {
    /// The platform cannot read the configuration space.
    Unreadable {
        /// The offset of the bytes that it did not read.
        offset: u16,
    },
    /// A capability leads into the header, where none can be.
    IntoHeader {
        /// The offset of the capability, or of the pointer to the first one.
        from: u8,
        /// The offset that it gives.
        to: u8,
    },
    /// The list returns to a capability.
    Loop {
        /// The offset of the capability that leads back.
        from: u8,
        /// The offset of the capability that comes again.
        to: u8,
    },
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { offset } => {
                write!(f, "cannot read the configuration space at {offset:#04x}: only root can read all of it in sysfs")
            }
            Self::IntoHeader { from, to } => {
                write!(f, "the list of capabilities leads from {from:#04x} into the header, to {to:#04x}")
            }
            Self::Loop { from, to } => write!(f, "the list of capabilities returns from {from:#04x} to {to:#04x}"),
        }
    }
}

impl Error for ListError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a configuration space whose list begins at `first`, with these capabilities: offset, id, next.
    fn space(first: u8, list: &[(u8, u8, u8)]) -> ConfigSpace {
        let mut bytes = [0; 256];
        bytes[STATUS] = HAS_CAPABILITIES;
        bytes[FIRST_CAPABILITY] = first;
        for &(offset, id, next) in list {
            bytes[usize::from(offset)..][..2].copy_from_slice(&[id, next]);
        }
        ConfigSpace::new(bytes)
    }

    #[test]
    fn the_list_is_followed_in_its_order() {
        let found = space(0xf3, &[(0xf0, 9, 0x40), (0x40, 0x11, 0xfe), (0xfc, 0x10, 0)]).capabilities().unwrap();
        let found: Vec<_> = found.iter().map(|capability| (capability.id, capability.offset)).collect();
        assert_eq!(found, [(9, 0xf0), (0x11, 0x40), (0x10, 0xfc)]);
        assert_eq!(space(0, &[]).capabilities(), Ok(Vec::new()));
        let mut without = space(0x40, &[(0x40, 9, 0)]);
        without.0[STATUS] = 0;
        assert_eq!(without.capabilities(), Ok(Vec::new()), "the status register says that there is no list");
    }

    #[test]
    fn lists_without_an_end_and_outside_of_their_place_are_errors() {
        let own = space(0x40, &[(0x40, 9, 0x40)]).capabilities();
        assert_eq!(own, Err(ListError::Loop { from: 0x40, to: 0x40 }));
        let back = space(0x40, &[(0x40, 9, 0x50), (0x50, 9, 0x60), (0x60, 9, 0x51)]).capabilities();
        assert_eq!(back, Err(ListError::Loop { from: 0x60, to: 0x50 }));
        assert_eq!(space(0x3c, &[]).capabilities(), Err(ListError::IntoHeader { from: 0x34, to: 0x3c }));
        let header = space(0x40, &[(0x40, 9, 0x04)]).capabilities();
        assert_eq!(header, Err(ListError::IntoHeader { from: 0x40, to: 0x04 }));
        // As long as a list can be.
        let long: Vec<_> = (0x40..=0xfcu8).step_by(4).map(|at| (at, 1, at.wrapping_add(4))).collect();
        assert_eq!(space(0x40, &long).capabilities().unwrap().len(), 48);
    }
}
