//! The numbers of a packet in one word, laid out as in the descriptor that sends it.

use crate::descriptors::{LegacyTransmitRead as Legacy, Written};
use crate::dma::DmaAddr;
use crate::pool::PoolId;
use crate::pool::id::{HEADROOM_SHIFT, NONE, SENT};
use crate::value;

/// What else there is to say of a packet: four numbers in one word, so that they are written, and checked, at once.
///
/// | bits | |
/// |---|---|
/// | 15:0 | length of the first segment, at most a buffer with its headroom |
/// | 31:16 | as in the descriptor that sends it, but for `NONE`, which says that the length is 0 |
/// | 37:32 | how many buffers follow it |
/// | 48:38 | the pool |
/// | 63:49 | the headroom: where in the buffer `data` is |
#[derive(Clone, Copy)]
pub(crate) struct Extent(u64);

/// The most buffers that can follow the first.
pub(crate) const MOST_MORE: usize = 0x3f;

impl Extent {
    /// One segment of `len` bytes, at least one, in a buffer of `pool`, where it is in an empty packet.
    #[inline(always)]
    pub(crate) const fn new(pool: PoolId, len: u16) -> Self {
        Self(pool.word() | len as u64)
    }

    #[inline(always)]
    pub(crate) const fn len(self) -> usize {
        self.0 as u16 as usize
    }

    pub(crate) const fn with_len(self, len: usize) -> Self {
        let none = if len == 0 { NONE } else { 0 };
        Self(self.0 >> 32 << 32 | SENT | none | len as u16 as u64)
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

    pub(crate) const fn with_headroom(self, headroom: usize) -> Self {
        Self(self.0 & !(u64::MAX << HEADROOM_SHIFT) | (headroom as u64) << HEADROOM_SHIFT)
    }

    /// How a packet of this extent is sent, if it is a [`Usual`] one. Otherwise what is not [good](Sent::is_good).
    #[inline(always)]
    pub(crate) const fn sent(self, usual: Usual) -> Sent {
        Sent(self.0.wrapping_sub(usual.0))
    }
}

/// What usual packets of a pool have in common: one segment, whose data are where they are in an empty packet.
///
/// Taken away from a packet's extent, it leaves the second word of the descriptor that sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usual(u64);

impl Usual {
    /// Those of no pool at all.
    pub(crate) const NONE: Self = Self(0);

    /// Those of `pool`.
    #[inline(always)]
    pub(crate) const fn of(pool: PoolId) -> Self {
        Self(pool.word() - SENT)
    }
}

/// The second word of the descriptor that sends a packet, or such words of several packets, ORed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent(u64);

impl Sent {
    /// That of a packet of `len` bytes: at least one, and no more than 16 bits can say.
    #[inline(always)]
    pub(crate) const fn of_len(len: u64) -> Self {
        Self(SENT.wrapping_add(len))
    }

    /// That of no packet: what any other is ORed to.
    pub(crate) const NOTHING: Self = Self(0);

    /// Both, ORed.
    #[inline(always)]
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it is of a usual packet, or of several, with 1 to `most` bytes. (Lengths ORed are at least the largest: where that
    /// is too strict, one is not.)
    #[inline(always)]
    pub(crate) const fn is_good(self, most: u64) -> bool {
        // With fewer bytes, flags are missing; and whatever else is set is more than any length.
        self.0.wrapping_sub(SENT | 1) < most
    }

    /// The word, in an address's descriptor.
    #[inline(always)]
    pub(crate) fn at(self, address: DmaAddr) -> Written<Legacy> {
        Written::new(address, self.0)
    }

    /// With a report asked for.
    #[inline(always)]
    pub(crate) const fn reported(self) -> Self {
        Self(self.0 | value!(Legacy { RS: true }).bits()[1])
    }
}
