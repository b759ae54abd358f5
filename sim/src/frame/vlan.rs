//! VLAN tags of frames (datasheet 7.4).

use crate::frame::headers::half;

/// Offset of a frame's EtherType, or of its tag.
pub(crate) const ETHERTYPE: usize = 12;
/// Length of a tag in bytes.
pub(crate) const TAG: usize = 4;
/// The Canonical Form Indicator in a tag.
pub(crate) const CFI: u16 = 1 << 12;

/// The types of the VLAN tags in frames.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Types {
    pub(crate) inner: u16,
    /// The type of the outer tag, if frames have two: DMATXCTL.GDV, CTRL_EXT.EXTENDED_VLAN.
    pub(crate) outer: Option<u16>,
}

impl Types {
    /// Returns `true` if frames have two tags, and this one has the outer one.
    #[inline]
    pub(crate) fn has_outer(&self, frame: &[u8]) -> bool {
        self.outer.is_some() && half(frame, ETHERTYPE) == self.outer
    }

    /// Returns the length of the outer tag of a frame, 0 if it has none.
    #[inline]
    pub(crate) fn outer_len(&self, frame: &[u8]) -> usize {
        if self.has_outer(frame) { TAG } else { 0 }
    }

    /// Returns the lengths of a frame's outer and inner tag, 0 if it has none.
    #[inline]
    pub(crate) fn lens(&self, frame: &[u8]) -> (usize, usize) {
        let outer = self.outer_len(frame);
        (outer, if half(frame, ETHERTYPE + outer) == Some(self.inner) { TAG } else { 0 })
    }

    /// Returns the offset of a frame's EtherType, behind its tags.
    #[inline]
    pub(crate) fn ether_type_at(&self, frame: &[u8]) -> usize {
        let (outer, inner) = self.lens(frame);
        ETHERTYPE + outer + inner
    }

    /// Returns `true` unless frames have two tags, and this one lacks the outer one.
    ///
    /// The device then does nothing that needs what follows the EtherType. The 82599's text on such frames was not
    /// available, and the I210 promises no more (7.4.5).
    #[inline]
    pub(crate) fn are_expected_in(&self, frame: &[u8]) -> bool {
        self.outer.is_none() || self.has_outer(frame)
    }

    /// Returns the inner tag of a received frame: the only one, unless frames have two. Then a single tag is the outer
    /// one.
    #[inline]
    pub(crate) fn tag(&self, frame: &[u8]) -> Option<u16> {
        let at = ETHERTYPE + self.outer_len(frame);
        let found = self.are_expected_in(frame) && half(frame, at)? == self.inner;
        found.then(|| half(frame, at + 2)).flatten()
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
