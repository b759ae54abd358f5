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

impl Words {
    /// Adds to a descriptor that was written for the device, but not handed over yet.
    #[inline(always)]
    pub(crate) fn add<D: Descriptor>(&self, value: Value<D>) {
        for (word, bits) in self.0.iter().zip(value.bits()) {
            if bits != 0 {
                word.store(word.load(Ordering::Relaxed) | bits.to_le(), Ordering::Relaxed);
            }
        }
    }
}

/// Several descriptors that the device has all written back in format `D`: the word of each that says so.
#[derive(Debug)]
pub(crate) struct AllDone<D, const N: usize> {
    done_words: [u64; N],
    /// The bits that all have set.
    common: u64,
    /// The bits that some have set.
    some: u64,
    format: PhantomData<fn() -> D>,
}

impl<D: WriteBack, const N: usize> AllDone<D, N> {
    /// What the device wrote back, if it is done with all of them.
    #[inline(always)]
    pub(crate) fn read(words: &[Words; N]) -> Option<Self> {
        let done_words: [u64; N] =
            core::array::from_fn(|n| u64::from_le(words[n].0[D::DONE as usize / 64].load(Ordering::Acquire)));
        let common = done_words.iter().fold(u64::MAX, |all, word| all & word);
        let some = done_words.iter().fold(0, |any, word| any | word);
        (common >> (D::DONE % 64) & 1 != 0).then_some(Self { done_words, common, some, format: PhantomData })
    }

    /// Whether `flag`, which stands in the word of the done bit, is set in all of them.
    #[inline(always)]
    pub(crate) fn all<F: Field<D, Read = bool>>(&self, flag: F) -> bool {
        flag.decode(extract::<D, F>(self.common))
    }

    /// Whether `flag`, which stands in the word of the done bit, is set in any of them.
    #[inline(always)]
    pub(crate) fn any<F: Field<D, Read = bool>>(&self, flag: F) -> bool {
        flag.decode(extract::<D, F>(self.some))
    }

    /// The value of `field`, which stands in the word of the done bit, in each of them.
    #[inline(always)]
    pub(crate) fn field<F: Field<D>>(&self, field: F) -> [F::Read; N] {
        self.done_words.map(|word| field.decode(extract::<D, F>(word)))
    }
}

/// The bits of field `F`, which stands in the word of the done bit.
#[inline(always)]
fn extract<D: WriteBack, F: Field<D>>(done_word: u64) -> u64 {
    const { assert!(F::LSB / 64 == D::DONE / 64 && F::WIDTH < 64, "the field is in another word") };
    (done_word >> (F::LSB % 64)) & ((1 << F::WIDTH) - 1)
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
        self.put(Written::from(value));
    }

    /// Writes a descriptor whose words are complete already.
    #[inline(always)]
    pub(crate) fn put<D: Descriptor>(self, value: Written<D>) {
        for (word, bits) in self.0.0.iter().zip(value.words) {
            word.store(bits.to_le(), Ordering::Relaxed);
        }
    }
}

/// A descriptor's words as they are written: a value, and what its format fixes.
#[derive(Debug)]
pub(crate) struct Written<D> {
    words: [u64; 2],
    format: PhantomData<fn() -> D>,
}

impl<D: Descriptor> From<Value<D>> for Written<D> {
    #[inline(always)]
    fn from(value: Value<D>) -> Self {
        let [low, high] = value.bits();
        Self { words: [low | D::FIXED[0], high | D::FIXED[1]], format: PhantomData }
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
