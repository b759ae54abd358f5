//! The configuration space of a PCI function, which PCI Express maps into memory (ECAM).

use core::ptr::NonNull;

/// The first 4 KiB that belong to a function in the memory that ACPI's table MCFG, or the device tree, names. The function
/// b:d.f has them at `b << 20 | d << 15 | f << 12`.
pub struct ConfigSpace(NonNull<u32>);

/// Command and status.
const COMMAND: usize = 0x04;
/// Command: the function answers at its BARs.
const MEMORY_SPACE: u32 = 1 << 1;
/// Command: the function may access memory.
const BUS_MASTER: u32 = 1 << 2;
/// The first BAR; the 82599's registers are behind it (datasheet 9.3.6.1).
const BAR0: usize = 0x10;

// SAFETY: its accesses are indivisible, and share no data of Rust.
unsafe impl Send for ConfigSpace {}
// SAFETY: as for `Send`.
unsafe impl Sync for ConfigSpace {}

impl ConfigSpace {
    /// Takes the configuration space at `base`.
    ///
    /// # Safety
    ///
    /// It is 4 KiB long, can be accessed as long as the value lives, and no one else writes it.
    #[must_use]
    pub const unsafe fn new(base: NonNull<u32>) -> Self {
        Self(base)
    }

    fn read(&self, offset: usize) -> u32 {
        // SAFETY: the word lies within the 4 KiB that `new` was promised.
        u32::from_le(unsafe { self.0.add(offset % 4096 / 4).read_volatile() })
    }

    fn write(&self, offset: usize, value: u32) {
        // SAFETY: as for `read`. Only `enable` writes, and only the command.
        unsafe { self.0.add(offset % 4096 / 4).write_volatile(value.to_le()) }
    }

    /// Reads 16 bits, as [`Dma::read_config`](ixgbe::dma::Dma::read_config) asks.
    #[must_use]
    pub fn word(&self, offset: u16) -> Option<u16> {
        let word = self.read(usize::from(offset)) >> (u32::from(offset & 2) * 8);
        (offset.is_multiple_of(2) && offset < 4096).then_some(word as u16)
    }

    /// Returns the vendor id and the device id.
    #[must_use]
    pub fn ids(&self) -> (u16, u16) {
        (self.read(0) as u16, (self.read(0) >> 16) as u16)
    }

    /// Returns the physical address of the registers, or `None` if firmware gave the function none.
    #[must_use]
    pub fn registers(&self) -> Option<u64> {
        let low = self.read(BAR0);
        // Bit 0: I/O ports. Bits 2:1: the address has 64 bits.
        let high = if low & 0b110 == 0b100 { self.read(BAR0 + 4) } else { 0 };
        let address = u64::from(high) << 32 | u64::from(low & !0xf);
        (low & 1 == 0 && address != 0).then_some(address)
    }

    /// Lets the function answer at its BARs and access memory.
    pub fn enable(&self) {
        // The upper half is the status, whose bits are cleared by ones.
        self.write(COMMAND, self.read(COMMAND) & 0xffff | MEMORY_SPACE | BUS_MASTER);
    }
}
