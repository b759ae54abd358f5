//! What a driver needs of packets that lies outside of this crate: buffers to post, and where the device sees a packet.

use crate::dma::DmaAddr;
use crate::packet::{Batch, Packet};
use crate::pool::{Attachment, Pool};

impl Pool {
    /// Fills `batch` with empty packets, as far as buffers are free. Returns the number of packets added.
    ///
    /// This locks the pool once. A driver takes the buffers this way that it posts for reception.
    pub fn take_into(&self, batch: &mut Batch) -> usize {
        let wanted = batch.free();
        let mut free = self.free();
        let taken = batch.room().iter_mut().take(wanted).map_while(|place| {
            let buffer = free.pop()?;
            // SAFETY: the buffer is of this pool.
            Some(place.write(unsafe { Packet::empty(buffer, self.id()) }))
        });
        let count = taken.count();
        drop(free);
        // SAFETY: that many were written.
        unsafe { batch.grow(count) };
        count
    }
}

impl Attachment {
    /// Returns the device's address of the first byte of `packet`, or `None` if the packet is of another pool.
    ///
    /// The packet's headroom lies before it, and its tailroom behind the bytes of its only segment.
    #[must_use]
    #[inline(always)]
    pub fn address_of(&self, packet: &Packet) -> Option<DmaAddr> {
        if packet.pool() != self.pool().id() {
            return None;
        }
        match self.uniform() {
            // SAFETY: the packet's data lie in a buffer of the pool, whose memory is mapped.
            Some(delta) => Some(unsafe { delta.address(packet.data()) }),
            // SAFETY: as above.
            None => unsafe { self.address(packet.data()) },
        }
    }

    /// Returns the device's address and the length in bytes of each segment of `packet`, or `None` if the packet is of
    /// another pool.
    pub fn segments_of(&self, packet: &Packet) -> Option<impl Iterator<Item = (DmaAddr, usize)>> {
        let parts = (packet.pool() == self.pool().id()).then(|| packet.parts())?;
        // SAFETY: the packet's data lie in buffers of the pool. The mapping has an address for each.
        Some(parts.filter_map(|(_, data, len)| Some((unsafe { self.address(data) }?, usize::from(len)))))
    }
}
