//! VLAN tags of frames (datasheet 7.4).

use crate::frame::headers::half;

/// Offset of a frame's EtherType, or of its tag.
pub(crate) const ETHERTYPE: usize = 12;
/// Length of a tag in bytes.
pub(crate) const TAG: usize = 4;
/// The Canonical Form Indicator in a tag.
pub(crate) const CFI: u16 = 1 << 12;

/// Returns the tag of a frame, if it has one of type `tag_type`.
#[inline]
pub(crate) fn tag(frame: &[u8], tag_type: u16) -> Option<u16> {
    (half(frame, ETHERTYPE)? == tag_type).then(|| half(frame, ETHERTYPE + 2)).flatten()
}

/// Inserts a tag into a frame. Returns `false` if the frame is too short for it.
pub(crate) fn insert(frame: &mut Vec<u8>, tag_type: u16, tag: u16) -> bool {
    let fits = frame.len() >= ETHERTYPE;
    if fits {
        let tag = [tag_type.to_be_bytes(), tag.to_be_bytes()].concat();
        frame.splice(ETHERTYPE..ETHERTYPE, tag);
    }
    fits
}
