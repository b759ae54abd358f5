//! Accesses to registers, each written twice: with this crate's types, and by hand.
//!
//! `tests/assembly.rs` compiles this file with optimisation and compares what became of each pair.

use core::sync::atomic::{AtomicU64, Ordering};

use ixgbe::descriptors::{AdvancedTransmitDataRead, DescriptorSlot};
use ixgbe::dma::{Dma, DmaError, Domain, Mapping};
use ixgbe::field::Value;
use ixgbe::mmio::{Mmio, Offset};
use ixgbe::offload::{Received, Requested};
use ixgbe::packet::Batch;
use ixgbe::queue::{ForwardCounts, InPlaceForwarder, ReceiveQueue, Route, TransmitQueue};
use ixgbe::register::Driver;
use ixgbe::registers::permission::{QueueDisabled, QueueEnabled, Reset};
use ixgbe::registers::{FCTRL, HLREG0, MAXFRS, RegisterSpace, Registers, RxQueue, SRRCTL, STATUS, srrctl};
use ixgbe::runtime::bus::Bus;
use ixgbe::value;

/// The registers with permission `P`, which nobody holds: these functions are compiled and never run.
fn assume<P>(bus: &Mmio) -> Registers<'_, Mmio, P> {
    // SAFETY: nothing calls the functions that call this one.
    unsafe { Registers::assume_permission(bus) }
}

/// Writes the register at `offset`.
///
/// # Safety
///
/// The register must be there.
unsafe fn poke(base: *mut u8, offset: usize, value: u32) {
    // SAFETY: the caller's promise.
    unsafe { base.add(offset).cast::<u32>().write_volatile(value) }
}

/// Reads the register at `offset`.
///
/// # Safety
///
/// The register must be there.
unsafe fn peek(base: *mut u8, offset: usize) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { base.add(offset).cast::<u32>().read_volatile() }
}

/// A device whose registers are memory, and that reaches none.
pub struct Memory(Mmio);

// SAFETY: as `Mmio`.
unsafe impl Bus<RegisterSpace> for Memory {
    #[inline(always)]
    fn read(&self, offset: Offset) -> u32 {
        self.0.read(offset)
    }

    #[inline(always)]
    unsafe fn write(&self, offset: Offset, value: u32) {
        // SAFETY: as the caller says.
        unsafe { self.0.write(offset, value) }
    }
}

// SAFETY: there is never any memory.
unsafe impl Dma for Memory {
    fn domain(&self) -> Domain {
        Domain(0)
    }

    fn allocate(&self, len: usize) -> Result<ixgbe::dma::Memory, DmaError> {
        Err(DmaError::OutOfMemory { len })
    }

    fn map(&self, memory: &ixgbe::dma::Memory) -> Result<Mapping, DmaError> {
        Err(DmaError::OutOfMemory { len: memory.len() })
    }
}

/// Reads one field.
#[unsafe(no_mangle)]
pub fn typed_read(bus: Mmio) -> u64 {
    assume::<Reset>(&bus).status().read().field(STATUS::LAN_ID)
}

/// Reads one field.
///
/// # Safety
///
/// The registers must be at `base`.
#[unsafe(no_mangle)]
pub unsafe fn raw_read(base: *mut u8) -> u64 {
    // SAFETY: the caller's promise.
    u64::from(unsafe { peek(base, 0x0_0008) } >> 2 & 3)
}

/// Writes a constant over the reset value.
#[unsafe(no_mangle)]
pub fn typed_write(bus: Mmio) {
    assume::<Reset>(&bus).maxfrs().write(value!(MAXFRS { MFS: 9000 }));
}

/// Writes a constant over the reset value.
///
/// # Safety
///
/// The registers must be at `base`.
#[unsafe(no_mangle)]
pub unsafe fn raw_write(base: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { poke(base, 0x0_4268, 9000 << 16) }
}

/// Changes three fields.
#[unsafe(no_mangle)]
pub fn typed_modify(bus: Mmio) {
    assume::<Reset>(&bus).hlreg0().modify(value!(HLREG0 { JUMBOEN: true, TXPADEN: false, PREPEND: 3 }));
}

/// Changes three fields.
///
/// # Safety
///
/// The registers must be at `base`.
#[unsafe(no_mangle)]
pub unsafe fn raw_modify(base: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe {
        let old = peek(base, 0x0_4240);
        poke(base, 0x0_4240, old & !(1 << 2 | 1 << 10 | 0xf << 20) | 1 << 2 | 3 << 20);
    }
}

/// Changes a field to what is known only at run time.
#[unsafe(no_mangle)]
pub fn typed_modify_at_run_time(bus: Mmio, on: bool) {
    assume::<Reset>(&bus).fctrl().modify(Value::EMPTY.with(FCTRL::UPE, on));
}

/// Changes a field to what is known only at run time.
///
/// # Safety
///
/// The registers must be at `base`.
#[unsafe(no_mangle)]
pub unsafe fn raw_modify_at_run_time(base: *mut u8, on: bool) {
    let value = u32::from(on) << 9;
    // SAFETY: the caller's promise.
    unsafe {
        let old = peek(base, 0x0_5080);
        poke(base, 0x0_5080, old & !(1 << 9) | value);
    }
}

/// Changes a field to a number that is known only at run time.
#[unsafe(no_mangle)]
pub fn typed_number_at_run_time(bus: Mmio, size: u64) {
    if let Ok(value) = Value::EMPTY.try_with(MAXFRS::MFS, size) {
        assume::<Reset>(&bus).maxfrs().modify(value);
    }
}

/// Changes a field to a number that is known only at run time.
///
/// # Safety
///
/// The registers must be at `base`.
#[unsafe(no_mangle)]
pub unsafe fn raw_number_at_run_time(base: *mut u8, size: u64) {
    if size <= 0xffff {
        let value = (size as u32) << 16;
        // SAFETY: the caller's promise.
        unsafe {
            let old = peek(base, 0x0_4268);
            poke(base, 0x0_4268, old & !(0xffff << 16) | value);
        }
    }
}

/// Changes a field to a named value that is known only at run time.
#[unsafe(no_mangle)]
pub fn typed_named_value_at_run_time(bus: Mmio, kind: srrctl::DESCTYPE) {
    let queue = ixgbe::index!(RxQueue, 0);
    assume::<Driver<QueueDisabled>>(&bus).srrctl(queue).modify(Value::EMPTY.with(SRRCTL::DESCTYPE, kind));
}

/// Changes a field to a named value that is known only at run time.
///
/// # Safety
///
/// The registers must be at `base`.
#[unsafe(no_mangle)]
pub unsafe fn raw_named_value_at_run_time(base: *mut u8, kind: u32) {
    let value = kind << 25;
    // SAFETY: the caller's promise.
    unsafe {
        let old = peek(base, 0x0_1014);
        poke(base, 0x0_1014, old & !(7 << 25) | value);
    }
}

/// Describes a packet whose length is known only at run time. It is as long as its type says: no number needs a mask.
#[unsafe(no_mangle)]
pub fn typed_descriptor_at_run_time(words: &mut DescriptorSlot, len: u16, last: bool) {
    let value = value!(AdvancedTransmitDataRead { RS: true }).with(AdvancedTransmitDataRead::DTALEN, len);
    words.vacant().write(value.with(AdvancedTransmitDataRead::EOP, last));
}

/// Describes a packet whose length is known only at run time.
#[unsafe(no_mangle)]
pub fn raw_descriptor_at_run_time(words: &mut [AtomicU64; 2], len: u16, last: bool) {
    words[0].store(0, Ordering::Relaxed);
    // DTYP 3 and DEXT make it an advanced data descriptor.
    let kind = 3 << 20 | 1 << 27 | 1 << 29;
    words[1].store(u64::from(len) | u64::from(last) << 24 | kind, Ordering::Relaxed);
}

/// Where a register of queue `queue` is: those of the first 64 queues start at `low`, the others at `high`.
#[inline(always)]
fn offset(queue: u16, low: u32, high: u32) -> usize {
    let queue = u32::from(queue);
    let mut offset = 0;
    for (first, base) in [(0, low), (64, high)] {
        if queue >= first {
            offset = base + (queue - first) * 0x40;
        }
    }
    offset as usize
}

/// Writes the register of one queue.
#[unsafe(no_mangle)]
pub fn typed_indexed(bus: Mmio, queue: RxQueue) {
    let value = value!(SRRCTL { BSIZEPACKET: 4, DESCTYPE: srrctl::DESCTYPE::AdvancedOneBuffer });
    assume::<Driver<QueueDisabled>>(&bus).srrctl(queue).write(value);
}

/// Writes the register of one queue.
///
/// # Safety
///
/// The registers must be at `base`.
#[unsafe(no_mangle)]
pub unsafe fn raw_indexed(base: *mut u8, queue: u16) {
    // SAFETY: the caller's promise.
    unsafe { poke(base, offset(queue, 0x0_1014, 0x0_d014), 0x0000_0402 & !(0x1f | 7 << 25) | 4 | 1 << 25) }
}

/// Writes a descriptor and hands it to the device.
#[unsafe(no_mangle)]
pub fn typed_doorbell(bus: Mmio, queue: RxQueue, words: &mut DescriptorSlot, tail: u32) {
    words.vacant().write(value!(AdvancedTransmitDataRead { EOP: true, RS: true }));
    assume::<Driver<QueueEnabled>>(&bus).rdt(queue).ring_doorbell(tail);
}

/// Writes a descriptor and hands it to the device.
///
/// # Safety
///
/// The registers must be at `base`.
#[unsafe(no_mangle)]
pub unsafe fn raw_doorbell(base: *mut u8, queue: u16, words: &mut [AtomicU64; 2], tail: u32) {
    words[0].store(0, Ordering::Relaxed);
    // DTYP 3 and DEXT make it an advanced data descriptor.
    words[1].store(3 << 20 | 1 << 24 | 1 << 27 | 1 << 29, Ordering::Relaxed);
    ixgbe::runtime::bus::order_memory_before_doorbell();
    // SAFETY: the caller's promise.
    unsafe { poke(base, offset(queue, 0x0_1018, 0x0_d018), tail) }
}

/// Forwards packets by the batch, and changes a byte of each.
#[unsafe(no_mangle)]
pub fn forward_a_batch(
    rx: &mut ReceiveQueue<'_, Memory>,
    tx: &mut TransmitQueue<'_, Memory>,
    batch: &mut Batch,
) -> usize {
    rx.receive(batch);
    for packet in &mut *batch {
        if let Some(byte) = packet.get_mut(3) {
            *byte ^= 1;
        }
    }
    tx.transmit(batch).unwrap_or(0)
}

/// Forwards packets in place, and changes a byte of each.
#[unsafe(no_mangle)]
pub fn forward_in_place(ports: &mut InPlaceForwarder<'_, '_, '_, Memory>) -> ForwardCounts {
    ports.forward(32, |packet| {
        if let Some(byte) = packet.get_mut(3) {
            *byte ^= 1;
        }
        Route::Output(0)
    })
}

/// Receives packets with metadata, and transmits others with requests.
#[unsafe(no_mangle)]
pub fn forward_with_offloads(
    rx: &mut ReceiveQueue<'_, Memory>,
    tx: &mut TransmitQueue<'_, Memory>,
    received: &mut Batch<Received>,
    requested: &mut Batch<Requested>,
) -> usize {
    rx.receive_with_metadata(received);
    tx.transmit_with_requests(requested).unwrap_or(0)
}
