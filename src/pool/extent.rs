//! The numbers of a packet in one word, laid out as in the descriptor that sends it.

use datasheet_runtime::descriptor::DescriptorFormat;

use crate::descriptors::{LegacyTransmitRead as Legacy, Written};
use crate::dma::DmaAddr;
use crate::pool::PoolId;
use crate::pool::id::{HEADROOM_SHIFT, SENT, SHORT, SHORTEST};
use crate::value;

/// The format of the descriptors of packets without requests.
pub trait SendFormat: 'static {
    /// The format.
    type Descriptor: DescriptorFormat;

    /// Returns the second word of the descriptor of a whole packet, whose second word in the legacy format is `word`.
    fn second_word(word: u64) -> u64;
}

/// What else there is to say of a packet: four numbers in one word, so that they are written, and checked, at once.
///
/// | bits | |
/// |---|---|
/// | 15:0 | length of the first segment, at most a buffer with its headroom |
/// | 31:16 | as in the descriptor that sends it, but for `SHORT`, which says that the first segment has less than [`SHORTEST`] bytes |
/// | 37:32 | how many buffers follow it |
/// | 48:38 | the pool |
/// | 63:49 | the headroom: where in the buffer `data` is |
#[derive(Clone, Copy)]
pub(crate) struct Extent(u64);

/// The most buffers that can follow the first.
pub(crate) const MOST_MORE: usize = 0x3f;
/// The bits of a [kind](Extent::kind).
const KIND: u32 = 0x1_ffff;

impl Extent {
    /// Makes the extent of one segment of `len` bytes, at least [`SHORTEST`], in a buffer of `pool`, with the headroom of
    /// an empty packet.
    #[inline(always)]
    pub(crate) const fn new(pool: PoolId, len: u16) -> Self {
        Self(pool.word() | len as u64)
    }

    /// Makes the extent of one segment of `len` bytes, at least [`SHORTEST`], behind `skip` bytes that a device has written
    /// in front of them, which become headroom.
    #[inline(always)]
    pub(crate) const fn behind(pool: PoolId, skip: usize, len: u64) -> Self {
        Self(pool.word().wrapping_add((skip as u64) << HEADROOM_SHIFT).wrapping_add(len))
    }

    /// Makes what all extents of one segment with `headroom` have in common, if they are not short.
    #[inline(always)]
    pub(crate) const fn empty_at(pool: PoolId, headroom: usize) -> Self {
        Self(pool.word() & ((1 << HEADROOM_SHIFT) - 1) | (headroom as u64) << HEADROOM_SHIFT)
    }

    /// Returns the length of one segment, if it has `common` [in common](Self::empty_at) with others, else at least 2^16.
    #[inline(always)]
    pub(crate) const fn beyond(self, common: Self) -> u64 {
        self.0.wrapping_sub(common.0)
    }

    /// Returns what other extents are by `count` bytes more [beyond](Self::beyond).
    #[inline(always)]
    pub(crate) const fn shorter(self, count: usize) -> Self {
        Self(self.0.wrapping_sub(count as u64))
    }

    /// Returns the pool, and how many buffers follow the first, in one number. It is never 0.
    #[inline(always)]
    pub(crate) const fn kind(self) -> u32 {
        (self.0 >> 32) as u32 & KIND
    }

    /// Makes the extent of an empty packet of a [kind](Self::kind).
    pub(crate) fn of_kind(kind: u32) -> Self {
        let word = u64::from(kind & KIND) << 32;
        Self::new(PoolId::of(word), 0).with_len(0).with_more(Self(word).more())
    }

    #[inline(always)]
    pub(crate) const fn len(self) -> usize {
        self.0 as u16 as usize
    }

    #[inline(always)]
    pub(crate) const fn with_len(self, len: usize) -> Self {
        let short = if len < SHORTEST { SHORT } else { 0 };
        Self(self.0 >> 32 << 32 | SENT | short | len as u16 as u64)
    }

    /// Returns the extent with another headroom, below 2^15, and `len` bytes.
    #[inline(always)]
    pub(crate) const fn placed(self, headroom: usize, len: u16) -> Self {
        let others = self.0 & ((1 << HEADROOM_SHIFT) - 1);
        Self(others | (headroom as u64) << HEADROOM_SHIFT).with_len(len as usize)
    }

    #[inline(always)]
    pub(crate) const fn more(self) -> usize {
        (self.0 >> 32) as usize & MOST_MORE
    }

    pub(crate) const fn with_more(self, more: usize) -> Self {
        Self(self.0 & !((MOST_MORE as u64) << 32) | ((more & MOST_MORE) as u64) << 32)
    }

    #[inline(always)]
    pub(crate) fn pool(self) -> PoolId {
        PoolId::of(self.0)
    }

    #[inline(always)]
    pub(crate) const fn headroom(self) -> usize {
        (self.0 >> HEADROOM_SHIFT) as usize
    }

    /// Adds `count` bytes at the start, out of the headroom, which has them. The length stays below 2^16.
    #[inline(always)]
    pub(crate) const fn moved_down(self, count: usize) -> Self {
        let moved = Self(self.0.wrapping_add(count as u64).wrapping_sub((count as u64) << HEADROOM_SHIFT));
        // It may have become long enough.
        if self.0 & SHORT != 0 { moved.with_len(moved.len()) } else { moved }
    }

    /// Gives `count` bytes at the start to the headroom: at most the length.
    #[inline(always)]
    pub(crate) const fn moved_up(self, count: usize) -> Self {
        let moved = Self(self.0.wrapping_sub(count as u64).wrapping_add((count as u64) << HEADROOM_SHIFT));
        if self.len() < count + SHORTEST { moved.now_short() } else { moved }
    }

    /// Notes that the length has become short.
    #[cold]
    #[inline(never)]
    const fn now_short(self) -> Self {
        self.with_len(self.len())
    }
}

/// The packets that a queue sends without a closer look: packets of one pool, in one segment with the headroom of an
/// empty packet, with [`SHORTEST`] to some number of bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Simple {
    /// What is subtracted from their extents, which leaves a number below `limit`.
    common: u64,
    /// A power of two, so that several of these numbers, ORed, are below it if each is.
    limit: u64,
    /// What is added to that number for the second word of the descriptor.
    word: u64,
}

impl Simple {
    /// No packets.
    pub(crate) const NONE: Self = Self { common: 0, limit: 0, word: 0 };

    /// Packets of `pool` with [`SHORTEST`] to `max_len` bytes. `max_len` is below 2^16.
    pub(crate) const fn of(pool: PoolId, max_len: u64) -> Self {
        let limit = (max_len + 1).next_power_of_two();
        // The longest length becomes the last number below the limit.
        let bias = limit - 1 - max_len;
        Self { common: pool.word().wrapping_sub(bias), limit, word: SENT.wrapping_sub(bias) }
    }

    /// Returns a number that is [good](Self::is_good) if `extent` is of such a packet.
    #[inline(always)]
    pub(crate) const fn look(self, extent: Extent) -> u64 {
        extent.0.wrapping_sub(self.common)
    }

    /// Returns the number of `extent`, if its data were not moved in the buffer, and how many bytes they were moved up.
    #[inline(always)]
    pub(crate) const fn look_at_moved(self, extent: Extent) -> (u64, isize) {
        let number = self.look(extent);
        let moved = number as i64 >> HEADROOM_SHIFT;
        (number.wrapping_sub((moved as u64) << HEADROOM_SHIFT), moved as isize)
    }

    /// Returns `true` if a number, or each of several that were ORed, is of such a packet.
    #[inline(always)]
    pub(crate) const fn is_good(self, numbers: u64) -> bool {
        numbers < self.limit
    }

    /// Returns the descriptor of a packet whose number is good, and whose bytes are at `address`.
    #[inline(always)]
    pub(crate) fn descriptor<F: SendFormat>(self, number: u64, address: DmaAddr) -> Written<F::Descriptor> {
        Written::new(address, F::second_word(number.wrapping_add(self.word)))
    }

    /// As [`descriptor`](Self::descriptor), with a request for a report.
    #[inline(always)]
    pub(crate) fn reported_descriptor<F: SendFormat>(self, number: u64, address: DmaAddr) -> Written<F::Descriptor> {
        Written::new(address, F::second_word(number.wrapping_add(self.word)) | REPORT)
    }
}

/// What requests a report of a descriptor.
const REPORT: u64 = value!(Legacy { RS: true }).bits()[1];

/// Returns the descriptor that sends `len` bytes at `address`, which are a whole packet.
#[inline(always)]
pub(crate) fn whole<F: SendFormat>(len: u64, address: DmaAddr) -> Written<F::Descriptor> {
    Written::new(address, F::second_word(SENT.wrapping_add(len)))
}
