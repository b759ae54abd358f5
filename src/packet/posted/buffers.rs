//! Buffers into which a device receives.

use alloc::boxed::Box;
use core::fmt;
use core::mem::{self, MaybeUninit};
use core::ptr::NonNull;

use crate::dma::DmaAddr;
use crate::packet::posted::{Ids, Order, Sorted, sum_while};
use crate::packet::{Batch, ETHERNET, Entry, Packet};
use crate::pool::{Attachment, Buffer, Extent, Link, MOST_MORE, Pool, PoolId};

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

    /// Returns `true` if the ids of buffers that are posted next follow each other as numbers.
    #[must_use]
    #[inline(always)]
    pub fn is_sorted(&self) -> bool {
        self.order.is_sorted
    }

    /// Posts up to `most` free buffers of the pool, and calls `show` once for each: with its number from 0 on, its id, and
    /// the device's address of its first byte, behind which there are as many as a buffer has. Returns the ids.
    ///
    /// It posts what follows in one piece, so more buffers and ids may be free. This locks the pool once.
    #[inline(always)]
    pub fn post(&mut self, most: usize, show: impl FnMut(usize, usize, DmaAddr)) -> &[u16] {
        let places = self.order.vacant();
        let places = places.start..places.end.min(places.start.saturating_add(most));
        let Some(buffers) = self.buffers.get_mut(places.clone()) else { return &[] };
        let count = self.attachment.pool().free().pop_into(buffers);
        self.order.grow(count);
        let buffers = buffers.get(..count).unwrap_or_default();
        let ids = self.order.ids(places.start..places.start + count);
        // SAFETY: `pop_into` has written the buffers, and there are as many ids. They are of the attachment's pool, so
        // `delta` and `pages` find where the device sees them.
        unsafe {
            match self.attachment.uniform() {
                Some(delta) if self.order.is_sorted => {
                    show_all(Sorted(places.start), buffers, |data| delta.address(data), show);
                }
                Some(delta) => show_all(ids, buffers, |data| delta.address(data), show),
                None => {
                    let pages = self.attachment.pages();
                    show_all(ids, buffers, |data| pages.address(data), show);
                }
            }
        }
        ids
    }

    /// Moves up to `most` buffers from the front into `batch`, as packets without their first `SKIP` bytes, which become
    /// headroom. Returns the number of packets, and of the bytes in them.
    ///
    /// `look` gets the number of a buffer, from 0 on, and its id. If the device has returned that buffer, it returns how
    /// many bytes the device wrote into it, those that are skipped among them. The first buffer for which it returns `None`
    /// stays. `enter` gets the packet and the bytes that are skipped, and makes the entry of the batch. The first packet
    /// that it returns instead stays, too.
    ///
    /// # Safety
    ///
    /// `look` returns a number only if the device has returned the buffer and does not write it any more. That number is at
    /// least `SKIP` and an Ethernet header, and at most the size of a buffer. `enter` has the packet that it got in what it
    /// returns, changes nothing of it, and does not panic. Both can be called several times for a buffer, and only the last
    /// entry counts.
    #[inline(always)]
    pub unsafe fn receive<const SKIP: usize, T: Entry>(
        &mut self,
        batch: &mut Batch<T>,
        most: usize,
        look: impl Fn(usize, usize) -> Option<u64>,
        enter: impl Fn(Packet, &[u8; SKIP]) -> Result<T, Packet>,
    ) -> (usize, u64) {
        let (pool, places) = (self.attachment.pool().id(), self.order.in_use());
        let (ids, Some(buffers)) = (self.order.ids(places.clone()), self.buffers.get(places)) else { return (0, 0) };
        let ids = ids.get(..most.min(batch.free())).unwrap_or(ids);
        let (buffers, room) = (buffers.as_ptr().cast(), batch.room().as_mut_ptr());
        // SAFETY: the places are in use, so there are as many buffers, and as much room. The caller promises what is said of
        // `look` and `enter`.
        let (count, bytes) = unsafe { receive_all(ids, buffers, room, pool, look, enter) };
        self.order.shrink(count);
        // SAFETY: that many were written, and their buffers are in no place any more.
        unsafe { batch.grow(count) };
        (count, bytes)
    }

    /// Takes a frame of several buffers from the front, as a packet without the first `SKIP` bytes of its first buffer, which
    /// become headroom. Returns these, too, and the length of the packet in bytes; or `None` if there is no such frame, or not
    /// all of it has come back in order.
    ///
    /// `look` is as for [`receive`](Self::receive), for up to `most` buffers. `count_of` gets the bytes that are skipped, and
    /// returns of how many buffers the frame is.
    ///
    /// # Safety
    ///
    /// As for [`receive`](Self::receive), but the number can be as low as 1.
    #[inline(always)]
    pub unsafe fn join<const SKIP: usize>(
        &mut self,
        most: usize,
        look: impl Fn(usize, usize) -> Option<u64>,
        count_of: impl Fn(&[u8; SKIP]) -> usize,
    ) -> Option<(Packet, [u8; SKIP], u64)> {
        let (pool, places) = (self.attachment.pool(), self.order.in_use());
        let ids = self.order.ids(places.clone());
        let (ids, buffers) = (ids.get(..most).unwrap_or(ids), self.buffers.get(places)?);
        let (id, rest) = ids.split_first()?;
        let len = look(0, usize::from(*id))?.checked_sub(SKIP as u64).filter(|len| *len >= ETHERNET as u64)?;
        // SAFETY: the places are in use, so they hold buffers.
        let buffers = unsafe { &*(&raw const *buffers as *const [Buffer]) };
        let first = buffers.first()?;
        // SAFETY: the device has returned the buffer, so nobody else has it, and `SKIP` bytes and more are in it. They are
        // initialised.
        let skipped = unsafe { first.data().cast::<[u8; SKIP]>().read() };
        let count = count_of(&skipped);
        let (rest, others) = (rest.get(..count.checked_sub(1)?)?, buffers.get(1..count)?);
        if rest.is_empty() || rest.len() > MOST_MORE {
            return None;
        }
        let (mut last, mut bytes) = (first, len);
        for ((number, id), buffer) in (1..).zip(rest).zip(others) {
            // If it is not back, nobody follows the links of those before it.
            let len = look(number, usize::from(*id))?;
            pool.inner().follow(last, Link { next: Some(buffer.data()), len: len as u16 });
            (last, bytes) = (buffer, bytes + len);
        }
        // SAFETY: the buffer has more than `SKIP` bytes.
        let data = unsafe { first.data().add(SKIP) };
        let extent = Extent::behind(pool.id(), SKIP, len).with_more(rest.len());
        // The buffers are the packet's.
        self.order.shrink(count);
        Some((Packet { data, extent }, skipped, bytes))
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

/// Calls `show` for each buffer and its id, as [`PostedBuffers::post`] does.
///
/// # Safety
///
/// The places hold buffers, and there are as many ids.
#[inline(never)]
unsafe fn show_all(
    ids: impl Ids,
    buffers: &[MaybeUninit<Buffer>],
    address: impl Fn(NonNull<u8>) -> DmaAddr,
    mut show: impl FnMut(usize, usize, DmaAddr),
) {
    sum_while(buffers.len(), |number| {
        // SAFETY: the number is below the number of buffers. There are as many ids, and the place holds a buffer.
        let (id, buffer) = unsafe { (ids.id(number), buffers.get_unchecked(number).assume_init_ref()) };
        show(number, id, address(buffer.data()));
        Some(0)
    });
}

/// Writes entries to `room`, as [`PostedBuffers::receive`] moves them.
///
/// # Safety
///
/// There are as many buffers as ids, and as much room. What the caller of [`PostedBuffers::receive`] promises is so.
#[inline(never)]
unsafe fn receive_all<const SKIP: usize, T: Entry>(
    ids: &[u16],
    buffers: *const Buffer,
    room: *mut MaybeUninit<T>,
    pool: PoolId,
    look: impl Fn(usize, usize) -> Option<u64>,
    enter: impl Fn(Packet, &[u8; SKIP]) -> Result<T, Packet>,
) -> (usize, u64) {
    let (count, _) = sum_while(ids.len(), |number| {
        // SAFETY: the number is below the length of `ids`.
        let (id, data) = unsafe { (ids.id(number), (*buffers.add(number)).data()) };
        let len = look(number, id)? - SKIP as u64;
        // SAFETY: the device has returned the buffer, so nobody else has it, and `SKIP` bytes and more are in it from `data`
        // on. They are initialised, and no part of the packet, which begins behind them.
        let (skipped, data) = unsafe { (data.cast().as_ref(), data.add(SKIP)) };
        match enter(Packet { data, extent: Extent::behind(pool, SKIP, len) }, skipped) {
            Ok(entry) => {
                // SAFETY: there is room. If this is the last time, the buffer is the entry's.
                unsafe { room.add(number).write(MaybeUninit::new(entry)) };
                Some(0)
            }
            Err(packet) => {
                // The buffer stays in its place.
                mem::forget(packet);
                None
            }
        }
    });
    // The loop above has no register left for their sum.
    sum_while(count, |number| {
        // SAFETY: that many were written.
        let entry = unsafe { (*room.add(number)).assume_init_ref() };
        Some(entry.packet().extent.len() as u64)
    })
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
