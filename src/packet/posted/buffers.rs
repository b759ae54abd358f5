//! Buffers into which a device receives.

use alloc::boxed::Box;
use core::fmt;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::dma::DmaAddr;
use crate::packet::posted::{Order, count_while};
use crate::packet::{Batch, Entry, Packet};
use crate::pool::{Attachment, Buffer, Extent, Pool, SHORTEST};

/// Buffers of one pool into which a device receives, each with an id. They return to the pool when this is dropped.
///
/// Who tells the device of a buffer keeps this until the device has stopped, and takes the buffer out of it only after the
/// device has returned the id.
pub struct PostedBuffers {
    order: Order,
    /// The buffer of each place whose id is in use. The other places hold nothing.
    buffers: Box<[MaybeUninit<Buffer>]>,
    attachment: Attachment,
}

impl PostedBuffers {
    /// Makes room for `size` buffers of the pool of `attachment`.
    #[must_use]
    pub fn new(attachment: Attachment, size: u16) -> Self {
        Self { order: Order::new(size), buffers: Box::new_uninit_slice(size.into()), attachment }
    }

    /// Returns the pool.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        self.attachment.pool()
    }

    /// Posts up to `most` free buffers of the pool, and calls `show` for each: with its number from 0 on, its id, and the
    /// device's address of its first byte, behind which there are as many as a buffer has. Returns their number.
    ///
    /// There can be more buffers and ids than that: what follows in one piece is posted. This locks the pool once.
    #[inline(always)]
    pub fn post(&mut self, most: usize, show: impl FnMut(usize, u16, DmaAddr)) -> usize {
        let places = self.order.vacant();
        let places = places.start..places.end.min(places.start.saturating_add(most));
        let (Some(ids), Some(buffers)) = (self.order.ids.get(places.clone()), self.buffers.get_mut(places)) else {
            return 0;
        };
        let count = self.attachment.pool().free().pop_into(buffers);
        let pages = self.attachment.pages();
        // SAFETY: `pop_into` has written the first `count` buffers, for which there are ids. They are of the attachment's
        // pool, so `delta` and `pages` find where the device sees them.
        unsafe {
            match self.attachment.uniform() {
                Some(delta) => show_all(count, ids, buffers, |data| delta.address(data), show),
                None => show_all(count, ids, buffers, |data| pages.address(data), show),
            }
        }
        self.order.grow(count);
        count
    }

    /// Moves up to `most` buffers from the front into `batch`, as packets without their first `SKIP` bytes, which become
    /// headroom. Returns the number of buffers, and of the bytes in all these packets.
    ///
    /// `look` gets the number of a buffer, from 0 on, and its id. It returns how many bytes the device has written into the
    /// buffer, those that are skipped among them, or `u64::MAX` if the device has not returned it. `keep` gets the bytes
    /// that are skipped, and returns what is needed of them, and `make` makes an entry of the packet. If it makes none, the
    /// packet is gone.
    ///
    /// The first buffer stays with which there is anything unusual: what is behind the skipped bytes is shorter than an
    /// Ethernet header, it is longer than the buffer, or `keep` returns `None`.
    #[inline(always)]
    pub fn receive<const SKIP: usize, T: Entry, K>(
        &mut self,
        batch: &mut Batch<T>,
        most: usize,
        look: impl Fn(usize, u16) -> u64,
        keep: impl Fn(&[u8; SKIP]) -> Option<K>,
        mut make: impl FnMut(Packet, K) -> Option<T>,
    ) -> (usize, u64) {
        const { assert!(SKIP <= 64, "each buffer has that and an Ethernet header") };
        let (min, places) = ((SKIP + SHORTEST) as u64, self.order.in_use());
        let (Some(ids), Some(buffers)) = (self.order.ids.get(places.clone()), self.buffers.get(places)) else {
            return (0, 0);
        };
        let most = most.min(ids.len()).min(batch.free());
        let pool = self.attachment.pool();
        let (pool, longest) = (pool.id(), pool.buffer_size() as u64 - min);
        let room = batch.room().as_mut_ptr();
        let (mut made, mut bytes) = (0, 0);
        // While packets are made, no buffer is here: if `make` panics, they leak, and none is in two places.
        let count = core::mem::take(&mut self.order.count);
        let taken = count_while(most, |number| {
            // SAFETY: there are at least `most` of both, and the places in use hold buffers.
            let (id, data) =
                unsafe { (*ids.get_unchecked(number), buffers.get_unchecked(number).assume_init_ref().data()) };
            let written = look(number, id);
            if written.wrapping_sub(min) > longest {
                return false;
            }
            // SAFETY: the device has returned the buffer, which has more than `SKIP` bytes from `data` on. They are
            // initialised, and nobody else has the buffer.
            let Some(kept) = keep(unsafe { data.cast().as_ref() }) else { return false };
            let len = written - SKIP as u64;
            // SAFETY: the buffer has `written` bytes from `data` on. It is the packet's from here on: the order shrinks.
            let packet = Packet { data: unsafe { data.add(SKIP) }, extent: Extent::behind(pool, SKIP, len as u16) };
            if let Some(entry) = make(packet, kept) {
                // SAFETY: there is room for `most` packets, and no more are made.
                unsafe { room.add(made).write(MaybeUninit::new(entry)) };
                made += 1;
            }
            bytes += len;
            true
        });
        self.order.count = count;
        self.order.shrink(taken);
        // SAFETY: that many were written.
        unsafe { batch.grow(made) };
        (taken, bytes)
    }

    /// Takes out the buffer with `id`, as a packet without bytes. Returns `None` if there is none.
    pub fn take(&mut self, id: u16) -> Option<Packet> {
        let place = self.order.bring_to_front(id)?;
        self.buffers.swap(self.order.first, place);
        // SAFETY: the first place is in use, so it holds a buffer, of this pool. The order shrinks, so it is the packet's.
        let buffer = unsafe { self.buffers.get(self.order.first)?.assume_init_read() };
        self.order.shrink(1);
        // SAFETY: as above.
        Some(unsafe { Packet::empty(buffer, self.pool().id()) })
    }

    /// Returns all buffers to the pool.
    pub fn clear(&mut self) {
        loop {
            let places = self.order.in_use();
            let Some(buffers) = self.buffers.get(places).filter(|buffers| !buffers.is_empty()) else { return };
            // SAFETY: the places in use hold buffers of this pool. The order shrinks, so they are the pool's.
            unsafe { self.attachment.pool().free().push_all(buffers) };
            self.order.shrink(buffers.len());
        }
    }
}

/// Calls `show` for the first `count` buffers, as [`PostedBuffers::post`] does.
///
/// # Safety
///
/// There are that many ids and buffers.
#[inline(always)]
unsafe fn show_all(
    count: usize,
    ids: &[u16],
    buffers: &[MaybeUninit<Buffer>],
    address: impl Fn(NonNull<u8>) -> DmaAddr,
    mut show: impl FnMut(usize, u16, DmaAddr),
) {
    count_while(count, |number| {
        // SAFETY: the number is below `count`.
        let (id, buffer) = unsafe { (*ids.get_unchecked(number), buffers.get_unchecked(number).assume_init_ref()) };
        show(number, id, address(buffer.data()));
        true
    });
}

impl Drop for PostedBuffers {
    fn drop(&mut self) {
        self.clear();
    }
}

impl fmt::Debug for PostedBuffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostedBuffers({} of {})", self.order.count, self.buffers.len())
    }
}
