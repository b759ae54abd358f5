//! Buses: how the registers of one device are read and written.

use crate::space::{Offset, Space, Width};

/// Reads and writes the registers of width `W` in the space `S` of one device.
///
/// [`Mmio`](crate::mmio::Mmio) is the bus of registers in memory; a model of the chip and I/O ports are others. Drivers
/// are generic over the bus and compiled for each, so an access costs what the bus's own code costs.
///
/// # Safety
///
/// A driver frees memory once the registers say that the device has stopped, and gives the device memory by writing to
/// registers. So an implementation guarantees, for as long as a value of it lives:
///
/// - **It is honest.** [`read`](Self::read) returns what the device answers, and [`write`](Self::write) stores the
///   value in the device's register. Both always access the same device.
/// - **It is exclusive.** Nothing else drives the device: no second bus in this process, no other process, no driver of
///   the kernel. Two drivers of one device overwrite each other's ring tails, so the device would use descriptors that
///   it has already written back.
///
/// Therefore a bus is neither `Clone` nor implemented for shared references or counted pointers: each copy would be a
/// second driver's. Whatever makes a bus refuses to make a second one of the same device.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a bus for registers of type `{W}` in `{S}`",
    label = "not a `Bus<{S}, {W}>`",
    note = "a driver owns its bus: neither a reference to a bus nor a handle that can be cloned is one"
)]
pub unsafe trait Bus<S: Space, W: Width = u32> {
    /// Reads the register at `offset`.
    fn read(&self, offset: Offset<S, W>) -> W;

    /// Writes the register at `offset`.
    ///
    /// # Safety
    ///
    /// `value` must not make the device access memory that it was not given. Typed registers guarantee that by the
    /// permission that they require.
    unsafe fn write(&self, offset: Offset<S, W>, value: W);
}

/// Orders all earlier writes to memory before the next register write, as the device sees them.
///
/// A driver writes descriptors, then a doorbell. Without this barrier the device might fetch the descriptors too early.
///
/// Rust orders a volatile write among volatile accesses only: neither a fence nor `compiler_fence` promises to keep
/// other writes before it. (See the discussions of [volatile and fences] and of [atomic volatile accesses].) So this is
/// a block of assembly that may access any memory: the compiler moves no write to memory behind it, and no volatile
/// write before it. x86 keeps stores in order by itself, so there the block is empty; elsewhere it is the
/// architecture's barrier.
///
/// [volatile and fences]: https://github.com/rust-lang/unsafe-code-guidelines/issues/260
/// [atomic volatile accesses]: https://github.com/rust-lang/unsafe-code-guidelines/issues/615
#[inline(always)]
pub fn order_memory_before_doorbell() {
    // Miri runs no assembly; it also has no device that could see the difference.
    #[cfg(miri)]
    core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::Release);
    #[cfg(not(miri))]
    // SAFETY: a barrier touches neither memory nor registers.
    unsafe {
        #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
        core::arch::asm!("", options(nostack, preserves_flags));
        #[cfg(target_arch = "aarch64")]
        core::arch::asm!("dmb oshst", options(nostack, preserves_flags));
        #[cfg(target_arch = "arm")]
        core::arch::asm!("dmb", options(nostack, preserves_flags));
        #[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
        core::arch::asm!("fence w, ow", options(nostack, preserves_flags));
    }
    #[cfg(not(any(
        target_arch = "x86_64",
        target_arch = "x86",
        target_arch = "aarch64",
        target_arch = "arm",
        target_arch = "riscv32",
        target_arch = "riscv64"
    )))]
    compile_error!("the barrier between memory and a doorbell is not known for this architecture");
}
