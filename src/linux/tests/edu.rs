//! QEMU's teaching device `edu`: it has registers, DMA and an interrupt, and so a little of an 82599.

use core::ptr::NonNull;
use core::time::Duration;

use crate::clock::Clock;
use crate::dma::DmaAddr;
use crate::linux::bar::MappedRegisters;
use crate::linux::{MonotonicClock, PciAddress};
use datasheet_runtime::bus::Bus;

use crate::mmio::Offset;
use crate::registers::RegisterSpace;

pub(crate) const IDS: (u16, u16) = (0x1234, 0x11e8);
/// The address of the device's own memory.
const BUFFER: u32 = 0x4_0000;
/// The number of bytes to copy. QEMU does not allow all of the device's memory.
const LEN: usize = 2048;

pub(crate) fn write(bar: &MappedRegisters<RegisterSpace>, at: u32, value: u32) {
    // SAFETY: the device gets an address that the test has mapped, or has unmapped to see the IOMMU stop the device.
    unsafe { bar.write(Offset::new(at).unwrap(), value) };
}

pub(crate) fn read(bar: &MappedRegisters<RegisterSpace>, at: u32) -> u32 {
    bar.read(Offset::new(at).unwrap())
}

/// Makes the device copy `LEN` bytes, from memory or to it.
pub(crate) fn copy(bar: &MappedRegisters<RegisterSpace>, address: DmaAddr, to_memory: bool) {
    let address = u32::try_from(address.get()).expect("the device takes the lower half only");
    let (from, to) = if to_memory { (BUFFER, address) } else { (address, BUFFER) };
    write(bar, 0x80, from);
    write(bar, 0x88, to);
    write(bar, 0x90, LEN as u32);
    write(bar, 0x98, if to_memory { 3 } else { 1 });
    let clock = MonotonicClock::new();
    while read(bar, 0x98) & 1 != 0 {
        assert!(clock.now() < Duration::from_secs(10), "the device does not finish");
        clock.wait(Duration::from_millis(1));
    }
}

pub(crate) fn bytes(pointer: NonNull<u8>) -> &'static mut [u8] {
    // SAFETY: memory that the test does not free before it is done with it.
    unsafe { core::slice::from_raw_parts_mut(pointer.as_ptr(), LEN) }
}

/// Returns the address of the device.
pub(crate) fn address() -> PciAddress {
    std::env::var("EDU").expect("EDU is the PCI address of an edu").parse().unwrap()
}

/// Bytes to copy.
pub(crate) fn pattern(seed: usize) -> Vec<u8> {
    (0..LEN).map(|index| (index * 7 + seed) as u8).collect()
}
