//! Packets that a device sends.

use alloc::boxed::Box;
use core::fmt;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ops::Range;
use core::ptr::NonNull;

use crate::dma::DmaAddr;
use crate::packet::posted::{Ids, Order, Sorted, sum_while};
use crate::packet::{Leaving, Packet};
use crate::pool::{Attachment, Buffer, Extent, HEADROOM, PoolId, change_free};

/// The zeros in front of a packet: more than anybody asks for, because 16 bytes are one store.
const ZEROS: usize = 16;

/// The kind of a place without a packet.
const NOTHING: u32 = 0;

/// Packets that a device sends, each with an id. They return to their pools when this is dropped.
///
/// Who tells the device of a packet keeps this until the device has stopped, and takes the packet out of it only after the
/// device has returned the id.
pub struct PostedPackets {
    order: Order,
    /// The first buffer of the packet in each place whose id is in use.
    buffers: Box<[MaybeUninit<Buffer>]>,
    /// The [kind](Extent::kind) of each of these packets. A place without a packet has [`NOTHING`], and no buffer.
    kinds: Box<[u32]>,
    /// If not [`NOTHING`], all `kinds` are this.
    all: u32,
}

impl PostedPackets {
    /// Makes room for `size` packets.
    #[must_use]
    pub fn new(size: u16) -> Self {
        Self {
            order: Order::new(size),
            buffers: Box::new_uninit_slice(size.into()),
            kinds: (0..size).map(|_| NOTHING).collect(),
            all: NOTHING,
        }
    }

    /// Posts packets that are alike, as many as the first of `limits`, and calls `show` once for each: with its number from
    /// 0 on, its id, the device's address of `SKIP` zeros in front of the packet, and the number of bytes in it. Returns the
    /// ids, and the number of bytes in all these packets.
    ///
    /// They are alike if each is one segment of the pool of `attachment`, with the headroom of the first, and is long enough
    /// for an Ethernet header, but no longer than the second of `limits`. At least 16 bytes of headroom must be there, and
    /// become zeros.
    #[inline(always)]
    pub fn post_alike<const SKIP: usize>(
        &mut self,
        leaving: &mut Leaving<'_>,
        attachment: &Attachment,
        (most, max_len): (usize, u16),
        show: impl FnMut(usize, usize, DmaAddr, u64),
    ) -> (&[u16], u64) {
        const { assert!(SKIP <= ZEROS, "the header has at most `ZEROS` bytes") };
        let (packets, places) = (&*leaving.0, self.order.vacant());
        let (Some(first), Some(buffers)) = (packets.first(), self.buffers.get_mut(places.clone())) else {
            return (&[], 0);
        };
        let most = most.min(buffers.len()).min(packets.len());
        let alike =
            Alike { packets: packets.as_ptr(), headroom: first.headroom(), pool: attachment.pool().id(), max_len };
        if alike.headroom < ZEROS {
            return (&[], 0);
        }
        let (start, buffers, ids) = (places.start, buffers.as_mut_ptr(), self.order.ids(places));
        // SAFETY: there are `most` packets, vacant places and ids. The device gets addresses `SKIP` bytes in front of packets
        // of the attachment's pool, in their headroom. So `delta` and `pages` find where the device sees them.
        let (count, bytes) = unsafe {
            match attachment.uniform().map(|delta| delta.in_front(SKIP)) {
                Some(delta) if self.order.is_sorted => {
                    alike.post(most, Sorted(start), buffers, |data| delta.address(data), show)
                }
                Some(delta) => alike.post(most, ids, buffers, |data| delta.address(data), show),
                None => {
                    let pages = attachment.pages();
                    alike.post(most, ids, buffers, |data| pages.address(data.sub(SKIP)), show)
                }
            }
        };
        let (places, kind) = (start..start + count, Extent::new(alike.pool, 0).kind());
        if kind != self.all {
            self.set_kinds(places.clone(), kind);
        }
        // SAFETY: that many are there, and their buffers are in their places.
        unsafe { leaving.0.forget(count) };
        self.order.grow(count);
        (self.order.ids(places), bytes)
    }

    /// Notes the kind of packets that are being posted, if not all places have it.
    #[cold]
    #[inline(never)]
    fn set_kinds(&mut self, places: Range<usize>, kind: u32) {
        if self.order.count == 0 {
            self.kinds.fill(kind);
            self.all = kind;
        } else if let Some(kinds) = self.kinds.get_mut(places) {
            kinds.fill(kind);
            self.all = NOTHING;
        }
    }

    /// Posts any packet. Returns its id.
    ///
    /// # Errors
    ///
    /// Returns the packet if no id is free.
    pub fn post(&mut self, packet: Packet) -> Result<u16, Packet> {
        let Some((place, id)) = self.vacant_as(packet.extent.kind()) else { return Err(packet) };
        if let Some(buffer) = self.buffers.get_mut(place) {
            // SAFETY: the packet is forgotten, and its buffers are the place's.
            buffer.write(unsafe { ManuallyDrop::new(packet).buffer() });
        }
        Ok(id)
    }

    /// Takes a free id for something that is no packet.
    pub fn reserve(&mut self) -> Option<u16> {
        Some(self.vacant_as(NOTHING)?.1)
    }

    /// Takes a vacant place and its id for something of a kind. The caller puts that there.
    fn vacant_as(&mut self, kind: u32) -> Option<(usize, u16)> {
        let place = self.order.vacant().next()?;
        if kind != self.all || kind == NOTHING {
            self.set_kinds(place..place + 1, kind);
        }
        self.order.grow(1);
        Some((place, *self.order.ids.get(place)?))
    }

    /// Frees an id that was [reserved](Self::reserve).
    pub fn release(&mut self, id: u16) {
        if self.bring_to_front(id) == Some(NOTHING) {
            self.order.shrink(1);
        }
    }

    /// Brings `id` and its packet to the front, if it is in use. Returns the kind of the packet.
    fn bring_to_front(&mut self, id: u16) -> Option<u32> {
        let (place, front) = (self.order.bring_to_front(id)?, self.order.first);
        self.buffers.swap(front, place);
        self.kinds.swap(front, place);
        self.kinds.get(front).copied()
    }

    /// Takes out the packet with `id`, to be dropped: its bytes are any. Returns `None` if there is none.
    pub fn take(&mut self, id: u16) -> Option<Packet> {
        let kind = self.bring_to_front(id).filter(|kind| *kind != NOTHING)?;
        // SAFETY: the first place is in use, and not by nothing, so it holds a buffer. The order shrinks, so that and those
        // that follow it are the packet's.
        let buffer = unsafe { self.buffers.get(self.order.first)?.assume_init_read() };
        self.order.shrink(1);
        Some(Packet { data: buffer.data(), extent: Extent::of_kind(kind) })
    }

    /// Returns up to `most` packets from the front to their pool, which it locks once. Returns their number.
    ///
    /// `is_back` gets the number of a packet, from 0 on, and its id. It returns `true` if the device has returned that id.
    /// The first packet stays of another pool, or of several segments.
    #[inline(always)]
    pub fn reclaim(&mut self, most: usize, is_back: impl Fn(usize, usize) -> bool) -> usize {
        let places = self.order.in_use();
        let Some(kinds) = self.kinds.get(places.clone()) else { return 0 };
        let Some(kind) = kinds.first().copied().filter(|kind| *kind != NOTHING) else { return 0 };
        let extent = Extent::of_kind(kind);
        if extent.more() > 0 {
            return 0;
        }
        let alike =
            if self.all == kind { kinds.len() } else { kinds.iter().take_while(|other| **other == kind).count() };
        let ids = self.order.ids(places.clone());
        let count = count_back(ids.get(..alike.min(most)).unwrap_or(ids), is_back);
        if let Some(buffers) = self.buffers.get(places.start..places.start + count).filter(|_| count > 0) {
            // SAFETY: the places in use hold buffers of this pool, which keep it alive, each of a packet of one segment. The
            // order shrinks, so they are the pool's.
            unsafe { change_free(extent.pool(), |free| free.push_all(buffers)) };
            self.order.shrink(count);
        }
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

/// Returns how many of the first ids are back, up to one that is not.
#[inline(never)]
fn count_back(ids: &[u16], is_back: impl Fn(usize, usize) -> bool) -> usize {
    // SAFETY: the number is below the length of `ids`.
    sum_while(ids.len(), |number| is_back(number, unsafe { ids.id(number) }).then_some(0)).0
}

/// Packets that are alike, at the front of others.
struct Alike {
    packets: *const Packet,
    headroom: usize,
    pool: PoolId,
    max_len: u16,
}

impl Alike {
    /// Puts the buffers of up to `most` packets in their places, and calls `show` for each, as [`PostedPackets::post_alike`]
    /// does. Returns the number of packets, and of the bytes in them.
    ///
    /// # Safety
    ///
    /// There are that many packets, ids, and vacant places for buffers. The caller forgets the packets.
    #[inline(never)]
    unsafe fn post(
        &self,
        most: usize,
        ids: impl Ids,
        buffers: *mut MaybeUninit<Buffer>,
        address: impl Fn(NonNull<u8>) -> DmaAddr,
        mut show: impl FnMut(usize, usize, DmaAddr, u64),
    ) -> (usize, u64) {
        let Self { packets, headroom, pool, max_len } = *self;
        let (alike, moved) = (Extent::empty_at(pool, headroom), HEADROOM as isize - headroom as isize);
        // SAFETY: the number is below `most`.
        let packet = |number| unsafe { &*packets.add(number) };
        // All are looked at before one is shown: a device that polls has at once what it is shown, so that is never repeated.
        let (count, bytes) = sum_while(most, |number| {
            let len = packet(number).extent.beyond(alike);
            (len <= u64::from(max_len)).then_some(len)
        });
        for number in 0..count {
            let packet = packet(number);
            // SAFETY: the number is below `most`. The packet is alike, so `headroom` bytes in front of its data, at least
            // `ZEROS`, are its own, and its buffer's data are by default `HEADROOM` behind the first of these. That buffer is
            // the place's: the caller forgets the packet.
            let id = unsafe {
                packet.data.sub(ZEROS).cast().write_unaligned([0u8; ZEROS]);
                let buffer = Buffer::from_data(packet.data.offset(moved));
                buffers.add(number).write(MaybeUninit::new(buffer));
                ids.id(number)
            };
            show(number, id, address(packet.data), packet.extent.beyond(alike));
        }
        (count, bytes)
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
