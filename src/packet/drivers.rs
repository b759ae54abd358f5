//! What a driver needs of packets that lies outside of this crate: what a device has written, where the device sees a
//! packet, and packets that leave a batch.

use crate::dma::DmaAddr;
use crate::packet::{Batch, Entry, NoRoom, Outgoing, Packet};
use crate::pool::{Attachment, HEADROOM};

impl Packet {
    /// Makes the first segment the first `len` bytes of its buffer, which a device has written.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if the buffer is shorter. The packet is unchanged then.
    #[inline(always)]
    pub fn received(&mut self, len: u16) -> Result<(), NoRoom> {
        let (wanted, room) = (usize::from(len), self.inner().size());
        if wanted > room {
            return Err(NoRoom { wanted, room });
        }
        // SAFETY: the buffer stays the packet's. Its data begin here: `room` bytes, initialised as all of a pool are.
        self.data = unsafe { self.buffer().data() };
        self.extent = self.extent.placed(HEADROOM, len);
        Ok(())
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
