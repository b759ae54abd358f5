//! Packets that a device sends.

use alloc::boxed::Box;
use core::fmt;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::NonNull;

use crate::dma::DmaAddr;
use crate::packet::posted::{Order, count_while};
use crate::packet::{Leaving, Packet};
use crate::pool::{Attachment, Buffer, Extent, HEADROOM, PoolId, change_free};

/// The zeros in front of a packet: more than anybody asks for, because 16 bytes are one store.
const ZEROS: usize = 16;

/// Packets that a device sends, each with an id. They return to their pools when this is dropped.
///
/// Who tells the device of a packet keeps this until the device has stopped, and takes the packet out of it only after the
/// device has returned the id.
pub struct PostedPackets {
    order: Order,
    /// The first buffer of the packet in each place whose id is in use.
    buffers: Box<[MaybeUninit<Buffer>]>,
    /// The pool of each of these packets, and how many buffers follow its first. A place without a packet has
    /// [`Extent::NOTHING`], and no buffer.
    kinds: Box<[Extent]>,
}

impl PostedPackets {
    /// Makes room for `size` packets.
    #[must_use]
    pub fn new(size: u16) -> Self {
        Self {
            order: Order::new(size),
            buffers: Box::new_uninit_slice(size.into()),
            kinds: (0..size).map(|_| Extent::NOTHING).collect(),
        }
    }

    /// Posts up to `most` packets that are alike, and calls `show` for each: with its number from 0 on, its id, and the
    /// device's address and the number of the bytes from `SKIP` zeros in front of the packet on. Returns the number of
    /// packets, and of the bytes in them without these zeros.
    ///
    /// They are alike if each is one segment of the pool of `attachment`, from an Ethernet header to `max_len` bytes long,
    /// with the headroom of the first. That must be at least 16 bytes, which become zeros.
    #[inline(always)]
    pub fn post_alike<const SKIP: usize>(
        &mut self,
        leaving: &mut Leaving<'_>,
        attachment: &Attachment,
        (most, max_len): (usize, u16),
        show: impl FnMut(usize, u16, DmaAddr, u64),
    ) -> (usize, u64) {
        let pages = attachment.pages();
        let (pool, limits) = (attachment.pool().id(), (most, max_len));
        // SAFETY: addresses are asked for of packets of the attachment's pool alone, so `delta` and `pages` find where the
        // device sees them.
        match attachment.uniform() {
            Some(delta) => self.post_at::<SKIP>(leaving, pool, limits, |data| unsafe { delta.address(data) }, show),
            None => self.post_at::<SKIP>(leaving, pool, limits, |data| unsafe { pages.address(data) }, show),
        }
    }

    /// As [`post_alike`](Self::post_alike), with packets of `pool`, whose bytes the device finds at `address`.
    #[inline(always)]
    fn post_at<const SKIP: usize>(
        &mut self,
        leaving: &mut Leaving<'_>,
        pool: PoolId,
        (most, max_len): (usize, u16),
        address: impl Fn(NonNull<u8>) -> DmaAddr,
        mut show: impl FnMut(usize, u16, DmaAddr, u64),
    ) -> (usize, u64) {
        const { assert!(SKIP <= ZEROS, "so many zeros are written") };
        let places = self.order.vacant();
        let Some(headroom) = leaving.first().map(Packet::headroom).filter(|room| *room >= ZEROS) else { return (0, 0) };
        let (Some(ids), Some(buffers), Some(kinds)) =
            (self.order.ids.get(places.clone()), self.buffers.get_mut(places.clone()), self.kinds.get_mut(places))
        else {
            return (0, 0);
        };
        let (alike, kind, max_len) = (Extent::empty_at(pool, headroom), Extent::new(pool, 0), u64::from(max_len));
        let packets = &*leaving.0;
        let most = most.min(ids.len()).min(packets.len());
        let mut bytes = 0;
        let count = count_while(most, |number| {
            // SAFETY: there are at least `most` of each.
            let (packet, id, buffer, place) = unsafe {
                (
                    packets.get_unchecked(number),
                    *ids.get_unchecked(number),
                    buffers.get_unchecked_mut(number),
                    kinds.get_unchecked_mut(number),
                )
            };
            let len = packet.extent.beyond(alike);
            if len > max_len {
                return false;
            }
            // SAFETY: the packet is alike, so `headroom` bytes in front of its data, at least `ZEROS`, are its own, and its
            // buffer's data are by default `HEADROOM` behind the first of these. That buffer is the place's from here on:
            // the packet is forgotten below.
            let front = unsafe {
                packet.data.sub(ZEROS).cast().write_unaligned([0u8; ZEROS]);
                buffer.write(Buffer::from_data(packet.data.sub(headroom).add(HEADROOM)));
                packet.data.sub(SKIP)
            };
            *place = kind;
            show(number, id, address(front), len + SKIP as u64);
            bytes += len;
            true
        });
        // SAFETY: that many are there, and their buffers are in their places.
        unsafe { leaving.0.forget(count) };
        self.order.grow(count);
        (count, bytes)
    }

    /// Posts any packet. Returns its id.
    ///
    /// # Errors
    ///
    /// Returns the packet if no id is free.
    pub fn post(&mut self, packet: Packet) -> Result<u16, Packet> {
        let place = self.order.vacant().start;
        let Some(id) = self.reserve() else { return Err(packet) };
        if let (Some(buffer), Some(kind)) = (self.buffers.get_mut(place), self.kinds.get_mut(place)) {
            *kind = packet.extent.kind();
            // SAFETY: the packet is forgotten, and its buffers are the place's.
            buffer.write(unsafe { ManuallyDrop::new(packet).buffer() });
        }
        Ok(id)
    }

    /// Takes a free id for something that is no packet.
    pub fn reserve(&mut self) -> Option<u16> {
        let place = self.order.vacant().next()?;
        *self.kinds.get_mut(place)? = Extent::NOTHING;
        self.order.grow(1);
        self.order.ids.get(place).copied()
    }

    /// Frees an id that was [reserved](Self::reserve).
    pub fn release(&mut self, id: u16) {
        if self.bring_to_front(id) == Some(Extent::NOTHING) {
            self.order.shrink(1);
        }
    }

    /// Brings `id` and its packet to the front, if it is in use. Returns the kind of the packet.
    fn bring_to_front(&mut self, id: u16) -> Option<Extent> {
        let (place, front) = (self.order.bring_to_front(id)?, self.order.first);
        self.buffers.swap(front, place);
        self.kinds.swap(front, place);
        self.kinds.get(front).copied()
    }

    /// Takes out the packet with `id`, to be dropped: its bytes are any. Returns `None` if there is none.
    pub fn take(&mut self, id: u16) -> Option<Packet> {
        let extent = self.bring_to_front(id).filter(|kind| *kind != Extent::NOTHING)?;
        // SAFETY: the first place is in use, and not by nothing, so it holds a buffer. The order shrinks, so that and those
        // that follow it are the packet's.
        let buffer = unsafe { self.buffers.get(self.order.first)?.assume_init_read() };
        self.order.shrink(1);
        Some(Packet { data: buffer.data(), extent })
    }

    /// Returns up to `most` packets from the front to their pool, which it locks once. Returns their number.
    ///
    /// `is_back` gets the number of a packet, from 0 on, and its id. It returns `true` if the device has returned that id.
    /// The first packet stays of another pool, or of several segments.
    #[inline(always)]
    pub fn reclaim(&mut self, most: usize, is_back: impl Fn(usize, u16) -> bool) -> usize {
        let places = self.order.in_use();
        let (Some(ids), Some(kinds), Some(buffers)) =
            (self.order.ids.get(places.clone()), self.kinds.get(places.clone()), self.buffers.get(places))
        else {
            return 0;
        };
        let Some(kind) = kinds.first().copied().filter(|kind| *kind != Extent::NOTHING && kind.more() == 0) else {
            return 0;
        };
        let count = count_while(most.min(ids.len()), |number| {
            // SAFETY: there are at least that many of both.
            let (id, other) = unsafe { (*ids.get_unchecked(number), *kinds.get_unchecked(number)) };
            other == kind && is_back(number, id)
        });
        let Some(buffers) = buffers.get(..count).filter(|buffers| !buffers.is_empty()) else { return 0 };
        // SAFETY: the places in use hold buffers of this pool, which keep it alive, each of a packet of one segment. The
        // order shrinks, so they are the pool's.
        unsafe { change_free(kind.pool(), |free| free.push_all(buffers)) };
        self.order.shrink(count);
        count
    }

    /// Returns all packets to their pools.
    pub fn clear(&mut self) {
        while let Some(id) = self.order.in_use().next().and_then(|place| self.order.ids.get(place).copied()) {
            if self.take(id).is_none() {
                self.order.shrink(1);
            }
        }
    }
}

impl Drop for PostedPackets {
    fn drop(&mut self) {
        self.clear();
    }
}

impl fmt::Debug for PostedPackets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostedPackets({} of {})", self.order.count, self.buffers.len())
    }
}
