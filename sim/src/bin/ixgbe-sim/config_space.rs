//! The configuration space (datasheet 9.3), with the capabilities at the offsets that drivers expect.

use crate::target::Target;

/// Size of the space in bytes, including the extended part.
pub(crate) const SIZE: usize = 4096;
/// Size of the register BAR in bytes.
pub(crate) const REGISTERS_SIZE: u64 = 512 << 10;
/// Size of the register BAR of a virtual function in bytes.
pub(crate) const VIRTUAL_SIZE: u64 = 16 << 10;
/// Size of the BAR of the MSI-X table in bytes.
pub(crate) const MSIX_SIZE: u64 = 16 << 10;
/// Number of vectors of a port.
pub(crate) const VECTORS: u16 = 64;
/// Number of vectors of a virtual function.
pub(crate) const VIRTUAL_VECTORS: u16 = 3;

const COMMAND: usize = 0x04;
/// Command.BME: the PCI function may be a bus master.
const BUS_MASTER: u8 = 1 << 2;
const POWER: usize = 0x40;
const MSI: usize = 0x50;
const MSIX: usize = 0x70;
const EXPRESS: usize = 0xA0;
/// PCIe device control: bit 15 starts a function level reset.
const DEVICE_CONTROL: usize = EXPRESS + 8;
/// PCIe device status: bit 5 shows pending transactions.
const DEVICE_STATUS: usize = EXPRESS + 0x0A;
const BAR0: usize = 0x10;
const BAR3: usize = 0x1C;
const BAR4: usize = 0x20;

/// The bytes of the space, and their writable bits.
pub(crate) struct ConfigSpace {
    bytes: [u8; SIZE],
    writable: [u8; SIZE],
}

impl ConfigSpace {
    /// Creates the space with its state at power-on.
    pub(crate) fn new(target: &Target) -> Self {
        let mut space = Self { bytes: [0; SIZE], writable: [0; SIZE] };
        space.reset(target);
        space
    }

    fn put<const N: usize>(&mut self, at: usize, value: [u8; N], writable: [u8; N]) {
        self.bytes[at..at + N].copy_from_slice(&value);
        self.writable[at..at + N].copy_from_slice(&writable);
    }

    fn half(&mut self, at: usize, value: u16, writable: u16) {
        self.put(at, value.to_le_bytes(), writable.to_le_bytes());
    }

    fn word(&mut self, at: usize, value: u32, writable: u32) {
        self.put(at, value.to_le_bytes(), writable.to_le_bytes());
    }

    /// Resets the PCI function and the space.
    pub(crate) fn reset_function(&mut self, target: &Target) {
        target.reset_function();
        self.reset(target);
    }

    fn reset(&mut self, target: &Target) {
        target.set_bus_master(false);
        let device = if target.is_virtual() { 0x10ED } else { 0x10FB };
        self.word(0x00, device << 16 | 0x8086, 0);
        self.half(COMMAND, 0, 0x0547);
        // The status register announces a list of capabilities.
        self.half(0x06, 0x0010, 0);
        // An Ethernet controller, revision 1.
        self.word(0x08, 0x0200_0001, 0);
        self.word(0x0C, 0, 0xFF);
        self.word(0x2C, 0x0003_8086, 0);
        // A writable interrupt line. There is no INTx pin.
        self.word(0x3C, 0, 0xFF);
        if target.is_virtual() {
            self.bars(VIRTUAL_SIZE, BAR3);
            self.msix(VIRTUAL_VECTORS, 3);
            self.word(0x34, MSIX as u32, 0);
        } else {
            self.bars(REGISTERS_SIZE, BAR4);
            self.msix(VECTORS, 4);
            self.power_and_msi();
            self.word(0x34, POWER as u32, 0);
        }
        // Version 2, an end point.
        self.word(EXPRESS, 0x0002_0010, 0);
        // Function level reset, 512-byte payload.
        self.word(EXPRESS + 4, 1 << 28 | 0x8CC2, 0);
        self.half(DEVICE_CONTROL, 0x2810, 0x7FFF);
        // 5 GT/s, 8 lanes.
        self.word(EXPRESS + 0x0C, 0x0000_0082, 0);
        self.half(EXPRESS + 0x10, 0, 0x00DB);
        self.half(EXPRESS + 0x12, 0x0082, 0);
        self.word(EXPRESS + 0x24, 0x1F, 0);
        self.half(EXPRESS + 0x28, 0, 0x1F);
        self.half(EXPRESS + 0x30, 2, 0xF);
    }

    /// Sets two BARs of 64 bits, prefetchable: the registers, and at `table` the MSI-X table (9.3.6.1).
    fn bars(&mut self, registers: u64, table: usize) {
        self.word(BAR0, 0xC, !(registers as u32 - 1));
        self.word(BAR0 + 4, 0, u32::MAX);
        self.word(table, 0xC, !(MSIX_SIZE as u32 - 1));
        self.word(table + 4, 0, u32::MAX);
    }

    /// Sets the capability of MSI-X, with its table in BAR number `bar`.
    fn msix(&mut self, vectors: u16, bar: u32) {
        self.word(MSIX, u32::from(vectors - 1) << 16 | 0x11 | (EXPRESS as u32) << 8, 0xC000 << 16);
        self.word(MSIX + 4, bar, 0);
        self.word(MSIX + 8, 0x2000 | bar, 0);
    }

    /// Sets the capabilities that a virtual function does not have.
    fn power_and_msi(&mut self) {
        self.word(POWER, 0x0023_0001 | (MSI as u32) << 8, 0);
        self.word(POWER + 4, 0, 0x0103);
        // 64-bit addresses, masks.
        self.word(MSI, 0x0180_0005 | (MSIX as u32) << 8, 0x0071 << 16);
        self.word(MSI + 4, 0, !3);
        self.word(MSI + 8, 0, u32::MAX);
        self.word(MSI + 12, 0, 0xFFFF);
        self.word(MSI + 16, 0, 1);
    }

    /// Copies the bytes from `at` on. The device status is the port's.
    pub(crate) fn read(&mut self, at: usize, data: &mut [u8], target: &Target) {
        self.half(DEVICE_STATUS, target.read_config(DEVICE_STATUS as u16).unwrap_or(0), 0);
        for (n, byte) in data.iter_mut().enumerate() {
            *byte = self.bytes.get(at.saturating_add(n)).copied().unwrap_or(0);
        }
    }

    pub(crate) fn write(&mut self, at: usize, data: &[u8], target: &Target) {
        for (byte, at) in data.iter().zip(at..SIZE) {
            let writable = self.writable[at];
            self.bytes[at] = self.bytes[at] & !writable | byte & writable;
            if at == COMMAND {
                target.set_bus_master(byte & BUS_MASTER != 0);
            }
            if at == DEVICE_CONTROL + 1 && byte & 0x80 != 0 {
                // QEMU restores the BARs and similar registers after the reset.
                self.reset_function(target);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ixgbe_sim::Port;

    use super::*;

    fn word(space: &mut ConfigSpace, at: usize, target: &Target) -> u32 {
        let mut bytes = [0; 4];
        space.read(at, &mut bytes, target);
        u32::from_le_bytes(bytes)
    }

    #[test]
    fn the_capabilities_are_a_list_that_ends() {
        let port = Port::new(Default::default());
        let target = &Target::Port(port.clone());
        let mut space = ConfigSpace::new(target);
        let mut word = |at| word(&mut space, at, target);
        let mut at = word(0x34) as usize & 0xFF;
        let mut found = Vec::new();
        while at != 0 {
            found.push((at, word(at) & 0xFF));
            at = (word(at) >> 8 & 0xFF) as usize;
            assert!(found.len() < 10);
        }
        assert_eq!(found, [(0x40, 1), (0x50, 5), (0x70, 0x11), (0xA0, 0x10)]);
        // Drivers read the size of the table here.
        assert_eq!(word(0x70) >> 16, 63);
    }

    #[test]
    fn bars_read_back_their_sizes() {
        let port = Port::new(Default::default());
        let target = &Target::Port(port.clone());
        let mut space = ConfigSpace::new(target);
        for (at, size) in [(BAR0, REGISTERS_SIZE), (BAR4, MSIX_SIZE)] {
            space.write(at, &[0xFF; 8], target);
            let read =
                u64::from(word(&mut space, at + 4, target)) << 32 | u64::from(word(&mut space, at, target) & !0xF);
            assert_eq!(read, !(size - 1));
        }
        space.write(0, &[0; 4], target);
        assert_eq!(word(&mut space, 0, target), 0x10FB_8086);
        space.write(SIZE - 1, &[1, 2, 3], target);
    }

    #[test]
    fn a_function_level_reset_resets_the_port() {
        use ixgbe::mmio::Offset;
        let port = Port::new(Default::default());
        let target = &Target::Port(port.clone());
        let mut space = ConfigSpace::new(target);
        let scratch = Offset::new(0x04240).unwrap();
        let before = port.peek(scratch);
        // SAFETY: no driver has claimed the port.
        unsafe { port.write32(scratch, before ^ 4) };
        space.write(0x04, &[6, 0], target);
        space.write(DEVICE_CONTROL, &[0x10, 0xA8], target);
        assert_eq!(port.peek(scratch), before);
        assert_eq!(word(&mut space, 4, target) & 0xFFFF, 0);
        assert_eq!(word(&mut space, DEVICE_CONTROL, target) & 0x8000, 0);
    }

    #[test]
    fn only_a_bus_master_interrupts() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicU32, Ordering};

        use ixgbe::mmio::Offset;
        let port = Port::new(Default::default());
        let target = &Target::Port(port.clone());
        let raised = Arc::new(AtomicU32::new(0));
        let sink = Arc::clone(&raised);
        port.on_interrupt(move |_| _ = sink.fetch_add(1, Ordering::Relaxed));
        let mut space = ConfigSpace::new(target);
        let write = |offset, value| {
            // SAFETY: no driver has claimed the port.
            unsafe { port.write32(Offset::new(offset).unwrap(), value) };
        };
        let expect = |space: &mut ConfigSpace, what: &str, before: u32, after: u32| {
            // EIMS, EICS.
            write(0x880, 1);
            write(0x808, 1);
            assert_eq!(raised.load(Ordering::Relaxed), before, "{what}");
            space.write(COMMAND, &[6, 0], target);
            assert_eq!(raised.load(Ordering::Relaxed), after, "{what}");
        };
        expect(&mut space, "at power-on it is none", 0, 1);
        space.write(COMMAND, &[2, 0], target);
        expect(&mut space, "Command.BME is off", 1, 2);
        space.write(DEVICE_CONTROL, &[0x10, 0xA8], target);
        expect(&mut space, "after a function level reset", 2, 3);
        space.reset_function(target);
        expect(&mut space, "after the client's reset", 3, 4);
    }

    #[test]
    fn the_device_status_is_the_ports() {
        let port = Port::new(Default::default());
        let target = &Target::Port(port.clone());
        let mut space = ConfigSpace::new(target);
        assert_eq!(word(&mut space, DEVICE_STATUS, target) & 0xFFFF, 0);
        port.inject(ixgbe_sim::Fault::RequestsPending);
        assert_eq!(word(&mut space, DEVICE_STATUS, target) & 0xFFFF, 1 << 5);
    }
}
