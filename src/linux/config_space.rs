//! The configuration space of a PCI function, which is a part of a file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The offset of the ids (datasheet 9.3).
const IDS: u64 = 0x00;
/// The offset of the command register (datasheet 9.3.4).
const COMMAND: u64 = 0x04;
/// Command: the PCI function responds to memory accesses.
const MEMORY_SPACE: u16 = 1 << 1;
/// Command: the PCI function may access memory.
const BUS_MASTER: u16 = 1 << 2;
/// Command: the PCI function does not raise the interrupt line.
const INTX_DISABLE: u16 = 1 << 10;

/// The configuration space that starts at `offset` of a file.
#[derive(Debug)]
pub(crate) struct ConfigSpace<'a> {
    pub(crate) file: &'a File,
    pub(crate) offset: u64,
}

impl ConfigSpace<'_> {
    /// Reads the 16 bits at `at`.
    pub(crate) fn read16(&self, at: u64) -> io::Result<u16> {
        let mut bytes = [0; 2];
        self.file.read_exact_at(&mut bytes, self.offset + at)?;
        Ok(u16::from_le_bytes(bytes))
    }

    /// Returns the vendor id and the device id.
    pub(crate) fn ids(&self) -> io::Result<(u16, u16)> {
        Ok((self.read16(IDS)?, self.read16(IDS + 2)?))
    }

    /// Returns `true` if the PCI function responds to memory accesses.
    pub(crate) fn answers(&self) -> io::Result<bool> {
        Ok(self.read16(COMMAND)? & MEMORY_SPACE != 0)
    }

    fn change_command(&self, set: u16, clear: u16) -> io::Result<()> {
        let command = (self.read16(COMMAND)? | set) & !clear;
        self.file.write_all_at(&command.to_le_bytes(), self.offset + COMMAND)
    }

    /// Keeps the PCI function from memory accesses and from the interrupt line; it still responds.
    pub(crate) fn disable_bus_master(&self) -> io::Result<()> {
        self.change_command(MEMORY_SPACE | INTX_DISABLE, BUS_MASTER)
    }

    /// Lets the PCI function respond and access memory, without the interrupt line (datasheet 9.3.4).
    pub(crate) fn enable(&self) -> io::Result<()> {
        self.change_command(MEMORY_SPACE | BUS_MASTER | INTX_DISABLE, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn only_the_intended_bits_change() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[0xff; 8]).unwrap();
        file.write_all(&[0x86, 0x80, 0xfb, 0x10, 0x41, 0x01, 0x10, 0x00]).unwrap();
        let space = ConfigSpace { file: &file, offset: 8 };
        assert_eq!(space.ids().unwrap(), (0x8086, 0x10fb));
        space.enable().unwrap();
        assert_eq!(space.read16(COMMAND).unwrap(), 0x0547);
        space.disable_bus_master().unwrap();
        assert_eq!(space.read16(COMMAND).unwrap(), 0x0543);
        assert_eq!(space.read16(6).unwrap(), 0x0010, "the status register is not written: a write would clear bits");
    }

    #[test]
    fn a_short_configuration_space_is_an_error() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(5).unwrap();
        let space = ConfigSpace { file: &file, offset: 0 };
        assert!(space.enable().is_err());
    }
}
