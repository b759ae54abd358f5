//! What another device knows of a received packet.
//!
//! It is in the two words that have the write-back of an 82599 otherwise. DD, which an 82599 sets in each, is clear in
//! them. These are all the bits that they have:
//!
//! | word | bits | |
//! |---|---|---|
//! | 0 | 47:32, the lower half of RSS_HASH | where the sum begins, if the checksum is partial, else 0 |
//! | 0 | 63:48, its upper half | where the checksum is from there |
//! | 1 | L4I | the checksum is right |
//! | 1 | 63:48, VLAN_TAG | the size of a segment, or 0 |
//!
//! An 82599's own bits say that RSS_HASH and VLAN_TAG mean anything, and these are clear.

use core::num::NonZeroU16;

use crate::descriptors::AdvancedReceiveWriteBack as WriteBack;
use crate::field::Field;
use crate::offload::Received;
use crate::offload::received::{fold, sum};
use crate::offload::request::put;
use crate::packet::{ETHERNET, Packet};

/// What a device knows of the checksum of a received packet's transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    NotChecked,
    /// It was computed, and is right.
    Good,
    /// Its field has the sum of the pseudo header, and nobody computed the rest.
    Partial {
        /// From where on to its end the packet is summed, in bytes.
        start: u16,
        /// Where the checksum is from there, in bytes.
        offset: u16,
    },
}

/// Where the bits are in their words.
const START: u32 = 32;
const OFFSET: u32 = 48;
const SEGMENT: u32 = 48;
const GOOD: u64 = 1 << (bit_of(WriteBack::L4I) - 64);
const DONE: u64 = 1 << (bit_of(WriteBack::DD) - 64);

/// Returns the lowest bit of a field.
const fn bit_of<F: Field<WriteBack>>(_field: F) -> u32 {
    F::LSB
}

impl Received {
    /// Makes a received packet of which its device said this. `segment` is the payload of each segment, if the packet was
    /// put together of several, or was never cut.
    ///
    /// # Errors
    ///
    /// Returns the packet if its first segment does not have the checksum that is [partial](Verdict::Partial), behind an
    /// Ethernet header.
    #[inline]
    pub fn reported(packet: Packet, verdict: Verdict, segment: Option<NonZeroU16>) -> Result<Self, Packet> {
        let segment = u64::from(segment.map_or(0, NonZeroU16::get)) << SEGMENT;
        let words = match verdict {
            Verdict::NotChecked => [0, segment],
            Verdict::Good => [0, segment | GOOD],
            Verdict::Partial { start, offset } => {
                let end = usize::from(start) + usize::from(offset) + 2;
                if usize::from(start) < ETHERNET || end > <[u8]>::len(&packet) {
                    return Err(packet);
                }
                [u64::from(start) << START | u64::from(offset) << OFFSET, segment]
            }
        };
        Ok(Self { packet, words })
    }

    /// Returns where the sum of a partial checksum begins, and where the checksum is, in bytes.
    pub(in crate::offload) fn partial(&self) -> Option<(usize, usize)> {
        let [places, flags] = self.words;
        let (start, offset) = ((places >> START) as u16, (places >> OFFSET) as u16);
        (flags & DONE == 0 && start != 0).then(|| (start.into(), usize::from(start) + usize::from(offset)))
    }

    /// Returns how many bytes are behind the headers of each segment, except for the last, if the packet is of several.
    /// The device has put them together, or their sender has never cut the packet. An 82599 does neither.
    ///
    /// Such a packet can be longer than a frame. A [`Request`](crate::offload::Request) for
    /// [`segments`](crate::offload::Request::segments) of this size makes it what it was, or would have been.
    #[must_use]
    pub fn segment_size(&self) -> Option<NonZeroU16> {
        let [_, flags] = self.words;
        NonZeroU16::new((flags >> SEGMENT) as u16).filter(|_| flags & DONE == 0)
    }

    /// Computes the checksum, if it is [partial](crate::offload::Checksum::Partial), and writes it into the packet. It is
    /// [good](crate::offload::Checksum::Good) then.
    ///
    /// This is for packets that leave without a request, such as by
    /// [`Transmit::transmit`](crate::port::Transmit::transmit). It reads the whole packet. The packet must not have been
    /// changed before, but for its bytes.
    pub fn complete_checksum(&mut self) {
        let Some((start, at)) = self.partial() else { return };
        let checksum = match !sum_from(&self.packet, start) {
            // In UDP, 0 says that there is no checksum. Both are 0 in one's complement.
            0 => u16::MAX,
            checksum => checksum,
        };
        put(&mut self.packet, at, checksum);
        let [_, flags] = self.words;
        self.words = [0, flags | GOOD];
    }
}

/// Returns the one's complement sum of a packet's bytes from `start` on.
fn sum_from(packet: &Packet, start: usize) -> u16 {
    let (mut skip, mut is_odd, mut total) = (start, false, 0);
    for segment in packet.segments() {
        let bytes = segment.get(skip..).unwrap_or_default();
        skip = skip.saturating_sub(segment.len());
        let part = if is_odd { sum(bytes).swap_bytes() } else { sum(bytes) };
        total = fold(u32::from(total) + u32::from(part));
        is_odd ^= bytes.len() % 2 == 1;
    }
    total
}
