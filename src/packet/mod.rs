//! Packets, and batches of them.
//!
//! A [`Packet`] owns its buffer: neither other code nor a device can access it. Dropping the packet returns the buffer
//! to its pool. The packet is a handle of two words, so moving it does not move the bytes.

mod batch;

use alloc::vec::Vec;
use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

pub use batch::Batch;
pub(crate) use batch::Outgoing;

use crate::descriptors::{LegacyTransmitRead as Legacy, Written};
use crate::dma::DmaAddr;
use crate::field::Field;
use crate::pool::{self, Buffer, HEADROOM, Inner, Link, Pool, PoolId};
use crate::value;

/// A packet that owns its bytes.
///
/// It dereferences to its bytes, from the Ethernet header on and without the CRC. A frame larger than a buffer has
/// several [segments](Self::segments), and then it dereferences to the first one.
pub struct Packet {
    data: NonNull<u8>,
    extent: Extent,
}

/// What else there is to say of a packet: four numbers in one word, so that they are written, and checked, at once.
///
/// | bits | |
/// |---|---|
/// | 15:0 | length of the first segment, at most that of a buffer with its headroom |
/// | 31:16 | as in the descriptor that sends it, but for [`NONE`](Self::NONE), which says that the length is 0 |
/// | 37:32 | how many buffers follow it |
/// | 48:38 | the pool |
/// | 63:49 | the headroom: where in the buffer `data` is |
#[derive(Clone, Copy)]
struct Extent(u64);

/// Whether `LENGTH` stands in the lowest bits of the second word.
const fn length_is_lowest<F: Field<Legacy>>(_length: F) -> bool {
    F::LSB == 64 && F::WIDTH == 16
}

/// The most buffers that can follow the first.
const MOST_MORE: usize = 0x3f;

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
    const fn new(pool: PoolId, len: u16) -> Self {
        Self(pool.word() | len as u64)
    }

    #[inline(always)]
    const fn len(self) -> usize {
        self.0 as u16 as usize
    }

    const fn with_len(self, len: usize) -> Self {
        let none = if len == 0 { Self::NONE } else { 0 };
        Self(self.0 >> 32 << 32 | Self::SENT | none | len as u16 as u64)
    }

    #[inline(always)]
    const fn more(self) -> usize {
        (self.0 >> 32) as usize & MOST_MORE
    }

    const fn with_more(self, more: usize) -> Self {
        Self(self.0 & !((MOST_MORE as u64) << 32) | ((more & MOST_MORE) as u64) << 32)
    }

    #[inline(always)]
    fn pool(self) -> PoolId {
        PoolId::of(self.0)
    }

    #[inline(always)]
    const fn headroom(self) -> usize {
        (self.0 >> 49) as usize
    }

    const fn with_headroom(self, headroom: usize) -> Self {
        Self(self.0 << 15 >> 15 | (headroom as u64) << 49)
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

/// The second word of the descriptor that sends a packet, or those of several, ORed.
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

// SAFETY: a packet owns its buffer, and pools can be shared between threads.
unsafe impl Send for Packet {}
// SAFETY: a shared packet can only be read.
unsafe impl Sync for Packet {}

/// Too little room for some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom {
    /// The number of bytes to add.
    pub wanted: usize,
    /// The number of bytes that fit.
    pub room: usize,
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes do not fit into {}", self.wanted, self.room)
    }
}

impl core::error::Error for NoRoom {}

impl Packet {
    /// The packet in `buffer`, of which the first `len` bytes count, at least one.
    ///
    /// # Safety
    ///
    /// The buffer must be of `pool`, and `len` at most the pool's buffer size.
    #[inline(always)]
    pub(crate) unsafe fn new(buffer: Buffer, pool: PoolId, len: u16) -> Self {
        Self { data: buffer.data(), extent: Extent::new(pool, len) }
    }

    /// The packet in `buffer`, without any bytes.
    ///
    /// # Safety
    ///
    /// The buffer must be of `pool`.
    pub(crate) unsafe fn empty(buffer: Buffer, pool: PoolId) -> Self {
        Self { data: buffer.data(), extent: Extent::new(pool, 0).with_len(0) }
    }

    #[inline(always)]
    pub(crate) fn pool(&self) -> PoolId {
        self.extent.pool()
    }

    fn inner(&self) -> &Inner {
        // SAFETY: a packet's buffer keeps its pool alive.
        unsafe { &*self.pool().pool() }
    }

    /// Address of the first byte.
    #[inline(always)]
    pub(crate) fn data(&self) -> NonNull<u8> {
        self.data
    }

    /// How the packet is sent, if it is a [`Usual`] one. Otherwise what is not [good](Sent::is_good).
    #[inline(always)]
    pub(crate) fn sent(&self, usual: Usual) -> Sent {
        Sent(self.extent.0.wrapping_sub(usual.0))
    }

    /// The packet's first buffer.
    ///
    /// # Safety
    ///
    /// The packet still owns the buffer. Only inspect the result, or `forget` the packet and take over ownership.
    #[inline(always)]
    pub(crate) unsafe fn buffer(&self) -> Buffer {
        // SAFETY: `data` is `headroom()` bytes past the buffer's start, so this is its default data address, inside it.
        unsafe { Buffer::from_data(self.data.sub(self.headroom()).add(HEADROOM)) }
    }

    /// What follows the first buffer.
    fn rest(&self) -> Link {
        // SAFETY: only looked at.
        if self.extent.more() == 0 { Link::END } else { unsafe { self.inner().following(&self.buffer()) } }
    }

    /// Takes the packet apart into its buffers, in order.
    #[inline(always)]
    pub(crate) fn into_buffers(self, mut each: impl FnMut(Buffer)) {
        self.into_segments(|buffer, _, _| each(buffer));
    }

    /// Takes the packet apart into its buffers, in order, and where the bytes are in each and how many count.
    #[inline(always)]
    pub(crate) fn into_segments(self, mut each: impl FnMut(Buffer, NonNull<u8>, u16)) {
        let packet = ManuallyDrop::new(self);
        let mut following = packet.following();
        // Read before the first buffer is given away, which owns the link.
        let mut next = following.next();
        // SAFETY: the packet is forgotten.
        each(unsafe { packet.buffer() }, packet.data, packet.extent.len() as u16);
        while let Some((buffer, len)) = next {
            next = following.next();
            let data = buffer.data();
            each(buffer, data, len);
        }
    }

    /// The buffers that follow the first, and how many bytes of each count. They belong to the packet still.
    #[inline(always)]
    fn following(&self) -> impl Iterator<Item = (Buffer, u16)> {
        let mut link = self.rest();
        core::iter::from_fn(move || {
            let data = link.next?;
            let len = link.len;
            // SAFETY: the packet owns the buffers that follow its first.
            let buffer = unsafe { Buffer::from_data(data) };
            link = self.inner().following(&buffer);
            Some((buffer, len))
        })
    }

    /// The packet of `len` bytes that were received into `buffer` of `pool`; the buffer, if it does not have that many.
    #[cold]
    pub(crate) fn received(buffer: Buffer, pool: &Pool, len: u64) -> Result<Self, Buffer> {
        if len > pool.buffer_size() as u64 {
            return Err(buffer);
        }
        // SAFETY: just checked.
        let mut packet = unsafe { Self::empty(buffer, pool.id()) };
        packet.extent = packet.extent.with_len(len as usize);
        Ok(packet)
    }

    /// Adds `buffer` of the same pool at the end, into which `len` bytes were received. Gives it back if it does not
    /// have that many.
    #[cold]
    pub(crate) fn append(&mut self, buffer: Buffer, len: u64) -> Result<(), Buffer> {
        if len > self.inner().size() as u64 || self.extent.more() == MOST_MORE {
            return Err(buffer);
        }
        // SAFETY: only looked at.
        let last = self.following().last().map_or_else(|| unsafe { self.buffer() }, |(buffer, _)| buffer);
        self.inner().follow(&buffer, Link::END);
        self.inner().follow(&last, Link { next: Some(buffer.data()), len: len as u16 });
        self.extent = self.extent.with_more(self.extent.more() + 1);
        Ok(())
    }

    /// Returns the number of buffers that the packet lies in.
    #[must_use]
    #[inline(always)]
    pub fn segment_count(&self) -> usize {
        self.extent.more() + 1
    }

    /// Returns the number of bytes in all segments.
    #[must_use]
    pub fn total_len(&self) -> usize {
        self.segments().map(<[u8]>::len).sum()
    }

    /// Returns the bytes of the packet, one slice per segment.
    pub fn segments(&self) -> impl Iterator<Item = &[u8]> {
        let rest = self.following().map(|(buffer, len)| {
            // SAFETY: the packet owns the buffers that follow its first, and `len` bytes of each were received.
            unsafe { core::slice::from_raw_parts(buffer.data().as_ptr(), usize::from(len)) }
        });
        core::iter::once(&**self).chain(rest)
    }

    /// Truncates the packet to its first `len` bytes. Buffers that become empty return to the pool.
    ///
    /// A packet of fewer bytes does not change.
    pub fn truncate(&mut self, len: usize) {
        if self.extent.more() != 0 {
            self.truncate_segments(len);
        }
        if len < self.extent.len() {
            self.extent = self.extent.with_len(len);
        }
    }

    /// Cuts what follows the first segment, so that `len` bytes are left in all, or the first segment alone.
    #[cold]
    fn truncate_segments(&mut self, len: usize) {
        let mut left = len.saturating_sub(self.extent.len());
        let following: Vec<_> = self.following().collect();
        // SAFETY: the packet is taken apart here, and put together again from the same buffers.
        let mut last = unsafe { self.buffer() };
        let (mut kept, mut rest) = (0, Vec::new());
        for (buffer, bytes) in following {
            if left == 0 {
                rest.push(buffer);
                continue;
            }
            let bytes = left.min(usize::from(bytes));
            left -= bytes;
            kept += 1;
            self.inner().follow(&last, Link { next: Some(buffer.data()), len: bytes as u16 });
            last = buffer;
        }
        self.inner().follow(&last, Link { next: None, len: 0 });
        self.extent = self.extent.with_more(kept);
        for buffer in rest {
            drop(Self { data: buffer.data(), extent: Extent::new(self.pool(), 0).with_len(0) });
        }
    }

    /// Returns the number of free bytes in front of the packet.
    #[must_use]
    pub fn headroom(&self) -> usize {
        self.extent.headroom()
    }

    /// Returns the number of free bytes behind the packet, or behind its first segment.
    #[must_use]
    pub fn tailroom(&self) -> usize {
        (self.inner().size() + HEADROOM).saturating_sub(self.headroom() + self.len())
    }

    /// Puts `bytes` in front of the packet.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if they are more than the [headroom](Self::headroom).
    pub fn prepend(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        let room = self.headroom();
        if bytes.len() > room || self.len() + bytes.len() > usize::from(u16::MAX) {
            return Err(NoRoom { wanted: bytes.len(), room });
        }
        // SAFETY: that many bytes before the data belong to the same buffer.
        self.data = unsafe { self.data.sub(bytes.len()) };
        self.extent = self.extent.with_headroom(room - bytes.len()).with_len(self.len() + bytes.len());
        self[..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    /// Removes up to `count` bytes from the front of the first segment, which become headroom.
    pub fn trim_front(&mut self, count: usize) {
        let count = count.min(self.len());
        // SAFETY: the data has at least that many bytes.
        self.data = unsafe { self.data.add(count) };
        self.extent = self.extent.with_headroom(self.headroom() + count).with_len(self.len() - count);
    }

    /// Puts `bytes` behind the packet, or behind its first segment.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if they are more than the [tailroom](Self::tailroom).
    pub fn extend_from_slice(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        let room = self.tailroom();
        if bytes.len() > room {
            return Err(NoRoom { wanted: bytes.len(), room });
        }
        let from = self.len();
        self.extent = self.extent.with_len(from + bytes.len());
        self[from..].copy_from_slice(bytes);
        Ok(())
    }
}

impl Deref for Packet {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        // SAFETY: the packet owns its buffer, and `len` bytes from `data` on lie in it: the length of a received
        // packet was checked, and every change of the two keeps them within the buffer.
        unsafe { core::slice::from_raw_parts(self.data.as_ptr(), self.extent.len()) }
    }
}

impl DerefMut for Packet {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: the packet owns its buffer alone, and `len` bytes from `data` on lie in it, as `deref` has it.
        unsafe { core::slice::from_raw_parts_mut(self.data.as_ptr(), self.extent.len()) }
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        let Self { data, extent } = *self;
        pool::give_back(core::iter::once(Self { data, extent }));
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packet({} bytes in {} segments)", self.total_len(), self.segment_count())
    }
}
