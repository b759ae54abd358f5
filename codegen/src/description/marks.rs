//! Why safe code does not write a register: the marks that leave it to the driver.

use super::extension::Addition;
use super::{Field, Register};
use crate::source::Spanned;

/// Why only the driver writes a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A wrong value lets the chip reach memory that it was not given, or the driver trust what is not there yet.
    MemorySafety,
    /// A write makes untrue what the driver knows of the chip: its state, or who owns it.
    DeviceState,
    /// A wrong write can destroy hardware.
    HardwareDamage,
}

impl Mark {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::MemorySafety, Self::DeviceState, Self::HardwareDamage];

    /// The key that sets it.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::MemorySafety => "memory_safety",
            Self::DeviceState => "device_state",
            Self::HardwareDamage => "hardware_damage",
        }
    }

    /// What the compiler says to who tries to write `register`.
    pub(crate) fn refusal(self, register: &str) -> String {
        match self {
            Self::MemorySafety => format!(
                "`{register}` decides which memory the device reaches: only the driver, which owns that memory, writes it"
            ),
            Self::DeviceState => format!(
                "`{register}` decides what state the device is in: only the driver, whose types say that state, writes it"
            ),
            Self::HardwareDamage => {
                format!("a wrong write of `{register}` can destroy hardware: no safe code writes it")
            }
        }
    }

    /// What a page about a register says.
    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            Self::MemorySafety => "Decides which memory the device reaches",
            Self::DeviceState => "Decides what state the device is in",
            Self::HardwareDamage => "A wrong write can destroy hardware",
        }
    }
}

impl Register {
    /// Why only the driver writes it. Without a mark, whoever has the permission does.
    pub fn marks(&self) -> impl Iterator<Item = Mark> {
        Mark::ALL.into_iter().filter(|mark| match mark {
            Mark::MemorySafety => self.memory_safety,
            Mark::DeviceState => self.device_state,
            Mark::HardwareDamage => self.hardware_damage,
        })
    }

    /// Whether it has a mark.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.marks().next().is_some()
    }
}

impl Addition {
    /// The marks that it says anything of, and what it says.
    pub fn marks(&self) -> impl Iterator<Item = (Mark, Spanned<bool>)> {
        let said = [self.memory_safety, self.device_state, self.hardware_damage];
        Mark::ALL.into_iter().zip(said).filter_map(|(mark, said)| Some((mark, said?)))
    }

    /// Whether no safe code sets its fields.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.marks().any(|(_, said)| said.value)
    }
}

impl Field {
    /// Whether it is marked as an address, or as something that has to do with one.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.memory_safety.is_some_and(|mark| mark.value)
    }
}
