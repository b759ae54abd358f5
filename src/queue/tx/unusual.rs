//! Packets that are not as most are: of several buffers, moved within theirs, of another pool than the last, or wrong.

use core::ptr::NonNull;

use super::{Data, TxRing};
use crate::dma::DmaAddr;
use crate::field::Value;
use crate::packet::{Batch, Outgoing, Packet};
use crate::pool::BLOCK;
use crate::port::{Refusal, Refused};
use crate::queue::ring::Ring;
use crate::value;

impl TxRing {
    /// Gets on with packets that are none of the usual ones. Gives back those that are left, if nothing is wrong with the
    /// first and there was room.
    #[inline(never)]
    pub(super) fn post_others<'a>(&mut self, mut packets: Outgoing<'a>) -> Option<Outgoing<'a>> {
        let from = self.ring.end();
        if self.uniform.is_none() && self.post_scattered(&mut packets) > 0 {
            // SAFETY: just posted.
            unsafe { self.report_last() };
            self.note(from);
            return Some(packets);
        }
        loop {
            let [first, rest @ ..] = &*packets else { return Some(packets) };
            let pool = first.pool();
            let owner = self.owner_of(pool)?;
            // One alone among those of another pool makes no new guess.
            if owner != self.owner && rest.first().is_none_or(|next| next.pool() == pool) {
                return self.guess(pool).map(|()| packets);
            }
            // SAFETY: `owner` is of the first packet's pool.
            if !unsafe { self.post_first(&mut packets, owner) } {
                return None;
            }
            if packets.first().is_none_or(|next| next.sent(self.usual).is_good(self.max_len)) {
                return Some(packets);
            }
        }
    }

    /// Posts packets from the front of `packets`, as [`Ring::post`] does, where the device's addresses are not as far from
    /// the CPU's for all of a pool.
    fn post_scattered(&mut self, packets: &mut Outgoing<'_>) -> usize {
        let Some(attachment) = self.attachments.get(self.owner) else { return 0 };
        // SAFETY: the device reads what a transmit ring posts; the attachment finds addresses as this ring's device sees them.
        unsafe { self.ring.post(packets, self.usual, self.max_len, |data| attachment.address(data)) }
    }

    /// Posts the first of `packets`, whose pool is that of attachment `owner`, as it is. Says whether it did: nothing is wrong with it,
    /// and there was room.
    ///
    /// # Safety
    ///
    /// The attachment must be of the first packet's pool.
    #[inline(always)]
    unsafe fn post_first(&mut self, packets: &mut Outgoing<'_>, owner: usize) -> bool {
        let (Some(packet), Some(attachment)) = (packets.first(), self.attachments.get(owner)) else { return false };
        if packet.segment_count() > 1 {
            // SAFETY: the attachment is of the packet's pool, by the caller's promise, and so are all segments of one packet.
            return unsafe { self.post_segments(packets, owner) };
        }
        let len = <[u8]>::len(packet) as u64;
        // SAFETY: a packet's data lie in a buffer of its pool, which the attachment is of by the caller's promise.
        let Some(address) = (unsafe { attachment.address(packet.data()) }) else { return false };
        if len == 0 || len > self.max_len || self.ring.free() == 0 {
            return false;
        }
        let from = self.ring.end();
        if let Some(packet) = packets.next() {
            // SAFETY: `len` bytes from `address` on are the packet's, in this its only buffer, and the device reads them.
            packet.into_buffers(|buffer| _ = unsafe { self.ring.post_buffer(data(address, len as u16, true), buffer) });
        }
        self.note_of(from, owner);
        true
    }

    /// [Posts](Self::post_first) a packet of several segments.
    ///
    /// # Safety
    ///
    /// As for [`post_first`](Self::post_first).
    #[cold]
    #[inline(never)]
    unsafe fn post_segments(&mut self, packets: &mut Outgoing<'_>, owner: usize) -> bool {
        let (Some(packet), Some(attachment)) = (packets.first(), self.attachments.get(owner)) else { return false };
        let mut left = packet.segment_count();
        if left > self.ring.free() || self.examine(packet).is_err() {
            return false;
        }
        let from = self.ring.end();
        if let Some(packet) = packets.next() {
            packet.into_segments(|buffer, bytes, len| {
                left -= 1;
                // There is an address, and room: both were asked for.
                // SAFETY: all segments lie in buffers of the packet's pool, which the attachment is of by the caller's promise.
                let Some(address) = (unsafe { attachment.address(bytes) }) else { return };
                // SAFETY: `len` bytes from `address` on are the segment's, in this buffer, and the device reads them.
                let _ = unsafe { self.ring.post_buffer(data(address, len, left == 0), buffer) };
            });
        }
        self.note_of(from, owner);
        let last = self.ring.end().wrapping_sub(1);
        for index in (from + 1..=last).filter(|index| Ring::begins_block(*index)) {
            // A block that ends in the middle of the packet is done when that is.
            if let Some(block) = self.block(index - BLOCK as u64) {
                block.report = last;
            }
            self.note_of(index, owner);
        }
        true
    }

    /// [Notes](Self::note) that descriptors were posted from `index` on in its block, with buffers of attachment `owner`'s pool.
    #[inline(always)]
    fn note_of(&mut self, index: u64, owner: usize) {
        self.note(index);
        if owner != self.owner {
            self.mix(index);
        }
    }

    /// Takes the first packet out of `batch`, if it cannot be sent; `sent` packets were before it.
    #[cold]
    #[inline(never)]
    pub(super) fn take_refused(&self, batch: &mut Batch, sent: usize) -> Result<usize, Refused> {
        let Some(Err(reason)) = batch.first().map(|first| self.examine(first)) else { return Ok(sent) };
        match batch.pop_front() {
            Some(packet) => Err(Refused { packet, reason, sent }),
            None => Ok(sent),
        }
    }

    /// What is wrong with `packet`, if anything is.
    fn examine(&self, packet: &Packet) -> Result<(), Refusal> {
        let owner = self.owner_of(packet.pool()).ok_or(Refusal::NotAttached)?;
        let attachment = self.attachments.get(owner).ok_or(Refusal::NotAttached)?;
        let (len, max) = (packet.len(), self.max_len as usize);
        if len > max {
            return Err(Refusal::TooLong { len, max });
        }
        if packet.segments().any(<[u8]>::is_empty) {
            return Err(Refusal::Empty);
        }
        // SAFETY: all segments lie in buffers of the packet's pool, which the attachment is of.
        if packet.segments().any(|bytes| unsafe { attachment.address(NonNull::from(bytes).cast()) }.is_none()) {
            return Err(Refusal::NotAttached);
        }
        Ok(())
    }
}

/// The descriptor of a segment; with the last of a packet, the device is asked to report.
#[inline(always)]
fn data(address: DmaAddr, len: u16, is_last: bool) -> Value<Data> {
    let flags = if is_last { value!(Data { EOP: true, IFCS: true, RS: true }) } else { value!(Data { IFCS: true }) };
    flags.with(Data::BUFFER_ADDR, address).with(Data::LENGTH, len)
}
