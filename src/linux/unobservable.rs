//! Reasons why registers cannot be looked at.

use core::fmt;
use std::string::String;

/// The reason why the registers of a function cannot be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unobservable {
    /// The function does not answer, because memory accesses are switched off in its configuration space.
    MemoryDisabled,
    /// The function is powered down, to this state of PCI.
    PoweredDown(String),
    /// The kernel keeps the registers to the driver that has them (`CONFIG_IO_STRICT_DEVMEM`).
    Reserved {
        /// The driver.
        driver: Option<String>,
    },
    /// This user may not open the file of the registers, or the kernel is locked down.
    NoRights,
    /// The registers read as all ones: the card was pulled, or its power is off.
    Removed,
}

impl fmt::Display for Unobservable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MemoryDisabled => f.write_str(
                "it does not answer, because its memory accesses are switched off (bit 1 of its command register), and \
                 to switch them on would change it",
            ),
            Self::PoweredDown(state) => {
                write!(f, "it is powered down ({state}), as the kernel leaves a function that nobody uses")
            }
            Self::Reserved { driver: Some(driver) } => write!(
                f,
                "the kernel keeps them to the driver {driver} (CONFIG_IO_STRICT_DEVMEM): ask that driver, or boot with \
                 iomem=relaxed"
            ),
            Self::Reserved { driver: None } => f.write_str("the kernel keeps them to another user"),
            Self::NoRights => {
                f.write_str("that needs root, and a kernel that is not locked down (see /sys/kernel/security/lockdown)")
            }
            Self::Removed => f.write_str("they read as all ones: the card was pulled, or its power is off"),
        }
    }
}
