//! Virtqueues: the memory that the driver shares with the device for each queue (specification 2.6).
//!
//! There are two kinds: [`SplitRing`] has descriptors, and a ring for each direction; [`PackedRing`] has one ring of
//! descriptors, which both sides write. The features decide on one kind for all queues of a device. A queue is written
//! once, over a [`Ring`], and compiled for each kind. [`Either`] of the two is chosen once in a call.
//!
//! The memory is accessed as atomics alone, and nothing that the device could write is read back to find out what the
//! driver itself did: which descriptors belong together, and how many are posted, the driver keeps in memory of its own.

mod packed;
mod split;

use core::fmt;
use core::ptr::NonNull;

use ixgbe::dma::{Dma, DmaAddr, DmaError, Mapping, Memory};

use crate::feature::{Feature, Features};

pub(crate) use packed::PackedRing;
pub(crate) use split::SplitRing;

/// The greatest number of descriptors of a queue that this driver uses.
pub const MAX_SIZE: u16 = 1 << 15;

/// A rule of the ring that the device broke. The queue is not used any more until the device is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The index of the used ring counts more buffers than the device has.
    IndexJump {
        /// The index.
        index: u16,
        /// The index up to which the driver has seen buffers.
        seen: u16,
        /// The number of buffers that the device has.
        posted: u16,
    },
    /// A descriptor of a packed ring has flags that the device cannot give it: it is not the turn of the descriptor, or
    /// the device has no buffers.
    Flags {
        /// The place of the descriptor in the ring.
        place: u16,
        /// The flags.
        flags: u16,
        /// The number of buffers that the device has.
        posted: u16,
    },
    /// A used buffer has an id that no descriptor has.
    NoSuchId {
        /// The id.
        id: u32,
        /// The number of descriptors.
        size: u16,
    },
    /// A used buffer was not posted, or came back already.
    NotPosted {
        /// The id.
        id: u16,
    },
    /// The device says that it wrote more than the buffer holds.
    TooLong {
        /// The length in bytes.
        len: u32,
        /// The size of the buffer in bytes.
        max: u32,
    },
    /// The device says that it wrote less than must be there.
    TooShort {
        /// The length in bytes.
        len: u32,
        /// The shortest length in bytes.
        min: u32,
    },
    /// The device did not reset the queue, or does not take it again: it is out of use until that succeeds.
    NotReset,
    /// The header of a frame counts no receive buffer, or more than the device has.
    BufferCount {
        /// The number of buffers.
        count: u16,
        /// The number of buffers that the device has.
        posted: u16,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the device broke a rule: ")?;
        match self {
            Self::IndexJump { index, seen, posted } => {
                write!(f, "its used index went from {seen} to {index}, but it has only {posted} buffers")
            }
            Self::Flags { place, flags, posted } => {
                write!(f, "descriptor {place} of its ring has the flags {flags:#06x}, and it has {posted} buffers")
            }
            Self::NoSuchId { id, size } => write!(f, "it used descriptor {id}, and there are {size}"),
            Self::NotPosted { id } => write!(f, "it used descriptor {id}, which it does not have"),
            Self::TooLong { len, max } => write!(f, "it wrote {len} bytes into a buffer of {max}"),
            Self::TooShort { len, min } => write!(f, "it wrote {len} bytes, and at least {min} must be there"),
            Self::NotReset => f.write_str("it did not reset the queue, or does not take it again"),
            Self::BufferCount { count, posted } => {
                write!(f, "a frame fills {count} buffers, and the device has {posted}")
            }
        }
    }
}

impl core::error::Error for Fault {}

/// A used buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    /// Its first descriptor. There is such a descriptor.
    pub(crate) id: u16,
    /// How many bytes the device says that it wrote.
    pub(crate) len: u32,
}

/// A part of a buffer: its id, where the device sees it, and its length in bytes.
pub(crate) type Part = (u16, DmaAddr, u32);

/// The memory of a ring: three parts in one piece, which the device accesses too.
struct Area {
    parts: [(NonNull<u8>, DmaAddr); 3],
    // Dropped in this order: the device loses sight of the memory before it is freed.
    _mapping: Mapping,
    _memory: Memory,
}

impl Area {
    /// Allocates at least `len` bytes of zeros, aligned to 4 KiB, with parts at `offsets`.
    fn new(dma: &impl Dma, len: usize, offsets: [usize; 3]) -> Result<Self, DmaError> {
        let memory = dma.allocate(len)?;
        let mapping = dma.map(&memory)?;
        let in_one_piece = memory.len() >= len && mapping.is_contiguous(memory.base(), len);
        let part = |offset: usize| {
            // SAFETY: it is below the length of the memory.
            let part = (in_one_piece && offset < len).then(|| unsafe { memory.base().add(offset) })?;
            Some((part, mapping.address(part)?))
        };
        let [Some(first), Some(second), Some(third)] = offsets.map(part) else {
            return Err(DmaError::NotMappable { len, reason: "a ring must be in one piece" });
        };
        Ok(Self { parts: [first, second, third], _mapping: mapping, _memory: memory })
    }

    /// Returns where the parts are.
    fn parts(&self) -> [NonNull<u8>; 3] {
        self.parts.map(|(part, _)| part)
    }

    /// Returns where the device finds the parts.
    fn addresses(&self) -> [DmaAddr; 3] {
        self.parts.map(|(_, address)| address)
    }
}

/// The rings that the features ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RingTerms {
    packed: bool,
    /// Each side says at which place it wants to be notified.
    event_index: bool,
}

impl RingTerms {
    pub(crate) fn new(features: Features) -> Self {
        Self { packed: features.has(Feature::RingPacked), event_index: features.has(Feature::EventIdx) }
    }

    /// Returns `true` if a queue can have `size` descriptors.
    pub(crate) fn allow(self, size: u16) -> bool {
        (1..=MAX_SIZE).contains(&size) && (self.packed || size.is_power_of_two())
    }

    /// Returns the greatest size of a queue that is no more than `wanted`, where the device has at most `max`.
    pub(crate) fn size(self, wanted: u16, max: u16) -> u16 {
        let size = wanted.clamp(2, MAX_SIZE).min(max).max(1);
        if self.packed { size } else { 1 << size.ilog2() }
    }

    /// Makes an empty ring of `size` descriptors.
    pub(crate) fn make(self, dma: &impl Dma, size: u16) -> Result<AnyRing, DmaError> {
        Ok(match self.packed {
            false => Either::Split(SplitRing::new(dma, size, self.event_index)?),
            true => Either::Packed(PackedRing::new(dma, size, self.event_index)?),
        })
    }
}

/// A virtqueue of which the device knows.
///
/// The driver posts buffers under ids of its choice, and shows them to the device with [`publish`](Self::publish). The
/// device returns buffers in any order. Those that come back in the order in which they were posted are found in
/// numbers with [`returned`](Self::returned), all others one by one with [`look`](Self::look).
pub(crate) trait Ring: fmt::Debug + Sized {
    /// Makes an empty ring of the same kind and size.
    fn renew(&self, dma: &impl Dma) -> Result<Self, DmaError>;

    /// Returns the number of descriptors. All ids are below it.
    fn size(&self) -> u16;

    /// Returns where the device finds the descriptors, and what the driver and the device write beside them.
    fn addresses(&self) -> [DmaAddr; 3];

    /// Returns the number of free descriptors.
    fn free(&self) -> usize;

    /// Returns the number of buffers that were posted and did not come back.
    fn posted(&self) -> u16;

    /// Asks the device for no interrupt: a driver that polls needs none, and one that waits asks for the next one. To be
    /// called after each sweep that took buffers.
    fn suppress_interrupts(&mut self);

    /// Asks the device for an interrupt when it has used the next buffer.
    ///
    /// It asks for none about buffers that were used before: look for them after this.
    fn request_interrupt(&mut self);

    /// Returns how many buffers of one descriptor can be posted in one piece.
    fn room(&self) -> usize;

    /// Returns what writes the descriptor of a buffer, which the device writes if `WRITE`, else reads. It takes the number
    /// of the buffer, from 0 on, its id, its address and its length in bytes. [`advance`](Self::advance) completes what was
    /// begun so.
    ///
    /// # Safety
    ///
    /// What is returned is called once for each number below some count, and that is at most the [room](Self::room). Each id
    /// is free and below the size of the ring. The device may access the bytes until the id comes back, or the device was
    /// reset. In a packed ring it may do so from the call on, and write the descriptor when it is done.
    unsafe fn poster<const WRITE: bool>(&mut self) -> impl Fn(usize, usize, DmaAddr, u64);

    /// Posts the buffers with `ids`, whose descriptors [`poster`](Self::poster) wrote, in this order. They are sorted if each
    /// is 1 more than that before it.
    fn advance(&mut self, ids: &[u16], are_sorted: bool);

    /// Posts several parts as one buffer: the first `readable` of them for the device to read, the others to write. The id of
    /// the first comes back. Returns `false` if too few descriptors are free, or if there are no parts.
    ///
    /// # Safety
    ///
    /// As for [`poster`](Self::poster), for all parts.
    unsafe fn post_chain(&mut self, parts: &[Part], readable: usize) -> bool;

    /// Shows the device what was posted. Returns `true` if the device wants its doorbell rung for that.
    fn publish(&mut self) -> bool;

    /// Looks at how far the device has come.
    fn refresh(&mut self) -> Result<(), Fault>;

    /// Returns how many buffers can have come back since [`refresh`](Self::refresh), and how many descriptors they can have,
    /// as far as they are found in one piece.
    fn waiting(&self) -> (usize, usize);

    /// Returns what says whether a buffer has come back. It takes the buffer's number, from 0 on, and the number of
    /// descriptors of those before it, both below what is [waiting](Self::waiting), and the id that it has if the device keeps
    /// the order.
    fn returned(&self) -> impl Fn(usize, usize, usize) -> bool;

    /// As [`returned`](Self::returned), for buffers of one descriptor each, and says how many bytes the device wrote, if these
    /// are `MIN` to `max`.
    fn written<const MIN: u32>(&self, max: u32) -> impl Fn(usize, usize) -> Option<u64>;

    /// Takes the first `count` used buffers, which had that many `descriptors`: these are free again.
    ///
    /// The caller knows that these buffers were posted, and have come back.
    fn skip(&mut self, count: u16, descriptors: u16);

    /// Returns the next used buffer without taking it, if there is one since [`refresh`](Self::refresh).
    fn look(&self) -> Result<Option<Used>, Fault>;
}

/// One of the two kinds: a ring, or what is built over one.
#[derive(Debug)]
pub(crate) enum Either<S, P> {
    Split(S),
    Packed(P),
}

/// A ring of either kind.
pub(crate) type AnyRing = Either<SplitRing, PackedRing>;

/// Does the same with either kind: `either!(queue, ring => ring.size())`. With `map`, the result is of the same kind.
macro_rules! either {
    ($either:expr, $name:ident => $body:expr) => {
        match $either {
            $crate::ring::Either::Split($name) => $body,
            $crate::ring::Either::Packed($name) => $body,
        }
    };
    (map $either:expr, $name:ident => $body:expr) => {
        match $either {
            $crate::ring::Either::Split($name) => $crate::ring::Either::Split($body),
            $crate::ring::Either::Packed($name) => $crate::ring::Either::Packed($body),
        }
    };
}
pub(crate) use either;
