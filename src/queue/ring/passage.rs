//! Buffers that go from the ring that received them to one that sends them, and back.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use super::{Ends, GROUP, Ring};
use crate::descriptors::{AdvancedReceiveWriteBack as WriteBack, Descriptor, Several, Words, Written};
use crate::field::Value;
use crate::pool::{BLOCK, Buffer, Pool};

/// What becomes of a received buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is passed on.
    Pass,
    /// It goes back to its pool.
    Drop,
    /// It stays where it is, and so do all that follow.
    Stop,
}

/// Buffers on their way from a ring that received them to one that sends them. What has left and what has arrived is counted
/// here, and made known to the rings when this is dropped: also when the caller's code panics.
pub(crate) struct Passage<'a> {
    from: &'a mut Ring,
    to: &'a mut Ring,
    left: usize,
    arrived: usize,
}

impl<'a> Passage<'a> {
    pub(crate) fn new(from: &'a mut Ring, to: &'a mut Ring) -> Self {
        Self { from, to, left: 0, arrived: 0 }
    }

    /// Passes on what was received, at most `most` packets, to the end of either ring's [`BLOCK`] or what is free there: as
    /// long as the device is done with them, and each is one buffer with a length of 1 to `max_len`. `decide` sees their
    /// bytes and says what becomes of them; those that `describe` makes no descriptor of go back to `pool` too. Says how
    /// many left their ring: none if that was filled from another pool.
    #[inline(always)]
    pub(crate) fn run<D: Descriptor>(
        mut self,
        most: usize,
        pool: &Pool,
        max_len: u64,
        mut decide: impl FnMut(&mut [u8]) -> Step,
        describe: impl Fn(NonNull<u8>, u16) -> Option<Written<D>>,
    ) -> usize {
        let most = most.min(self.from.posted()).min(BLOCK - self.from.first % BLOCK);
        let most = most.min(self.to.free()).min(BLOCK - self.to.end % BLOCK);
        let max_len = max_len.min(pool.buffer_size() as u64);
        if self.from.filled_from != Some(pool.id()) {
            return 0;
        }
        // SAFETY: `most` descriptors follow in one piece in both rings, as they consist of whole blocks; those of the first
        // were posted, with buffers of the pool, which have `max_len` bytes.
        unsafe {
            let (from, to) = (self.from.ends(self.from.first), self.to.ends(self.to.end));
            while most - self.left >= GROUP && self.group::<D, GROUP>(from, to, pool, max_len, &mut decide, &describe) {
            }
            let rest = most.min(self.left + GROUP - 1);
            while self.left < rest && self.group::<D, 1>(from, to, pool, max_len, &mut decide, &describe) {}
        }
        self.left
    }

    /// Passes on `N` packets, if they are all as [`run`](Self::run) wants them.
    ///
    /// # Safety
    ///
    /// The first ring must have been filled from `pool`, whose buffers have at least `max_len` bytes; from where the passage began, `from` and `to`, the first ring must have `N` more posted than have left,
    /// and the second as many more free than have arrived, each in one piece.
    #[inline(always)]
    unsafe fn group<D: Descriptor, const N: usize>(
        &mut self,
        from: Ends,
        to: Ends,
        pool: &Pool,
        max_len: u64,
        decide: &mut impl FnMut(&mut [u8]) -> Step,
        describe: &impl Fn(NonNull<u8>, u16) -> Option<Written<D>>,
    ) -> bool {
        // SAFETY: as the caller says.
        let (words, buffers) =
            unsafe { (&*from.words.add(self.left).cast::<[Words; N]>(), from.buffers.add(self.left).cast::<Buffer>()) };
        let mut several = Several::<WriteBack>::wanting(WriteBack::EOP, WriteBack::PKT_LEN);
        // They are read once, so that what was checked is what is used.
        let lengths: [u16; N] = core::array::from_fn(|n| several.look(&words[n], WriteBack::PKT_LEN) as u16);
        if !several.are_good(WriteBack::EOP, WriteBack::RXE, WriteBack::PKT_LEN, max_len) {
            return false;
        }
        for (n, len) in lengths.into_iter().enumerate() {
            // SAFETY: the buffer is the ring's until it counts as left, which it does not if the caller's code panics.
            let buffer = unsafe { buffers.add(n).read() };
            // SAFETY: the device is done with the buffer, nothing else reaches it, and it has that many bytes.
            let bytes = unsafe { core::slice::from_raw_parts_mut(buffer.data().as_ptr(), usize::from(len)) };
            let value = match decide(bytes) {
                Step::Pass => describe(buffer.data(), len),
                Step::Drop => None,
                Step::Stop => return false,
            };
            self.left += 1;
            // SAFETY: the buffer is of the pool; or its place in the other ring is free, and has it from here on.
            unsafe {
                let Some(value) = value else {
                    pool.put_one(buffer);
                    continue;
                };
                (*to.words.add(self.arrived)).vacant_in_ring().put(value);
                to.buffers.add(self.arrived).write(MaybeUninit::new(buffer));
            }
            self.arrived += 1;
        }
        true
    }
}

impl Drop for Passage<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.from.first += self.left;
        self.to.end += self.arrived;
    }
}

impl Ring {
    /// Hands the first block of buffers over to the end of `to`, with the descriptors that `describe` makes. Says whether it
    /// did: it does not if it fails to make one, or either ring is not at the start of a block with room and buffers.
    #[inline(always)]
    pub(crate) fn hand_over_block<D: Descriptor>(
        &mut self,
        to: &mut Self,
        describe: impl Fn(NonNull<u8>) -> Option<Value<D>>,
    ) -> bool {
        let fits = self.posted() >= BLOCK && to.posted() + BLOCK <= to.len();
        if !fits || !self.first.is_multiple_of(BLOCK) || !to.end.is_multiple_of(BLOCK) {
            return false;
        }
        let (_, buffers) = self.run(self.first, BLOCK);
        let (words, places) = to.run(to.end, BLOCK);
        let (Some(buffers), Some(words), Some(places)) =
            (buffers.first_chunk::<BLOCK>(), words.first_chunk::<BLOCK>(), places.first_chunk_mut::<BLOCK>())
        else {
            return false;
        };
        for ((buffer, place), words) in buffers.iter().zip(places).zip(words) {
            // SAFETY: these descriptors were posted, so there are buffers; they are the other ring's once both counts
            // have moved, and stay this ring's otherwise.
            let buffer = unsafe { buffer.assume_init_read() };
            let Some(value) = describe(buffer.data()) else { return false };
            place.write(buffer);
            words.vacant_in_ring().write(value);
        }
        self.first += BLOCK;
        to.end += BLOCK;
        true
    }
}
