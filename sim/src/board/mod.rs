//! The components beside the chip on a card: its EEPROM, and the SFP+ module in its cage.

pub(crate) mod cage;
pub(crate) mod eeprom;
pub(crate) mod i2c;
mod spi;
