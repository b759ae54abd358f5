//! Frames of a TAP interface, with a header in front that says what its reader is to do for them.

use std::io::{self, IoSlice, Read, Write};
use std::iter;
use std::num::NonZeroU16;

use super::device::Tap;

/// The length of the header, in bytes: `struct virtio_net_hdr`.
///
/// | bytes | |
/// |---|---|
/// | 0 | flags |
/// | 1 | how the frame is to be cut, 0 if it is not |
/// | 2, 3 | the length of the headers, a hint |
/// | 4, 5 | the payload of each frame after the cut |
/// | 6, 7 | from where on the frame is summed |
/// | 8, 9 | where the checksum is from there |
pub const HEADER: usize = 10;
/// The flag of a frame whose checksum is still to be computed.
const NEEDS_CHECKSUM: u8 = 1;
/// The header of a frame whose checksum was found right.
const RIGHT: [u8; HEADER] = [2, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// The longest frame of the kernel, in bytes: 64 KiB of IP, and Ethernet with two tags.
pub const LONGEST: usize = 65_535 + 22;

/// A frame of the kernel.
#[derive(Debug)]
pub struct Frame<'a> {
    /// From the Ethernet header on.
    pub bytes: &'a [u8],
    /// From where on the frame is summed, and where the checksum is from there, if its field has the sum of the pseudo
    /// header alone.
    pub checksum: Option<(u16, u16)>,
    /// The payload of each frame, if this one is to be cut.
    pub segment: Option<NonZeroU16>,
}

impl Tap {
    /// Returns the next frame that the kernel sends, or `None` if there is none now. The error of an interface that was
    /// deleted is [`io::ErrorKind::NotConnected`].
    pub fn read(&mut self) -> io::Result<Option<Frame<'_>>> {
        let len = match self.file.read(&mut self.buffer) {
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(self.describe(error)),
        };
        let Some((header, bytes)) = self.buffer.get(..len).and_then(<[u8]>::split_first_chunk::<HEADER>) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame without its header"));
        };
        let number = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let checksum = (header[0] & NEEDS_CHECKSUM != 0).then(|| (number(6), number(8)));
        let segment = NonZeroU16::new(number(4)).filter(|_| header[1] != 0);
        Ok(Some(Frame { bytes, checksum, segment }))
    }

    /// Gives the kernel a frame in several parts, whose checksum was found right or not checked. Errors are as for
    /// [`read`](Self::read); an interface that is down takes nothing.
    pub fn write<'a>(&self, frame: impl Iterator<Item = &'a [u8]>, is_right: bool) -> io::Result<()> {
        let header: &[u8; HEADER] = if is_right { &RIGHT } else { &[0; HEADER] };
        let parts: Vec<_> = iter::once(&header[..]).chain(frame).map(IoSlice::new).collect();
        // The kernel takes all of it or nothing.
        (&self.file).write_vectored(&parts).map(|_| ()).map_err(|error| self.describe(error))
    }
}
