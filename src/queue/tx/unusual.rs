//! Packets that are not as most are: of several buffers, moved within theirs, of another pool than the last, or wrong.

use core::ptr::NonNull;

use super::{Data, MIXED, TransmitError, TxRing};
use crate::packet::{Outgoing, Packet};
use crate::pool::BLOCK;
use crate::value;

impl TxRing {
    /// Gets on with packets that are none of the usual ones. Gives back those that are left, if nothing is wrong with the
    /// first and there was room.
    #[inline(never)]
    pub(super) fn post_others<'a>(&mut self, mut packets: Outgoing<'a>) -> Option<Outgoing<'a>> {
        let from = self.ring.end();
        if self.uniform.is_none() && self.post_scattered(&mut packets) > 0 {
            self.report_last();
            self.note(from);
            return Some(packets);
        }
        (self.post_odd(&mut packets) || self.post_unusual(&mut packets)).then_some(packets)
    }

    /// Posts packets of one buffer from the front of `packets` that have moved in it, or are of another pool than the usual
    /// one and alone in that. Says whether it posted any.
    fn post_odd(&mut self, packets: &mut Outgoing<'_>) -> bool {
        let from = self.ring.end();
        while let Some(packet) = packets.first()
            && packet.segment_count() == 1
            && !packet.sent(self.usual).is_good(self.max_len)
        {
            let (len, pool) = (packet.len() as u64, packet.pool());
            if len == 0 || len > self.max_len || self.ring.free() == 0 {
                break;
            }
            let Some(owner) = self.owner_of(pool) else { break };
            let is_usual = owner == self.owner;
            if !is_usual && packets.get(1).is_none_or(|next| next.pool() == pool) {
                break;
            }
            let Some(address) = self.attachments.get(owner).and_then(|attachment| attachment.address(packet.data()))
            else {
                break;
            };
            let value = value!(Data { EOP: true, IFCS: true, RS: true });
            let value = value.with(Data::BUFFER_ADDR, address).with(Data::LENGTH, len as u16);
            let index = self.ring.end();
            if let Some(packet) = packets.next() {
                packet.into_buffers(|buffer| drop(self.ring.post_buffer(value, buffer)));
            }
            self.note(index);
            if !is_usual && let Some(block) = self.block(index) {
                block.owner = MIXED;
            }
        }
        self.ring.end() != from
    }

    /// Posts packets from the front of `packets`, as [`Ring::post`] does, where the device's addresses are not as far from
    /// the CPU's for all of a pool.
    fn post_scattered(&mut self, packets: &mut Outgoing<'_>) -> usize {
        let Some(attachment) = self.attachments.get(self.owner) else { return 0 };
        self.ring.post(packets, self.usual, self.max_len, |data| attachment.address(data))
    }

    /// What is wrong with `packet`, if anything is.
    #[cold]
    pub(super) fn examine(&self, packet: &Packet) -> Result<(), TransmitError> {
        let owner = self.owner_of(packet.pool()).ok_or(TransmitError::NotAttached)?;
        let attachment = self.attachments.get(owner).ok_or(TransmitError::NotAttached)?;
        let (len, max) = (packet.total_len(), self.max_len as usize);
        if len > max {
            return Err(TransmitError::TooLong { len, max });
        }
        if packet.segments().any(<[u8]>::is_empty) {
            return Err(TransmitError::Empty);
        }
        if packet.segments().any(|bytes| attachment.address(NonNull::from(bytes).cast()).is_none()) {
            return Err(TransmitError::NotAttached);
        }
        Ok(())
    }

    /// Gets on with a packet that is none of the usual ones. Says whether it did: nothing is wrong with it, and there was room.
    #[cold]
    fn post_unusual(&mut self, packets: &mut Outgoing<'_>) -> bool {
        let Some(packet) = packets.first() else { return false };
        let Some(attachment) = self.attachments.get(self.owner).filter(|usual| usual.pool().id() == packet.pool())
        else {
            // Then it may be a usual one.
            return self.guess(packet.pool()).is_some();
        };
        let mut left = packet.segment_count();
        if left > self.ring.free() || self.examine(packet).is_err() {
            return false;
        }
        let from = self.ring.end();
        if let Some(packet) = packets.next() {
            packet.into_segments(|buffer, data, len| {
                left -= 1;
                // There is an address, and room: both were asked for.
                let Some(address) = attachment.address(data) else { return };
                let value = value!(Data { IFCS: true }).with(Data::BUFFER_ADDR, address).with(Data::LENGTH, len);
                let value = value.with(Data::EOP, left == 0);
                let _ = self.ring.post_buffer(value, buffer);
            });
        }
        self.report_last();
        let last = self.ring.end().wrapping_sub(1);
        for index in (from - from % BLOCK..=last).step_by(BLOCK) {
            if index >= from {
                self.note(index);
            }
            // A block that ends in the middle of the packet is done when that is.
            if index + BLOCK <= last
                && let Some(block) = self.block(index)
            {
                block.report = last;
            }
        }
        true
    }
}
