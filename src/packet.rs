//! Packets, and batches of them.
//!
//! A [`Packet`] owns its buffer: nobody else, and no device, can reach it. Dropping it gives the
//! buffer back to its pool. It is a small handle (three words); the bytes stay where they are.

use alloc::vec::Vec;
use core::fmt;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

use crate::pool::{self, Buffer, HEADROOM, Inner, Link, Pool, PoolId};

/// A packet that owns its bytes.
///
/// It dereferences to its bytes, from the Ethernet header on and without the CRC. A frame longer than a
/// buffer has several [segments](Self::segments), of which this is the first.
pub struct Packet {
    data: NonNull<u8>,
    pool: PoolId,
    extent: Extent,
}

/// What else there is to say of a packet, in one word, so that it is written at once: the length of its first segment
/// (16 bits), how many buffers follow it (16 bits), and how far `data` has moved from where it is in an empty packet,
/// [`HEADROOM`] behind the start of the buffer (32 bits, signed).
#[derive(Clone, Copy)]
struct Extent(u64);

impl Extent {
    #[inline(always)]
    const fn new(len: u16, more: u16, moved: i32) -> Self {
        Self((moved as u32 as u64) << 32 | (more as u64) << 16 | len as u64)
    }

    #[inline(always)]
    const fn len(self) -> u16 {
        self.0 as u16
    }

    #[inline(always)]
    const fn more(self) -> u16 {
        (self.0 >> 16) as u16
    }

    #[inline(always)]
    const fn moved(self) -> i32 {
        (self.0 >> 32) as i32
    }
}

// SAFETY: a packet owns its buffer, and pools can be shared between threads.
unsafe impl Send for Packet {}
// SAFETY: a shared packet can only be read.
unsafe impl Sync for Packet {}

/// More bytes than there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom {
    /// How many bytes were asked for.
    pub wanted: usize,
    /// How many there are.
    pub room: usize,
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes do not fit into {}", self.wanted, self.room)
    }
}

impl core::error::Error for NoRoom {}

impl Packet {
    /// The packet in `buffer`, of which the first `len` bytes count.
    ///
    /// # Safety
    ///
    /// The buffer must be of `pool`, and `len` at most the pool's buffer size.
    #[inline(always)]
    pub(crate) unsafe fn new(buffer: Buffer, pool: PoolId, len: u16) -> Self {
        Self { data: buffer.data(), pool, extent: Extent::new(len, 0, 0) }
    }

    #[inline(always)]
    pub(crate) fn pool(&self) -> PoolId {
        self.pool
    }

    fn inner(&self) -> &Inner {
        // SAFETY: a packet's buffer keeps its pool alive.
        unsafe { self.pool.as_ref() }
    }

    /// Address of the first byte.
    #[inline(always)]
    pub(crate) fn data(&self) -> NonNull<u8> {
        self.data
    }

    /// A number that is below `max` only if the packet has one segment, of 1 to `max` bytes.
    #[inline(always)]
    pub(crate) fn excess(&self) -> u64 {
        u64::from((self.extent.0 as u32).wrapping_sub(1))
    }

    /// As [`excess`](Self::excess), but only if also the data are where they are in an empty packet.
    #[inline(always)]
    pub(crate) fn excess_or_moved(&self) -> u64 {
        self.extent.0.wrapping_sub(1)
    }

    /// The first buffer of a packet whose data are where they are in an empty one.
    ///
    /// # Safety
    ///
    /// As for [`buffer`](Self::buffer); and if the data have moved, it is none.
    #[inline(always)]
    pub(crate) unsafe fn unmoved_buffer(&self) -> Buffer {
        // SAFETY: as the caller says.
        unsafe { Buffer::from_data(self.data) }
    }

    /// The packet's first buffer.
    ///
    /// # Safety
    ///
    /// The packet stays its owner: the caller must only look, or forget the packet and own the buffer instead.
    #[inline(always)]
    pub(crate) unsafe fn buffer(&self) -> Buffer {
        // SAFETY: that is how far the data has moved from there, within the buffer.
        unsafe { Buffer::from_data(self.data.offset(-(self.extent.moved() as isize))) }
    }

    /// What follows the first buffer.
    fn rest(&self) -> Link {
        // SAFETY: only looked at.
        if self.extent.more() == 0 { Link::END } else { unsafe { self.inner().following(&self.buffer()) } }
    }

    /// Takes the packet apart into its buffers, in order.
    #[inline(always)]
    pub(crate) fn into_buffers(self, mut each: impl FnMut(Buffer)) {
        let packet = ManuallyDrop::new(self);
        let mut following = packet.following();
        // Read before the first buffer is given away, which owns the link.
        let mut next = following.next();
        // SAFETY: the packet is forgotten.
        each(unsafe { packet.buffer() });
        while let Some((buffer, _)) = next {
            next = following.next();
            each(buffer);
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
        Ok(unsafe { Self::new(buffer, pool.id(), len as u16) })
    }

    /// Adds `buffer` of the same pool at the end, into which `len` bytes were received. Gives it back if it does not
    /// have that many.
    #[cold]
    pub(crate) fn append(&mut self, buffer: Buffer, len: u64) -> Result<(), Buffer> {
        if len > self.inner().size() as u64 || self.extent.more() == u16::MAX {
            return Err(buffer);
        }
        // SAFETY: only looked at.
        let last = self.following().last().map_or_else(|| unsafe { self.buffer() }, |(buffer, _)| buffer);
        self.inner().follow(&buffer, Link::END);
        self.inner().follow(&last, Link { next: Some(buffer.data()), len: len as u16 });
        self.extent = Extent::new(self.extent.len(), self.extent.more() + 1, self.extent.moved());
        Ok(())
    }

    /// Number of buffers that the packet lies in.
    #[must_use]
    #[inline(always)]
    pub fn segment_count(&self) -> usize {
        usize::from(self.extent.more()) + 1
    }

    /// Number of bytes in all segments.
    #[must_use]
    pub fn total_len(&self) -> usize {
        self.segments().map(<[u8]>::len).sum()
    }

    /// The bytes of the packet, a slice a segment.
    pub fn segments(&self) -> impl Iterator<Item = &[u8]> {
        let rest = self.following().map(|(buffer, len)| {
            // SAFETY: the packet owns the buffers that follow its first, and `len` bytes of each were received.
            unsafe { core::slice::from_raw_parts(buffer.data().as_ptr(), usize::from(len)) }
        });
        core::iter::once(&**self).chain(rest)
    }

    /// Cuts the packet to its first `len` bytes; a shorter one stays as it is. Later segments go home.
    pub fn truncate(&mut self, len: usize) {
        if self.extent.more() != 0 {
            self.truncate_segments(len);
        }
        if len < usize::from(self.extent.len()) {
            self.set_len(len as u16);
        }
    }

    /// Cuts what follows the first segment, so that `len` bytes are left in all, or the first segment alone.
    #[cold]
    fn truncate_segments(&mut self, len: usize) {
        let mut left = len.saturating_sub(usize::from(self.extent.len()));
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
        self.extent = Extent::new(self.extent.len(), kept, self.extent.moved());
        for buffer in rest {
            drop(Self { data: buffer.data(), pool: self.pool, extent: Extent::new(0, 0, 0) });
        }
    }

    /// Changes the first segment's length, which must fit.
    #[inline(always)]
    fn set_len(&mut self, len: u16) {
        self.extent = Extent::new(len, self.extent.more(), self.extent.moved());
    }

    /// Says that the data now starts `by` bytes further on, and ends where it did.
    #[inline(always)]
    fn move_data(&mut self, by: i32) {
        let len = i32::from(self.extent.len()) - by;
        self.extent = Extent::new(len as u16, self.extent.more(), self.extent.moved() + by);
    }

    /// Free bytes in front of the packet.
    #[must_use]
    pub fn headroom(&self) -> usize {
        HEADROOM.saturating_add_signed(self.extent.moved() as isize)
    }

    /// Free bytes behind the packet, or behind its first segment.
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
        self.move_data(-(bytes.len() as i32));
        self[..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    /// Removes up to `count` bytes from the front of the first segment, which become headroom.
    pub fn trim_front(&mut self, count: usize) {
        let count = count.min(self.len());
        // SAFETY: the data has at least that many bytes.
        self.data = unsafe { self.data.add(count) };
        self.move_data(count as i32);
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
        self.set_len(self.extent.len() + bytes.len() as u16);
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
        unsafe { core::slice::from_raw_parts(self.data.as_ptr(), usize::from(self.extent.len())) }
    }
}

impl DerefMut for Packet {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`.
        unsafe { core::slice::from_raw_parts_mut(self.data.as_ptr(), usize::from(self.extent.len())) }
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        let Self { data, pool, extent } = *self;
        pool::give_back(core::iter::once(Self { data, pool, extent }));
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packet({} bytes in {} segments)", self.total_len(), self.segment_count())
    }
}

/// Packets on their way: filled by a receive queue, emptied by a transmit queue.
///
/// ```
/// # fn forward(rx: &mut impl FnMut(&mut ixgbe::packet::Batch), tx: &mut impl FnMut(&mut ixgbe::packet::Batch)) {
/// let mut batch = ixgbe::packet::Batch::with_capacity(32);
/// rx(&mut batch);
/// for packet in &mut batch {
///     packet[0] ^= 1;
/// }
/// tx(&mut batch);
/// # }
/// ```
#[derive(Debug)]
pub struct Batch {
    packets: Vec<Packet>,
    capacity: usize,
}

impl Batch {
    /// An empty batch for up to `capacity` packets.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { packets: Vec::with_capacity(capacity), capacity }
    }

    /// How many packets it can have.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many packets it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Adds `packet` at the end.
    ///
    /// # Errors
    ///
    /// Hands the packet back if the batch is full.
    #[inline(always)]
    pub fn push(&mut self, packet: Packet) -> Result<(), Packet> {
        if self.packets.len() >= self.capacity {
            return Err(packet);
        }
        self.packets.push(packet);
        Ok(())
    }

    /// Whether it has as many as it can.
    #[inline(always)]
    pub(crate) fn is_full(&self) -> bool {
        self.packets.len() >= self.capacity
    }

    /// How many more it can have.
    #[inline(always)]
    pub(crate) fn free(&self) -> usize {
        self.capacity - self.packets.len()
    }

    /// The places for more packets: at least as many as are [free](Self::free).
    #[inline(always)]
    pub(crate) fn room(&mut self) -> &mut [MaybeUninit<Packet>] {
        self.packets.spare_capacity_mut()
    }

    /// Takes up the packets that were written into the first `count` places of the [room](Self::room).
    ///
    /// # Safety
    ///
    /// They must have been written.
    #[inline(always)]
    pub(crate) unsafe fn grow(&mut self, count: usize) {
        // SAFETY: the caller wrote that many behind the others.
        unsafe { self.packets.set_len(self.packets.len() + count) }
    }

    /// Forgets all packets.
    ///
    /// # Safety
    ///
    /// Whoever calls has their buffers.
    #[inline(always)]
    pub(crate) unsafe fn forget_all(&mut self) {
        // SAFETY: none are left to be looked at.
        unsafe { self.packets.set_len(0) };
    }

    /// The packets on their way out: those that have left go from the batch all at once.
    #[inline(always)]
    pub(crate) fn outgoing(&mut self) -> Outgoing<'_> {
        let rest: *const [Packet] = &*self.packets;
        // SAFETY: what the batch gives up here is in `rest`, and comes back when that is dropped.
        unsafe { self.packets.set_len(0) };
        Outgoing { packets: &mut self.packets, rest }
    }

    /// Takes out all packets.
    pub fn drain(&mut self) -> impl Iterator<Item = Packet> {
        self.packets.drain(..)
    }

    /// Drops the packets: their buffers go home, a block at a time.
    pub fn clear(&mut self) {
        pool::give_back(self.packets.drain(..));
    }

    /// Keeps only the packets for which `keep` says so.
    pub fn retain(&mut self, keep: impl FnMut(&mut Packet) -> bool) {
        self.packets.retain_mut(keep);
    }
}

/// The packets of a batch that have not left it yet, while packets leave it at the front.
pub(crate) struct Outgoing<'a> {
    /// Empty meanwhile; its memory has the `rest`.
    packets: &'a mut Vec<Packet>,
    rest: *const [Packet],
}

impl Outgoing<'_> {
    /// Forgets the first `count` packets.
    ///
    /// # Safety
    ///
    /// There must be that many, and whoever calls has their buffers.
    #[inline(always)]
    pub(crate) unsafe fn forget(&mut self, count: usize) {
        debug_assert!(count <= self.len());
        // SAFETY: that many are there.
        self.rest =
            core::ptr::slice_from_raw_parts(unsafe { self.rest.cast::<Packet>().add(count) }, self.rest.len() - count);
    }

    /// Takes out the first packet.
    pub(crate) fn next(&mut self) -> Option<Packet> {
        let first: *const Packet = self.first()?;
        // SAFETY: the packet is there, is read, and forgotten where it was.
        unsafe {
            self.forget(1);
            Some(first.read())
        }
    }
}

impl Deref for Outgoing<'_> {
    type Target = [Packet];

    #[inline(always)]
    fn deref(&self) -> &[Packet] {
        // SAFETY: the vector is borrowed, and has these packets in its memory.
        unsafe { &*self.rest }
    }
}

impl Drop for Outgoing<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        let (first, rest) = (self.packets.as_mut_ptr(), self.rest.cast::<Packet>());
        // SAFETY: the rest moves to the front of the vector, which owns it from here on.
        unsafe {
            if self.rest.len() > 0 && !core::ptr::eq(first, rest) {
                first.copy_from(rest, self.rest.len());
            }
            self.packets.set_len(self.rest.len());
        }
    }
}

impl Deref for Batch {
    type Target = [Packet];

    fn deref(&self) -> &[Packet] {
        &self.packets
    }
}

impl DerefMut for Batch {
    fn deref_mut(&mut self) -> &mut [Packet] {
        &mut self.packets
    }
}

impl<'a> IntoIterator for &'a mut Batch {
    type Item = &'a mut Packet;
    type IntoIter = core::slice::IterMut<'a, Packet>;

    #[inline(always)]
    fn into_iter(self) -> Self::IntoIter {
        self.packets.iter_mut()
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = &'a Packet;
    type IntoIter = core::slice::Iter<'a, Packet>;

    fn into_iter(self) -> Self::IntoIter {
        self.packets.iter()
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.clear();
    }
}
