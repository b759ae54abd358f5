//! The numbers of a packet in one word, laid out as in the descriptor that sends it.

use crate::descriptors::{LegacyTransmitRead as Legacy, Written};
use crate::dma::DmaAddr;
use crate::field::Field;
use crate::pool::{HEADROOM, PoolId};
use crate::value;

/// What else there is to say of a packet: four numbers in one word, so that they are written, and checked, at once.
///
/// | bits | |
/// |---|---|
/// | 15:0 | length of the first segment, at most a buffer with its headroom |
/// | 31:16 | as in the descriptor that sends it, but for [`NONE`](Self::NONE), which says that the length is 0 |
/// | 37:32 | how many buffers follow it |
/// | 48:38 | the pool |
/// | 63:49 | the headroom: where in the buffer `data` is |
#[derive(Clone, Copy)]
pub(super) struct Extent(u64);

/// Whether `LENGTH` stands in the lowest bits of the second word.
const fn length_is_lowest<F: Field<Legacy>>(_length: F) -> bool {
    F::LSB == 64 && F::WIDTH == 16
}

/// The most buffers that can follow the first.
pub(super) const MOST_MORE: usize = 0x3f;

/// What the extents of packets of one segment, whose data are where they are in an empty packet, have in common beside the
/// pool and the length.
pub(crate) const COMMON: u64 = Extent(Extent::SENT).with_headroom(HEADROOM).0;

impl Extent {
    /// What is sent with each packet of one segment, beside its length: it stands in between.
    const SENT: u64 = {
        let [_, sent] = value!(Legacy { EOP: true, IFCS: true }).bits();
        assert!(sent & (0xffff | Self::NONE) == 0 && sent >> 32 == 0, "the flags are elsewhere");
        assert!(length_is_lowest(Legacy::LENGTH), "the length is elsewhere");
        sent
    };
    /// No packet is sent without bytes. One flag, so that it shows among the lengths of several, ORed.
    const NONE: u64 = 1 << 16;

    /// One segment of `len` bytes, at least one, in a buffer of `pool`, where it is in an empty packet.
    #[inline(always)]
    pub(super) const fn new(pool: PoolId, len: u16) -> Self {
        Self(pool.word() | len as u64)
    }

    #[inline(always)]
    pub(super) const fn len(self) -> usize {
        self.0 as u16 as usize
    }

    pub(super) const fn with_len(self, len: usize) -> Self {
        let none = if len == 0 { Self::NONE } else { 0 };
        Self(self.0 >> 32 << 32 | Self::SENT | none | len as u16 as u64)
    }

    #[inline(always)]
    pub(super) const fn more(self) -> usize {
        (self.0 >> 32) as usize & MOST_MORE
    }

    pub(super) const fn with_more(self, more: usize) -> Self {
        Self(self.0 & !((MOST_MORE as u64) << 32) | ((more & MOST_MORE) as u64) << 32)
    }

    #[inline(always)]
    pub(super) fn pool(self) -> PoolId {
        PoolId::of(self.0)
    }

    #[inline(always)]
    pub(super) const fn headroom(self) -> usize {
        (self.0 >> 49) as usize
    }

    pub(super) const fn with_headroom(self, headroom: usize) -> Self {
        Self(self.0 << 15 >> 15 | (headroom as u64) << 49)
    }

    /// How a packet of this extent is sent, if it is a [`Usual`] one. Otherwise what is not [good](Sent::is_good).
    #[inline(always)]
    pub(super) const fn sent(self, usual: Usual) -> Sent {
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
        Self(pool.word() - Extent::SENT)
    }
}

/// The second word of the descriptor that sends a packet, or such words of several packets, ORed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent(u64);

impl Sent {
    /// That of a packet of `len` bytes: at least one, and no more than 16 bits can say.
    #[inline(always)]
    pub(crate) const fn of_len(len: u64) -> Self {
        Self(Extent::SENT.wrapping_add(len))
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
        self.0.wrapping_sub(Extent::SENT | 1) < most
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
