//! Packets that a device sends.

use alloc::boxed::Box;
use core::fmt;
use core::mem::{self, ManuallyDrop, MaybeUninit};
use core::ops::Range;
use core::ptr::NonNull;

use crate::dma::DmaAddr;
use crate::packet::posted::{Ids, Order, Sorted, sum_while};
use crate::packet::{Entry, Leaving, Packet};
use crate::pool::{Attachment, Buffer, Extent, HEADROOM, PoolId, change_free};

/// What is written in front of a packet, in bytes: more than anybody asks for, because 16 bytes are one store.
const IN_FRONT: usize = 16;

/// No kind.
const NOTHING: u32 = 0;
/// Parts of a kind: the pool of the buffer in that place, or 0 if there is none, and whether the place follows others of
/// the same packet.
const POOL: u32 = 0x1_ffc0;
const FOLLOWS: u32 = 1 << 17;
/// A kind is this greater for each place that follows it in its packet.
const BEHIND: u32 = 1 << 18;

/// Returns the pool of a packet, as in a kind.
const fn pool_in(extent: Extent) -> u32 {
    extent.kind() & POOL
}

/// Returns how many ids a packet has whose first place is of this kind.
#[inline(always)]
const fn ids_of(kind: u32) -> usize {
    (kind / BEHIND) as usize + 1
}

/// Packets that a device sends, each with an id. They return to their pools when this is dropped.
///
/// Who tells the device of a packet keeps this until the device has stopped, and takes the packet out of it only after the
/// device has returned the id.
pub struct PostedPackets {
    order: Order,
    /// The buffer in each place whose id is in use, if its kind has a [`POOL`].
    buffers: Box<[MaybeUninit<Buffer>]>,
    kinds: Box<[u32]>,
    /// If not [`NOTHING`], all `kinds` are this, which then is a kind of packets with one segment.
    all: u32,
    /// The id that follows each one in its packet, if one does.
    links: Box<[u16]>,
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
            links: (0..size).collect(),
        }
    }

    /// Returns `true` if the ids of packets that are posted next follow each other as numbers.
    #[must_use]
    #[inline(always)]
    pub fn is_sorted(&self) -> bool {
        self.order.is_sorted
    }

    /// Posts packets that are alike, as many as the first of `limits`, and calls `show` once for each: with its number from
    /// 0 on, its id, the device's address of the `header` in front of the packet, and the number of bytes in both. Returns the
    /// ids, and the number of bytes in all these packets.
    ///
    /// They are alike if each is one segment of the pool of `attachment`, with the headroom and the request of the first, and
    /// is long enough for an Ethernet header, but no longer than the second of `limits`. At least 16 bytes of headroom must
    /// be there, and become zeros and the header. Headers of the packet itself are
    /// [completed](crate::offload::Requested::complete).
    #[inline(always)]
    pub fn post_alike<const SKIP: usize, T: Entry>(
        &mut self,
        leaving: &mut Leaving<'_, T>,
        attachment: &Attachment,
        (most, max_len): (usize, u16),
        header: &[u8; SKIP],
        show: impl FnMut(usize, usize, DmaAddr, u64),
    ) -> (&[u16], u64) {
        const { assert!(SKIP <= IN_FRONT, "the header has at most `IN_FRONT` bytes") };
        let (packets, places) = (&*leaving.0, self.order.vacant());
        let (Some(first), Some(buffers)) = (packets.first(), self.buffers.get_mut(places.clone())) else {
            return (&[], 0);
        };
        let most = most.min(buffers.len()).min(packets.len());
        let (packets, headroom, pool) = (packets.as_ptr(), first.packet().headroom(), attachment.pool().id());
        if headroom < IN_FRONT {
            return (&[], 0);
        }
        let mut front = [0; IN_FRONT];
        front[IN_FRONT - SKIP..].copy_from_slice(header);
        let alike = Alike { packets, headroom, pool, max_len, front, skip: SKIP };
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
        let (places, kind) = (start..start + count, pool_in(Extent::new(pool, 0)));
        if kind != self.all && count > 0 {
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

    /// Posts any packet of the pool of `attachment`, with an id for each segment, and calls `show` for each: with its id, and
    /// the device's address and the number of its bytes. A `header` elsewhere is shown in front of them, with an id, too.
    ///
    /// # Errors
    ///
    /// Returns the packet if it is of another pool, or if too few ids are free.
    pub fn post(
        &mut self,
        packet: Packet,
        attachment: &Attachment,
        header: Option<(DmaAddr, u64)>,
        mut show: impl FnMut(u16, DmaAddr, u64),
    ) -> Result<(), Packet> {
        let count = packet.segment_count() + usize::from(header.is_some());
        if packet.pool() != attachment.pool().id() || count > self.order.free() {
            return Err(packet);
        }
        let (start, pool, pages) = (self.order.first + self.order.count, pool_in(packet.extent), attachment.pages());
        self.all = NOTHING;
        // No id is before the first.
        let (mut number, mut before) = (0, usize::MAX);
        let mut put = |buffer: Option<Buffer>, address, len| {
            let place = self.order.wrap(start + number);
            let (Some(id), Some(kind)) = (self.order.ids.get(place), self.kinds.get_mut(place)) else { return };
            *kind = if number == 0 { 0 } else { FOLLOWS } | if buffer.is_some() { pool } else { 0 };
            if let (Some(place), Some(buffer)) = (self.buffers.get_mut(place), buffer) {
                place.write(buffer);
            }
            if let Some(link) = self.links.get_mut(before) {
                *link = *id;
            }
            (number, before) = (number + 1, usize::from(*id));
            show(*id, address, len);
        };
        if let Some((address, len)) = header {
            put(None, address, len);
        }
        for (buffer, data, len) in packet.parts() {
            // SAFETY: the data lie in a buffer of the attachment's pool, which the mapping is of.
            put(Some(buffer), unsafe { pages.address(data) }, len.into());
        }
        // The places have its buffers.
        mem::forget(packet);
        if let Some(kind) = self.kinds.get_mut(self.order.wrap(start)) {
            *kind += BEHIND * (number as u32).saturating_sub(1);
        }
        self.order.grow(number);
        Ok(())
    }

    /// Returns the packet with `id` to its pool: the first that was shown of it. Returns the number of its ids, all of which
    /// are free, or `None` if there is no such packet.
    pub fn take(&mut self, id: u16) -> Option<usize> {
        let kind = *self.kinds.get(self.order.place_of(id)?)?;
        if kind & FOLLOWS != 0 {
            return None;
        }
        let (count, mut next) = (ids_of(kind), id);
        for _ in 0..count {
            let place = self.order.bring_to_front(next)?;
            self.buffers.swap(self.order.first, place);
            self.kinds.swap(self.order.first, place);
            self.return_first();
            next = *self.links.get(usize::from(next))?;
        }
        Some(count)
    }

    /// Returns the buffer of the first place in use to its pool, if there is one.
    fn return_first(&mut self) {
        let first = self.order.first;
        if let (Some(kind), Some(buffer)) = (self.kinds.get(first), self.buffers.get(first))
            && kind & POOL != 0
        {
            // SAFETY: the place is in use, and of a pool, so it holds a buffer of that, which keeps the pool alive. The order
            // shrinks, so that buffer is the pool's.
            unsafe { change_free(Extent::of_kind(kind & POOL).pool(), |free| free.push(buffer.assume_init_read())) };
        }
        self.order.shrink(1);
    }

    /// Returns packets from the front to their pool, which it locks once: up to the first of `most` packets, with up to the
    /// second of `most` ids. Returns how many packets, and how many ids.
    ///
    /// `is_back` gets the number of a packet, from 0 on, the number of ids in front of it, and its own first id. It returns
    /// `true` if the device has returned that id. The first packet stays of another pool than those before it, and one whose
    /// ids do not follow each other.
    #[inline(always)]
    pub fn reclaim(&mut self, most: (usize, usize), is_back: impl Fn(usize, usize, usize) -> bool) -> (usize, usize) {
        let places = self.order.in_use();
        let Some(kinds) = self.kinds.get(places.clone()) else { return (0, 0) };
        let Some(kind) = kinds.first().copied().filter(|kind| kind & POOL != 0 && kind & FOLLOWS == 0) else {
            return (0, 0);
        };
        let ids = self.order.ids(places.clone());
        let ids = ids.get(..most.1).unwrap_or(ids);
        let (packets, count) = if self.all == kind {
            let count = count_back(ids.get(..most.0).unwrap_or(ids), is_back);
            (count, count)
        } else {
            count_mixed(kinds, ids, self.order.is_sorted, most.0, is_back)
        };
        if let Some(buffers) = self.buffers.get(places.start..places.start + count).filter(|_| count > 0) {
            // SAFETY: the places in use hold buffers of this pool, which keep it alive. The order shrinks, so they are the
            // pool's.
            unsafe { change_free(Extent::of_kind(kind & POOL).pool(), |free| free.push_all(buffers)) };
            self.order.shrink(count);
        }
        (packets, count)
    }

    /// Returns all packets to their pools.
    pub fn clear(&mut self) {
        while self.order.count > 0 {
            self.return_first();
        }
    }
}

/// Returns how many of the first ids are back, up to one that is not.
#[inline(never)]
fn count_back(ids: &[u16], is_back: impl Fn(usize, usize, usize) -> bool) -> usize {
    // SAFETY: the number is below the length of `ids`.
    sum_while(ids.len(), |number| is_back(number, number, unsafe { ids.id(number) }).then_some(0)).0
}

/// Returns how many of the first packets are back, up to `most`, and how many ids they have. All these are of one pool.
#[inline(never)]
fn count_mixed(
    kinds: &[u32],
    ids: &[u16],
    is_sorted: bool,
    most: usize,
    is_back: impl Fn(usize, usize, usize) -> bool,
) -> (usize, usize) {
    let (mut packets, mut count) = (0, 0);
    while packets < most
        && let (Some(kind), Some(id)) = (kinds.get(count), ids.get(count))
        && kinds.first().is_some_and(|first| (first ^ kind) & (POOL | FOLLOWS) == 0)
        // If ids are sorted, the ids of a packet follow its first.
        && (is_sorted || ids_of(*kind) == 1)
        && count + ids_of(*kind) <= ids.len()
        && is_back(packets, count, usize::from(*id))
    {
        (packets, count) = (packets + 1, count + ids_of(*kind));
    }
    (packets, count)
}

/// Packets that are alike, at the front of others.
struct Alike<T> {
    packets: *const T,
    headroom: usize,
    pool: PoolId,
    max_len: u16,
    /// The bytes in front of each, and how many of them are shown.
    front: [u8; IN_FRONT],
    skip: usize,
}

impl<T: Entry> Alike<T> {
    /// Puts the buffers of up to `most` packets in their places, and calls `show` for each, as [`PostedPackets::post_alike`]
    /// does. Returns the number of packets, and of the bytes in them.
    ///
    /// # Safety
    ///
    /// There are that many packets, ids, and vacant places for buffers. The caller forgets the packets.
    #[inline(never)]
    unsafe fn post(
        self,
        most: usize,
        ids: impl Ids,
        buffers: *mut MaybeUninit<Buffer>,
        address: impl Fn(NonNull<u8>) -> DmaAddr,
        mut show: impl FnMut(usize, usize, DmaAddr, u64),
    ) -> (usize, u64) {
        let Self { packets, headroom, pool, max_len, front, skip } = self;
        let (alike, moved) = (Extent::empty_at(pool, headroom), HEADROOM as isize - headroom as isize);
        // All are looked at before one is shown: a device that polls has at once what it is shown, so that is never repeated.
        let (count, bytes) = sum_while(most, |number| {
            // SAFETY: the number is below `most`, and so is 0.
            let (entry, first) = unsafe { (&*packets.add(number), &*packets) };
            let len = entry.packet().extent.beyond(alike);
            (len <= u64::from(max_len) && entry.is_like(first)).then_some(len)
        });
        let shown = alike.shorter(skip);
        sum_while(count, |number| {
            // SAFETY: the number is below `most`, and the caller forgets the packets.
            let mut entry = ManuallyDrop::new(unsafe { packets.add(number).read() });
            entry.complete();
            let Packet { data, extent } = *entry.packet();
            // SAFETY: the number is below `most`. The packet is alike, so `headroom` bytes in front of its data, at least
            // `IN_FRONT`, are its own, and its buffer's data are by default `HEADROOM` behind the first of these. That buffer
            // is the place's: the caller forgets the packet.
            let id = unsafe {
                data.sub(IN_FRONT).cast().write_unaligned(front);
                let buffer = Buffer::from_data(data.offset(moved));
                buffers.add(number).write(MaybeUninit::new(buffer));
                ids.id(number)
            };
            show(number, id, address(data), extent.beyond(shown));
            Some(0)
        });
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
