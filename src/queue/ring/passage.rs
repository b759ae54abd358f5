//! Buffers that go from the ring that received them to one that sends them, and back.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use super::groups::Ends;
use super::{Ring, to_receive};
use crate::descriptors::AdvancedReceiveWriteBack as WriteBack;
use crate::dma::DmaAddr;
use crate::packet::Sent;
use crate::pool::{BLOCK, Buffer, Pool};

/// How many packets are passed on between two looks at how many are left.
const RUN: usize = 8;

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

/// Passes on what `from` received, at most `most` packets, to the end of `to`: to the end of the first ring or of the other's [`BLOCK`],
/// or what is free there, as long as the device is done with them, and each is one buffer with a length of 1 to `max_len`.
/// `decide` sees their bytes and says what becomes of them; those for which `address` finds none go back to `pool` too.
/// Says how many left their ring: none if that was filled from another pool.
#[inline(always)]
pub(crate) fn pass(
    from: &mut Ring,
    to: &mut Ring,
    most: usize,
    pool: &Pool,
    max_len: u64,
    mut decide: impl FnMut(&mut [u8]) -> Step,
    address: impl Fn(NonNull<u8>) -> Option<DmaAddr>,
) -> usize {
    if from.filled_from != Some(pool.id()) {
        return 0;
    }
    let most = most.min(from.posted()).min(from.len() - from.wrap(from.first));
    let most = most.min(to.free()).min(BLOCK - to.end % BLOCK);
    let max_len = max_len.min(pool.buffer_size() as u64);
    let (next, free) = (from.ends(from.first), to.ends(to.end));
    let mut passage = Passage { from, to, left: 0, dropped: 0 };
    // SAFETY: `most` descriptors follow in one piece in both rings, as the second consists of whole blocks; those of the first
    // were posted, with buffers of the pool, which have `max_len` bytes.
    unsafe {
        let runs = most - most % RUN;
        while passage.left < runs {
            for _ in 0..RUN {
                if !passage.one(next, free, pool, max_len, &mut decide, &address) {
                    return passage.left;
                }
            }
        }
        while passage.left < most && passage.one(next, free, pool, max_len, &mut decide, &address) {}
    }
    passage.left
}

/// Buffers on their way from a ring that received them to one that sends them. How many have left, and were dropped, is counted here,
/// and made known to the rings when this is dropped: also when the caller's code panics.
struct Passage<'a> {
    from: &'a mut Ring,
    to: &'a mut Ring,
    left: usize,
    dropped: usize,
}

impl Passage<'_> {
    /// Passes on a packet, if it is as [`pass`] wants it.
    ///
    /// # Safety
    ///
    /// The first ring must have been filled from `pool`, whose buffers have at least `max_len` bytes; from where the passage
    /// began, `from` and `to`, the first ring must have more posted than have left, and the second more free than have
    /// arrived, each in one piece.
    #[inline(always)]
    unsafe fn one(
        &mut self,
        from: Ends,
        to: Ends,
        pool: &Pool,
        max_len: u64,
        decide: &mut impl FnMut(&mut [u8]) -> Step,
        address: &impl Fn(NonNull<u8>) -> Option<DmaAddr>,
    ) -> bool {
        // SAFETY: as the caller says.
        let words = unsafe { &*from.words.add(self.left) };
        // It is read once, so that what was checked is what is used.
        let less_one =
            words.count_if_good::<WriteBack, _, _, _>(WriteBack::EOP, WriteBack::RXE, WriteBack::PKT_LEN, max_len);
        let Some(less_one) = less_one else { return false };
        // SAFETY: the buffer is the ring's until it counts as left, which it does not if the caller's code panics.
        let buffer = unsafe { from.buffers.add(self.left).cast::<Buffer>().read() };
        // SAFETY: the device is done with the buffer, nothing else reaches it, and it has that many bytes.
        let bytes = unsafe { core::slice::from_raw_parts_mut(buffer.data().as_ptr(), less_one as usize + 1) };
        let address = match decide(bytes) {
            Step::Pass => address(buffer.data()),
            Step::Drop => None,
            Step::Stop => return false,
        };
        // SAFETY: the buffer is of the pool; or its place in the other ring is free, and has it from here on.
        unsafe {
            if let Some(address) = address {
                let arrived = self.left - self.dropped;
                (*to.words.add(arrived)).vacant_in_ring().put(Sent::one_and(less_one).at(address));
                to.buffers.add(arrived).write(MaybeUninit::new(buffer));
            } else {
                self.dropped += 1;
                pool.put_one(buffer);
            }
        }
        self.left += 1;
        true
    }
}

impl Drop for Passage<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.from.first += self.left;
        self.to.end += self.left - self.dropped;
    }
}

impl Ring {
    /// Hands the first block of buffers over to the end of `to`, at the addresses that `address` finds. Says whether it
    /// did: it does not if one is not found, or either ring is not at the start of a block with room and buffers.
    #[inline(always)]
    pub(crate) fn hand_over_block(&mut self, to: &mut Self, address: impl Fn(NonNull<u8>) -> Option<DmaAddr>) -> bool {
        let fits = self.posted() >= BLOCK && to.posted() + BLOCK <= to.len();
        if !fits || !(self.first | to.end).is_multiple_of(BLOCK) {
            return false;
        }
        let (from, into) = (self.ends(self.first), to.ends(to.end));
        for n in 0..BLOCK {
            // SAFETY: the rings consist of whole blocks. These descriptors were posted, so there are buffers; they are the other
            // ring's, where there is room, once both counts have moved, and stay this ring's otherwise.
            unsafe {
                let buffer = from.buffers.add(n).cast::<Buffer>().read();
                let Some(address) = address(buffer.data()) else { return false };
                (*into.words.add(n)).vacant_in_ring().put(to_receive(address));
                into.buffers.add(n).write(MaybeUninit::new(buffer));
            }
        }
        self.first += BLOCK;
        to.end += BLOCK;
        true
    }
}
