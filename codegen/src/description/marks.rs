//! The marks that reserve a register for the driver.

use super::extension::Addition;
use super::{Field, Register};
use crate::source::Spanned;

/// A reason why only the driver may write a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A wrong value lets the chip access memory that was not given to it, or the driver read data before the chip has
    /// written it.
    MemorySafety,
    /// A write changes the state or the ownership of the chip that the driver tracks.
    DeviceState,
    /// A wrong write can destroy hardware.
    HardwareDamage,
}

impl Mark {
    /// All marks.
    pub const ALL: [Self; 3] = [Self::MemorySafety, Self::DeviceState, Self::HardwareDamage];

    /// Returns the key that sets it.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::MemorySafety => "memory_safety",
            Self::DeviceState => "device_state",
            Self::HardwareDamage => "hardware_damage",
        }
    }

    /// Returns the message of the compiler about a write of `register`.
    pub(crate) fn refusal(self, register: &str) -> String {
        match self {
            Self::MemorySafety => {
                format!("`{register}` controls which memory the device accesses, so only the driver may write it")
            }
            Self::DeviceState => format!(
                "`{register}` controls the device state that the driver's types track, so only the driver may write it"
            ),
            Self::HardwareDamage => {
                format!("a wrong write of `{register}` can destroy hardware, so no safe code may write it")
            }
        }
    }

    /// Returns the sentence for the page of a register.
    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            Self::MemorySafety => "Controls which memory the device accesses",
            Self::DeviceState => "Controls the device state",
            Self::HardwareDamage => "A wrong write can destroy hardware",
        }
    }
}

impl Register {
    /// Returns its marks. Without a mark, code with the permission may write it.
    pub fn marks(&self) -> impl Iterator<Item = Mark> {
        Mark::ALL.into_iter().filter(|mark| match mark {
            Mark::MemorySafety => self.memory_safety,
            Mark::DeviceState => self.device_state,
            Mark::HardwareDamage => self.hardware_damage,
        })
    }

    /// Returns `true` if it has a mark.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.marks().next().is_some()
    }
}

impl Addition {
    /// Returns the marks that the addition states, each with its value.
    pub fn marks(&self) -> impl Iterator<Item = (Mark, Spanned<bool>)> {
        let said = [self.memory_safety, self.device_state, self.hardware_damage];
        Mark::ALL.into_iter().zip(said).filter_map(|(mark, said)| Some((mark, said?)))
    }

    /// Returns `true` if a mark keeps safe code from setting the added fields.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.marks().any(|(_, said)| said.value)
    }
}

impl Field {
    /// Returns `true` if it is marked as an address, or as a length that belongs to one.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.memory_safety.is_some_and(|mark| mark.value)
    }
}
