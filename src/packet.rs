//! Packets, and batches of them.
//!
//! A [`Packet`] owns its buffer: nobody else, and no device, can reach it. Dropping it gives the
//! buffer back to its pool. It is a small handle (three words); the bytes stay where they are.

use alloc::vec::Vec;
use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

use crate::pool::{self, Buffer, HEADROOM, Inner, Link, Pool};

/// A packet that owns its bytes.
///
/// It dereferences to its bytes, from the Ethernet header on and without the CRC. A frame longer than a
/// buffer has several [segments](Self::segments), of which this is the first.
pub struct Packet {
    data: NonNull<u8>,
    pool: NonNull<Inner>,
    len: u16,
    headroom: u16,
    /// How many buffers follow.
    more: u16,
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
    /// The packet in `buffer`, of which the first `len` bytes count: at most the pool's buffer size.
    #[inline(always)]
    pub(crate) fn new(buffer: Buffer, pool: &Pool, len: u16) -> Self {
        debug_assert!(usize::from(len) <= pool.buffer_size());
        Self { data: buffer.data(), pool: pool.id(), len, headroom: HEADROOM as u16, more: 0 }
    }

    #[inline(always)]
    pub(crate) fn pool(&self) -> NonNull<Inner> {
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

    /// The buffer's default data address: the buffer itself, borrowed from this packet.
    #[inline(always)]
    fn buffer(&self) -> Buffer {
        // SAFETY: the data starts `headroom` bytes behind the buffer's start, and the buffer's
        // default data address is `HEADROOM` behind it.
        unsafe { Buffer::from_data(self.data.sub(usize::from(self.headroom)).add(HEADROOM)) }
    }

    /// Takes the packet apart into its buffers.
    #[inline(always)]
    pub(crate) fn into_buffers(self, mut each: impl FnMut(Buffer)) {
        let packet = ManuallyDrop::new(self);
        if packet.more != 0 {
            packet.following(|buffer, _| each(buffer));
        }
        each(packet.buffer());
    }

    #[cold]
    fn following(&self, mut each: impl FnMut(Buffer, u16)) {
        let mut link = self.inner().following(&self.buffer());
        for _ in 0..self.more {
            let Some(data) = link.next else { return };
            // SAFETY: the packet owns the buffers that follow its first.
            let buffer = unsafe { Buffer::from_data(data) };
            let next = self.inner().following(&buffer);
            each(buffer, link.len);
            link = next;
        }
    }

    /// Adds a buffer with `len` bytes at the end. It is of the same pool.
    #[cold]
    pub(crate) fn append(&mut self, buffer: Buffer, len: u16) {
        let mut last = self.buffer();
        self.following(|buffer, _| last = buffer);
        self.inner().follow(&last, Link { next: Some(buffer.data()), len });
        self.inner().follow(&buffer, Link { next: None, len: 0 });
        self.more += 1;
    }

    /// Number of buffers that the packet lies in.
    #[must_use]
    #[inline(always)]
    pub fn segment_count(&self) -> usize {
        usize::from(self.more) + 1
    }

    /// Number of bytes in all segments.
    #[must_use]
    pub fn total_len(&self) -> usize {
        self.segments().map(<[u8]>::len).sum()
    }

    /// The bytes of the packet, a slice a segment.
    pub fn segments(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest =
            if self.more == 0 { Link { next: None, len: 0 } } else { self.inner().following(&self.buffer()) };
        core::iter::once(&**self).chain(core::iter::from_fn(move || {
            let data = rest.next?;
            // SAFETY: the packet owns the buffers that follow its first, and `len` bytes of each were received.
            let (bytes, buffer) =
                unsafe { (core::slice::from_raw_parts(data.as_ptr(), usize::from(rest.len)), Buffer::from_data(data)) };
            rest = self.inner().following(&buffer);
            Some(bytes)
        }))
    }

    /// Cuts the packet to its first `len` bytes; a shorter one stays as it is. Later segments go home.
    pub fn truncate(&mut self, len: usize) {
        if self.more != 0 && len <= usize::from(self.len) {
            let mut rest = Vec::new();
            self.following(|buffer, _| rest.push(buffer));
            self.more = 0;
            for buffer in rest {
                let Self { pool, .. } = *self;
                drop(Self { data: buffer.data(), pool, len: 0, headroom: HEADROOM as u16, more: 0 });
            }
        }
        if len < usize::from(self.len) {
            self.len = len as u16;
        }
    }

    /// Free bytes in front of the packet.
    #[must_use]
    pub fn headroom(&self) -> usize {
        usize::from(self.headroom)
    }

    /// Free bytes behind the packet, or behind its first segment.
    #[must_use]
    pub fn tailroom(&self) -> usize {
        (self.inner().size() + HEADROOM).saturating_sub(usize::from(self.headroom) + usize::from(self.len))
    }

    /// Puts `bytes` in front of the packet.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if they are more than the [headroom](Self::headroom).
    pub fn prepend(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        let room = self.headroom();
        if bytes.len() > room || usize::from(self.len) + bytes.len() > usize::from(u16::MAX) {
            return Err(NoRoom { wanted: bytes.len(), room });
        }
        // SAFETY: that many bytes before the data belong to the same buffer.
        self.data = unsafe { self.data.sub(bytes.len()) };
        self.headroom -= bytes.len() as u16;
        self.len += bytes.len() as u16;
        self[..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    /// Removes up to `count` bytes from the front of the first segment, which become headroom.
    pub fn trim_front(&mut self, count: usize) {
        let count = count.min(usize::from(self.len));
        // SAFETY: the data has at least that many bytes.
        self.data = unsafe { self.data.add(count) };
        self.headroom += count as u16;
        self.len -= count as u16;
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
        let from = usize::from(self.len);
        self.len += bytes.len() as u16;
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
        unsafe { core::slice::from_raw_parts(self.data.as_ptr(), usize::from(self.len)) }
    }
}

impl DerefMut for Packet {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`.
        unsafe { core::slice::from_raw_parts_mut(self.data.as_ptr(), usize::from(self.len)) }
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        let Self { data, pool, len, headroom, more } = *self;
        pool::give_back(core::iter::once(Self { data, pool, len, headroom, more }));
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

    /// Takes out the first packets: as many as `count`, if there are that many.
    pub(crate) fn take_first(&mut self, count: usize) -> impl Iterator<Item = Packet> {
        self.packets.drain(..count.min(self.packets.len()))
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
