//! DMA descriptors of the 82599, generated from `registers.yaml`, and access to their words.
//!
//! A descriptor in memory consists of two [`AtomicU64`] words, because the device reads and writes it too. Software
//! writes a descriptor as a [`Value`] of its format. It reads a write-back only through a [`CompletedDescriptor`],
//! which exists only after the device has set the done bit.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::dma::DmaAddr;
use crate::field::{Field, Value};

/// The memory of one descriptor, in little-endian order. The device reads and writes it too.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct DescriptorSlot([AtomicU64; 2]);

impl DescriptorSlot {
    /// Returns a slot of zeros, in which no format's done bit is set.
    #[must_use]
    pub const fn zero() -> Self {
        Self([AtomicU64::new(0), AtomicU64::new(0)])
    }

    /// Returns the descriptor for writing. The unique reference proves that the device does not own it.
    pub fn vacant(&mut self) -> WritableDescriptor<'_> {
        WritableDescriptor(self)
    }

    /// Returns the descriptor for writing, through the shared reference that a ring has.
    ///
    /// # Safety
    ///
    /// The driver must own the descriptor: the device never received it, or has completed it. No other
    /// [`WritableDescriptor`] or [`CompletedDescriptor`] of it may exist.
    #[inline(always)]
    pub(crate) unsafe fn vacant_in_ring(&self) -> WritableDescriptor<'_> {
        WritableDescriptor(self)
    }

    /// Returns `true` if the device has set the done bit.
    #[inline(always)]
    pub fn is_done<D: WriteBack>(&self) -> bool {
        u64::from_le(self.0[D::DONE as usize / 64].load(Ordering::Acquire)) >> (D::DONE % 64) & 1 != 0
    }

    /// Returns the write-back, if the device has set the done bit.
    #[inline(always)]
    pub fn done<D: WriteBack>(&self) -> Option<CompletedDescriptor<'_, D>> {
        let word = u64::from_le(self.0[D::DONE as usize / 64].load(Ordering::Acquire));
        (word >> (D::DONE % 64) & 1 != 0).then_some(CompletedDescriptor {
            words: self,
            done_word: word,
            format: PhantomData,
        })
    }
}

impl DescriptorSlot {
    /// Returns word `index`, 0 or 1, as it is now. The device is done with the descriptor.
    #[inline(always)]
    pub(crate) fn word(&self, index: usize) -> u64 {
        u64::from_le(self.0[index & 1].load(Ordering::Relaxed))
    }

    /// Returns `true` if a descriptor that was written in format `D` has all bits of `value`.
    pub(crate) fn has<D: DescriptorFormat>(&self, value: Value<D>) -> bool {
        let has = |(word, bits): (&AtomicU64, u64)| u64::from_le(word.load(Ordering::Relaxed)) & bits == bits;
        self.0.iter().zip(value.bits()).all(has)
    }

    /// Adds the bits of `value` to a descriptor that was written but not yet given to the device.
    ///
    /// # Safety
    ///
    /// No doorbell may have given the descriptor to the device yet. It must be of format `D`. The added bits must not
    /// make the device access other memory.
    #[inline(always)]
    pub(crate) unsafe fn add<D: DescriptorFormat>(&self, value: Value<D>) {
        for (word, bits) in self.0.iter().zip(value.bits()) {
            if bits != 0 {
                word.store(word.load(Ordering::Relaxed) | bits.to_le(), Ordering::Relaxed);
            }
        }
    }
}

/// What the done word of a descriptor must be: DD and a flag set, another flag clear, and a count in some range.
///
/// One comparison checks all of this. The expected bits and the least count are subtracted: a flag becomes 0 only if it
/// was set. The word is then rotated so that the count is lowest, and any remaining flag makes it too large.
#[derive(Debug)]
pub(crate) struct Expected<D, const LEAST: u64> {
    /// What is added to subtract the expected bits: the sum goes to a register of its own in one instruction.
    negated: u64,
    looked_at: u64,
    counts: u64,
    format: PhantomData<fn() -> D>,
}

impl<D, const LEAST: u64> Clone for Expected<D, LEAST> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D, const LEAST: u64> Copy for Expected<D, LEAST> {}

impl<D: WriteBack, const LEAST: u64> Expected<D, LEAST> {
    /// Expects `flag`, not `unwanted`, and a `count` from `LEAST` to `most`.
    pub(crate) fn new<F: Field<D>, U: Field<D>, C: Field<D>>(_flag: F, _unwanted: U, _count: C, most: u16) -> Self {
        let flags = 1 << (D::DONE % 64) | bits_from::<D, F>(1);
        let looked_at = flags | bits_from::<D, U>(1) | bits_from::<D, C>((1 << C::WIDTH) - 1);
        const { assert!(C::WIDTH <= 32) };
        let bits = flags | bits_from::<D, C>(LEAST);
        Self { negated: bits.wrapping_neg(), looked_at, counts: 1 << C::WIDTH, format: PhantomData }.at_most(most)
    }

    /// Expects a count of at most `most`, too.
    #[inline(always)]
    pub(crate) fn at_most(self, most: u16) -> Self {
        Self { counts: self.counts.min((u64::from(most) + 1).saturating_sub(LEAST)), ..self }
    }

    /// Returns the count of one of several descriptors, and its done word, and adds to `differences` what it says
    /// otherwise. The count counts only if [all are good](Self::are_good).
    #[inline(always)]
    pub(crate) fn count_of<C: Field<D>>(
        &self,
        slot: &DescriptorSlot,
        count: C,
        differences: &mut u64,
    ) -> (C::Read, u64) {
        let word = u64::from_le(slot.0[D::DONE as usize / 64].load(Ordering::Acquire));
        *differences |= word.wrapping_add(self.negated);
        (count.decode(extract::<D, C>(word)), word)
    }

    /// Returns `true` if all is as expected of the descriptors whose `differences` these are.
    ///
    /// If all flags of a word are set, nothing is borrowed across them: they become 0, and only the count changes
    /// besides. If a flag is missing, the lowest missing flag becomes 1. Several counts ORed are at least the largest
    /// count, so the check may fail although each count is valid.
    #[inline(always)]
    pub(crate) fn are_good<C: Field<D>>(&self, differences: u64, _count: C) -> bool {
        (differences & self.looked_at).rotate_right(C::LSB % 64) < self.counts
    }

    /// Returns the count of a descriptor, if all is as expected.
    #[inline(always)]
    pub(crate) fn count<C: Field<D>>(&self, slot: &DescriptorSlot, _count: C) -> Option<u64> {
        let word = u64::from_le(slot.0[D::DONE as usize / 64].load(Ordering::Acquire));
        let more = (word.wrapping_add(self.negated) & self.looked_at).rotate_right(C::LSB % 64);
        if more >= self.counts {
            return None;
        }
        // SAFETY: `new` keeps `counts` to the field's. Knowing it, the compiler knows that the least count is not
        // passed below.
        unsafe { core::hint::assert_unchecked(more <= u64::from(u32::MAX)) };
        Some(more + LEAST)
    }

    /// Returns the count of a descriptor and whether `flag` is set, if all else is as expected.
    #[inline(always)]
    pub(crate) fn count_with<C: Field<D>, F: Field<D>>(
        &self,
        slot: &DescriptorSlot,
        count: C,
        _flag: F,
    ) -> Option<(C::Read, bool)> {
        let flag = bits_from::<D, F>(1);
        let word = u64::from_le(slot.0[D::DONE as usize / 64].load(Ordering::Acquire));
        let differences = (word | flag).wrapping_add(self.negated);
        self.are_good(differences, count).then(|| (count.decode(extract::<D, C>(word)), word & flag != 0))
    }
}

/// Shifts `value` to the position of field `F` in the done word.
#[inline(always)]
fn bits_from<D: WriteBack, F: Field<D>>(value: u64) -> u64 {
    const { assert!(F::LSB / 64 == D::DONE / 64, "the field is in another word") };
    value << (F::LSB % 64)
}

/// Returns field `F` of the done word.
#[inline(always)]
fn extract<D: WriteBack, F: Field<D>>(done_word: u64) -> u64 {
    const { assert!(F::LSB / 64 == D::DONE / 64 && F::WIDTH < 64, "the field is in another word") };
    (done_word >> (F::LSB % 64)) & ((1 << F::WIDTH) - 1)
}

/// A descriptor that software owns and may write once.
///
/// ```compile_fail
/// # use ixgbe::{descriptors::*, value};
/// # fn write(words: &DescriptorSlot) {
/// // A shared reference does not prove that software owns the descriptor.
/// words.vacant().write(value!(AdvancedReceiveRead {}));
/// # }
/// ```
#[derive(Debug)]
pub struct WritableDescriptor<'a>(&'a DescriptorSlot);

impl WritableDescriptor<'_> {
    /// Writes a descriptor for the device. The doorbell, which gives it to the device, orders these writes before
    /// itself.
    #[inline(always)]
    pub fn write<D: DescriptorFormat>(self, value: Value<D>) {
        self.put(Written::from(value));
    }

    /// Writes a descriptor whose words include what its format fixes.
    #[inline(always)]
    pub(crate) fn put<D: DescriptorFormat>(self, value: Written<D>) {
        for (word, bits) in self.0.0.iter().zip(value.words) {
            word.store(bits.to_le(), Ordering::Relaxed);
        }
    }
}

/// The words to write: a value and the bits that its format fixes.
#[derive(Debug)]
pub(crate) struct Written<D> {
    words: [u64; 2],
    format: PhantomData<fn() -> D>,
}

impl<D> Clone for Written<D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for Written<D> {}

impl<D: DescriptorFormat> From<Value<D>> for Written<D> {
    #[inline(always)]
    fn from(value: Value<D>) -> Self {
        let [low, high] = value.bits();
        Self { words: [low | D::FIXED[0], high | D::FIXED[1]], format: PhantomData }
    }
}

impl<D: DescriptorFormat> Written<D> {
    /// Returns the words of a descriptor whose first word is the buffer's `address`, and whose second is `word`.
    #[inline(always)]
    pub(crate) fn new(address: DmaAddr, word: u64) -> Self {
        Self { words: [address.get(), word | D::FIXED[1]], format: PhantomData }
    }

    /// Returns the words.
    pub(crate) fn words(self) -> [u64; 2] {
        self.words
    }

    /// Returns the words of a descriptor that has the bits of `words` and of `value`.
    pub(crate) fn of_words(words: [u64; 2], value: Value<D>) -> Self {
        let Self { words: [low, high], format } = Self::from(value);
        Self { words: [words[0] | low, words[1] | high], format }
    }
}

/// A descriptor that the device has written back in format `D`, and that software owns again.
#[derive(Debug)]
pub struct CompletedDescriptor<'a, D> {
    words: &'a DescriptorSlot,
    done_word: u64,
    format: PhantomData<fn() -> D>,
}

impl<D: WriteBack> CompletedDescriptor<'_, D> {
    /// Returns the value of `field`.
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

    /// Writes the descriptor for the device again.
    #[inline(always)]
    pub fn rewrite<N: DescriptorFormat>(self, value: Value<N>) {
        WritableDescriptor(self.words).write(value);
    }
}

include!(concat!(env!("OUT_DIR"), "/descriptors.rs"));
