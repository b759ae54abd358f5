//! Buffers that go from the ring that received them to one that sends them, and back.

use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::NonNull;

use super::Ring;
use super::blocks::Block;
use super::groups::Ends;
use crate::descriptors::{AdvancedReceiveWriteBack as WriteBack, LegacyTransmitRead as Data, Written};
use crate::dma::DmaAddr;
use crate::packet::{Packet, Sent};
use crate::pool::{BLOCK, Buffer, Pool, PoolId, Tray};
use crate::value;

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

/// The least length of what is passed on, in bytes: that of an Ethernet header. Nothing shorter is a frame.
const SHORTEST: u64 = 14;

/// What is passed on: packets of one pool, in one buffer each, with lengths from [`SHORTEST`] on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passable {
    pool: PoolId,
    /// How many different lengths they have: none of more bytes than a buffer.
    lengths: u16,
}

impl Passable {
    /// Those of `pool` that have up to `max_len` bytes.
    pub(crate) fn new(pool: &Pool, max_len: u64) -> Self {
        let max_len = max_len.min(pool.buffer_size() as u64);
        Self { pool: pool.id(), lengths: (max_len + 1).saturating_sub(SHORTEST) as u16 }
    }
}

/// Passes on what `from` received, at most `most` packets, to the end of `to`: to the end of a [`BLOCK`] of either, or what is free
/// there, as long as the device is done with them and they are `passable`.
/// `decide` sees their bytes and says what becomes of them; those for which `address` finds none go back to their pool too.
/// Says how many left their ring: none if that was filled from another pool.
#[inline(always)]
pub(crate) fn pass(
    from: &mut Ring,
    to: &mut Ring,
    most: usize,
    passable: Passable,
    mut decide: impl FnMut(&mut [u8]) -> Step,
    address: impl Fn(NonNull<u8>) -> Option<DmaAddr>,
) -> usize {
    if from.filled_from != Some(passable.pool) {
        return 0;
    }
    let most = most.min(from.posted()).min(Ring::to_block_end(from.first));
    let most = most.min(to.free()).min(Ring::to_block_end(to.end));
    let (first, end) = (from.ends(from.first), to.ends(to.end));
    let mut passage = Passage { from, to, left: 0, dropped: 0 };
    while passage.left < most {
        // SAFETY: in both rings `most` descriptors follow to the end of the block; those of the first were posted, with buffers of
        // the pool, and belong to the ring until they count as left, which they do not if the caller's code panics.
        unsafe {
            match look(first.at(passage.left), passable, &mut decide, &address) {
                Ok((buffer, descriptor)) => {
                    let place = end.at(passage.left - passage.dropped);
                    (*place.words).vacant_in_ring().put(descriptor);
                    place.buffers.write(MaybeUninit::new(buffer));
                }
                Err(End::Dropped(buffer)) => {
                    passage.dropped += 1;
                    drop_one(buffer, passable.pool);
                }
                Err(End::Stays) => break,
            }
        }
        passage.left += 1;
    }
    passage.left
}

/// Why a packet is not passed on.
enum End {
    /// It stays where it is.
    Stays,
    /// It is dropped.
    Dropped(Buffer),
}

/// The buffer at `place`, and the descriptor that sends what was received into it, if the device is done with it, it is `passable`, and is
/// to be passed on. The buffer belongs to the place as long as that counts as one that has one.
///
/// # Safety
///
/// There must be a descriptor that was posted, with a buffer of the pool.
#[inline(always)]
unsafe fn look(
    place: Ends,
    passable: Passable,
    decide: &mut impl FnMut(&mut [u8]) -> Step,
    address: &impl Fn(NonNull<u8>) -> Option<DmaAddr>,
) -> Result<(Buffer, Written<Data>), End> {
    // SAFETY: as the caller says.
    let words = unsafe { &*place.words };
    let lengths = u64::from(passable.lengths);
    // It is read once, so that what was checked is what is used.
    let more = words.count_if_good(WriteBack::EOP, WriteBack::RXE, WriteBack::PKT_LEN, SHORTEST, lengths);
    let len = more.ok_or(End::Stays)? + SHORTEST;
    // SAFETY: as the caller says.
    let buffer = unsafe { place.buffers.cast::<Buffer>().read() };
    // SAFETY: the device is done with the buffer, nothing else reaches it, and it has that many bytes.
    let bytes = unsafe { core::slice::from_raw_parts_mut(buffer.data().as_ptr(), len as usize) };
    match decide(bytes) {
        Step::Pass => match address(buffer.data()) {
            Some(address) => Ok((buffer, Sent::of_len(len).at(address))),
            None => Err(End::Dropped(buffer)),
        },
        Step::Drop => Err(End::Dropped(buffer)),
        Step::Stop => Err(End::Stays),
    }
}

/// Gives back a buffer.
///
/// # Safety
///
/// It must be of `pool`.
#[cold]
#[inline(never)]
unsafe fn drop_one(buffer: Buffer, pool: PoolId) {
    // SAFETY: as the caller says.
    drop(unsafe { Packet::empty(buffer, pool) });
}

/// Buffers on their way from a ring that received them to one that sends them. How many have left, and were dropped, is counted here,
/// and made known to the rings when this is dropped: also when the caller's code panics.
struct Passage<'a> {
    from: &'a mut Ring,
    to: &'a mut Ring,
    left: usize,
    dropped: usize,
}

impl Drop for Passage<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.from.first += self.left;
        self.to.end += self.left - self.dropped;
    }
}

/// A block on its way, as [`Passage`] counts packets. Its tray goes with it, unless it ends early.
pub(crate) struct BlockPassage<'a> {
    from: Block<'a>,
    to: Block<'a>,
    left: usize,
    passable: Passable,
}

impl<'a> BlockPassage<'a> {
    /// The first block of `from`, on its way to the end of `to`. There is none if it is not a whole one, or has no room, or is of
    /// another pool.
    #[inline(always)]
    pub(crate) fn new(from: &'a mut Ring, to: &'a mut Ring, passable: Passable) -> Option<Self> {
        if from.filled_from != Some(passable.pool) {
            return None;
        }
        // One stays free, as for `free`.
        let most = to.mask;
        Some(Self { from: from.first_block()?, to: to.next_block(most)?, left: 0, passable })
    }

    /// Passes packets on, as [`pass`] does, up to the first that is not passed on; with a whole block, the device is asked to
    /// report the last. Says how many left their ring.
    #[inline(always)]
    pub(crate) fn pass(
        mut self,
        mut decide: impl FnMut(&mut [u8]) -> Step,
        address: impl Fn(NonNull<u8>) -> Option<DmaAddr>,
    ) -> usize {
        let end = self.run(&mut decide, &address);
        // As dropping it does, but here, and not in a function of its own, for which all of it would have to be in memory.
        let mut passage = ManuallyDrop::new(self);
        passage.settle();
        let Err(End::Dropped(buffer)) = end else { return passage.left };
        *passage.from.count += 1;
        // SAFETY: it is of the pool, and has left its ring.
        unsafe { drop_one(buffer, passage.passable.pool) };
        passage.left + 1
    }

    #[inline(always)]
    fn run(
        &mut self,
        decide: &mut impl FnMut(&mut [u8]) -> Step,
        address: &impl Fn(NonNull<u8>) -> Option<DmaAddr>,
    ) -> Result<(), End> {
        let places = self.from.tray.as_ptr();
        let mut one = || {
            // SAFETY: in both rings a block of descriptors follows, of which fewer have left; else as in the function `pass`.
            unsafe {
                let place = Ends { words: self.from.words, buffers: places }.at(self.left);
                let (_, descriptor) = look(place, self.passable, decide, address)?;
                (*self.to.words.add(self.left)).vacant_in_ring().put(descriptor);
            }
            self.left += 1;
            Ok(self.left)
        };
        // Eight between two looks at how many are left; written out, as a loop may stay one.
        loop {
            let [.., left] = [one()?, one()?, one()?, one()?, one()?, one()?, one()?, one()?];
            if left == BLOCK {
                return Ok(());
            }
        }
    }

    #[inline(always)]
    fn settle(&mut self) {
        let Self { from, to, left, .. } = self;
        if *left == BLOCK {
            core::mem::swap(from.tray, to.tray);
            // SAFETY: the block has that many descriptors.
            unsafe { &*to.words.add(BLOCK - 1) }.add(value!(Data { RS: true }));
        } else {
            move_buffers(from.tray, to.tray, *left);
        }
        *from.count += *left;
        *to.count += *left;
    }
}

impl Drop for BlockPassage<'_> {
    fn drop(&mut self) {
        self.settle();
    }
}

/// Moves the first `count` buffers from tray to tray.
#[cold]
#[inline(never)]
fn move_buffers(from: &mut Tray, to: &mut Tray, count: usize) {
    for (from, to) in from.places().iter_mut().zip(to.places()).take(count) {
        core::mem::swap(from, to);
    }
}
