//! Registers in memory: the only volatile accesses of generated code.

use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::bus::Bus;
use crate::space::{ByteOrder, Offset, Space, Width};

/// The registers of space `S`, mapped into memory in its byte order.
pub struct Mmio<S> {
    base: NonNull<u8>,
    kind: PhantomData<fn() -> S>,
}

/// A mapping that is too small for a register space, or misaligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnusableMapping {
    /// The address of the mapping.
    pub base: usize,
    /// The length of the mapping in bytes.
    pub len: usize,
    /// The length of the register space in bytes.
    pub needed: u32,
    /// The alignment that the address must have, in bytes.
    pub alignment: u32,
}

impl fmt::Display for UnusableMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, len, needed, alignment } = self;
        write!(
            f,
            "the mapping at {base:#x} of {len} bytes cannot hold the registers: {needed} bytes at a multiple of \
             {alignment} are needed"
        )
    }
}

impl core::error::Error for UnusableMapping {}

impl<S: Space> Mmio<S> {
    /// Takes the registers that are mapped at `base`, `len` bytes long.
    ///
    /// # Errors
    ///
    /// [`UnusableMapping`] if the mapping is shorter than [`Space::SIZE`] or not aligned to
    /// [`Space::ALIGNMENT`].
    ///
    /// # Safety
    ///
    /// As long as the value lives, `base` must be valid for volatile reads and writes of `len` bytes, must be the
    /// registers of one device (or memory that models them), and nothing else may drive that device: see [`Bus`].
    pub unsafe fn new(base: NonNull<u8>, len: usize) -> Result<Self, UnusableMapping> {
        let address = base.addr().get();
        if len < S::SIZE as usize || !address.is_multiple_of(S::ALIGNMENT as usize) {
            return Err(UnusableMapping { base: address, len, needed: S::SIZE, alignment: S::ALIGNMENT });
        }
        Ok(Self { base, kind: PhantomData })
    }

    #[inline(always)]
    fn register<W: Width>(&self, offset: Offset<S, W>) -> *mut W {
        // SAFETY: an `Offset` and its register lie within `S::SIZE` bytes, which `new` checked that the mapping has.
        unsafe { self.base.as_ptr().add(offset.bytes() as usize).cast() }
    }
}

impl<S> fmt::Debug for Mmio<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mmio({:p})", self.base)
    }
}

macro_rules! bus {
    ($($(#[$only:meta])? $width:ty),*) => {$(
        $(#[$only])?
        // SAFETY: honest: both accesses go to the one mapping. Exclusive: the caller of `new` promised it, and `Mmio` is
        // not `Clone`.
        unsafe impl<S: Space> Bus<S, $width> for Mmio<S> {
            #[inline(always)]
            fn read(&self, offset: Offset<S, $width>) -> $width {
                // SAFETY: `register` gives an address within the mapping that `new` was promised. It is aligned, as the
                // offset is, and the mapping to the widest register.
                S::ByteOrder::order(unsafe { self.register(offset).read_volatile() })
            }

            #[inline(always)]
            unsafe fn write(&self, offset: Offset<S, $width>, value: $width) {
                // SAFETY: `register` gives an aligned address within the mapping, as in `read`; what the write makes the
                // device do is the caller's to answer for.
                unsafe { self.register(offset).write_volatile(S::ByteOrder::order(value)) }
            }
        }
    )*};
}

// A narrower target would make two accesses of one of 64 bits.
bus!(
    u8,
    u16,
    u32,
    #[cfg(target_pointer_width = "64")]
    u64
);

// SAFETY: a register access is one indivisible bus transaction; no Rust data is shared through it.
unsafe impl<S> Send for Mmio<S> {}
// SAFETY: as for `Send`.
unsafe impl<S> Sync for Mmio<S> {}
