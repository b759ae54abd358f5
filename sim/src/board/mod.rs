//! The components beside the chip on a card: its EEPROM, its LEDs, the cage with its pins, and the SFP+ module in it.

pub(crate) mod cage;
pub(crate) mod eeprom;
pub(crate) mod i2c;
pub(crate) mod led;
pub(crate) mod pci;
mod spi;
