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
#[diagnostic::on_unimplemented(
    message = "descriptors of format `{Self}` are not written by the device",
    label = "`{Self}` is for the device to read"
)]
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

    /// The descriptor as one that software may write: who has it to themselves owns it.
    pub fn vacant(&mut self) -> Vacant<'_> {
        Vacant(self)
    }

    /// The descriptor as one that software may write, where a ring's own count says that the device is done with it.
    #[inline(always)]
    pub(crate) fn vacant_in_ring(&self) -> Vacant<'_> {
        Vacant(self)
    }

    /// What the device wrote back, if it is done.
    #[inline(always)]
    pub fn done<D: WriteBack>(&self) -> Option<Done<'_, D>> {
        let word = u64::from_le(self.0[D::DONE as usize / 64].load(Ordering::Acquire));
        (word >> (D::DONE % 64) & 1 != 0).then_some(Done { words: self, done_word: word, format: PhantomData })
    }
}

/// A descriptor that belongs to software, which may write it: once.
///
/// ```compile_fail
/// # use ixgbe::{descriptors::*, value};
/// # fn write(words: &Words) {
/// // What only a shared reference is there to may be the device's.
/// words.vacant().write(value!(AdvancedReceiveRead {}));
/// # }
/// ```
#[derive(Debug)]
pub struct Vacant<'a>(&'a Words);

impl Vacant<'_> {
    /// Writes a descriptor for the device. The doorbell that hands it over orders these writes before itself.
    #[inline(always)]
    pub fn write<D: Descriptor>(self, value: Value<D>) {
        let [low, high] = value.bits();
        self.0.0[0].store((low | D::FIXED[0]).to_le(), Ordering::Relaxed);
        self.0.0[1].store((high | D::FIXED[1]).to_le(), Ordering::Relaxed);
    }
}

/// A descriptor that the device has written back in format `D`, and that belongs to software again.
#[derive(Debug)]
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

    /// Writes the descriptor anew for the device.
    #[inline(always)]
    pub fn rewrite<N: Descriptor>(self, value: Value<N>) {
        Vacant(self.words).write(value);
    }
}

include!(concat!(env!("OUT_DIR"), "/descriptors.rs"));
