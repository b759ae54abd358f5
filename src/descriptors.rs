//! The DMA descriptors of the 82599, generated from `registers.yaml`, and how their words are accessed.
//!
//! A descriptor lies in memory as two [`AtomicU64`] words, because the device reads and writes it
//! too. A format that software writes is made as a [`Value`] and turned into words; what the device
//! wrote back can be read only as [`CompletedDescriptor`], which there is only once the device has said so.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::dma::DmaAddr;
use crate::field::{Field, Value};

/// A descriptor in memory that the device reads and writes too, in little-endian order.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct DescriptorSlot([AtomicU64; 2]);

impl DescriptorSlot {
    /// Both words as 0: no format's done bit is set.
    #[must_use]
    pub const fn zero() -> Self {
        Self([AtomicU64::new(0), AtomicU64::new(0)])
    }

    /// The descriptor as one that software may write: who has it to themselves owns it.
    pub fn vacant(&mut self) -> WritableDescriptor<'_> {
        WritableDescriptor(self)
    }

    /// The descriptor as one that software may write, of a ring that only lends it.
    ///
    /// # Safety
    ///
    /// The descriptor must be the driver's: the device was never given it, or is done with it; and nobody else may have it as
    /// [`WritableDescriptor`] or [`CompletedDescriptor`].
    #[inline(always)]
    pub(crate) unsafe fn vacant_in_ring(&self) -> WritableDescriptor<'_> {
        WritableDescriptor(self)
    }

    /// Whether the device is done.
    #[inline(always)]
    pub fn is_done<D: WriteBack>(&self) -> bool {
        u64::from_le(self.0[D::DONE as usize / 64].load(Ordering::Acquire)) >> (D::DONE % 64) & 1 != 0
    }

    /// What the device wrote back, if it is done.
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
    /// Adds to a descriptor that was written for the device.
    ///
    /// # Safety
    ///
    /// No doorbell may have given the descriptor to the device yet, it must be of format `D`, and the device must not access
    /// other memory by what is added.
    #[inline(always)]
    pub(crate) unsafe fn add<D: DescriptorFormat>(&self, value: Value<D>) {
        for (word, bits) in self.0.iter().zip(value.bits()) {
            if bits != 0 {
                word.store(word.load(Ordering::Relaxed) | bits.to_le(), Ordering::Relaxed);
            }
        }
    }
}

impl DescriptorSlot {
    /// What `count` says beyond its least, in a descriptor that is as it should be: the device is done with it, `flag` is set and
    /// `unwanted` is not, and the count is one of so many `counts` from the `least` on.
    ///
    /// What is wanted is subtracted, the least count too: flags that were there become 0, and others do not, whatever is
    /// borrowed from where. Turned so that the count is lowest, a flag that is left makes it too large: one comparison does for all.
    #[inline(always)]
    pub(crate) fn count_if_good<D: WriteBack, F: Field<D>, U: Field<D>, C: Field<D>>(
        &self,
        _flag: F,
        _unwanted: U,
        _count: C,
        least: u64,
        counts: u64,
    ) -> Option<u64> {
        let flags = 1 << (D::DONE % 64) | bits_from::<D, F>(1);
        let looked_at = flags | bits_from::<D, U>(1) | bits_from::<D, C>((1 << C::WIDTH) - 1);
        let word = u64::from_le(self.0[D::DONE as usize / 64].load(Ordering::Acquire));
        let difference = word.wrapping_sub(flags | bits_from::<D, C>(least)) & looked_at;
        let more = difference.rotate_right(C::LSB % 64);
        (more < counts).then_some(more)
    }
}

/// The done words of several descriptors, looked at one by one, and checked all at once.
///
/// From each word, what is wanted is subtracted: flags that must be set, and a count's least value. As long as all the flags
/// are there, nothing is borrowed across them: they become 0, and all other bits stay, but for the count that gets
/// smaller. If any is missing, the lowest such becomes 1. So the words' differences, ORed, tell of all.
#[derive(Debug)]
pub(crate) struct Several<D> {
    wanted: u64,
    /// The bits that any difference has set.
    differences: u64,
    format: PhantomData<fn() -> D>,
}

impl<D: WriteBack> Several<D> {
    /// None yet; of each, `flag` is wanted besides the done bit, and that `count` is at least 1.
    #[inline(always)]
    pub(crate) fn wanting<F: Field<D>, C: Field<D>>(_flag: F, _count: C) -> Self {
        let wanted = 1 << (D::DONE % 64) | bits_from::<D, F>(1) | bits_from::<D, C>(1);
        Self { wanted, differences: 0, format: PhantomData }
    }

    /// The value of `field` in one more descriptor. It means something only if [all are good](Self::are_good) in the end.
    #[inline(always)]
    pub(crate) fn look<F: Field<D>>(&mut self, words: &DescriptorSlot, field: F) -> F::Read {
        let word = u64::from_le(words.0[D::DONE as usize / 64].load(Ordering::Acquire));
        self.differences |= word.wrapping_sub(self.wanted);
        field.decode(extract::<D, F>(word))
    }

    /// Whether the device is done with all of them, and all have `flag`, and none `unwanted`, and a `count` of 1 to `most`.
    /// (Several counts ORed are at least the largest: where that is too strict, one is not.) A `most` of more than any count
    /// asks for flags alone.
    #[inline(always)]
    pub(crate) fn are_good<F: Field<D>, U: Field<D>, C: Field<D>>(
        &self,
        _f: F,
        _unwanted: U,
        _c: C,
        most: u64,
    ) -> bool {
        let flags = 1 << (D::DONE % 64) | bits_from::<D, F>(1) | bits_from::<D, U>(1);
        let count = const { (1 << C::WIDTH) - 1 } << (C::LSB % 64);
        debug_assert!(most <= 1 << C::WIDTH);
        // With the count at the low end, any flag is more than all that a count can be.
        (self.differences & (flags | count)).rotate_right(C::LSB % 64) < most
    }
}

/// `value` where field `F` stands in the word of the done bit.
#[inline(always)]
fn bits_from<D: WriteBack, F: Field<D>>(value: u64) -> u64 {
    const { assert!(F::LSB / 64 == D::DONE / 64, "the field is in another word") };
    value << (F::LSB % 64)
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
/// # fn write(words: &DescriptorSlot) {
/// // What only a shared reference is there to may be the device's.
/// words.vacant().write(value!(AdvancedReceiveRead {}));
/// # }
/// ```
#[derive(Debug)]
pub struct WritableDescriptor<'a>(&'a DescriptorSlot);

impl WritableDescriptor<'_> {
    /// Writes a descriptor for the device. The doorbell that hands it over orders these writes before itself.
    #[inline(always)]
    pub fn write<D: DescriptorFormat>(self, value: Value<D>) {
        self.put(Written::from(value));
    }

    /// Writes a descriptor whose words are complete already.
    #[inline(always)]
    pub(crate) fn put<D: DescriptorFormat>(self, value: Written<D>) {
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
    /// Of a buffer at `address`, which is all that stands in the first word, with `word` as the second.
    #[inline(always)]
    pub(crate) fn new(address: DmaAddr, word: u64) -> Self {
        Self { words: [address.get(), word | D::FIXED[1]], format: PhantomData }
    }
}

/// A descriptor that the device has written back in format `D`, and that belongs to software again.
#[derive(Debug)]
pub struct CompletedDescriptor<'a, D> {
    words: &'a DescriptorSlot,
    done_word: u64,
    format: PhantomData<fn() -> D>,
}

impl<D: WriteBack> CompletedDescriptor<'_, D> {
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
    pub fn rewrite<N: DescriptorFormat>(self, value: Value<N>) {
        WritableDescriptor(self.words).write(value);
    }
}

include!(concat!(env!("OUT_DIR"), "/descriptors.rs"));
