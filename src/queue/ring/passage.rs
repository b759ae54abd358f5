//! Buffers that go from the ring that received them to one that sends them, and back.

use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::NonNull;

use super::Ring;
use super::blocks::Block;
use super::groups::Ends;
use crate::descriptors::{AdvancedReceiveWriteBack as WriteBack, LegacyTransmitRead as Data, Written};
use crate::dma::DmaAddr;
use crate::packet::Packet;
use crate::pool::{BLOCK, Buffer, Pool, PoolId, Sent, Tray};
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

/// The minimum length of a packet to forward: the 14 bytes of an Ethernet header.
pub(crate) const SHORTEST: u64 = 14;

/// What is passed on: packets of one pool, in one buffer each, with lengths from [`SHORTEST`] on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passable {
    pool: PoolId,
    /// How many different lengths they have: none of more bytes than a buffer.
    lengths: u16,
}

impl Passable {
    /// Those of `pool` that have up to `max_len` bytes.
    #[inline]
    pub(crate) fn new(pool: &Pool, max_len: u64) -> Self {
        let max_len = max_len.min(pool.buffer_size() as u64);
        Self { pool: pool.id(), lengths: (max_len + 1).saturating_sub(SHORTEST) as u16 }
    }
}

/// Passes on what `from` received, at most `most` packets, to the end of `to`: to the end of a [`BLOCK`] of either, or what is free
/// there, as long as the device is done with them and they are `passable`.
/// `decide` sees their bytes and says what becomes of them; those for which `address` finds none go back to their pool too.
/// Says how many left their ring: none if that was filled from another pool.
///
/// # Safety
///
/// `passable` must be of the pool that its buffers are of, and allow no more bytes than these have. `from`'s device must receive
/// into its buffers, and `to`'s only read from those. `address` must return where `to`'s device sees the byte at the pointer
/// that it is given.
#[inline(always)]
pub(crate) unsafe fn pass(
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
        // SAFETY: in both rings `most` descriptors follow to the end of the block. Those of `from` were posted, so they have
        // buffers, of the pool that the ring was filled from; they belong to the ring until they count as left, which they do
        // not if the caller's code panics. Those of `to` are free, so they are the driver's, and their places hold nothing. A
        // buffer that is dropped is of that pool and counts as left.
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

/// Shows `decide` what `from` received, at most `most` packets to the end of a [`BLOCK`], as long as it says that they are dropped.
/// Says how many were.
///
/// # Safety
///
/// As for [`pass`], of `from` and `passable`.
pub(crate) unsafe fn discard(
    from: &mut Ring,
    most: usize,
    passable: Passable,
    mut decide: impl FnMut(&mut [u8]) -> Step,
) -> usize {
    if from.filled_from != Some(passable.pool) {
        return 0;
    }
    let most = most.min(from.posted()).min(Ring::to_block_end(from.first));
    let mut dropped = 0;
    while dropped < most {
        let place = from.ends(from.first);
        // SAFETY: the first descriptor was posted, so it has a buffer, of the pool that the ring was filled from.
        let Err(End::Dropped(buffer)) = (unsafe { look(place, passable, &mut decide, &|_| None) }) else { break };
        from.first += 1;
        dropped += 1;
        // SAFETY: it is of the pool, and has left the ring.
        unsafe { drop_one(buffer, passable.pool) };
    }
    dropped
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
/// There must be a descriptor that was posted, with a buffer of the pool in its place. `passable` must allow no more bytes than
/// that has, and the device must receive into it.
#[inline(always)]
unsafe fn look(
    place: Ends,
    passable: Passable,
    decide: &mut impl FnMut(&mut [u8]) -> Step,
    address: &impl Fn(NonNull<u8>) -> Option<DmaAddr>,
) -> Result<(Buffer, Written<Data>), End> {
    // SAFETY: there is a descriptor by the caller's promise, which everybody accesses as atomics.
    let words = unsafe { &*place.words };
    let lengths = u64::from(passable.lengths);
    // It is read once, so that what was checked is what is used.
    let more = words.count_if_good(WriteBack::EOP, WriteBack::RXE, WriteBack::PKT_LEN, SHORTEST, lengths);
    let len = more.ok_or(End::Stays)? + SHORTEST;
    // SAFETY: its place holds a buffer by the caller's promise. Until the caller moves its count, there are two of it, of which
    // this one alone is used.
    let buffer = unsafe { place.buffers.cast::<Buffer>().read() };
    // SAFETY: the buffer has that many bytes, as the length was checked, and its memory was initialised. The ring owns it, and
    // the device has said that it is done with it. (That is the device's word: against one that writes later only an IOMMU
    // helps, and then only once the memory is unmapped.)
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
    // SAFETY: the buffer is of `pool`, by the caller's promise, and given up here, so the packet is its only owner.
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
        self.from.first += self.left as u64;
        self.to.end += (self.left - self.dropped) as u64;
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
    ///
    /// # Safety
    ///
    /// As for the function `pass`, of both rings and `passable`.
    #[inline(always)]
    pub(crate) unsafe fn new(from: &'a mut Ring, to: &'a mut Ring, passable: Passable) -> Option<Self> {
        if from.filled_from != Some(passable.pool) {
            return None;
        }
        // One stays free, as for `free`.
        let most = to.mask as usize;
        Some(Self { from: from.first_block()?, to: to.next_block(most)?, left: 0, passable })
    }

    /// Passes packets on, as [`pass`] does, up to the first that is not passed on; with a whole block, the device is asked to
    /// report the last. Says how many left their ring.
    ///
    /// # Safety
    ///
    /// `address` must return where the sending device sees the byte at the pointer that it is given.
    #[inline(always)]
    pub(crate) unsafe fn pass(
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
        // SAFETY: it is of the pool that the ring was filled from, and has left the ring.
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
            // SAFETY: in both rings a block of descriptors follows, of which fewer have left. Those of `from` were posted, so they
            // have buffers, of the pool that the ring was filled from; those of `to` are free, so they are the driver's.
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
            // SAFETY: the block has that many descriptors. The last was written in format `Data` just now, and no doorbell was rung
            // since. RS makes the device write back to the descriptor alone.
            unsafe { (*to.words.add(BLOCK - 1)).add(value!(Data { RS: true })) };
        } else {
            move_buffers(from.tray, to.tray, *left);
        }
        *from.count += *left as u64;
        *to.count += *left as u64;
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
