//! The filter for VLAN tags of received frames (datasheet 7.4).

use crate::frame::vlan::{CFI, Types};
use crate::registers::RegisterFile;
use crate::registers::offsets::*;

/// The filter for received frames that VLNCTRL configures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VlanFilter {
    /// The types of the tags.
    pub(crate) tags: Types,
    table: bool,
    /// The CFI that a tag must have, if CFI is filtered.
    cfi: Option<bool>,
}

/// Returns the types of the VLAN tags in received frames.
pub(crate) fn tag_types(registers: &RegisterFile) -> Types {
    let double = registers.get(CTRL_EXT) & CTRL_EXT_EXTENDED_VLAN != 0;
    let outer = double.then(|| (registers.get(EXVET) >> 16) as u16);
    Types { inner: registers.get(VLNCTRL) as u16, outer }
}

impl Default for VlanFilter {
    fn default() -> Self {
        Self { tags: Types { inner: 0x8100, outer: None }, table: false, cfi: None }
    }
}

impl VlanFilter {
    pub(crate) fn new(registers: &RegisterFile) -> Self {
        let control = registers.get(VLNCTRL);
        let cfi = (control & VLNCTRL_CFIEN != 0).then_some(control & VLNCTRL_CFI != 0);
        Self { tags: tag_types(registers), table: control & VLNCTRL_VFE != 0, cfi }
    }

    /// Returns `true` if the filter accepts the frame's inner tag, or is off. Frames without one always pass.
    #[inline]
    pub(crate) fn accepts(&self, frame: &[u8], registers: &RegisterFile) -> bool {
        if !self.table {
            return true;
        }
        let Some(tag) = self.tags.tag(frame) else { return true };
        let id = u32::from(tag & 0xFFF);
        let listed = registers.get(VFTA + (id >> 5) * 4) & 1 << (id & 31) != 0;
        listed && self.cfi.is_none_or(|wanted| wanted == (tag & CFI != 0))
    }
}
