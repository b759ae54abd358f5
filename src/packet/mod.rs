//! Packets, and batches of them.
//!
//! A [`Packet`] owns its buffer: neither other code nor a device can access it. Dropping the packet returns the buffer
//! to its pool. The packet is a handle of two words, so moving it does not move the bytes.

mod batch;
mod copy;
mod drivers;
mod headers;
pub(crate) mod numbers;
mod posted;

use alloc::vec::Vec;
use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

pub use batch::{Batch, Entry};
pub(crate) use batch::{Outgoing, sealed};
pub use copy::CopyError;
pub use drivers::Leaving;
pub(crate) use headers::{ETHERNET, IPV4_TOTAL, IPV6_PAYLOAD, may_follow_ipv6};
pub use headers::{HeaderError, Headers, Network, Transport};
pub use posted::{PostedBuffers, PostedPackets};

use crate::pool::{self, Buffer, Extent, HEADROOM, Inner, Link, MOST_MORE, Pool, PoolId};

/// A packet that owns its bytes, from the Ethernet header on and without the CRC.
///
/// A frame larger than a buffer has several [segments](Self::segments). A packet dereferences to the bytes of its first
/// segment, where its headers are. [`len`](Self::len) counts the bytes of all segments.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let pool = ixgbe::pool::Pool::new(&ixgbe_sim::Port::new(Default::default()), 4, 2048)?;
/// let mut packet = pool.take().ok_or("all buffers are in use")?;
/// packet.extend_from_slice(&[0xff; 12])?;       // copies bytes to the end
/// packet.append(2)?.copy_from_slice(&[8, 6]);   // adds two bytes, and writes them in place
/// packet.resize(60, 0)?;                        // pads with zeros
/// let copy = packet.try_clone_into(&pool)?;
/// assert_eq!((copy.len(), copy[12]), (60, 8));
/// # Ok(())
/// # }
/// ```
pub struct Packet {
    data: NonNull<u8>,
    extent: Extent,
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
    /// Makes the packet in `buffer`, of which the first `len` bytes count, at least one.
    ///
    /// # Safety
    ///
    /// The buffer must be of `pool`, and `len` at most the pool's buffer size.
    #[inline(always)]
    pub(crate) unsafe fn new(buffer: Buffer, pool: PoolId, len: u16) -> Self {
        Self { data: buffer.data(), extent: Extent::new(pool, len) }
    }

    /// Returns the packet in `buffer`, of which the first `len` bytes count, and in `more` others, which are linked to
    /// it.
    ///
    /// # Safety
    ///
    /// As for [`new`](Self::new); the caller gives up all these buffers, whose links have their lengths.
    #[inline]
    pub(crate) unsafe fn of_several(buffer: Buffer, pool: PoolId, len: u16, more: usize) -> Self {
        Self { data: buffer.data(), extent: Extent::new(pool, len).with_more(more) }
    }

    /// Makes the packet in `buffer`, without any bytes.
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

    #[inline]
    fn inner(&self) -> &Inner {
        // SAFETY: a packet's buffer keeps its pool alive.
        unsafe { &*self.pool().pool() }
    }

    /// Returns the address of the first byte.
    #[inline(always)]
    pub(crate) fn data(&self) -> NonNull<u8> {
        self.data
    }

    /// Returns what else there is to say of the packet.
    #[inline(always)]
    pub(crate) fn extent(&self) -> Extent {
        self.extent
    }

    /// Returns the packet's first buffer.
    ///
    /// # Safety
    ///
    /// The packet still owns the buffer. Only inspect the result, or `forget` the packet and take over ownership.
    #[inline(always)]
    pub(crate) unsafe fn buffer(&self) -> Buffer {
        // SAFETY: `data` is `headroom()` bytes past the buffer's start, so this is its default data address, inside it.
        unsafe { Buffer::from_data(self.data.sub(self.headroom()).add(HEADROOM)) }
    }

    /// Takes the packet apart into its buffers, in order.
    #[inline(always)]
    pub(crate) fn into_buffers(self, mut each: impl FnMut(Buffer)) {
        // Each is read before the buffer before it is given away, which owns the link.
        let packet = ManuallyDrop::new(self);
        let mut parts = packet.parts();
        let mut next = parts.next();
        while let Some((buffer, ..)) = next {
            next = parts.next();
            each(buffer);
        }
    }

    /// Returns the packet's buffers, in order, with the address of the bytes in each, and their number. They still
    /// belong to the packet.
    #[inline(always)]
    pub(crate) fn parts(&self) -> Parts<'_> {
        // SAFETY: the caller uses only the packet, or only the buffers.
        let buffer = unsafe { self.buffer() }.data();
        let (len, left) = (self.extent.len() as u16, self.extent.more() + 1);
        Parts { pool: self.inner(), buffer, data: self.data, len, left }
    }

    /// Returns the buffers that follow the first, and how many bytes of each count. They still belong to the packet.
    #[inline(always)]
    fn following(&self) -> impl Iterator<Item = (Buffer, u16)> {
        self.parts().skip(1).map(|(buffer, _, len)| (buffer, len))
    }

    /// Adds `buffer` of the same pool behind `last`, the last of the packet's buffers. `len` bytes were received into
    /// it. Gives it back if the packet has as many buffers as one can have.
    pub(crate) fn push_segment(&mut self, last: &Buffer, buffer: Buffer, len: u16) -> Result<(), Buffer> {
        if self.extent.more() == MOST_MORE {
            return Err(buffer);
        }
        self.inner().follow(last, Link { next: Some(buffer.data()), len });
        self.extent = self.extent.with_more(self.extent.more() + 1);
        Ok(())
    }

    /// Adds the buffer of `other` as the last segment, as a driver does that receives a frame into several buffers.
    ///
    /// # Errors
    ///
    /// Returns `other` if it is of another pool, if it has several segments or another headroom than an empty packet, or if
    /// this packet has 64 segments already.
    pub fn append_segment(&mut self, other: Self) -> Result<(), Self> {
        let fits = other.pool() == self.pool() && other.extent.more() == 0 && other.headroom() == HEADROOM;
        match self.parts().last() {
            Some((last, ..)) if fits && self.extent.more() < MOST_MORE => {
                let other = ManuallyDrop::new(other);
                // SAFETY: `other` is forgotten, and its buffer is this packet's from here on.
                let buffer = unsafe { other.buffer() };
                // There is room, so the buffer does not come back.
                _ = self.push_segment(&last, buffer, other.extent.len() as u16);
                Ok(())
            }
            _ => Err(other),
        }
    }

    /// Adds an empty segment in `buffer` of the same pool, as [`push_segment`](Self::push_segment) does.
    fn push_last(&mut self, buffer: Buffer) -> Result<(), Buffer> {
        match self.parts().last() {
            Some((last, ..)) => self.push_segment(&last, buffer, 0),
            None => Err(buffer),
        }
    }

    /// Returns the number of bytes in all segments.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.extent.len() + if self.extent.more() == 0 { 0 } else { self.following_len() }
    }

    /// Returns the number of bytes behind the first segment.
    #[cold]
    fn following_len(&self) -> usize {
        self.segment_lens().skip(1).sum()
    }

    /// Returns `true` if the packet has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of buffers that the packet lies in.
    #[must_use]
    #[inline(always)]
    pub fn segment_count(&self) -> usize {
        self.extent.more() + 1
    }

    /// Returns the number of bytes in each segment.
    #[inline(always)]
    pub fn segment_lens(&self) -> impl Iterator<Item = usize> {
        self.parts().map(|(_, _, len)| len.into())
    }

    /// Returns the bytes of the packet, one slice per segment.
    pub fn segments(&self) -> impl Iterator<Item = &[u8]> {
        let rest = self.following().map(|(buffer, len)| {
            // SAFETY: the packet owns the buffers that follow its first, and `len` bytes of each belong to the packet.
            unsafe { core::slice::from_raw_parts(buffer.data().as_ptr(), usize::from(len)) }
        });
        core::iter::once(&**self).chain(rest)
    }

    /// Calls `each` with the bytes of each segment, in order.
    pub fn for_each_segment_mut(&mut self, mut each: impl FnMut(&mut [u8])) {
        each(self);
        for (buffer, len) in self.following() {
            // SAFETY: the packet owns the buffers that follow its first, alone, and `len` bytes of each belong to the
            // packet. The slice ends with this call, before the next is made; all are of different buffers.
            each(unsafe { core::slice::from_raw_parts_mut(buffer.data().as_ptr(), usize::from(len)) });
        }
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
        self.extent = self.extent.with_more(kept);
        for buffer in rest {
            drop(Self { data: buffer.data(), extent: Extent::new(self.pool(), 0).with_len(0) });
        }
    }

    /// Makes the packet `len` bytes long: truncates it, or appends bytes of `value`.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if it would grow by more than its [tailroom](Self::tailroom). Then it does not change.
    pub fn resize(&mut self, len: usize, value: u8) -> Result<(), NoRoom> {
        match len.checked_sub(self.len()) {
            Some(more) => self.append(more)?.fill(value),
            None => self.truncate(len),
        }
        Ok(())
    }

    /// Returns the number of free bytes in front of the packet.
    #[must_use]
    pub fn headroom(&self) -> usize {
        self.extent.headroom()
    }

    /// Returns the number of free bytes behind the last segment.
    #[must_use]
    pub fn tailroom(&self) -> usize {
        match self.last_following() {
            Some((_, (_, len))) => self.inner().size().saturating_sub(usize::from(len)),
            None => (self.inner().size() + HEADROOM).saturating_sub(self.headroom() + self.extent.len()),
        }
    }

    /// Returns the last buffer, with its length and the buffer before it, if the packet has several.
    fn last_following(&self) -> Option<(Buffer, (Buffer, u16))> {
        if self.extent.more() == 0 {
            return None;
        }
        // SAFETY: only looked at, as the packet keeps its buffers.
        let mut before = unsafe { self.buffer() };
        let mut all = self.following();
        let mut last = all.next()?;
        for next in all {
            before = core::mem::replace(&mut last, next).0;
        }
        Some((before, last))
    }

    /// Puts `bytes` in front of the packet.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if they are more than the [headroom](Self::headroom).
    #[inline]
    pub fn prepend(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        let (count, room) = (bytes.len(), self.headroom());
        if count > room || self.extent.len() + count > usize::from(u16::MAX) {
            return Err(NoRoom { wanted: count, room });
        }
        // SAFETY: that many bytes before the data belong to the same buffer, which the packet owns alone.
        unsafe {
            self.data = self.data.sub(count);
            self.data.copy_from_nonoverlapping(NonNull::from(bytes).cast(), count);
        }
        self.extent = self.extent.moved_down(count);
        Ok(())
    }

    /// Removes up to `count` bytes from the front of the first segment, which become headroom.
    ///
    /// A packet with an empty segment cannot be sent.
    #[inline]
    pub fn trim_front(&mut self, count: usize) {
        let len = self.extent.len();
        let count = count.min(len);
        // SAFETY: the first segment has at least that many bytes.
        self.data = unsafe { self.data.add(count) };
        self.extent = self.extent.moved_up(count);
    }

    /// Makes the last segment `count` bytes longer, and returns these bytes to be written.
    ///
    /// They hold what the buffer held before, such as bytes of an earlier packet.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if they are more than the [tailroom](Self::tailroom).
    pub fn append(&mut self, count: usize) -> Result<&mut [u8], NoRoom> {
        let room = self.tailroom();
        if count > room {
            return Err(NoRoom { wanted: count, room });
        }
        let Some((before, (last, len))) = self.last_following() else {
            let len = self.extent.len();
            self.extent = self.extent.with_len(len + count);
            return Ok(&mut self[len..]);
        };
        self.inner().follow(&before, Link { next: Some(last.data()), len: len + count as u16 });
        // SAFETY: the packet owns its last buffer, alone. It has `size` bytes from `data` on, which DMA memory has
        // initialised, and `len + count` is no more, as the tailroom is the rest.
        Ok(unsafe { core::slice::from_raw_parts_mut(last.data().as_ptr().add(usize::from(len)), count) })
    }

    /// Copies `bytes` to the end of the packet.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if they are more than the [tailroom](Self::tailroom).
    pub fn extend_from_slice(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        self.append(bytes.len())?.copy_from_slice(bytes);
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
        give_back(core::iter::once(Self { data, extent }));
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packet({} bytes in {} segments)", self.len(), self.segment_count())
    }
}

/// The buffers of a packet, with where the bytes are in each, and how many.
pub(crate) struct Parts<'a> {
    pool: &'a Inner,
    buffer: NonNull<u8>,
    data: NonNull<u8>,
    len: u16,
    left: usize,
}

impl Iterator for Parts<'_> {
    type Item = (Buffer, NonNull<u8>, u16);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        // SAFETY: the packet owns its buffers.
        let buffer = unsafe { Buffer::from_data(self.buffer) };
        let part = (buffer, self.data, self.len);
        if self.left > 0 {
            let link = self.pool.following(&part.0);
            (self.buffer, self.len) = (link.next?, link.len);
            self.data = self.buffer;
        }
        Some(part)
    }
}

/// Puts the buffers of a packet back into its pool.
#[inline(always)]
fn put_back(free: &mut pool::Free, packet: Packet) {
    if packet.extent.more() == 0 {
        // SAFETY: the packet is forgotten, and has no other buffer.
        free.push(unsafe { ManuallyDrop::new(packet).buffer() });
    } else {
        packet.into_buffers(|buffer| free.push(buffer));
    }
}

/// Returns the buffers of `packets` to their pools. A run of packets of one pool locks it once.
#[inline]
pub(crate) fn give_back(packets: impl Iterator<Item = Packet>) {
    let mut packets = packets.peekable();
    while let Some(first) = packets.next() {
        let pool = first.pool();
        let put = |free: &mut pool::Free| {
            put_back(free, first);
            while let Some(packet) = packets.next_if(|packet| packet.pool() == pool) {
                put_back(free, packet);
            }
        };
        // SAFETY: the buffers of the first packet keep the pool alive until `put` has given them back.
        unsafe { pool::change_free(pool, put) };
    }
}

impl Pool {
    /// Takes an empty packet, or returns `None` if all buffers are in use.
    #[must_use]
    pub fn take(&self) -> Option<Packet> {
        let buffer = self.take_buffer()?;
        // SAFETY: the buffer is of this pool.
        Some(unsafe { Packet::empty(buffer, self.id()) })
    }
}
