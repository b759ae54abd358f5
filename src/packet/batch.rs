//! Batches of packets.

use alloc::vec::{self, Drain, Vec};
use core::mem::{self, MaybeUninit};
use core::ops::{Bound, Deref, DerefMut, RangeBounds};

use crate::packet::{Packet, give_back};
use crate::pool::MOST_BUFFERS;

/// A batch of packets (a burst in DPDK): a receive queue fills it, and a transmit queue empties it.
///
/// A batch of [`Received`](crate::offload::Received) also has what the device says of each packet, and a batch of
/// [`Requested`](crate::offload::Requested) what the device is to do for it.
///
/// ```
/// # fn forward(rx: &mut impl FnMut(&mut ixgbe::packet::Batch), tx: &mut impl FnMut(&mut ixgbe::packet::Batch)) {
/// let mut batch = ixgbe::packet::Batch::with_capacity(32);
/// rx(&mut batch);
/// for packet in &mut batch {
///     packet[0] ^= 1;
/// }
/// tx(&mut batch);
/// batch.clear();   // drops packets for which there was no room
/// # }
/// ```
#[derive(Debug)]
pub struct Batch<T: Entry = Packet> {
    packets: Vec<T>,
    capacity: usize,
}

/// What a [`Batch`] can be of: packets, alone or with what belongs to each.
pub trait Entry: Into<Packet> + sealed::Entry {}

impl<T: Into<Packet> + sealed::Entry> Entry for T {}

pub(crate) mod sealed {
    use crate::packet::Packet;

    /// Keeps other crates from implementing [`Entry`](super::Entry).
    pub trait Entry {
        /// Returns the packet.
        fn packet(&self) -> &Packet;

        /// Returns `true` if the same is requested for both.
        #[inline(always)]
        fn is_like(&self, _other: &Self) -> bool {
            true
        }

        /// Completes the headers as [`Requested::complete`](crate::offload::Requested::complete) does.
        #[inline(always)]
        fn complete(&mut self) {}
    }
}

impl sealed::Entry for Packet {
    #[inline(always)]
    fn packet(&self) -> &Packet {
        self
    }
}

impl Batch {
    /// The maximum capacity: the largest number of buffers of a pool.
    pub const MAX_CAPACITY: usize = MOST_BUFFERS;
}

impl<T: Entry> Batch<T> {
    /// Makes an empty batch for up to `capacity` packets, at most [`MAX_CAPACITY`](Batch::MAX_CAPACITY).
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let capacity = capacity.min(Batch::MAX_CAPACITY);
        Self { packets: Vec::with_capacity(capacity), capacity }
    }

    /// Returns the number of packets that the batch can hold.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns the number of packets in the batch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Returns `true` if the batch has no packets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Adds `packet` at the end.
    ///
    /// # Errors
    ///
    /// Returns the packet if the batch is full.
    #[inline(always)]
    pub fn push(&mut self, packet: T) -> Result<(), T> {
        if self.packets.len() >= self.capacity {
            return Err(packet);
        }
        self.packets.push(packet);
        Ok(())
    }

    /// Returns `true` if the batch has as many packets as it can hold.
    #[must_use]
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.packets.len() >= self.capacity
    }

    /// Returns the number of packets for which there is room.
    #[inline(always)]
    pub(crate) fn free(&self) -> usize {
        self.capacity - self.packets.len()
    }

    /// Returns the places for more packets: at least as many as are [free](Self::free).
    #[inline(always)]
    pub(crate) fn room(&mut self) -> &mut [MaybeUninit<T>] {
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
    /// The caller has their buffers.
    #[inline(always)]
    pub(crate) unsafe fn forget_all(&mut self) {
        // SAFETY: none are left to be looked at.
        unsafe { self.packets.set_len(0) };
    }

    /// Returns the packets, of which those at the front can leave. The batch gives them up all at once, in the end.
    #[inline(always)]
    pub(crate) fn outgoing(&mut self) -> Outgoing<'_, T> {
        let rest: *const [T] = &*self.packets;
        // SAFETY: what the batch gives up here is in `rest`, and comes back when that is dropped.
        unsafe { self.packets.set_len(0) };
        Outgoing { packets: &mut self.packets, rest }
    }

    /// Takes out the last packet, or returns `None` if the batch is empty.
    pub fn pop(&mut self) -> Option<T> {
        self.packets.pop()
    }

    /// Takes out the first packet, or returns `None` if the batch is empty. All others move.
    pub fn pop_front(&mut self) -> Option<T> {
        self.remove(0)
    }

    /// Adds `packet` in front of the others, which all move.
    ///
    /// # Errors
    ///
    /// Returns the packet if the batch is full.
    pub fn push_front(&mut self, packet: T) -> Result<(), T> {
        if self.is_full() {
            return Err(packet);
        }
        self.packets.insert(0, packet);
        Ok(())
    }

    /// Takes out the packet at `index`, or returns `None` if there is none. All behind it move.
    pub fn remove(&mut self, index: usize) -> Option<T> {
        (index < self.len()).then(|| self.packets.remove(index))
    }

    /// Takes out the packet at `index`, or returns `None` if there is none. The last packet takes its place.
    pub fn swap_remove(&mut self, index: usize) -> Option<T> {
        (index < self.len()).then(|| self.packets.swap_remove(index))
    }

    /// Takes out the packets from `index` on, into a batch of the same capacity.
    #[must_use]
    pub fn split_off(&mut self, index: usize) -> Self {
        let mut rest = Self::with_capacity(self.capacity);
        rest.packets.extend(self.drain(index..));
        rest
    }

    /// Moves packets from the front of `other` to the end of this batch, as many as there is room for.
    ///
    /// Returns their number. Packets that were received with metadata lose it in a batch of packets alone, where nobody
    /// sees any more that a checksum is [partial](crate::offload::Checksum::Partial).
    pub fn append<U: Entry + Into<T>>(&mut self, other: &mut Batch<U>) -> usize {
        let count = self.free().min(other.len());
        self.packets.extend(other.drain(..count).map(U::into));
        count
    }

    /// Takes out the packets of `range`, also those that the iterator has not returned when it is dropped.
    ///
    /// A range that reaches beyond the end stops there.
    pub fn drain(&mut self, range: impl RangeBounds<usize>) -> Drain<'_, T> {
        let len = self.len();
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(last) => last.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => len,
        };
        let end = end.min(len);
        self.packets.drain(start.min(end)..end)
    }

    /// Drops all but the first `count` packets. Their buffers return to their pools.
    pub fn truncate(&mut self, count: usize) {
        give_back(self.drain(count..).map(T::into));
    }

    /// Drops all packets. Their buffers return to their pools.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Keeps only the packets for which `keep` returns `true`.
    pub fn retain(&mut self, keep: impl FnMut(&mut T) -> bool) {
        self.packets.retain_mut(keep);
    }
}

/// The packets of a batch that have not left it yet, while packets leave it at the front.
pub(crate) struct Outgoing<'a, T = Packet> {
    /// Empty meanwhile; its memory has the `rest`.
    packets: &'a mut Vec<T>,
    rest: *const [T],
}

impl<T> Outgoing<'_, T> {
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
            core::ptr::slice_from_raw_parts(unsafe { self.rest.cast::<T>().add(count) }, self.rest.len() - count);
    }
}

impl<T> Deref for Outgoing<'_, T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: the vector is borrowed, and has these packets in its memory.
        unsafe { &*self.rest }
    }
}

impl<T> Drop for Outgoing<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        let (first, rest) = (self.packets.as_mut_ptr(), self.rest.cast::<T>());
        // SAFETY: the rest moves to the front of the vector, which owns it from here on.
        unsafe {
            if self.rest.len() > 0 && !core::ptr::eq(first, rest) {
                first.copy_from(rest, self.rest.len());
            }
            self.packets.set_len(self.rest.len());
        }
    }
}

impl<T: Entry> Deref for Batch<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.packets
    }
}

impl<T: Entry> DerefMut for Batch<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.packets
    }
}

impl<T: Entry> IntoIterator for Batch<T> {
    type Item = T;
    type IntoIter = vec::IntoIter<T>;

    fn into_iter(mut self) -> Self::IntoIter {
        mem::take(&mut self.packets).into_iter()
    }
}

impl<'a, T: Entry> IntoIterator for &'a mut Batch<T> {
    type Item = &'a mut T;
    type IntoIter = core::slice::IterMut<'a, T>;

    #[inline(always)]
    fn into_iter(self) -> Self::IntoIter {
        self.packets.iter_mut()
    }
}

impl<'a, T: Entry> IntoIterator for &'a Batch<T> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.packets.iter()
    }
}

impl<T: Entry> Drop for Batch<T> {
    fn drop(&mut self) {
        self.clear();
    }
}
