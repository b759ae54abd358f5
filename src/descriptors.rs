//! The DMA descriptors of the 82599, generated from `registers.yaml`, and how their words are accessed.
//!
//! A descriptor lies in memory as two [`AtomicU64`] words, because the device reads and writes it
//! too. A format that software writes is made as a [`Value`] and turned into words; what the device
//! wrote back can be read only as [`Done`], which there is only once the device has said so.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::field::{Field, Value};

/// A format of a DMA descriptor.
pub trait Descriptor: crate::field::Layout {
    /// The datasheet's section about it.
    const SECTION: &'static str;
    /// The bits that tell the format apart, which every descriptor of it has set.
    const FIXED: [u64; 2];
}

/// A format that the device writes.
pub trait WriteBack: Descriptor {
    /// The bit that says that the device is done.
    const DONE: u32;
}

/// A descriptor in memory that the device reads and writes too, in little-endian order.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct Words([AtomicU64; 2]);

impl Words {
    /// Both words as 0: no format's done bit is set.
    #[must_use]
    pub const fn zero() -> Self {
        Self([AtomicU64::new(0), AtomicU64::new(0)])
    }

    /// Writes a descriptor for the device. The doorbell that hands it over orders these writes.
    #[inline(always)]
    pub(crate) fn write<D: Descriptor>(&self, value: Value<D>) {
        let [low, high] = value.bits();
        self.0[0].store((low | D::FIXED[0]).to_le(), Ordering::Relaxed);
        self.0[1].store((high | D::FIXED[1]).to_le(), Ordering::Relaxed);
    }

    /// What the device wrote back, if it is done.
    #[inline(always)]
    pub fn done<D: WriteBack>(&self) -> Option<Done<'_, D>> {
        let word = u64::from_le(self.0[D::DONE as usize / 64].load(Ordering::Acquire));
        (word >> (D::DONE % 64) & 1 != 0).then_some(Done { words: self, done_word: word, format: PhantomData })
    }
}

/// A descriptor that the device has written back in format `D`.
#[derive(Debug, Clone, Copy)]
pub struct Done<'a, D> {
    words: &'a Words,
    done_word: u64,
    format: PhantomData<fn() -> D>,
}

impl<D: WriteBack> Done<'_, D> {
    /// The value of `field`.
    #[inline(always)]
    pub fn field<F: Field<D>>(&self, field: F) -> F::Read {
        let word = if F::LSB / 64 == D::DONE / 64 {
            self.done_word
        } else {
            u64::from_le(self.words.0[F::LSB as usize / 64].load(Ordering::Relaxed))
        };
        let mask = if F::WIDTH >= 64 { u64::MAX } else { (1 << F::WIDTH) - 1 };
        field.decode((word >> (F::LSB % 64)) & mask)
    }
}

include!(concat!(env!("OUT_DIR"), "/descriptors.rs"));
