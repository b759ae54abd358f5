//! What a driver needs of packets that lies outside of this crate: what a device has written, where the device sees a
//! packet, and packets that leave a batch.

use crate::dma::DmaAddr;
use crate::packet::{Batch, Entry, NoRoom, Outgoing, Packet};
use crate::pool::{Attachment, HEADROOM};

impl Packet {
    /// Makes the first segment the `len` bytes of its buffer behind the first `skip`, which become headroom. A device has
    /// written both. Returns the first `skip` bytes.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if the buffer is shorter. The packet is unchanged then.
    #[inline(always)]
    pub fn received(&mut self, skip: u16, len: u16) -> Result<&[u8], NoRoom> {
        let (wanted, room) = (usize::from(skip) + usize::from(len), self.inner().size());
        if wanted > room {
            return Err(NoRoom { wanted, room });
        }
        // SAFETY: this is the first byte of the buffer, which has `room` bytes, and headroom before them.
        let first = unsafe { self.buffer().data() };
        // SAFETY: as above; the packet owns the buffer alone, and its memory is initialised.
        let skipped = unsafe { core::slice::from_raw_parts(first.as_ptr(), skip.into()) };
        // SAFETY: as above.
        self.data = unsafe { first.add(skip.into()) };
        self.extent = self.extent.placed(HEADROOM + usize::from(skip), len);
        Ok(skipped)
    }
}

impl<T: Entry> Batch<T> {
    /// Returns the packets to take them out at the front. The others move to the front once, when the result is dropped.
    #[inline(always)]
    pub fn leaving(&mut self) -> Leaving<'_, T> {
        Leaving(self.outgoing())
    }
}

/// Packets that can leave their batch at the front.
pub struct Leaving<'a, T: Entry = Packet>(pub(super) Outgoing<'a, T>);

impl<T: Entry> Leaving<'_, T> {
    /// Returns the packet at the front.
    #[must_use]
    #[inline(always)]
    pub fn first(&self) -> Option<&T> {
        self.0.first()
    }

    /// Returns the number of packets that have not left.
    #[must_use]
    #[inline(always)]
    pub fn left(&self) -> usize {
        self.0.len()
    }

    /// Takes out the packet at the front.
    #[inline(always)]
    pub fn take(&mut self) -> Option<T> {
        let first: *const T = self.0.first()?;
        // SAFETY: the packet is there, and is moved out of its place, which is forgotten.
        unsafe {
            let packet = first.read();
            self.0.forget(1);
            Some(packet)
        }
    }
}

impl<T: Entry> core::fmt::Debug for Leaving<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Leaving({} packets)", self.left())
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
}
