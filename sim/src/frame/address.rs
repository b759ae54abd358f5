//! A frame's destination address.

/// The kind of a frame's destination address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cast {
    Unicast,
    Multicast,
    Broadcast,
}

/// Returns the destination address of `frame` as a number, 0 if the frame is too short.
#[inline]
pub(crate) fn address(frame: &[u8]) -> u64 {
    // Without a copy of a slice, which would be a call for each frame.
    frame.first_chunk().map_or(0, |[a, b, c, d, e, f]| u64::from_le_bytes([*a, *b, *c, *d, *e, *f, 0, 0]))
}

/// Returns the kind of the destination address of `frame`.
#[inline]
pub(crate) fn cast(frame: &[u8]) -> Cast {
    match address(frame) {
        0xFFFF_FFFF_FFFF => Cast::Broadcast,
        address if address & 1 != 0 => Cast::Multicast,
        _ => Cast::Unicast,
    }
}
