//! Pools by number: what a packet says of its pool in a few bits.

use core::num::NonZeroU64;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::descriptors::LegacyTransmitRead as Legacy;
use crate::field::Field;
use crate::pool::{HEADROOM, Inner};
use crate::value;

/// How many numbers there are. No pool has number 0.
const NUMBERS: usize = 1 << 11;

/// The maximum number of pools at a time.
pub const MAX_POOLS: usize = NUMBERS - 1;

static POOLS: [AtomicPtr<Inner>; NUMBERS] = [const { AtomicPtr::new(ptr::null_mut()) }; NUMBERS];

/// What tells pools apart: a number that is the pool's as long as there is a handle to it, or a buffer of it.
///
/// It is kept in the word that all simple packets of the pool have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PoolId(NonZeroU64);

/// Where the number stands there.
const SHIFT: u32 = 38;
const MASK: u64 = (NUMBERS as u64 - 1) << SHIFT;
/// What is sent with each packet of one segment, beside its length: it stands above the length.
pub(super) const SENT: u64 = {
    let [_, sent] = value!(Legacy { EOP: true, IFCS: true }).bits();
    assert!(sent & (0xffff | SHORT) == 0 && sent >> 32 == 0, "the flags are elsewhere");
    assert!(length_is_lowest(Legacy::LENGTH), "the length is elsewhere");
    sent
};
/// The length of the shortest packet that is sent: an Ethernet header. Shorter ones can hang the transmit unit (DPDK
/// commit fc6f59a0d6), also without the field PAYLEN, with which 17 bytes are needed.
pub(crate) const SHORTEST: usize = 14;
/// The packet is shorter than that. One flag, so that it shows among the lengths of several, ORed.
pub(super) const SHORT: u64 = 1 << 16;
/// Where the headroom stands.
pub(super) const HEADROOM_SHIFT: u32 = 49;
/// What else stands there: flags and headroom of an empty packet.
const EMPTY: NonZeroU64 = NonZeroU64::new(SENT | (HEADROOM as u64) << HEADROOM_SHIFT).expect("some headroom");

/// Returns `true` if `LENGTH` stands in the lowest bits of the second word.
const fn length_is_lowest<F: Field<Legacy>>(_length: F) -> bool {
    F::LSB == 64 && F::WIDTH == 16
}

impl PoolId {
    /// Takes the first number that is free, for `pool` from here on. Returns `None` if none is.
    pub(super) fn take(pool: NonNull<Inner>) -> Option<Self> {
        let take = |place: &&AtomicPtr<Inner>| {
            place.compare_exchange(ptr::null_mut(), pool.as_ptr(), Ordering::AcqRel, Ordering::Relaxed).is_ok()
        };
        let number: u64 = (1..).zip(&POOLS[1..]).find(|(_, place)| take(place))?.0;
        Some(Self(EMPTY | number << SHIFT))
    }

    /// Gives the number back, which has been the pool's: nothing that says it is left.
    pub(super) fn give_back(self) {
        self.place().store(ptr::null_mut(), Ordering::Release);
    }

    /// Returns what the [extents](super::extent::Extent) of the pool's simple packets have in common, beside the
    /// length.
    #[inline(always)]
    pub(crate) const fn word(self) -> u64 {
        self.0.get()
    }

    /// Reads the pool from a packet's word.
    #[inline(always)]
    pub(crate) fn of(word: u64) -> Self {
        Self(EMPTY | word & MASK)
    }

    fn place(self) -> &'static AtomicPtr<Inner> {
        // Masked, so that no number is out of bounds.
        &POOLS[((self.0.get() & MASK) >> SHIFT) as usize % NUMBERS]
    }

    /// Returns the pool itself, as long as the number is its.
    #[inline]
    pub(crate) fn pool(self) -> *mut Inner {
        self.place().load(Ordering::Acquire)
    }
}
