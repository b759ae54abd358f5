//! Addresses of memory that a device accesses.

use core::fmt;

/// An address as the device sees it, of memory that the device may access.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DmaAddr(u64);

impl DmaAddr {
    /// Declares that `address` may be given to the device.
    ///
    /// # Safety
    ///
    /// As long as the device may use the address, it must lead to memory that was set apart for the device, for all
    /// the bytes that the device reads or writes there.
    #[must_use]
    #[inline(always)]
    pub const unsafe fn new(address: u64) -> Self {
        Self(address)
    }

    /// Returns the address as a number.
    #[must_use]
    #[inline(always)]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<DmaAddr> for u64 {
    #[inline(always)]
    fn from(address: DmaAddr) -> Self {
        address.get()
    }
}

impl fmt::Debug for DmaAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}
