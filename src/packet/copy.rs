//! Copies of packets.

use core::fmt;

use crate::packet::Packet;
use crate::pool::Pool;

/// A packet that was not copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyError {
    /// The pool has too few free buffers.
    NoBuffer,
    /// The copy needs more segments than a packet can have, which is 64.
    TooManySegments,
}

impl fmt::Display for CopyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoBuffer => "the pool has too few free buffers for a copy of the packet",
            Self::TooManySegments => "a copy of the packet needs more than 64 buffers of this pool",
        })
    }
}

impl core::error::Error for CopyError {}

impl Packet {
    /// Copies the packet into buffers of `pool`: as few as hold it.
    ///
    /// # Errors
    ///
    /// [`CopyError`]. What the copy had taken returns to the pool.
    #[doc(alias = "clone")]
    pub fn try_clone_into(&self, pool: &Pool) -> Result<Self, CopyError> {
        gather(self.segments(), pool)
    }
}

impl Pool {
    /// Takes a packet of this pool with a copy of `bytes`, in as few segments as hold them.
    ///
    /// # Errors
    ///
    /// [`CopyError`]. What the packet had taken returns to the pool.
    pub fn take_copy(&self, bytes: &[u8]) -> Result<Packet, CopyError> {
        gather(core::iter::once(bytes), self)
    }
}

fn gather<'a>(pieces: impl Iterator<Item = &'a [u8]>, pool: &Pool) -> Result<Packet, CopyError> {
    let mut packet = pool.take().ok_or(CopyError::NoBuffer)?;
    for mut piece in pieces {
        while !piece.is_empty() {
            if packet.tailroom() == 0 {
                let buffer = pool.take_buffer().ok_or(CopyError::NoBuffer)?;
                if let Err(buffer) = packet.push_last(buffer) {
                    // SAFETY: the buffer was just taken from this pool.
                    drop(unsafe { Packet::empty(buffer, pool.id()) });
                    return Err(CopyError::TooManySegments);
                }
            }
            let (now, later) = piece.split_at(piece.len().min(packet.tailroom()));
            if packet.extend_from_slice(now).is_err() {
                // Not reached: it is no more than the tailroom.
                return Err(CopyError::TooManySegments);
            }
            piece = later;
        }
    }
    Ok(packet)
}
