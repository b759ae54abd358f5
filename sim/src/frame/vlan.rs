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

/// The types of the VLAN tags in frames to send.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Types {
    pub(crate) inner: u16,
    /// The type of the outer tag, if frames have two (DMATXCTL.GDV).
    pub(crate) outer: Option<u16>,
}

impl Types {
    /// Returns the length of the outer tag of a frame.
    fn outer_len(&self, frame: &[u8]) -> usize {
        if self.outer.is_some() && half(frame, ETHERTYPE) == self.outer { TAG } else { 0 }
    }

    /// Returns the lengths of a frame's outer and inner tag, 0 if it has none.
    #[inline]
    pub(crate) fn lens(&self, frame: &[u8]) -> (usize, usize) {
        let outer = self.outer_len(frame);
        (outer, if half(frame, ETHERTYPE + outer) == Some(self.inner) { TAG } else { 0 })
    }

    /// Inserts the inner tag into a frame, behind an outer one. A frame that is too short for it stays as it is.
    pub(crate) fn insert(&self, frame: &mut Vec<u8>, tag: u16) {
        let at = ETHERTYPE + self.outer_len(frame);
        if frame.len() >= at {
            let tag = [self.inner.to_be_bytes(), tag.to_be_bytes()].concat();
            frame.splice(at..at, tag);
        }
    }
}
